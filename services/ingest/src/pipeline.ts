// The ping's path, top to bottom. One batch is one synchronous pass until its events are encoded; the only thing awaited is
// the sink. Nothing here knows HTTP.
import { performance } from 'node:perf_hooks' // the global is an accessor: a property look-up and a call more
import type { CampaignBook } from '@fencepost/match/eligibility'
import {
  type BatchHits,
  type Clock,
  type EventSink,
  type FenceIndex,
  pingReasonCode,
  type RecordBatch,
  type RequestReason,
  SinkError,
  StoreError,
} from '@fencepost/model'
import {
  type Identities,
  type Identity,
  PING_POLICY,
  type PingPolicy,
  refuseAll,
  type TenantRules,
} from '@fencepost/policy'
import { type Decoder, type Encoding, type EventEncoder, encodeAnswer } from '@fencepost/wire'
import type { Counters } from './counters.ts'
import type { InFlight } from './in-flight.ts'
import { observationsOf } from './presence/observations.ts'
import type { Moment, SubjectBatch, Subjects, Taken } from './presence/subjects.ts'
import { dropSensitive } from './sensitive-places.ts'

/** The index in force, and the campaigns and the place in the feed that go with it. */
export interface PipelineMoment extends Moment {
  readonly index: FenceIndex
  readonly tenantRules: (tenant: string) => TenantRules
  readonly book: CampaignBook
}

export interface PipelineParts {
  readonly decoder: Decoder
  /** The fences in force; asked once a batch, so that a batch sees one moment of them. */
  readonly moment: () => PipelineMoment
  /** Records of devices: what their people have chosen, and presence. Null = matches only, by what the batches say. */
  readonly subjects: Subjects | null
  /** Sees to it that nothing is held of a minor's device. Resolves when that is sure to happen. */
  readonly onMinor: ((of: { readonly identity: Identity; readonly tenant: string }) => Promise<void>) | null
  readonly inFlight: InFlight
  readonly policy?: PingPolicy
  readonly hits: BatchHits
  readonly identities: Identities
  readonly encoder: EventEncoder
  readonly sink: EventSink
  readonly counters: Counters
  readonly clock: Clock
}

/** A refusal, or the bytes of the 200, good until the next `take`. */
export type Outcome = RequestReason | Uint8Array

export interface Pipeline {
  /**
   * Takes one body. The outcome comes at once unless the batch made events: then as a promise that settles when they are
   * durable, and never rejects. `body` is not kept beyond the call.
   */
  take(body: Uint8Array, encoding: Encoding, tenant: string): Outcome | Promise<Outcome>
}

/** A batch that has passed the door and has something to be made durable. */
interface Admitted {
  /** Makes it durable, as far as its person permits. */
  readonly work: () => Promise<Taken>
  readonly encoding: Encoding
  readonly received: number
  readonly accepted: number
  readonly matched: number
  readonly pings: number
  /** Reason codes of its pings, or null where none was refused. The columns are reused while the sink works. */
  readonly reasons: Uint8Array | null
}

const NO_REASONS = new Uint8Array(0)

/** One batch in 16 is timed: `performance.now` checks its receiver at every call, which a single ping's pass would feel. */
const TIMED_MASK = 15

export function createPipeline(parts: PipelineParts): Pipeline {
  const { decoder, hits, identities, encoder, sink, subjects, counters, clock, inFlight, policy = PING_POLICY } = parts
  const { batch } = decoder
  const { columns } = batch
  let batches = 0

  function take(body: Uint8Array, encoding: Encoding, tenant: string): Outcome | Promise<Outcome> {
    const timed = (batches++ & TIMED_MASK) === 0
    const began = timed ? performance.now() : 0
    const now = clock()
    const admitted = admit(body, encoding, tenant, now)
    if (timed) counters.admitSeconds.observe((performance.now() - began) / 1000)
    if (typeof admitted === 'string' || admitted instanceof Uint8Array) return admitted
    return publish(admitted)
  }

  /** One synchronous pass: decode, validate, consent, match, eligible, encode. */
  function admit(body: Uint8Array, encoding: Encoding, tenant: string, now: number): Outcome | Admitted {
    const refusal = decoder.decode(body, encoding, now) // 400, 413; per-ping reasons: libs/wire/src/validate.ts
    if (refusal !== null) return refusal
    counters.bodyBytes += body.length

    const moment = parts.moment()
    const tenantRules = moment.tenantRules(tenant)
    const permission = policy.ofBatch(batch, tenantRules, now)
    if (permission.refused !== null) {
      refuseAll(batch, permission.refused) // nothing of them is matched, kept or told
      if (permission.refused !== 'minor' || parts.onMinor === null) return settle(encoding, now, 0)
      const { onMinor } = parts
      const of = { identity: identities.of(tenant, batch.text, batch.deviceStart, batch.deviceLength), tenant }
      return admitted(encoding, now, 0, () => onMinor(of).then(() => null))
    }

    const { index, book } = moment
    index.matchBatchInto(tenant, columns, hits)
    if (index.hasSensitive) dropSensitive(columns, hits, index)
    if (hits.matched === 0 && subjects === null) return settle(encoding, now, 0)

    const identity = identities.of(tenant, batch.text, batch.deviceStart, batch.deviceLength)
    const { pseudonym, idKey } = identity
    const campaigns = book.size === 0 ? null : book // nothing is asked for where there is nothing to know
    const matches = permission.matches
      ? encoder.encodeMatches({ batch, hits, index, tenant, pseudonym, idKey, receivedMs: now, campaigns })
      : null
    const accepted = acceptedPings()
    // Nothing to tell: every hit was an event_too_large, or no ping is left that could move presence.
    if (accepted === 0 || (matches === null && subjects === null)) return settle(encoding, now, 0)

    const matched = matches?.count ?? 0
    if (subjects === null)
      return admitted(encoding, now, matched, () => sink.publish(matches as RecordBatch).then(() => null))
    const subject: SubjectBatch = {
      received: now,
      sent: batch.sent,
      observations: permission.transitions ? observationsOf(batch, hits, index, tenant) : [],
      tenant,
      identity,
      matches,
      permission,
      tenantRules,
    }
    return admitted(encoding, now, matched, () => subjects.take(subject, moment))
  }

  /** What has to wait: the columns are reused meanwhile. */
  function admitted(encoding: Encoding, received: number, matched: number, work: Admitted['work']): Admitted {
    const accepted = acceptedPings()
    const pings = columns.count
    const reasons = accepted === pings ? null : columns.reason.slice(0, pings)
    return { work, encoding, received, accepted, matched, pings, reasons }
  }

  /** The answer of a batch that leaves nothing to publish. */
  function settle(encoding: Encoding, now: number, matched: number): Uint8Array {
    const accepted = acceptedPings()
    count(columns.count, accepted, matched, accepted === columns.count ? null : columns.reason)
    return encodeAnswer(encoding, columns, now, accepted, matched)
  }

  async function publish({ work, encoding, received, accepted, matched, pings, reasons }: Admitted): Promise<Outcome> {
    const began = performance.now()
    const flight = inFlight.begin(received)
    counters.pending += pings
    try {
      const taken = await work()
      if (taken === 'feed_behind') {
        counters.decoded += pings
        counters.failed += pings
        return taken
      }
      if (taken === null || taken === 'withheld')
        return told(encoding, received, accepted, taken === null ? matched : 0, pings, reasons)
      return told(encoding, received, 0, 0, pings, new Uint8Array(pings).fill(pingReasonCode(taken)))
    } catch (error) {
      counters.decoded += pings
      counters.failed += pings
      return refusalOf(error)
    } finally {
      inFlight.end(flight)
      counters.pending -= pings
      counters.publishSeconds.observe((performance.now() - began) / 1000)
    }
  }

  /** Counts a batch whose outcome is settled, and tells it. */
  function told(
    encoding: Encoding,
    received: number,
    accepted: number,
    matched: number,
    pings: number,
    reasons: Uint8Array | null,
  ): Uint8Array {
    count(pings, accepted, matched, reasons)
    const outcomes = { count: pings, reason: reasons ?? NO_REASONS }
    return encodeAnswer(encoding, outcomes, received, accepted, matched).slice() // others answer before it is sent
  }

  function acceptedPings(): number {
    const { reason, count: pings } = columns
    let accepted = 0
    for (let i = 0; i < pings; i++) if (reason[i] === 0) accepted++
    return accepted
  }

  function count(pings: number, accepted: number, matched: number, reasons: Uint8Array | null): void {
    counters.decoded += pings
    counters.accepted += accepted
    counters.matched += matched
    if (reasons !== null)
      for (let i = 0; i < pings; i++) if (reasons[i] !== 0) counters.rejected[reasons[i] as number]++
  }

  return { take }
}

function refusalOf(error: unknown): RequestReason {
  if (error instanceof StoreError) return error.code === 'stopped' ? 'stopping' : 'store_unavailable'
  if (!(error instanceof SinkError)) return 'internal'
  if (error.code === 'full') return 'overloaded'
  return error.code === 'stopped' ? 'stopping' : 'sink_unavailable'
}
