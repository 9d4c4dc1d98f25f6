// Records of devices in LMDB. Writes collect while a commit is in flight and go with the next one, so one fdatasync serves many; only one
// process and one thread write, so a version that was compared at the start of a commit is still the one at its end.
import {
  type Clock,
  type Logger,
  type PresenceStore,
  presenceBucket,
  type RecordToStore,
  StoreError,
  type VersionedRecord,
  type WriteOutcome,
} from '@fencepost/model'
import { errorText } from './commit-queue.ts'
import { DamagedError } from './damage.ts'
import { type Change, openStore, type Store } from './store.ts'

export interface PresenceStoreOptions {
  readonly dir: string
  /** A write that is not durable by then is answered as unavailable; it may still be written. Default 5000. */
  readonly deadlineMs?: number
  /** Writes that may wait. Default 20,000; one more is refused as full. */
  readonly maxWaiting?: number
  /** Address space to begin with. */
  readonly mapSize?: number
  /** 32 bytes: what is on disk is encrypted, but for the subjects. A folder is from its first opening on, or never. */
  readonly encryptionKey?: Uint8Array | undefined
}

const MAP_SIZE = 1024 ** 3
/** Records written in one commit. */
const MAX_GROUP = 4096

interface Write {
  readonly subject: Uint8Array
  readonly expected: string | null
  readonly next: RecordToStore
  readonly resolve: (outcome: WriteOutcome) => void
  readonly reject: (error: StoreError) => void
}

/** A PresenceStore in a folder of its own. Nothing is opened before `start`. */
export function createLmdbPresenceStore(
  options: PresenceStoreOptions,
  { logger, now = Date.now }: { readonly logger: Logger; readonly now?: Clock },
): PresenceStore {
  const { dir, deadlineMs = 5000, maxWaiting = 20_000, mapSize = MAP_SIZE, encryptionKey } = options
  let store: Store | null = null
  let waiting: Write[] = []
  let committing: Promise<void> | null = null
  let stopped = false
  let failing = false

  function open(): Store {
    if (store === null || stopped) throw new StoreError('stopped', 'the store of presence is not running')
    return store
  }

  function currentOf(subject: Uint8Array): StoredValue | null {
    const running = open()
    try {
      const bytes = running.get(recordKey(subject))
      return bytes === undefined ? null : decodeValue(bytes)
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error
      throw new StoreError('unavailable', 'a record of presence is damaged', { cause: error })
    }
  }

  /** What is there for others to see: what has expired is not, though no sweep has met it yet. */
  function liveOf(subject: Uint8Array): StoredValue | null {
    const current = currentOf(subject)
    return current === null || current.expiresMs <= now() ? null : current
  }

  async function commitAll(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.slice(0, MAX_GROUP)
      waiting = waiting.slice(group.length)
      await commit(group)
    }
    committing = null
  }

  async function commit(group: readonly Write[]): Promise<void> {
    const timer = setTimeout(() => {
      fail('presence commit hangs', { after_ms: deadlineMs })
      for (const { reject } of group) reject(new StoreError('unavailable', `not durable after ${deadlineMs} ms`))
    }, deadlineMs)
    try {
      const settled = settle(group)
      await open().write(settled.changes)
      recovered()
      for (const { write, outcome } of settled.outcomes) write.resolve(outcome)
    } catch (error) {
      fail('presence commit failed', { error: errorText(error) })
      for (const { reject } of group) reject(new StoreError('unavailable', 'the commit failed', { cause: error }))
    } finally {
      clearTimeout(timer)
    }
  }

  /** Compares versions, in order, each with what those before it in the group will have written. */
  function settle(group: readonly Write[]): { changes: Change[]; outcomes: { write: Write; outcome: WriteOutcome }[] } {
    const written = new Map<string, StoredValue>()
    const changes: Change[] = []
    const outcomes: { write: Write; outcome: WriteOutcome }[] = []
    for (const write of group) {
      const { subject, expected, next } = write
      const name = Buffer.from(subject).toString('latin1')
      const stored = written.get(name) ?? currentOf(subject)
      const live = written.get(name) ?? liveOf(subject)
      if ((live?.version ?? null) !== expected) {
        outcomes.push({ write, outcome: { current: live } })
        continue
      }
      const value = { ...next, wakeMs: wakeOf(next) }
      if (stored !== null && stored.wakeMs !== value.wakeMs)
        changes.push({ key: dueKey(subject, stored.wakeMs), value: undefined })
      changes.push({ key: dueKey(subject, value.wakeMs), value: NOTHING })
      changes.push({ key: recordKey(subject), value: encodeValue(value) })
      written.set(name, value)
      outcomes.push({ write, outcome: null })
    }
    return { changes, outcomes }
  }

  function fail(msg: string, fields: Readonly<Record<string, unknown>>): void {
    if (!failing) logger.error(fields, msg)
    failing = true
  }

  function recovered(): void {
    if (failing) logger.info({}, 'presence takes writes again')
    failing = false
  }

  async function forget(subjects: readonly Uint8Array[]): Promise<void> {
    const changes = subjects.flatMap((subject): Change[] => {
      const stored = currentOf(subject)
      if (stored === null || stored.expiresMs > now()) return []
      return [
        { key: dueKey(subject, stored.wakeMs), value: undefined },
        { key: recordKey(subject), value: undefined },
      ]
    })
    if (changes.length > 0) await open().write(changes)
  }

  return {
    async start() {
      if (store !== null) return
      store = openStore({ dir, mapSize, encryptionKey })
    },
    async stop() {
      if (stopped || store === null) {
        stopped = true
        return
      }
      await committing
      stopped = true
      await store.close()
    },
    healthy: () => store !== null && !stopped && !failing,
    async read(subject) {
      return liveOf(subject)
    },
    write(subject, expected, next) {
      if (store === null || stopped)
        return Promise.reject(new StoreError('stopped', 'the store of presence is not running'))
      if (waiting.length >= maxWaiting)
        return Promise.reject(new StoreError('full', `${maxWaiting} writes wait for the store of presence already`))
      return new Promise((resolve, reject) => {
        waiting.push({ subject, expected, next, resolve, reject })
        committing ??= Promise.resolve().then(commitAll)
      })
    },
    async due(bucket, nowMs, limit) {
      const keys = open().keys(dueBound(bucket, 0), dueBound(bucket, nowMs + 1), limit)
      const subjects = keys.map((key) => new Uint8Array(key.subarray(DUE_HEAD)))
      const expired = subjects.filter((subject) => (currentOf(subject)?.expiresMs ?? 0) <= now())
      // Between two commits, so that none that is under way is overtaken.
      await committing
      await forget(expired)
      return subjects.filter((subject) => !expired.includes(subject))
    },
    async compact() {
      const running = open()
      try {
        await running.compact()
      } catch (error) {
        throw new StoreError('unavailable', 'the store of presence could not be compacted', { cause: error })
      }
    },
    async scan(cursor, limit) {
      const start = cursor === '' ? Buffer.from([RECORD]) : Buffer.from(cursor, 'base64url')
      const keys = open().keys(start, Buffer.from([RECORD + 1]), limit)
      const last = keys.at(-1)
      const subjects = keys.map((key) => new Uint8Array(key.subarray(1)))
      return {
        subjects: subjects.filter((subject) => liveOf(subject) !== null),
        // The next possible key after the last one.
        next: keys.length < limit || last === undefined ? null : Buffer.concat([last, NEXT]).toString('base64url'),
      }
    },
  }
}

/** A record with when a sweep is to look at it, be it to forget it. */
interface StoredValue extends VersionedRecord {
  readonly dueMs: number | null
  readonly expiresMs: number
  readonly wakeMs: number
}

const NOTHING = Buffer.alloc(0)
const NEXT = Buffer.from([0])
const RECORD = 1
const DUE = 2
/** Kind, bucket, time. */
const DUE_HEAD = 8

function wakeOf({ dueMs, expiresMs }: RecordToStore): number {
  return Math.max(0, Math.min(dueMs ?? expiresMs, expiresMs, MAX_TIME))
}

const MAX_TIME = 2 ** 48 - 2

function recordKey(subject: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([RECORD]), subject])
}

function dueKey(subject: Uint8Array, wakeMs: number): Buffer {
  return Buffer.concat([dueBound(presenceBucket(subject), wakeMs), subject])
}

function dueBound(bucket: number, timeMs: number): Buffer {
  const key = Buffer.alloc(DUE_HEAD)
  key[0] = DUE
  key[1] = bucket
  key.writeUIntBE(Math.max(0, Math.min(timeMs, MAX_TIME + 1)), 2, 6)
  return key
}

function encodeValue({ version, bytes, dueMs, expiresMs, wakeMs }: StoredValue): Buffer {
  const name = Buffer.from(version, 'latin1')
  const head = Buffer.alloc(1 + 3 * 8)
  head[0] = name.length
  head.writeDoubleBE(dueMs ?? Number.NaN, 1)
  head.writeDoubleBE(expiresMs, 9)
  head.writeDoubleBE(wakeMs, 17)
  return Buffer.concat([head, name, bytes])
}

function decodeValue(value: Buffer): StoredValue {
  const length = value[0] as number
  const dueMs = value.readDoubleBE(1)
  return {
    dueMs: Number.isNaN(dueMs) ? null : dueMs,
    expiresMs: value.readDoubleBE(9),
    wakeMs: value.readDoubleBE(17),
    version: value.toString('latin1', 25, 25 + length),
    bytes: new Uint8Array(value.subarray(25 + length)),
  }
}
