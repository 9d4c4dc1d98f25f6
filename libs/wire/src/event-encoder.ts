// Columns and hits -> the records of one batch. Bytes are written straight into an arena that is reused; a batch of records
// owns one exact copy of what is its own.
import {
  type Batch,
  type BatchHits,
  type ContentType,
  EVENT_ID_BYTES,
  type FenceIndex,
  pingReasonCode,
  type RecordBatch,
} from '@fencepost/model'
import { ByteWriter } from './byte-writer.ts'
import { eventId } from './event-id.ts'
import { JsonEvents } from './event-json.ts'
import { MsgpackEvents } from './event-msgpack.ts'
import type { Coordinates, EventWriter } from './event-writer.ts'
import { type CampaignSource, FragmentCache, type Fragments } from './fragment-cache.ts'

const EVENT_TOO_LARGE = pingReasonCode('event_too_large')

export interface EventEncoderOptions {
  readonly coordinates: Coordinates
  readonly contentType: ContentType
  /** Largest value of one record. */
  readonly maxEventBytes: number
  /** Largest sum of the values of one batch. */
  readonly maxBatchBytes: number
}

export interface MatchesInput {
  readonly batch: Batch
  readonly hits: BatchHits
  /** The index that `hits` are slots of. */
  readonly index: FenceIndex
  readonly tenant: string
  /** What is published as `device`, and the key of the records. */
  readonly pseudonym: string
  /** Four little-endian words: the subject's key of ids. */
  readonly idKey: Uint32Array
  /** Epoch ms, an integer. */
  readonly receivedMs: number
  /** Campaigns of fences; null, or absent: events name those that fences list themselves. */
  readonly campaigns?: CampaignSource | null
}

export interface EventEncoder {
  /**
   * One record per ping that is not refused and has a hit, in body order; null if there is none. Where an event is larger than
   * `maxEventBytes`, or finds no room in what the events before it left of `maxBatchBytes`, it is left out and the ping's
   * `reason` becomes `event_too_large`.
   */
  encodeMatches(input: MatchesInput): RecordBatch | null
}

export function createEventEncoder(options: EventEncoderOptions): EventEncoder {
  const { contentType, coordinates, maxEventBytes, maxBatchBytes } = options
  const writer: EventWriter =
    contentType === 'application/json' ? new JsonEvents(coordinates) : new MsgpackEvents(coordinates)
  const fragments = new FragmentCache(writer)
  const out = new ByteWriter(16 * 1024)
  let capacity = 0
  let ends = new Uint32Array(0)
  let ids = new Uint8Array(0)
  let times = new Float64Array(0)

  function makeRoom(pings: number): void {
    if (pings <= capacity) return
    capacity = pings
    ends = new Uint32Array(pings)
    ids = new Uint8Array(pings * EVENT_ID_BYTES)
    times = new Float64Array(pings)
  }

  /** Writes the event of ping i behind what the arena holds. False if it grew too large; what it left is to be taken back. */
  function writeEvent(input: MatchesInput, parts: Fragments, i: number, idOffset: number): boolean {
    const { batch, hits } = input
    const from = hits.starts[i] as number
    const to = hits.starts[i + 1] as number
    const limit = Math.min(out.length + maxEventBytes, maxBatchBytes)
    writer.writeHead(out, batch, i, ids, idOffset, to - from)
    const { separator } = writer
    const { slots } = hits.list
    const at = batch.columns.at[i] as number
    for (let k = from; k < to; k++) {
      const fragment = parts.of(slots[k] as number, at)
      if (out.length + separator.length + fragment.length > limit) return false
      out.reserve(separator.length + fragment.length)
      if (k > from) out.raw(separator)
      out.raw(fragment)
    }
    writer.writeTail(out, batch, i)
    return out.length <= limit
  }

  return {
    encodeMatches(input) {
      const { batch, hits, index, tenant, pseudonym, idKey, receivedMs, campaigns = null } = input
      const { columns } = batch
      if (hits.matched === 0) return null
      makeRoom(columns.count)
      writer.startBatch(tenant, pseudonym, receivedMs)
      const parts = fragments.of(index)
      parts.startBatch(tenant, campaigns)
      out.length = 0
      let count = 0
      for (let i = 0; i < columns.count; i++) {
        if (columns.reason[i] !== 0 || hits.starts[i] === hits.starts[i + 1]) continue
        const start = out.length
        eventId(idKey, batch, i, ids, count * EVENT_ID_BYTES)
        if (!writeEvent(input, parts, i, count * EVENT_ID_BYTES)) {
          out.length = start
          columns.reason[i] = EVENT_TOO_LARGE
          continue
        }
        ends[count] = out.length
        times[count] = columns.at[i] as number
        count++
      }
      if (count === 0) return null
      return {
        topic: 'matches',
        tenant,
        key: pseudonym,
        contentType,
        count,
        values: out.take(),
        ends: ends.slice(0, count),
        ids: ids.slice(0, count * EVENT_ID_BYTES),
        times: times.slice(0, count),
      }
    },
  }
}
