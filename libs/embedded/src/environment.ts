// One LMDB environment as this project opens it, for durable commits. Nothing else in the project touches lmdb.
import { open, type RootDatabase } from 'lmdb'

export type Environment = RootDatabase<Buffer, Buffer>

/** Names that LMDB gives its files. */
export const DATA_FILE = 'data.mdb'
export const LOCK_FILE = 'lock.mdb'

export interface EnvironmentOptions {
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

/** Opens (and makes) the files in a folder, mode 0600. */
export function openEnvironment(path: string, { mapSize, noSync }: EnvironmentOptions): Environment {
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

/** Resolves when all changes, as one transaction, are on disk (fdatasync has returned). Rejects having changed nothing. */
export async function commit(db: Environment, changes: readonly Change[]): Promise<void> {
  const [first] = changes
  if (first === undefined) return
  try {
    if (changes.length === 1) await apply(db, first)
    else
      await db.batch(() => {
        for (const change of changes) void apply(db, change)
      })
  } catch (error) {
    throw await causeOf(error)
  }
}

function apply(db: Environment, { key, value }: Change): Promise<boolean> {
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
