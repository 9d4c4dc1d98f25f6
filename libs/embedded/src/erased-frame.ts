// Frames without the batches of some keys: each gives way to a hole of as many records, so that no sequence number moves.
import {
  BATCH_HEADER_BYTES,
  batchEnd,
  batchKey,
  batchRecords,
  checkFrame,
  HEADER_BYTES,
  HOLE,
  HOLED_VERSION,
  isHole,
  writeHeader,
} from './frame.ts'

/**
 * The frame with holes in place of all batches of these keys, and how many records they had; null when it has none. Throws a FrameError when it is
 * damaged.
 */
export function withoutKeys(
  frame: Buffer,
  keys: ReadonlySet<string>,
): { readonly frame: Buffer; readonly records: number } | null {
  const { batches, records } = checkFrame(frame)
  const parts: Buffer[] = [Buffer.alloc(HEADER_BYTES)]
  let erased = 0
  let at = HEADER_BYTES
  for (let i = 0; i < batches; i++) {
    const end = batchEnd(frame, at, i)
    if (isHole(frame, at) || !keys.has(batchKey(frame, at))) parts.push(frame.subarray(at, end))
    else {
      const count = batchRecords(frame, at)
      parts.push(hole(count))
      erased += count
    }
    at = end
  }
  if (erased === 0) return null
  return { frame: framed(parts, { batches, records }), records: erased }
}

/** A frame of nothing but a hole of so many records. */
export function holeFrame(records: number): Buffer {
  return framed([Buffer.alloc(HEADER_BYTES), hole(records)], { batches: 1, records })
}

function framed(parts: readonly Buffer[], header: { batches: number; records: number }): Buffer {
  const frame = Buffer.concat(parts)
  writeHeader(frame, { version: HOLED_VERSION, ...header })
  return frame
}

function hole(records: number): Buffer {
  const bytes = Buffer.alloc(BATCH_HEADER_BYTES)
  bytes.writeUInt32LE(BATCH_HEADER_BYTES - 4, 0)
  bytes.writeUInt32LE(records, 4)
  bytes.writeUInt8(HOLE, 9)
  return bytes
}
