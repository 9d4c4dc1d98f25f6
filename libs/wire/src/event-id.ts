// The id of a match: the same for retries, re-batching, either shape, other nodes and replays.
import { type Batch, BEACON_ID_BYTES, EVENT_ID_BYTES, LIMITS, LOCATION, type TransitionKind } from '@fencepost/model'
import { sipHash128 } from './siphash.ts'

// What is hashed begins with one of these, so that no ref can equal an observation.
const OF_REF = 1
const OF_OBSERVATION = 2
const OF_TRANSITION = 3

/** Longest input (domain and a ref), and the room that the hash pads into. Little-endian like every machine Node runs on. */
const input = new Uint8Array(Math.ceil((1 + LIMITS.refBytes) / 8) * 8 + 8)
const words = new Uint32Array(input.buffer)
const view = new DataView(input.buffer)

/**
 * Writes the 16 byte id of ping i at `offset`: SipHash-2-4-128, keyed by `idKey` (four little-endian words, the subject's), of
 * the ping's ref if it has one, else of its observed time and what was observed: e7 coordinates and accuracy, or beacon and
 * rssi. The ping must not be a refused one.
 */
export function eventId(idKey: Uint32Array, batch: Batch, i: number, out: Uint8Array, offset: number): void {
  const { columns } = batch
  const refLength = columns.refLength[i] as number
  let length: number
  if (refLength > 0) {
    const { text } = batch
    const start = columns.refStart[i] as number
    input[0] = OF_REF
    for (let j = 0; j < refLength; j++) input[1 + j] = text[start + j] as number
    length = 1 + refLength
  } else {
    const type = columns.type[i] as number
    input[0] = OF_OBSERVATION
    input[1] = type
    view.setFloat64(2, columns.observed[i] as number, true)
    if (type === LOCATION) {
      view.setInt32(10, columns.latE7[i] as number, true)
      view.setInt32(14, columns.lonE7[i] as number, true)
      view.setInt32(18, columns.accuracyDm[i] as number, true)
      length = 22
    } else {
      const kind = columns.beaconKind[i] as number
      const size = BEACON_ID_BYTES[kind] as number
      const start = i * LIMITS.beaconIdBytes
      input[10] = kind
      for (let j = 0; j < size; j++) input[11 + j] = columns.beaconId[start + j] as number
      view.setInt16(11 + size, columns.rssi[i] as number, true)
      length = 13 + size
    }
  }
  sipHash128(idKey, words, length, out, offset)
}

const KINDS: Readonly<Record<TransitionKind, number>> = { enter: 1, dwell: 2, exit: 3 }
/** Bytes before the fence's id: domain, kind, visit, dwell. */
const TRANSITION_HEAD = 14

/**
 * The 16 byte id of a transition: the same hash of its kind, visit, seconds (of a dwell) and fence. Allocates; transitions are few.
 */
export function transitionId(
  idKey: Uint32Array,
  kind: TransitionKind,
  fence: string,
  visit: number,
  dwellS: number | null,
): Uint8Array {
  const name = Buffer.from(fence, 'utf8')
  const length = TRANSITION_HEAD + name.length
  const bytes = new Uint8Array(Math.ceil(length / 8) * 8 + 8)
  const fields = new DataView(bytes.buffer)
  bytes[0] = OF_TRANSITION
  bytes[1] = KINDS[kind]
  fields.setFloat64(2, visit, true)
  fields.setUint32(10, dwellS ?? 0, true)
  bytes.set(name, TRANSITION_HEAD)
  const id = new Uint8Array(EVENT_ID_BYTES)
  sipHash128(idKey, new Uint32Array(bytes.buffer), length, id, 0)
  return id
}
