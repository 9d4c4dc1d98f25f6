// The ping's path, top to bottom. One batch is one synchronous pass until its events are encoded; the only thing awaited is
// the sink. Nothing here knows HTTP.
import { performance } from 'node:perf_hooks' // the global is an accessor: a property look-up and a call more
import {
  type BatchHits,
  type Clock,
  type EventSink,
  type FenceIndex,
  type RecordBatch,
  type RequestReason,
  SinkError,
} from '@fencepost/model'
import { applyConsent, type Identities } from '@fencepost/policy'
import { type Decoder, type Encoding, type EventEncoder, encodeAnswer } from '@fencepost/wire'
import type { Counters } from './counters.ts'

export interface PipelineParts {
  readonly decoder: Decoder
  /** The index in force; asked once a batch, so that a batch sees one moment of the fences. */
  readonly index: () => FenceIndex
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

/** A batch that has passed the door and has events to publish. */
interface Admitted {
  readonly records: RecordBatch
  readonly answer: Uint8Array
  readonly accepted: number
  readonly matched: number
  /** Reason codes of its pings, or null where none was refused. The columns are reused while the sink works. */
  readonly reasons: Uint8Array | null
}

/** One batch in 16 is timed: `performance.now` checks its receiver at every call, which a single ping's pass would feel. */
const TIMED_MASK = 15

export function createPipeline(parts: PipelineParts): Pipeline {
  const { decoder, hits, identities, encoder, sink, counters, clock } = parts
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

  /** One synchronous pass: decode, validate, consent, match, encode. */
  function admit(body: Uint8Array, encoding: Encoding, tenant: string, now: number): Outcome | Admitted {
    const refusal = decoder.decode(body, encoding, now) // 400, 413; per-ping reasons: libs/wire/src/validate.ts
    if (refusal !== null) return refusal
    counters.bodyBytes += body.length

    if (applyConsent(batch) !== null) return settle(encoding, now, 0) // nothing of them is matched, kept or told

    const index = parts.index()
    index.matchBatchInto(tenant, columns, hits)
    if (hits.matched === 0) return settle(encoding, now, 0)

    const { pseudonym, idKey } = identities.of(tenant, batch.text, batch.deviceStart, batch.deviceLength)
    const records = encoder.encodeMatches({ batch, hits, index, tenant, pseudonym, idKey, receivedMs: now })
    if (records === null) return settle(encoding, now, 0) // every hit was an event_too_large

    const accepted = acceptedPings()
    return {
      records,
      answer: encodeAnswer(encoding, columns, now, accepted, records.count).slice(), // the next batch overwrites it
      accepted,
      matched: records.count,
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
      await sink.publish(admitted.records)
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
  if (!(error instanceof SinkError)) return 'internal'
  if (error.code === 'full') return 'overloaded'
  return error.code === 'stopped' ? 'stopping' : 'sink_unavailable'
}
