// Batches of records on their way to another thread: one buffer that changes hands for all their bytes, and a flat list of what is
// not bytes. Several small objects with four arrays each would cost more to clone than everything else that is done with them.
import { type ContentType, EVENT_ID_BYTES, type RecordBatch, type Topic } from '@fencepost/model'

export interface RecordParcel {
  /** HEAD_FIELDS a batch: topic, tenant, key, content type, count, bytes of values. */
  readonly heads: readonly (string | number)[]
  /** For each batch its times, ends, ids and values, from a multiple of ALIGNMENT on. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

const HEAD_FIELDS = 6
/** Of a Float64Array. */
const ALIGNMENT = 8

export function packParcel(batches: readonly RecordBatch[]): RecordParcel {
  const heads: (string | number)[] = []
  let length = 0
  for (const { topic, tenant, key, contentType, count, values } of batches) {
    heads.push(topic, tenant, key, contentType, count, values.length)
    length += aligned(bytesOf(count, values.length))
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const { count, values, ends, ids, times } of batches) {
    bytes.set(new Uint8Array(times.buffer, times.byteOffset, 8 * count), at)
    bytes.set(new Uint8Array(ends.buffer, ends.byteOffset, 4 * count), at + 8 * count)
    bytes.set(ids, at + 12 * count)
    bytes.set(values, at + (12 + EVENT_ID_BYTES) * count)
    at += aligned(bytesOf(count, values.length))
  }
  return { heads, bytes }
}

/** The batches as they were; their arrays are views of the parcel. */
export function unpackParcel({ heads, bytes: { buffer } }: RecordParcel): RecordBatch[] {
  const batches: RecordBatch[] = []
  let at = 0
  for (let i = 0; i < heads.length; i += HEAD_FIELDS) {
    const count = heads[i + 4] as number
    const valueBytes = heads[i + 5] as number
    batches.push({
      topic: heads[i] as Topic,
      tenant: heads[i + 1] as string,
      key: heads[i + 2] as string,
      contentType: heads[i + 3] as ContentType,
      count,
      times: new Float64Array(buffer, at, count),
      ends: new Uint32Array(buffer, at + 8 * count, count),
      ids: new Uint8Array(buffer, at + 12 * count, EVENT_ID_BYTES * count),
      values: new Uint8Array(buffer, at + (12 + EVENT_ID_BYTES) * count, valueBytes),
    })
    at += aligned(bytesOf(count, valueBytes))
  }
  return batches
}

function bytesOf(count: number, valueBytes: number): number {
  return (12 + EVENT_ID_BYTES) * count + valueBytes
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT
}
