// The LMDB environment: opened for durable commits, by one process at a time. Nothing else in the project touches lmdb.

import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { makePrivateFolder, syncFile, syncFolder } from './data-folder.ts'
import { FORMAT_KEY } from './keys.ts'

/** What a folder's layout is called; one with another number is refused. */
const FORMAT = 1

export interface StoreOptions {
  readonly dir: string
  /** Address space to reserve for the file; it grows past it, at the price of a new mapping. */
  readonly mapSize: number
  /** Tests only: leaves the sync out, to show that they notice. */
  readonly noSync?: boolean
}

/** One change of a transaction: a value to put, or undefined to remove the key. */
export interface Change {
  readonly key: Buffer
  readonly value: Buffer | undefined
}

export interface Store {
  get(key: Buffer): Buffer | undefined
  /** Keys from `start` up to `end` (exclusive), at most `limit` of them. */
  keys(start: Buffer, end: Buffer, limit: number): Buffer[]
  /** The last key below `before` that is not below `floor`. */
  lastKey(before: Buffer, floor: Buffer): Buffer | undefined
  /** Resolves when all changes, as one transaction, are on disk (fdatasync has returned). Rejects having changed nothing. */
  write(changes: readonly Change[]): Promise<void>
  /**
   * Writes what there is anew, so that nothing that was removed or overwritten is left in any file when it resolves. Reads go on, writes wait.
   * Whenever the process ends, the old file or the new one is there, whole.
   */
  compact(): Promise<void>
  /** Waits for writes in flight, then closes. */
  close(): Promise<void>
}

/** Environments that this process has open: LMDB would hand out the same one twice. */
const openFolders = new Set<string>()

/**
 * Opens (and makes, mode 0700) the folder. Throws when this or another process has it open, or when its format is unknown.
 */
export function openStore(options: StoreOptions): Store {
  const { dir } = options
  makePrivateFolder(dir)
  const path = realpathSync(dir)
  if (openFolders.has(path)) throw new Error(`${dir} is already open in this process`)
  let db = openAt(path, options)
  openFolders.add(path)
  try {
    refuseOtherProcesses(db, dir)
    checkFormat(db, dir)
    for (const name of readdirSync(path))
      if (name.startsWith(COMPACTING)) rmSync(join(path, name), { recursive: true, force: true })
    // LMDB syncs files, not the folder entries that name them.
    syncFolder(path)
    syncFolder(dirname(path))
  } catch (error) {
    openFolders.delete(path)
    void db.close()
    throw error
  }

  /** Writes that have begun, and what those that have not yet wait for. */
  const writing = new Set<Promise<unknown>>()
  let gate: Promise<void> | null = null

  async function write(changes: readonly Change[]): Promise<void> {
    while (gate !== null) await gate
    const written = commit(db, changes)
    writing.add(written)
    try {
      await written
    } catch (error) {
      throw await causeOf(error)
    } finally {
      writing.delete(written)
    }
  }

  async function compact(): Promise<void> {
    await Promise.allSettled(writing)
    // Never the same name twice: LMDB would take it for the environment that it has open by that name.
    const folder = join(path, `${COMPACTING}${randomBytes(6).toString('hex')}`)
    mkdirSync(folder, { mode: 0o700 })
    try {
      await db.backup(folder, true)
      syncFile(join(folder, DATA_FILE))
      const next = openAt(folder, options)
      next.get(FORMAT_KEY) // takes a slot among the readers, by which others see that it is in use
      const old = db
      db = next
      await old.close()
      // An open file keeps its place in memory whatever it is called. Where this is cut off, the old file is still whole: nobody has written.
      renameSync(join(folder, DATA_FILE), join(path, DATA_FILE))
      renameSync(join(folder, LOCK_FILE), join(path, LOCK_FILE))
      syncFolder(path)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  return {
    get: (key) => db.getBinary(key),
    keys: (start, end, limit) => [...db.getKeys({ start, end, limit })],
    lastKey(before, floor) {
      // Reversed ranges include their start: `before` itself never exists, bounds are shorter or longer than stored keys.
      for (const key of db.getKeys({ start: before, end: floor, reverse: true, limit: 1 })) return key
      return undefined
    },
    write,
    async compact() {
      while (gate !== null) await gate
      const compacting = compact()
      gate = compacting.catch(() => {})
      try {
        await compacting
      } finally {
        gate = null
      }
    },
    async close() {
      while (gate !== null) await gate
      await db.close()
      openFolders.delete(path)
    },
  }
}

/** Before the name of a folder in which a file is written anew. */
const COMPACTING = 'compact-'
const DATA_FILE = 'data.mdb'
const LOCK_FILE = 'lock.mdb'

function openAt(path: string, { mapSize, noSync }: StoreOptions): RootDatabase<Buffer, Buffer> {
  return open({
    path,
    noSubdir: false,
    permissionsMode: 0o600,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: 1,
    mapSize,
    // The classic LMDB commit: write pages, fdatasync, write the root with O_DSYNC. Nothing is visible before it is durable, and a failed
    // sync leaves the old root in force, so going on after an error is safe. (Overlapping sync shows data before it is on disk.)
    overlappingSync: false,
    // We group commits ourselves; two turns of the event loop less for each.
    eventTurnBatching: false,
    ...(noSync === true ? { noSync: true } : {}),
  } as Parameters<typeof open>[0] & { path: string })
}

function commit(db: RootDatabase<Buffer, Buffer>, changes: readonly Change[]): Promise<unknown> {
  const [first] = changes
  if (first === undefined) return Promise.resolve()
  if (changes.length === 1) return apply(db, first)
  return db.batch(() => {
    for (const change of changes) void apply(db, change)
  })
}

function apply(db: RootDatabase<Buffer, Buffer>, { key, value }: Change): Promise<boolean> {
  return value === undefined ? db.remove(key) : db.put(key, value)
}

/** The error of the commit itself: lmdb rejects writes with one that holds a second promise, which must not stay unhandled. */
async function causeOf(error: unknown): Promise<unknown> {
  const inner = (error as { commitError?: Promise<unknown> }).commitError
  if (inner === undefined) return error
  try {
    await inner
    return error
  } catch (cause) {
    return cause
  }
}

/**
 * LMDB lets several processes write in turns, which would hand out sequence numbers twice. Its reader table lives in the lock file,
 * is emptied by whoever opens it alone, and its slots are backed by kernel locks: they outlive no process and know no pid namespaces.
 * We take our slot first and look then, so that of two that start at once at least one is refused.
 */
function refuseOtherProcesses(db: RootDatabase<Buffer, Buffer>, dir: string): void {
  db.get(FORMAT_KEY)
  db.readerCheck()
  const pids = [...db.readerList().matchAll(/^\s*(\d+) /gm)].map((match) => Number(match[1]))
  if (pids.length > 1) {
    const other = pids.find((pid) => pid !== process.pid) ?? process.pid
    throw new Error(`${dir} is already open in another process (pid ${other})`)
  }
}

function checkFormat(db: RootDatabase<Buffer, Buffer>, dir: string): void {
  const stored = db.get(FORMAT_KEY)
  if (stored === undefined) db.putSync(FORMAT_KEY, Buffer.from([FORMAT]))
  else if (stored[0] !== FORMAT) throw new Error(`${dir} has format ${stored[0]}, this version reads ${FORMAT}`)
}
