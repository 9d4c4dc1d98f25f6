// Keys and values in a folder, opened by one process at a time. The environment below is replaced when it is compacted; who holds the Store
// does not notice.
import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { compact, removeLeftOvers } from './compaction.ts'
import { makePrivateFolder, syncFolder } from './data-folder.ts'
import { type Change, commit, type Environment, type EnvironmentOptions, openEnvironment } from './environment.ts'
import { checkStoreKey } from './key-check.ts'
import { FORMAT_KEY } from './keys.ts'
import { createSeal, type Seal } from './seal.ts'

export type { Change } from './environment.ts'

/** What a folder's layout is called; one with another number is refused. */
const FORMAT = 1
/** Keys written while a copy is made; with more, writes wait for its end. */
const MAX_TOUCHED = 1_000_000

export interface StoreOptions extends EnvironmentOptions {
  readonly dir: string
  /**
   * 32 bytes with which all values are encrypted; keys of rows are not. A folder is encrypted from its first opening on, or never.
   */
  readonly encryptionKey?: Uint8Array | undefined
  /** Keys that may be written while a compaction copies, before writes wait for its end. Default 1,000,000. */
  readonly maxTouched?: number
}

export interface Store {
  /** Throws a SealError when the store is encrypted and the value is not what was written. */
  get(key: Buffer): Buffer | undefined
  /** Keys from `start` up to `end` (exclusive), at most `limit` of them. */
  keys(start: Buffer, end: Buffer, limit: number): Buffer[]
  /** The last key below `before` that is not below `floor`. */
  lastKey(before: Buffer, floor: Buffer): Buffer | undefined
  /** Resolves when all changes, as one transaction, are on disk (fdatasync has returned). Rejects having changed nothing. */
  write(changes: readonly Change[]): Promise<void>
  /**
   * Resolves when what was overwritten or removed before the call is on disk no more: its bytes lie in no file of the folder. Reads go on; writes
   * wait for the last moments of it. Calls that come during one share the next. Rejects, with all as it was, when there is no space for the copy.
   */
  compact(): Promise<void>
  /** Waits for writes in flight and for a compaction, then closes. */
  close(): Promise<void>
}

/** Environments that this process has open: LMDB would hand out the same one twice. */
const openFolders = new Set<string>()

/**
 * Opens (and makes, mode 0700) the folder. Throws when this or another process has it open, or when its format is unknown, or the key
 * is not the folder's.
 */
export function openStore(options: StoreOptions): Store {
  const { dir } = options
  makePrivateFolder(dir)
  const path = realpathSync(dir)
  if (openFolders.has(path)) throw new Error(`${dir} is already open in this process`)
  checkStoreKey(path, options.encryptionKey)
  const db = openEnvironment(path, options)
  openFolders.add(path)
  try {
    refuseOtherProcesses(db, dir)
    removeLeftOvers(path)
    checkFormat(db, dir)
    // LMDB syncs files, not the folder entries that name them.
    syncFolder(path)
    syncFolder(dirname(path))
  } catch (error) {
    openFolders.delete(path)
    void db.close()
    throw error
  }
  return new LmdbStore(path, db, options)
}

class LmdbStore implements Store {
  readonly #path: string
  readonly #options: StoreOptions
  readonly #seal: Seal | undefined
  #db: Environment
  /** Writes that have begun and not ended. */
  readonly #inFlight = new Set<readonly Change[]>()
  #onIdle: (() => void) | undefined
  /** Keys written since a compaction last asked, while there is one. */
  #touched: Map<string, Buffer> | undefined
  /** What writes wait for. */
  #held: Promise<void> | undefined
  #release: () => void = () => {}
  #compacting: Promise<void> | undefined
  /** The compaction that begins when the one that runs has ended. */
  #following: Promise<void> | undefined

  constructor(path: string, db: Environment, options: StoreOptions) {
    this.#path = path
    this.#db = db
    this.#options = options
    this.#seal = options.encryptionKey === undefined ? undefined : createSeal(options.encryptionKey)
  }

  get(key: Buffer): Buffer | undefined {
    const value = this.#db.getBinary(key)
    return value === undefined || this.#seal === undefined ? value : this.#seal.open(key, value)
  }

  keys(start: Buffer, end: Buffer, limit: number): Buffer[] {
    return [...this.#db.getKeys({ start, end, limit })]
  }

  lastKey(before: Buffer, floor: Buffer): Buffer | undefined {
    // Reversed ranges include their start: `before` itself never exists, bounds are shorter or longer than stored keys.
    for (const key of this.#db.getKeys({ start: before, end: floor, reverse: true, limit: 1 })) return key
    return undefined
  }

  async write(changes: readonly Change[]): Promise<void> {
    while (this.#held !== undefined) await this.#held
    this.#inFlight.add(changes)
    this.#touch(changes)
    try {
      await commit(this.#db, this.#sealed(changes))
    } finally {
      this.#inFlight.delete(changes)
      if (this.#inFlight.size === 0) this.#onIdle?.()
    }
  }

  compact(): Promise<void> {
    if (this.#compacting === undefined) return this.#begin()
    // What runs may have begun before the caller's last write: only the next is sure to leave it out.
    this.#following ??= this.#compacting
      .catch(() => {})
      .then(() => {
        this.#following = undefined
        return this.#begin()
      })
    return this.#following
  }

  async close(): Promise<void> {
    while (this.#compacting !== undefined) await this.#compacting.catch(() => {})
    await this.#db.close()
    openFolders.delete(this.#path)
  }

  #begin(): Promise<void> {
    const running = this.#compact().finally(() => {
      this.#touched = undefined
      this.#held = undefined
      this.#compacting = undefined
      this.#release()
    })
    this.#compacting = running
    return running
  }

  #compact(): Promise<void> {
    this.#touched = new Map()
    return compact({
      path: this.#path,
      db: this.#db,
      open: (path) => openEnvironment(path, this.#options),
      takeTouched: () => this.#takeTouched(),
      hold: () => this.#hold(),
      swap: (copy) => {
        this.#db = copy
      },
    })
  }

  #sealed(changes: readonly Change[]): readonly Change[] {
    const seal = this.#seal
    if (seal === undefined) return changes
    return changes.map(({ key, value }) => ({ key, value: value && seal.close(key, value) }))
  }

  #touch(changes: readonly Change[]): void {
    if (this.#touched === undefined) return
    for (const { key } of changes) this.#touched.set(key.toString('latin1'), key)
    if (this.#touched.size >= (this.#options.maxTouched ?? MAX_TOUCHED)) void this.#hold()
  }

  #takeTouched(): Buffer[] {
    const touched = [...(this.#touched?.values() ?? [])]
    this.#touched = new Map()
    // What is in flight now may be seen or not by who reads now: it counts for the next time too.
    for (const changes of this.#inFlight) this.#touch(changes)
    return touched
  }

  #hold(): Promise<void> {
    this.#held ??= new Promise((resolve) => {
      this.#release = resolve
    })
    if (this.#inFlight.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle = () => {
        this.#onIdle = undefined
        resolve()
      }
    })
  }
}

/**
 * LMDB lets several processes write in turns, which would hand out sequence numbers twice. Its reader table lives in the lock file,
 * is emptied by whoever opens it alone, and its slots are backed by kernel locks: they outlive no process and know no pid namespaces.
 * We take our slot first and look then, so that of two that start at once at least one is refused.
 */
function refuseOtherProcesses(db: Environment, dir: string): void {
  db.get(FORMAT_KEY)
  db.readerCheck()
  const pids = [...db.readerList().matchAll(/^\s*(\d+) /gm)].map((match) => Number(match[1]))
  if (pids.length > 1) {
    const other = pids.find((pid) => pid !== process.pid) ?? process.pid
    throw new Error(`${dir} is already open in another process (pid ${other})`)
  }
}

function checkFormat(db: Environment, dir: string): void {
  const stored = db.get(FORMAT_KEY)
  if (stored === undefined) db.putSync(FORMAT_KEY, Buffer.from([FORMAT]))
  else if (stored[0] !== FORMAT) throw new Error(`${dir} has format ${stored[0]}, this version reads ${FORMAT}`)
}
