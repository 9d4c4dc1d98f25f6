// The records of devices as one node knows them: what was read last, compare-and-sets on it, and what in them waits to be published.
import { randomBytes } from 'node:crypto'
import {
  type EventSink,
  type PresenceStore,
  type RecordBatch,
  VERSION_LENGTH,
  type VersionedRecord,
} from '@fencepost/model'
import { GenerationCache, isOfUse } from '@fencepost/policy'
import {
  type DeviceRecord,
  decodeRecord,
  dueAt,
  encodeRecord,
  type PresenceRules,
  type PresenceSettings,
} from '@fencepost/presence'
import type { PresenceCounters } from './counters.ts'
import { expiryOf, isSomewhere } from './record-expiry.ts'

export interface RecordsParts {
  readonly store: PresenceStore
  readonly sink: EventSink
  readonly settings: PresenceSettings
  /** Devices whose record is kept in memory, which saves the read; the compare-and-set tells when it is stale. */
  readonly cacheSize: number
  /** What a person has chosen is kept for so long after it was last needed. */
  readonly choicesKeptMs: number
  readonly counters: PresenceCounters
  readonly clock: () => number
}

export interface Known {
  /** Null: there is no record. */
  readonly version: string | null
  readonly record: DeviceRecord | null
  /** What is pending in it has been published from here. */
  published: boolean
}

export interface Records {
  /** Runs `work` when what was begun for the device before has ended, either way. */
  inTurn<T>(subject: Uint8Array, work: () => Promise<T>): Promise<T>
  /** As it was read or written here last, which may be stale. */
  cached(subject: Uint8Array): Known | undefined
  /** As it is. Rejects with a StoreError, and with a RangeError for one that cannot be read. */
  load(subject: Uint8Array): Promise<Known>
  /** The record as it is now known, or what has taken its place meanwhile. */
  write(subject: Uint8Array, known: Known, record: DeviceRecord, rules: PresenceRules): Promise<Written>
  publishPending(known: Known): Promise<void>
  /** Its pending transitions and these matches: all or an error, but whatever came of one, the other is settled too. */
  publishAll(known: Known, matches: RecordBatch | null): Promise<void>
  /** Takes what is published out of the record. Nobody waits for it: who finds it there publishes the same again. */
  clear(subject: Uint8Array, known: Known, rules: PresenceRules): void
}

export type Written = Known | { readonly lostTo: Known }

/** What is pending in a record is published by a sweep if nobody else has after so long. */
const PENDING_GRACE_MS = 5000

export function createRecords(parts: RecordsParts): Records {
  const { store, sink, settings, counters, clock } = parts
  const cache = new GenerationCache<Known>(parts.cacheSize)
  /** The last batch or sweep of each device that is under way here. */
  const busy = new Map<string, Promise<unknown>>()
  const nextVersion = createVersions()

  function stored(record: DeviceRecord, version: string, rules: PresenceRules): Parameters<PresenceStore['write']>[2] {
    const { state, pending, privacy } = record
    const keeps = privacy !== null && isOfUse(privacy)
    const presenceUntil = expiryOf(state, settings.ttlMs)
    let due = Number.POSITIVE_INFINITY
    if (privacy?.restricted !== true) due = dueAt(state, { rules, settings }) ?? due
    if (pending !== null) due = Math.min(due, clock() + PENDING_GRACE_MS)
    // Where the device was is forgotten in time although what its person has chosen stays.
    if (keeps && !privacy.restricted && isSomewhere(state)) due = Math.min(due, presenceUntil)
    return {
      version,
      bytes: encodeRecord(record),
      dueMs: due === Number.POSITIVE_INFINITY ? null : due,
      expiresMs: keeps ? Math.max(presenceUntil, clock() + parts.choicesKeptMs) : presenceUntil,
    }
  }

  const records: Records = {
    inTurn(subject, work) {
      const name = nameOf(subject)
      const before = busy.get(name)
      const turn = before === undefined ? work() : before.then(work, work)
      busy.set(name, turn)
      const over = (): void => {
        if (busy.get(name) === turn) busy.delete(name)
      }
      turn.then(over, over)
      return turn
    },
    cached: (subject) => cache.get(nameOf(subject)),
    async load(subject) {
      counters.reads++
      const known = knownFrom(await store.read(subject))
      cache.set(nameOf(subject), known)
      return known
    },
    async write(subject, known, record, rules) {
      const name = nameOf(subject)
      const version = nextVersion()
      counters.writes++
      let outcome: Awaited<ReturnType<PresenceStore['write']>>
      try {
        outcome = await store.write(subject, known.version, stored(record, version, rules))
      } catch (error) {
        cache.delete(name) // it may have been written
        throw error
      }
      if (outcome !== null) {
        counters.conflicts++
        const lostTo = knownFrom(outcome.current)
        cache.set(name, lostTo)
        return { lostTo }
      }
      const next = { version, record, published: record.pending === null }
      cache.set(name, next)
      return next
    },
    async publishPending(known) {
      const pending = known.record?.pending ?? null
      if (pending === null || known.published) return
      counters.repeated++
      await sink.publish(pending)
      known.published = true
    },
    async publishAll(known, matches) {
      const pending = known.record?.pending ?? null
      const [told, matched] = await Promise.allSettled([
        pending === null ? null : sink.publish(pending),
        matches === null ? null : sink.publish(matches),
      ])
      if (told.status === 'rejected') throw told.reason
      known.published = true
      if (matched.status === 'rejected') throw matched.reason
    },
    clear(subject, known, rules) {
      if (known.record === null || known.record.pending === null) return
      const name = nameOf(subject)
      const record = { ...known.record, pending: null }
      const next: Known = { version: nextVersion(), record, published: true }
      cache.set(name, next)
      const forget = (): void => {
        if (cache.get(name) === next) cache.delete(name)
      }
      counters.writes++
      store.write(subject, known.version, stored(record, next.version as string, rules)).then((outcome) => {
        if (outcome !== null) forget()
      }, forget)
    },
  }
  return records
}

function knownFrom(stored: VersionedRecord | null): Known {
  if (stored === null) return { version: null, record: null, published: true }
  return { version: stored.version, record: decodeRecord(stored.bytes), published: false }
}

function nameOf(subject: Uint8Array): string {
  return Buffer.from(subject.buffer, subject.byteOffset, subject.byteLength).toString('latin1')
}

/** Versions that no other node makes: a random beginning for this one, and a number. */
export function createVersions(): () => string {
  const own = randomBytes(4).toString('base64url')
  let number = 0
  return () => own + (number++).toString(36).padStart(VERSION_LENGTH - own.length, '0')
}
