// What tests fetch once and keep: folders under `.cache` of the repository. A folder appears complete or not at all.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Both src/ and dist/ lie three folders below the root.
const CACHE = fileURLToPath(new URL('../../../.cache', import.meta.url))

/** The folder `name` of the cache, filled by `fill` when it is not there yet. Two processes may race; one result stays. */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, name)
  if (existsSync(folder)) return folder
  const unfinished = `${folder}.${process.pid}.part`
  mkdirSync(unfinished, { recursive: true })
  try {
    await fill(unfinished)
    try {
      renameSync(unfinished, folder)
    } catch (error) {
      if (!existsSync(folder)) throw error
    }
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return folder
}
