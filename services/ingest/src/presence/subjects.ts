// One device's batch after the other: read its record, see what may be done, decide, write it back with one compare-and-set, and only then
// publish what was decided. What is published was written before, so that a crash anywhere repeats the same bytes and forgets nothing; and
// a choice that its person has made meanwhile makes the compare-and-set fail, so that nothing is published past it.
import { type ContentType, type RecordBatch, StoreError, type Transition } from '@fencepost/model'
import {
  type Identities,
  type Identity,
  isOfUse,
  mayKeepPresence,
  NO_CHOICE,
  type Permission,
  PING_POLICY,
  type PingPolicy,
  type PrivacyState,
  type Refusal,
  type TenantRules,
} from '@fencepost/policy'
import {
  advance,
  type DeviceRecord,
  type FeedPlace,
  NOWHERE,
  type PresenceBatch,
  type PresenceRules,
  type PresenceState,
  sweep,
} from '@fencepost/presence'
import { encodeTransitions, transitionId } from '@fencepost/wire'
import type { InFlight } from '../in-flight.ts'
import { expiryOf, isSomewhere } from './record-expiry.ts'
import { createRecords, type Known, type RecordsParts } from './records.ts'

/** The fences and campaigns that a batch was matched with. */
export interface Moment {
  readonly feed: FeedPlace
  readonly rules: (tenant: string) => PresenceRules
}

export interface SubjectsParts extends RecordsParts {
  readonly identities: Identities
  readonly contentType: ContentType
  /** False: nothing is kept of where a device is, and only what its person has chosen is looked at. */
  readonly keepsPresence: boolean
  readonly policy?: PingPolicy
  /** Sweeps are under way like batches. */
  readonly inFlight?: InFlight
  /** The moment in force now. */
  readonly moment: () => Moment
  /** Resolves when the feed has come to `place` (true) or after so long without (false). */
  readonly reached: (place: FeedPlace) => Promise<boolean>
}

/** One batch that has been matched. */
export interface SubjectBatch extends PresenceBatch {
  readonly tenant: string
  readonly identity: Identity
  /** To be published with its transitions; null = no ping has a hit. */
  readonly matches: RecordBatch | null
  /** What the batch's own flags permit, which refuse nothing. */
  readonly permission: Permission
  readonly tenantRules: TenantRules
}

/** Null: taken. `withheld`: taken, but nobody was told of its matches. Else nothing of it was processed. */
export type Taken = null | 'withheld' | 'feed_behind' | Refusal

export interface Subjects {
  /**
   * Moves presence by a batch and publishes its events, as far as its person permits: all durable when it resolves. Batches of one
   * device follow one another. Rejects with a StoreError or a SinkError; the batch may be sent again then.
   */
  take(batch: SubjectBatch, moment: Moment): Promise<Taken>
  /** Makes what has fallen due in one bucket; returns how many records it has met. Rejects like `take`. */
  sweep(bucket: number): Promise<number>
  /**
   * Changes what is kept of a person's choices; what may not be kept of where they are goes at once. `change` may be asked several times,
   * each time with the record as it then is. Returns the record as written. Rejects with a StoreError.
   */
  choose(of: SubjectOf, change: (record: DeviceRecord | null) => PrivacyState): Promise<DeviceRecord>
  /** The record as it is. Rejects with a StoreError. */
  record(subject: Uint8Array): Promise<DeviceRecord | null>
}

export interface SubjectOf {
  readonly subject: Uint8Array
  readonly tenant: string
}

/** A record moves under a batch this often at most before the batch is given up. */
const MAX_ATTEMPTS = 40
/** Whoever loses again and again waits a little, by chance and ever longer, so that not all come back together. */
const PATIENT_AFTER = 3
const MAX_PAUSE_MS = 64
/** Records of one bucket that a sweep looks at in one go. */
const SWEEP_LIMIT = 64

export function createSubjects(parts: SubjectsParts): Subjects {
  const { store, identities, settings, contentType, counters, clock, sink, keepsPresence, policy = PING_POLICY } = parts
  const records = createRecords(parts)

  async function take(whole: SubjectBatch, first: Moment): Promise<Taken> {
    const { identity, tenant, permission, tenantRules } = whole
    const { subject } = identity
    let batch = whole
    let moment = first
    let { matches } = whole
    let withheld = false
    let known = records.cached(subject) ?? (await records.load(subject))
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      // What was left unpublished may have been withdrawn since: it is not published on the word of a record that may be stale.
      if (known.record?.pending != null && !known.published) known = await records.load(subject)
      let allowed = policy.ofRecord(permission, known.record?.privacy ?? null, tenantRules)
      const writes = keepsPresence && allowed.transitions && allowed.refused === null
      if (!writes) {
        // No compare-and-set will tell whether the record is stale.
        known = await records.load(subject)
        allowed = policy.ofRecord(permission, known.record?.privacy ?? null, tenantRules)
        if (allowed.refused !== null) return allowed.refused
        if (!keepsPresence || !allowed.transitions) return publishOnly(matches, allowed)
      }
      if (isBehind(moment.feed, known.record?.feed)) {
        if (!(await parts.reached((known.record as DeviceRecord).feed))) return 'feed_behind'
        moment = parts.moment()
      }
      await records.publishPending(known)
      const rules = moment.rules(tenant)
      const moved = told(
        rules,
        advance(known.record?.state ?? NOWHERE, batch, {
          rules,
          settings,
          ids: (...of) => transitionId(identity.idKey, ...of),
        }),
      )
      const privacy = known.record?.privacy ?? null
      const record = recordOf({ tenant, identity, feed: moment.feed, privacy, ...moved }, batch.received)
      const written = await records.write(subject, known, record, rules)
      if ('lostTo' in written) {
        known = written.lostTo
        await pauseAfter(attempt)
        continue
      }
      known = written
      counters.late += moved.late
      counters.crowded += moved.crowded
      for (const { kind } of moved.transitions) counters.transitions[kind]++
      withheld ||= matches !== null && !allowed.matches
      await records.publishAll(known, allowed.matches ? matches : null)
      matches = null
      records.clear(subject, known, rules)
      if (!moved.more) return withheld ? 'withheld' : null
      batch = { ...batch, observations: batch.observations.filter(({ observed }) => observed > lastOf(moved.state)) }
      known = records.cached(subject) ?? (await records.load(subject))
      attempt = -1 // each step of a batch has its own
    }
    throw new StoreError('unavailable', `the record changed ${MAX_ATTEMPTS} times under one batch`)
  }

  /** Of a batch that is not to move presence. */
  async function publishOnly(matches: RecordBatch | null, allowed: Permission): Promise<Taken> {
    if (matches === null) return null
    if (!allowed.matches) return 'withheld'
    await sink.publish(matches)
    return null
  }

  function recordOf(
    of: {
      readonly tenant: string
      readonly identity: Identity
      readonly feed: FeedPlace
      readonly state: PresenceState
      readonly privacy: PrivacyState | null
      readonly transitions: readonly Transition[]
    },
    receivedMs: number,
  ): DeviceRecord {
    const { tenant, feed, state, privacy, transitions, identity } = of
    const { pseudonym } = identity
    const pending =
      transitions.length === 0 ? null : encodeTransitions({ transitions, tenant, pseudonym, receivedMs, contentType })
    return { tenant, feed, state, privacy, pending }
  }

  async function sweepOne(subject: Uint8Array): Promise<void> {
    const flight = parts.inFlight?.begin(clock())
    try {
      await sweepRecord(subject)
    } finally {
      if (flight !== undefined) parts.inFlight?.end(flight)
    }
  }

  async function sweepRecord(subject: Uint8Array): Promise<void> {
    const known = await records.load(subject)
    const { record } = known
    const moment = parts.moment()
    if (record === null || record.privacy?.restricted === true || isBehind(moment.feed, record.feed)) return
    await records.publishPending(known)
    const { tenant, privacy } = record
    const identity = identities.ofSubject(subject)
    const rules = moment.rules(tenant)
    const now = clock()
    const { state, transitions } = told(
      rules,
      sweep(record.state, now, { rules, settings, ids: (...of) => transitionId(identity.idKey, ...of) }),
    )
    const isOver = isSomewhere(state) && privacy !== null && isOfUse(privacy) && now >= expiryOf(state, settings.ttlMs)
    const left = isOver ? NOWHERE : state
    const next = recordOf({ tenant, identity, feed: moment.feed, privacy, state: left, transitions }, now)
    const written = await records.write(subject, known, next, rules)
    if ('lostTo' in written) return // somebody else has moved it, and left it due when it is
    for (const { kind } of transitions) counters.transitions[kind]++
    counters.swept += transitions.length
    await records.publishAll(written, null)
    records.clear(subject, written, rules)
  }

  async function choose(
    { subject, tenant }: SubjectOf,
    change: (record: DeviceRecord | null) => PrivacyState,
  ): Promise<DeviceRecord> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const known: Known = await records.load(subject)
      const { feed, rules } = parts.moment()
      const privacy = change(known.record)
      const keeps = mayKeepPresence(privacy)
      const before = known.record
      const record: DeviceRecord = {
        tenant: before?.tenant ?? tenant,
        feed: before?.feed ?? feed,
        state: keeps && before !== null ? before.state : NOWHERE,
        privacy,
        pending: keeps && !privacy.restricted ? (before?.pending ?? null) : null,
      }
      const written = await records.write(subject, known, record, rules(tenant))
      if (!('lostTo' in written)) return record
      await pauseAfter(attempt)
    }
    throw new StoreError('unavailable', `the record changed ${MAX_ATTEMPTS} times under one choice`)
  }

  return {
    take: (batch, moment) => records.inTurn(batch.identity.subject, () => take(batch, moment)),
    async sweep(bucket) {
      const due = await store.due(bucket, clock(), SWEEP_LIMIT)
      const settled = await Promise.allSettled(due.map((subject) => records.inTurn(subject, () => sweepOne(subject))))
      for (const one of settled) if (one.status === 'rejected') throw one.reason
      return due.length
    },
    choose: (of, change) => records.inTurn(of.subject, () => choose(of, change)),
    record: async (subject) => (await records.load(subject)).record,
  }
}

/** Without what nobody is told of. */
function told<T extends { readonly transitions: readonly Transition[] }>({ isSilent }: PresenceRules, moved: T): T {
  if (isSilent === undefined || moved.transitions.length === 0) return moved
  return { ...moved, transitions: moved.transitions.filter(({ fence }) => !isSilent(fence)) }
}

/** What is chosen, where somebody has chosen something. */
export function privacyOf(record: DeviceRecord | null): PrivacyState {
  return record?.privacy ?? NO_CHOICE
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
