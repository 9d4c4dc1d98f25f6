// The ping's path, top to bottom. One batch is one synchronous pass until its events are encoded; the only thing awaited is
// the sink. Nothing here knows HTTP.
import { performance } from 'node:perf_hooks' // the global is an accessor: a property look-up and a call more
import type { CampaignBook } from '@fencepost/match/eligibility'
import {
  type BatchHits,
  type Clock,
  type EventSink,
  type FenceIndex,
  type RecordBatch,
  type RequestReason,
  SinkError,
  StoreError,
} from '@fencepost/model'
import { applyConsent, type Identities } from '@fencepost/policy'
import { type Decoder, type Encoding, type EventEncoder, encodeAnswer } from '@fencepost/wire'
import type { Counters } from './counters.ts'
import { observationsOf } from './presence/observations.ts'
import type { Moment, SubjectBatch, Subjects } from './presence/subjects.ts'

/** The index in force, and the campaigns and the place in the feed that go with it. */
export interface PipelineMoment extends Moment {
  readonly index: FenceIndex
  readonly book: CampaignBook
}

export interface PipelineParts {
  readonly decoder: Decoder
  /** The fences in force; asked once a batch, so that a batch sees one moment of them. */
  readonly moment: () => PipelineMoment
  /** Presence; null = matches only. */
  readonly subjects: Subjects | null
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
  /** Its matches, or null: it has none, but presence is to know of it. */
  readonly records: RecordBatch | null
  readonly subject: SubjectBatch | null
  readonly moment: Moment
  readonly answer: Uint8Array
  readonly accepted: number
  readonly matched: number
  /** Reason codes of its pings, or null where none was refused. The columns are reused while the sink works. */
  readonly reasons: Uint8Array | null
}

/** One batch in 16 is timed: `performance.now` checks its receiver at every call, which a single ping's pass would feel. */
const TIMED_MASK = 15

export function createPipeline(parts: PipelineParts): Pipeline {
  const { decoder, hits, identities, encoder, sink, subjects, counters, clock } = parts
  const { batch } = decoder
  const { columns } = batch
  let batches = 0

  function take(body: Uint8Array, encoding: Encoding, tenant: string): Outcome | Promise<Outcome> {
    const timed = (batches++ & TIMED_MASK) === 0
    const began = timed ? performance.now() : 0
    const admitted = admit(body, encoding, tenant, clock())
    if (timed) counters.admitSeconds.observe((performance.now() - began) / 1000)
    if (typeof admitted === 'string' || admitted instanceof Uint8Array) return admitted
    return publish(admitted)
  }

  /** One synchronous pass: decode, validate, consent, match, eligible, encode. */
  function admit(body: Uint8Array, encoding: Encoding, tenant: string, now: number): Outcome | Admitted {
    const refusal = decoder.decode(body, encoding, now) // 400, 413; per-ping reasons: libs/wire/src/validate.ts
    if (refusal !== null) return refusal
    counters.bodyBytes += body.length

    if (applyConsent(batch) !== null) return settle(encoding, now, 0) // nothing of them is matched, kept or told

    const moment = parts.moment()
    const { index, book } = moment
    index.matchBatchInto(tenant, columns, hits)
    if (hits.matched === 0 && subjects === null) return settle(encoding, now, 0)

    const identity = identities.of(tenant, batch.text, batch.deviceStart, batch.deviceLength)
    const { pseudonym, idKey } = identity
    const campaigns = book.size === 0 ? null : book // nothing is asked for where there is nothing to know
    const records = encoder.encodeMatches({ batch, hits, index, tenant, pseudonym, idKey, receivedMs: now, campaigns })
    const accepted = acceptedPings()
    // Nothing to tell: every hit was an event_too_large, or no ping is left that could move presence.
    if (records === null && (subjects === null || accepted === 0)) return settle(encoding, now, 0)

    const matched = records?.count ?? 0
    const observations = subjects === null ? [] : observationsOf(batch, hits, index, tenant)
    return {
      records,
      subject:
        subjects === null
          ? null
          : { received: now, sent: batch.sent, observations, tenant, identity, matches: records },
      moment,
      answer: encodeAnswer(encoding, columns, now, accepted, matched).slice(), // the next batch overwrites it
      accepted,
      matched,
      reasons: accepted === columns.count ? null : columns.reason.slice(0, columns.count),
    }
  }

  /** The answer of a batch that leaves nothing to publish. */
  function settle(encoding: Encoding, now: number, matched: number): Uint8Array {
    const accepted = acceptedPings()
    count(columns.count, accepted, matched, accepted === columns.count ? null : columns.reason)
    return encodeAnswer(encoding, columns, now, accepted, matched)
  }

  async function publish(admitted: Admitted): Promise<Outcome> {
    const pings = admitted.reasons === null ? admitted.accepted : admitted.reasons.length
    const began = performance.now()
    counters.pending += pings
    try {
      const refused = await makeDurable(admitted)
      if (refused !== null) {
        counters.decoded += pings
        counters.failed += pings
        return refused
      }
      count(pings, admitted.accepted, admitted.matched, admitted.reasons)
      return admitted.answer
    } catch (error) {
      counters.decoded += pings
      counters.failed += pings
      return refusalOf(error)
    } finally {
      counters.pending -= pings
      counters.publishSeconds.observe((performance.now() - began) / 1000)
    }
  }

  /** Decides presence and publishes what came of it with the matches; or only the matches. */
  function makeDurable({ records, subject, moment }: Admitted): Promise<null | RequestReason> {
    if (subjects !== null && subject !== null) return subjects.take(subject, moment)
    return sink.publish(records as RecordBatch).then(() => null)
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
