// A compacted copy of an environment takes its place: what was overwritten or removed stays in LMDB's free pages, and in the copy it is not.
// Writes go on while the copy is made; what they touched is brought over afterwards, the last of it while they wait.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { syncFile, syncFolder } from './data-folder.ts'
import { type Change, commit, DATA_FILE, type Environment, LOCK_FILE } from './environment.ts'
import { FORMAT_KEY } from './keys.ts'

/** Before the name of the folder, inside the environment's, where its copy grows. One that is there when nobody compacts is a left-over. */
const COPYING = 'compact-'
/** So few keys are brought over while writes wait. */
const FEW_KEYS = 256
/** Rounds that bring over what came meanwhile, before writes have to wait for the rest. */
const ROUNDS = 4
const MAX_COMMIT_KEYS = 1024
const MAX_COMMIT_BYTES = 4 * 1024 * 1024

export interface CompactionParts {
  /** Folder of the files. */
  readonly path: string
  /** The environment in force, which others go on reading and writing. */
  readonly db: Environment
  /** Opens the copy. */
  readonly open: (path: string) => Environment
  /** Keys written since it was last called. It is called once before the copy begins. */
  readonly takeTouched: () => Buffer[]
  /** Lets no write begin any more; resolves when none is in flight. */
  readonly hold: () => Promise<void>
  /** Puts the copy in force. Reads may go to it at once, writes when `compact` has resolved. */
  readonly swap: (copy: Environment) => void
}

/** Leaves nothing in `path` but what is in force. Only for who knows that no other process has it open. */
export function removeLeftOvers(path: string): void {
  for (const name of readdirSync(path))
    if (name.startsWith(COPYING)) rmSync(join(path, name), { recursive: true, force: true })
}

/**
 * Puts a compacted copy in the environment's place. At any moment the folder holds the old file or the new one whole. Rejects, with the old one in
 * force, when the copy cannot be made (it needs the space beside the old file).
 */
export async function compact(parts: CompactionParts): Promise<void> {
  const { path, db } = parts
  // Never the same name twice: the environment in force may have been opened by that of an earlier copy.
  const folder = join(path, `${COPYING}${randomBytes(6).toString('hex')}`)
  removeLeftOvers(path)
  let copy: Environment | undefined
  try {
    mkdirSync(folder, { mode: 0o700 })
    parts.takeTouched()
    await db.backup(folder, true)
    chmodSync(join(folder, DATA_FILE), 0o600)
    copy = parts.open(folder)
    for (let round = 0; round < ROUNDS; round++) {
      const touched = parts.takeTouched()
      await bringOver(db, copy, touched)
      if (touched.length <= FEW_KEYS) break
    }
    await parts.hold()
    await bringOver(db, copy, parts.takeTouched())
    syncFile(join(folder, DATA_FILE))
    // A reader's slot in the copy's lock file is what tells other processes that the folder is open.
    copy.getBinary(FORMAT_KEY)
    // The lock file first: whoever comes between the two finds a slot of ours in either. The old files lose their names while they are open;
    // their bytes go when they are closed.
    renameSync(join(folder, LOCK_FILE), join(path, LOCK_FILE))
    renameSync(join(folder, DATA_FILE), join(path, DATA_FILE))
  } catch (error) {
    await copy?.close()
    removeLeftOvers(path)
    throw error
  }
  parts.swap(copy)
  try {
    syncFolder(path)
    removeLeftOvers(path)
  } finally {
    await db.close()
  }
}

/** Makes keys in `to` what they are in `from`. */
async function bringOver(from: Environment, to: Environment, keys: readonly Buffer[]): Promise<void> {
  let changes: Change[] = []
  let bytes = 0
  for (const key of keys) {
    const value = from.getBinary(key)
    changes.push({ key, value })
    bytes += value?.length ?? 0
    if (changes.length < MAX_COMMIT_KEYS && bytes < MAX_COMMIT_BYTES) continue
    await commit(to, changes)
    changes = []
    bytes = 0
  }
  await commit(to, changes)
}
