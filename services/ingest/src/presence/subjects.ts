// One device's batch after the other: read its record, decide, write it back with one compare-and-set, and only then publish what was
// decided. What is published was written before, so that a crash anywhere repeats the same bytes and forgets nothing.
import { randomBytes } from 'node:crypto'
import {
  type ContentType,
  type EventSink,
  type PresenceStore,
  type RecordBatch,
  StoreError,
  type Transition,
  VERSION_LENGTH,
  type VersionedRecord,
} from '@fencepost/model'
import { GenerationCache, type Identities, type Identity } from '@fencepost/policy'
import {
  advance,
  type DeviceRecord,
  decodeRecord,
  dueAt,
  encodeRecord,
  type FeedPlace,
  NOWHERE,
  type PresenceBatch,
  type PresenceRules,
  type PresenceSettings,
  type PresenceState,
  sweep,
} from '@fencepost/presence'
import { encodeTransitions, transitionId } from '@fencepost/wire'
import type { PresenceCounters } from './counters.ts'
import { expiryOf } from './record-expiry.ts'

/** The fences and campaigns that a batch was matched with. */
export interface Moment {
  readonly feed: FeedPlace
  readonly rules: (tenant: string) => PresenceRules
}

export interface SubjectsParts {
  readonly store: PresenceStore
  readonly sink: EventSink
  readonly identities: Identities
  readonly settings: PresenceSettings
  readonly contentType: ContentType
  /** Devices whose record is kept in memory, which saves the read; the compare-and-set tells when it is stale. */
  readonly cacheSize: number
  readonly counters: PresenceCounters
  /** The moment in force now. */
  readonly moment: () => Moment
  /** Resolves when the feed has come to `place` (true) or after so long without (false). */
  readonly reached: (place: FeedPlace) => Promise<boolean>
  readonly clock: () => number
}

/** One batch that has been matched. */
export interface SubjectBatch extends PresenceBatch {
  readonly tenant: string
  readonly identity: Identity
  /** To be published with its transitions; null = no ping has a hit. */
  readonly matches: RecordBatch | null
}

export interface Subjects {
  /**
   * Moves presence by a batch and publishes its events: all durable when it resolves with null. Batches of one device follow one
   * another. Rejects with a StoreError or a SinkError; the batch may be sent again then.
   */
  take(batch: SubjectBatch, moment: Moment): Promise<null | 'feed_behind'>
  /** Makes what has fallen due in one bucket; returns how many records it has met. Rejects like `take`. */
  sweep(bucket: number): Promise<number>
}

/** A record moves under a batch this often at most before the batch is given up. */
const MAX_ATTEMPTS = 40
/** Whoever loses again and again waits a little, by chance and ever longer, so that not all come back together. */
const PATIENT_AFTER = 3
const MAX_PAUSE_MS = 64
/** What is pending in a record is published by a sweep if nobody else has after so long. */
const PENDING_GRACE_MS = 5000
/** Records of one bucket that a sweep looks at in one go. */
const SWEEP_LIMIT = 64

interface Known {
  /** Null: there is no record. */
  readonly version: string | null
  readonly record: DeviceRecord | null
  /** What is pending in it has been published from here. */
  published: boolean
}

export function createSubjects(parts: SubjectsParts): Subjects {
  const { store, sink, identities, settings, contentType, counters, clock } = parts
  const cache = new GenerationCache<Known>(parts.cacheSize)
  /** The last batch or sweep of each device that is under way here. */
  const busy = new Map<string, Promise<unknown>>()
  const nextVersion = createVersions()

  /** Runs `work` when what was begun for the device before has ended, either way. */
  function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = busy.get(name)
    const turn = before === undefined ? work() : before.then(work, work)
    busy.set(name, turn)
    const over = (): void => {
      if (busy.get(name) === turn) busy.delete(name)
    }
    turn.then(over, over)
    return turn
  }

  async function load(name: string, subject: Uint8Array): Promise<Known> {
    counters.reads++
    const known = knownFrom(await store.read(subject))
    cache.set(name, known)
    return known
  }

  async function take(whole: SubjectBatch, first: Moment): Promise<null | 'feed_behind'> {
    const { subject } = whole.identity
    const name = nameOf(subject)
    let batch = whole
    let moment = first
    let { matches } = whole
    let known = cache.get(name) ?? (await load(name, subject))
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (isBehind(moment.feed, known.record?.feed)) {
        if (!(await parts.reached((known.record as DeviceRecord).feed))) return 'feed_behind'
        moment = parts.moment()
      }
      await publishPending(known)
      const rules = moment.rules(batch.tenant)
      const moved = advance(known.record?.state ?? NOWHERE, batch, {
        rules,
        settings,
        ids: (...of) => transitionId(batch.identity.idKey, ...of),
      })
      const { tenant, identity } = batch
      const record = recordOf({ tenant, identity, feed: moment.feed, ...moved }, batch.received)
      const written = await write(name, subject, known, record, rules)
      if ('lostTo' in written) {
        known = written.lostTo
        await pauseAfter(attempt)
        continue
      }
      known = written
      counters.late += moved.late
      counters.crowded += moved.crowded
      for (const { kind } of moved.transitions) counters.transitions[kind]++
      await publishAll(known, matches)
      matches = null
      clear(name, subject, known, rules)
      if (!moved.more) return null
      batch = { ...batch, observations: batch.observations.filter(({ observed }) => observed > lastOf(moved.state)) }
      known = cache.get(name) ?? (await load(name, subject))
      attempt = -1 // each step of a batch has its own
    }
    throw new StoreError('unavailable', `the record changed ${MAX_ATTEMPTS} times under one batch`)
  }

  function recordOf(
    of: {
      readonly tenant: string
      readonly identity: Identity
      readonly feed: FeedPlace
      readonly state: PresenceState
      readonly transitions: readonly Transition[]
    },
    receivedMs: number,
  ): DeviceRecord {
    const { tenant, feed, state, transitions, identity } = of
    if (transitions.length === 0) return { tenant, feed, state, pending: null }
    const { pseudonym } = identity
    return {
      tenant,
      feed,
      state,
      pending: encodeTransitions({ transitions, tenant, pseudonym, receivedMs, contentType }),
    }
  }

  /** The record as it is now known, or what has taken its place meanwhile. */
  async function write(
    name: string,
    subject: Uint8Array,
    known: Known,
    record: DeviceRecord,
    rules: PresenceRules,
  ): Promise<Known | { readonly lostTo: Known }> {
    const { state, pending } = record
    const due = dueAt(state, { rules, settings })
    const pendingDue = clock() + PENDING_GRACE_MS
    const version = nextVersion()
    counters.writes++
    let outcome: Awaited<ReturnType<PresenceStore['write']>>
    try {
      outcome = await store.write(subject, known.version, {
        version,
        bytes: encodeRecord(record),
        dueMs: pending === null ? due : Math.min(pendingDue, due ?? pendingDue),
        expiresMs: expiryOf(state, settings.ttlMs),
      })
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
    const next = { version, record, published: pending === null }
    cache.set(name, next)
    return next
  }

  async function publishPending(known: Known): Promise<void> {
    const pending = known.record?.pending ?? null
    if (pending === null || known.published) return
    counters.repeated++
    await sink.publish(pending)
    known.published = true
  }

  /** All or an error: but whatever came of one, the other is settled too. */
  async function publishAll(known: Known, matches: RecordBatch | null): Promise<void> {
    const pending = known.record?.pending ?? null
    const [told, matched] = await Promise.allSettled([
      pending === null ? null : sink.publish(pending),
      matches === null ? null : sink.publish(matches),
    ])
    if (told.status === 'rejected') throw told.reason
    known.published = true
    if (matched.status === 'rejected') throw matched.reason
  }

  /** Takes what is published out of the record. Nobody waits for it: who finds it there publishes the same again. */
  function clear(name: string, subject: Uint8Array, known: Known, rules: PresenceRules): void {
    if (known.record === null || known.record.pending === null) return
    const record = { ...known.record, pending: null }
    const next: Known = { version: nextVersion(), record, published: true }
    cache.set(name, next)
    const forget = (): void => {
      if (cache.get(name) === next) cache.delete(name)
    }
    counters.writes++
    store
      .write(subject, known.version, {
        version: next.version as string,
        bytes: encodeRecord(record),
        dueMs: dueAt(record.state, { rules, settings }),
        expiresMs: expiryOf(record.state, settings.ttlMs),
      })
      .then((outcome) => {
        if (outcome !== null) forget()
      }, forget)
  }

  async function sweepOne(subject: Uint8Array): Promise<void> {
    const name = nameOf(subject)
    const known = await load(name, subject)
    const { record } = known
    const moment = parts.moment()
    if (record === null || isBehind(moment.feed, record.feed)) return
    await publishPending(known)
    const { tenant } = record
    const identity = identities.ofSubject(subject)
    const rules = moment.rules(tenant)
    const now = clock()
    const { state, transitions } = sweep(record.state, now, {
      rules,
      settings,
      ids: (...of) => transitionId(identity.idKey, ...of),
    })
    const next = recordOf({ tenant, identity, feed: moment.feed, state, transitions }, now)
    const written = await write(name, subject, known, next, rules)
    if ('lostTo' in written) return // somebody else has moved it, and left it due when it is
    for (const { kind } of transitions) counters.transitions[kind]++
    counters.swept += transitions.length
    await publishAll(written, null)
    clear(name, subject, written, rules)
  }

  return {
    take: (batch, moment) => inTurn(nameOf(batch.identity.subject), () => take(batch, moment)),
    async sweep(bucket) {
      const due = await store.due(bucket, clock(), SWEEP_LIMIT)
      const settled = await Promise.allSettled(due.map((subject) => inTurn(nameOf(subject), () => sweepOne(subject))))
      for (const one of settled) if (one.status === 'rejected') throw one.reason
      return due.length
    },
  }
}

function knownFrom(stored: VersionedRecord | null): Known {
  if (stored === null) return { version: null, record: null, published: true }
  return { version: stored.version, record: decodeRecord(stored.bytes), published: false }
}

function pauseAfter(attempt: number): Promise<void> | undefined {
  if (attempt < PATIENT_AFTER) return undefined
  const longest = Math.min(MAX_PAUSE_MS, 2 ** (attempt - PATIENT_AFTER))
  return new Promise((resolve) => setTimeout(resolve, Math.random() * longest))
}

function lastOf({ last }: PresenceState): number {
  return last ?? Number.NEGATIVE_INFINITY
}

/** Has the writer of a record seen more of the feed than this node? */
function isBehind(mine: FeedPlace, writer: FeedPlace | undefined): boolean {
  return writer !== undefined && writer.epoch === mine.epoch && writer.seq > mine.seq
}

function nameOf(subject: Uint8Array): string {
  return Buffer.from(subject.buffer, subject.byteOffset, subject.byteLength).toString('latin1')
}

/** Versions that no other node makes: a random beginning for this one, and a number. */
function createVersions(): () => string {
  const own = randomBytes(4).toString('base64url')
  let number = 0
  return () => own + (number++).toString(36).padStart(VERSION_LENGTH - own.length, '0')
}
