// A device's record as bytes: its person's choices, then a msgpack array, so that a store need not know what is in it. Never change a place; add a
// format.
import type { CapCount, VisitCampaigns } from '@fencepost/match/eligibility'
import { type ContentType, type RecordBatch, TOPICS } from '@fencepost/model'
import { type PackedPrivacy, type PrivacyState, packPrivacy, unpackPrivacy } from '@fencepost/policy'
import { Packr } from 'msgpackr'
import type { PresenceState, Visit } from './state.ts'

/** How far a node had followed the feed. */
export interface FeedPlace {
  readonly epoch: string
  readonly seq: number
}

/** What a store keeps of a device. */
export interface DeviceRecord {
  readonly tenant: string
  /** Of the node that wrote it: one that is behind does not decide. */
  readonly feed: FeedPlace
  readonly state: PresenceState
  /** What its person has chosen; null = nothing. */
  readonly privacy: PrivacyState | null
  /** Transitions that are decided and perhaps not published. */
  readonly pending: RecordBatch | null
}

const FORMAT = 2

const packr = new Packr({ useRecords: false, int64AsType: 'number' })

/** Before the array: bytes of the choices that lie between, little-endian. */
const CHOICES_AT = 4
const NO_CHOICES = new Uint8Array(0)

export function encodeRecord({ tenant, feed, state, privacy, pending }: DeviceRecord): Uint8Array {
  const { last, lastAt, received, skew, lastVisit, visits, caps } = state
  const choices = privacy === null ? NO_CHOICES : packedOf(privacy)
  const packed = packr.pack([
    FORMAT,
    tenant,
    feed.epoch,
    feed.seq,
    [last, lastAt, received, skew, lastVisit],
    visits.map(packVisit),
    caps.map(({ campaign, windowS, forgotten, times, tags }) => [campaign, windowS, forgotten, times, tags]),
    pending === null ? null : packBatch(pending),
  ])
  // Of its own: the packer's buffer is reused.
  const bytes = new Uint8Array(CHOICES_AT + choices.length + packed.length)
  new DataView(bytes.buffer).setUint32(0, choices.length, true)
  bytes.set(choices, CHOICES_AT)
  bytes.set(packed, CHOICES_AT + choices.length)
  return bytes
}

/** Choices stay the same from batch to batch: packed once, they are bytes that every record of theirs copies. */
const packedChoices = new WeakMap<PrivacyState, Uint8Array>()

function packedOf(privacy: PrivacyState): Uint8Array {
  const known = packedChoices.get(privacy)
  if (known !== undefined) return known
  const packed = new Uint8Array(packr.pack(packPrivacy(privacy)))
  packedChoices.set(privacy, packed)
  return packed
}

/**
 * Reads back what `encodeRecord` wrote.
 *
 * @throws RangeError for bytes that are none of its making, whatever they are
 */
export function decodeRecord(bytes: Uint8Array): DeviceRecord {
  try {
    const from = CHOICES_AT + new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
    const [format, tenant, epoch, seq, numbers, visits, caps, pending] = packr.unpack(
      bytes.subarray(from),
    ) as PackedRecord
    if (format !== FORMAT) throw new RangeError(`format ${String(format)}`)
    const [last, lastAt, received, skew, lastVisit] = numbers
    return {
      tenant,
      feed: { epoch, seq },
      state: { last, lastAt, received, skew, lastVisit, visits: visits.map(unpackVisit), caps: caps.map(unpackCount) },
      pending: pending === null ? null : unpackBatch(pending),
      privacy:
        from === CHOICES_AT ? null : unpackPrivacy(packr.unpack(bytes.subarray(CHOICES_AT, from)) as PackedPrivacy),
    }
  } catch (error) {
    throw new RangeError('a record of presence cannot be read', { cause: error })
  }
}

type PackedRecord = [
  number,
  string,
  string,
  number,
  [number | null, number, number, number, number],
  PackedVisit[],
  [string, number, number | null, number[], number[]][],
  PackedBatch | null,
]
type PackedVisit = [
  string,
  number,
  boolean,
  number,
  number,
  number,
  number,
  number,
  number | null,
  readonly number[],
  readonly [readonly string[], readonly string[], boolean],
]
type PackedBatch = [number, string, string, ContentType, Uint8Array, number[], Uint8Array, number[]]

function packVisit(visit: Visit): PackedVisit {
  const { fence, version, beacon, entered, enteredAt, seen, seenAt, outside, dwelled, campaigns } = visit
  const told = [campaigns.seen, campaigns.named, campaigns.free] as const
  return [fence, version, beacon, visit.visit, entered, enteredAt, seen, seenAt, outside, dwelled, told]
}

function unpackVisit(packed: PackedVisit): Visit {
  const [fence, version, beacon, visit, entered, enteredAt, seen, seenAt, outside, dwelled, told] = packed
  const campaigns: VisitCampaigns = { seen: told[0], named: told[1], free: told[2] }
  return { fence, version, beacon, visit, entered, enteredAt, seen, seenAt, outside, dwelled, campaigns }
}

function unpackCount([campaign, windowS, forgotten, times, tags]: PackedRecord[6][number]): CapCount {
  return { campaign, windowS, forgotten, times, tags }
}

function packBatch({ topic, tenant, key, contentType, values, ends, ids, times }: RecordBatch): PackedBatch {
  return [TOPICS.indexOf(topic), tenant, key, contentType, values, [...ends], ids, [...times]]
}

function unpackBatch([topic, tenant, key, contentType, values, ends, ids, times]: PackedBatch): RecordBatch {
  const name = TOPICS[topic]
  if (name === undefined) throw new RangeError(`topic ${topic}`)
  return {
    topic: name,
    tenant,
    key,
    contentType,
    count: ends.length,
    values: Uint8Array.from(values),
    ends: Uint32Array.from(ends),
    ids: Uint8Array.from(ids),
    times: Float64Array.from(times),
  }
}
