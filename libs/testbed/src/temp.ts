// Temporary folders that do not outlive the process.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardFolder } from './guard.ts'

/** A new empty folder under the system's temporary folder, removed at the latest when this process ends. */
export function tempFolder(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `fencepost-${name}-`))
  guardFolder(path)
  return path
}

/** Removes a folder that `tempFolder` made. Safe to call twice. */
export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 })
}
