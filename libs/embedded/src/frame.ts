// The stored form of the record batches that became durable together: one frame is one LMDB value. Pure bytes in, bytes out.
// Little-endian. Header (16 bytes): version, 3 zero bytes, crc32 of all that follows it, batches, records. Then each batch:
// bytes that follow, records, content type, flags, tenant length, key length, two zero bytes; tenant, key; times, ends, ids, values.
// A hole is a batch that was erased: flag 1, its count of records, and nothing else. A frame that has one is of version 2.
import { crc32 } from 'node:zlib'
import { type ContentType, EVENT_ID_BYTES, type RecordBatch, type Topic } from '@fencepost/model'
import { DamagedError } from './damage.ts'

/** Of frames as they are published, without holes. */
export const FRAME_VERSION = 1
/** Of frames with holes: who knows only the first must not take them for batches. */
export const HOLED_VERSION = 2
export const HEADER_BYTES = 16
const CHECKED_FROM = 8
export const BATCH_HEADER_BYTES = 16
/** A batch's flags. */
export const HOLE = 1
/** Bytes of a record beside its value: time, end, id. */
const RECORD_BYTES = 8 + 4 + EVENT_ID_BYTES
const MAX_TEXT_BYTES = 0xffff
const CONTENT_TYPES: readonly ContentType[] = ['application/json', 'application/msgpack']

/** A stored frame that cannot be read: damaged, or written by a newer version. */
export class FrameError extends DamagedError {}

/** A frame that a newer version has written: nothing says that it is damaged. */
export class FrameVersionError extends FrameError {}

/** Upper bound of what `batch` adds to a frame. */
export function frameBytes(batch: RecordBatch): number {
  return (
    BATCH_HEADER_BYTES +
    3 * (batch.tenant.length + batch.key.length) + // a UTF-16 unit is at most three bytes of UTF-8
    batch.count * RECORD_BYTES +
    valueBytes(batch)
  )
}

/** Collects batches into one frame. Reused: `reset` starts the next frame in the same memory. */
export class FrameWriter {
  records = 0
  batches = 0
  #bytes: Buffer
  #view: DataView
  #length = HEADER_BYTES

  constructor(capacity: number) {
    // Never from Node's shared pool: the store reads these bytes in another thread.
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get capacity(): number {
    return this.#bytes.length
  }

  /** Bytes of the frame so far. */
  get length(): number {
    return this.#length
  }

  reset(): void {
    this.records = 0
    this.batches = 0
    this.#length = HEADER_BYTES
  }

  /** Copies a batch in. Throws a RangeError, and adds nothing, when tenant or key exceed 65,535 bytes. */
  add(batch: RecordBatch): void {
    this.#reserve(frameBytes(batch))
    const bytes = this.#bytes
    const view = this.#view
    const { count, ends, ids, times, values } = batch
    const start = this.#length
    let at = start + BATCH_HEADER_BYTES
    const tenantBytes = bytes.write(batch.tenant, at)
    at += tenantBytes
    const keyBytes = bytes.write(batch.key, at)
    at += keyBytes
    if (tenantBytes > MAX_TEXT_BYTES || keyBytes > MAX_TEXT_BYTES) {
      throw new RangeError(`tenant and key may have ${MAX_TEXT_BYTES} bytes, got ${tenantBytes} and ${keyBytes}`)
    }
    for (let i = 0; i < count; i++, at += 8) view.setFloat64(at, times[i] as number, true)
    for (let i = 0; i < count; i++, at += 4) view.setUint32(at, ends[i] as number, true)
    const idBytes = count * EVENT_ID_BYTES
    bytes.set(ids.length === idBytes ? ids : ids.subarray(0, idBytes), at)
    at += idBytes
    const length = valueBytes(batch)
    bytes.set(values.length === length ? values : values.subarray(0, length), at)
    at += length
    view.setUint32(start, at - start - 4, true)
    view.setUint32(start + 4, count, true)
    view.setUint8(start + 8, CONTENT_TYPES.indexOf(batch.contentType))
    view.setUint8(start + 9, 0)
    view.setUint16(start + 10, tenantBytes, true)
    view.setUint16(start + 12, keyBytes, true)
    view.setUint16(start + 14, 0, true)
    this.#length = at
    this.records += count
    this.batches++
  }

  /** The finished frame: a view, good until the next `reset` or `add`. */
  finish(): Buffer {
    const frame = this.#bytes.subarray(0, this.#length)
    writeHeader(frame, { version: FRAME_VERSION, batches: this.batches, records: this.records })
    return frame
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** Writes the header of a frame whose batches are there already. */
export function writeHeader(frame: Buffer, header: { version: number; batches: number; records: number }): void {
  frame.writeUInt32LE(header.version, 0)
  frame.writeUInt32LE(header.batches, 8)
  frame.writeUInt32LE(header.records, 12)
  frame.writeUInt32LE(crc32(frame.subarray(CHECKED_FROM)), 4)
}

/**
 * The batches of a frame in their order, as views of `frame`, without its holes; `fromRecord` leaves out whole batches before that record, `keys` those
 * of other keys. `first` is the position in the frame of a batch's first record. Throws a FrameError when the frame is damaged.
 */
export function decodeFrame(
  frame: Buffer,
  topic: Topic,
  fromRecord = 0,
  keys?: ReadonlySet<string>,
): { first: number; batch: RecordBatch }[] {
  const { batches } = checkFrame(frame)
  const found: { first: number; batch: RecordBatch }[] = []
  let at = HEADER_BYTES
  let first = 0
  for (let i = 0; i < batches; i++) {
    const end = batchEnd(frame, at, i)
    const count = batchRecords(frame, at)
    const wanted = first + count > fromRecord && !isHole(frame, at)
    if (wanted && (keys === undefined || keys.has(batchKey(frame, at))))
      found.push({ first, batch: decodeBatch(frame, at, end, count, topic) })
    first += count
    at = end
  }
  return found
}

/** Where the i-th batch of a frame, which begins at `at`, ends. Throws a FrameError when that is not in the frame. */
export function batchEnd(frame: Buffer, at: number, i: number): number {
  if (at + BATCH_HEADER_BYTES > frame.length) throw new FrameError(`batch ${i} begins beyond the frame's end`)
  const end = at + 4 + frame.readUInt32LE(at)
  if (end > frame.length) throw new FrameError(`batch ${i} ends beyond the frame's end`)
  return end
}

/** Records of the batch, or the hole, at `at`. */
export function batchRecords(frame: Buffer, at: number): number {
  return frame.readUInt32LE(at + 4)
}

export function isHole(frame: Buffer, at: number): boolean {
  return (frame.readUInt8(at + 9) & HOLE) !== 0
}

/** Key of the batch at `at`. */
export function batchKey(frame: Buffer, at: number): string {
  const start = at + BATCH_HEADER_BYTES + frame.readUInt16LE(at + 10)
  return frame.toString('utf8', start, start + frame.readUInt16LE(at + 12))
}

/** How many records a frame has. Throws a FrameError when it is damaged. */
export function frameRecords(frame: Buffer): number {
  return checkFrame(frame).records
}

/** What the header says, when the frame is as it was written. Throws a FrameError when it is not. */
export function checkFrame(frame: Buffer): { batches: number; records: number } {
  if (frame.length < HEADER_BYTES)
    throw new FrameError(`a frame has ${HEADER_BYTES} bytes and more, got ${frame.length}`)
  const version = frame.readUInt32LE(0)
  if (version < FRAME_VERSION || version > HOLED_VERSION)
    throw new FrameVersionError(`frame version must be ${FRAME_VERSION}..${HOLED_VERSION}, got ${version}`)
  const stored = frame.readUInt32LE(4)
  const computed = crc32(frame.subarray(CHECKED_FROM))
  if (stored !== computed) throw new FrameError(`frame checksum is ${hex(computed)}, stored ${hex(stored)}`)
  return { batches: frame.readUInt32LE(8), records: frame.readUInt32LE(12) }
}

function decodeBatch(frame: Buffer, start: number, end: number, count: number, topic: Topic): RecordBatch {
  const contentType = CONTENT_TYPES[frame.readUInt8(start + 8)]
  if (contentType === undefined) throw new FrameError(`unknown content type ${frame.readUInt8(start + 8)}`)
  const tenantEnd = start + BATCH_HEADER_BYTES + frame.readUInt16LE(start + 10)
  const keyEnd = tenantEnd + frame.readUInt16LE(start + 12)
  let at = keyEnd
  if (at + count * RECORD_BYTES > end) throw new FrameError(`a batch of ${count} records ends too early`)
  const times = new Float64Array(count)
  for (let i = 0; i < count; i++, at += 8) times[i] = frame.readDoubleLE(at)
  const ends = new Uint32Array(count)
  for (let i = 0; i < count; i++, at += 4) ends[i] = frame.readUInt32LE(at)
  const ids = frame.subarray(at, at + count * EVENT_ID_BYTES)
  at += ids.length
  const values = frame.subarray(at, end)
  if (count > 0 && ends[count - 1] !== values.length) {
    throw new FrameError(`values end at ${ends[count - 1]}, the batch has ${values.length} bytes of them`)
  }
  return {
    topic,
    tenant: frame.toString('utf8', start + BATCH_HEADER_BYTES, tenantEnd),
    key: frame.toString('utf8', tenantEnd, keyEnd),
    contentType,
    count,
    values,
    ends,
    ids,
    times,
  }
}

function valueBytes(batch: RecordBatch): number {
  return batch.count === 0 ? 0 : (batch.ends[batch.count - 1] as number)
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0')
}
