// Reads the journal back by cursor. A cursor is the record's sequence number in its topic, as decimal digits.
import {
  type Logger,
  type RecordBatch,
  recordHeaders,
  recordValue,
  type StoredRecord,
  type Topic,
} from '@fencepost/model'
import { DamagedError } from './damage.ts'
import { decodeFrame } from './frame.ts'
import { decodeFrameKey, frameKeyAt, topicEnd } from './keys.ts'
import type { Store } from './store.ts'
import type { TopicState } from './topic-state.ts'

export interface CursorRecord {
  readonly cursor: string
  readonly record: StoredRecord
}

export interface ReadResult {
  /** In order of their cursors. Empty = nothing newer yet. May be fewer than asked for although more follow: go on after the last. */
  readonly records: CursorRecord[]
  /** `after` lies before the oldest record kept: what came next has been deleted. */
  readonly gone: boolean
}

/** Bytes of values after which one read ends, so that it holds up neither memory nor the event loop. */
const MAX_READ_BYTES = 4 * 1024 * 1024
const KEYS_AT_ONCE = 64

/** Reads a cursor as `/v1/events` takes it: decimal digits, at most 15 of them; anything else is undefined. */
export function parseCursor(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

export interface ReaderCounters {
  /** Frames left out because they could not be read. */
  damagedFrames: number
}

/** Up to `limit` records after the sequence number `after` (exclusive; null = from the oldest). */
export function readAfter(
  store: Store,
  state: TopicState,
  after: number | null,
  limit: number,
  parts: { readonly logger: Logger; readonly counters: ReaderCounters },
): ReadResult {
  const from = after === null ? state.floorSeq : after + 1
  if (from < state.floorSeq) return { records: [], gone: true }
  const { topic } = state
  const records: CursorRecord[] = []
  let bytes = 0
  let start = store.lastKey(frameKeyAt(topic, from + 1), frameKeyAt(topic, 0)) ?? frameKeyAt(topic, from)
  for (;;) {
    const keys = store.keys(start, topicEnd(topic), KEYS_AT_ONCE)
    for (const key of keys) {
      if (records.length >= limit || bytes >= MAX_READ_BYTES) return { records, gone: false }
      bytes += readFrame(store, key, topic, from, limit, records, parts)
    }
    if (keys.length < KEYS_AT_ONCE) return { records, gone: false }
    start = Buffer.concat([keys[KEYS_AT_ONCE - 1] as Buffer, ZERO])
  }
}

/** Appended to a key it gives the next possible one. */
const ZERO = Buffer.from([0])

function readFrame(
  store: Store,
  key: Buffer,
  topic: Topic,
  from: number,
  limit: number,
  into: CursorRecord[],
  parts: { readonly logger: Logger; readonly counters: ReaderCounters },
): number {
  const { seq } = decodeFrameKey(key)
  let bytes = 0
  try {
    const frame = store.get(key)
    if (frame === undefined) return 0
    for (const { first, batch } of decodeFrame(frame, topic, from - seq)) {
      for (let i = Math.max(0, from - seq - first); i < batch.count && into.length < limit; i++) {
        const record = cursorRecord(batch, i, seq + first)
        bytes += record.record.value.length
        into.push(record)
      }
    }
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error
    // What can be read is read: one damaged frame must not hide those after it.
    parts.counters.damagedFrames++
    parts.logger.error({ topic, cursor: seq, error: error.message }, 'journal frame damaged, left out')
  }
  return bytes
}

/** Record i of a batch whose first has the sequence number `seq`. */
export function cursorRecord(batch: RecordBatch, i: number, seq: number): CursorRecord {
  const { topic, key } = batch
  return {
    cursor: String(seq + i),
    record: { topic, key, headers: recordHeaders(batch, i), value: recordValue(batch, i) },
  }
}
