// Encoded events on their way to a sink. The sink decides nothing: topic, key and bytes are settled before it sees them.

/** Topics by the short name that `/v1/events?topic=` takes too. */
export const TOPICS = ['matches', 'transitions', 'erasures'] as const
export type Topic = (typeof TOPICS)[number]

export type ContentType = 'application/json' | 'application/msgpack'

/** CloudEvents `type` of a topic's records. */
export const EVENT_TYPES: Readonly<Record<Topic, string>> = {
  matches: 'fencepost.match.v1',
  transitions: 'fencepost.transition.v1',
  erasures: 'fencepost.erasure.v1',
}

/** CloudEvents `source` of every record. */
export const EVENT_SOURCE = '/fencepost/ingest'

/** Bytes of an event id. In JSON, msgpack and headers it is written as 32 lower-case hex digits. */
export const EVENT_ID_BYTES = 16

/** The events of one batch for one topic, in their order. All of one device, so of one key. Whoever gets it may keep it. */
export interface RecordBatch {
  readonly topic: Topic
  readonly tenant: string
  /** The device's pseudonym: the record key, so that a device stays on one partition. */
  readonly key: string
  readonly contentType: ContentType
  readonly count: number
  /** All values back to back; value i is `values.subarray(i === 0 ? 0 : ends[i - 1], ends[i])`. */
  readonly values: Uint8Array
  readonly ends: Uint32Array
  /** EVENT_ID_BYTES a record. */
  readonly ids: Uint8Array
  /** Epoch ms of each event (`at`), for the CloudEvents `time`. */
  readonly times: Float64Array
}

/** One record as a reader sees it. */
export interface StoredRecord {
  readonly topic: Topic
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly value: Uint8Array
}

/** What a batch counts as against in-flight limits: its values and a fixed share a record for headers and book-keeping. */
export function recordBatchBytes(batch: RecordBatch): number {
  return batch.values.length + batch.count * RECORD_OVERHEAD_BYTES
}

/** Headers, key, id and offsets of one record, rounded up: measured 250..290 bytes with CloudEvents headers. */
export const RECORD_OVERHEAD_BYTES = 320

/** Value i of a batch, a view. */
export function recordValue(batch: RecordBatch, i: number): Uint8Array {
  return batch.values.subarray(i === 0 ? 0 : batch.ends[i - 1], batch.ends[i])
}

/** Id i of a batch as 32 hex digits. */
export function recordId(batch: RecordBatch, i: number): string {
  let id = ''
  for (let j = i * EVENT_ID_BYTES; j < (i + 1) * EVENT_ID_BYTES; j++) id += HEX[batch.ids[j] as number]
  return id
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Headers of record i: CloudEvents 1.0 in Kafka's binary mode, and `tenant`. The same in every sink. */
export function recordHeaders(batch: RecordBatch, i: number): Record<string, string> {
  return {
    ce_specversion: '1.0',
    ce_id: recordId(batch, i),
    ce_source: EVENT_SOURCE,
    ce_type: EVENT_TYPES[batch.topic],
    ce_time: new Date(batch.times[i] as number).toISOString(),
    'content-type': batch.contentType,
    tenant: batch.tenant,
  }
}
