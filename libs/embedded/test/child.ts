// Starts child.mjs, which runs the built lib: Node 20 runs no TypeScript.
import { fileURLToPath } from 'node:url'
import { runToEnd, startProcess, type WatchedProcess } from '@fencepost/testbed'

export const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url))
const LIB = fileURLToPath(new URL('..', import.meta.url))
const TSC = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url))

/** Brings dist up to date with src; quick when it is. For `beforeAll`. */
export async function buildOnce(): Promise<void> {
  const { code, output } = await runToEnd(process.execPath, [TSC, '-b', LIB], 60_000)
  if (code !== 0) throw new Error(`the lib does not build:\n${output}`)
}

/** Runs the child to its end and returns what it printed. */
export async function runChild(mode: string, ...args: readonly string[]): Promise<string> {
  const { code, output } = await runToEnd(process.execPath, [CHILD, mode, ...args], 20_000)
  if (code !== 0) throw new Error(`child ${mode} ended with ${code}:\n${output}`)
  return output
}

export function startChild(
  mode: string,
  args: readonly string[],
  onLine: (line: string) => void = () => {},
): Promise<WatchedProcess> {
  return startProcess({ command: process.execPath, args: [CHILD, mode, ...args], onLine })
}
