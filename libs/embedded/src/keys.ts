// Keys of the journal's one LMDB tree. A frame's key carries all that retention and statistics ask for, so that neither reads values:
// topic (1 byte), first sequence number (8), epoch ms of the commit (8), bytes stored in the topic before it (8). Big-endian: in order.
import type { Topic } from '@fencepost/model'

export interface FrameKey {
  /** Sequence number of the frame's first record. */
  readonly seq: number
  /** Epoch ms at which the frame went to disk. */
  readonly writtenMs: number
  /** Bytes of all frames that the topic ever had before this one. */
  readonly bytesBefore: number
}

/** What retention leaves behind of a topic, so that no sequence number is used twice even when no frame is left. */
export interface TopicFloor {
  readonly nextSeq: number
  /** Records before this one have been deleted. */
  readonly floorSeq: number
  readonly bytesBefore: number
}

/** Stored numbers of topics: never renumber one. */
const TOPIC_CODES: Readonly<Record<Topic, number>> = { matches: 1, transitions: 2, erasures: 3 }
const META = 0
const FORMAT = 0
const PROBE = 255

/** Holds the number of the folder's format. */
export const FORMAT_KEY = Buffer.from([META, FORMAT])
/** Written to find out whether the disk takes writes again. */
export const PROBE_KEY = Buffer.from([META, PROBE])

/** Key of the topic's floor. */
export function floorKey(topic: Topic): Buffer {
  return Buffer.from([META, TOPIC_CODES[topic]])
}

export function encodeFloor(floor: TopicFloor): Buffer {
  const bytes = Buffer.allocUnsafeSlow(24)
  writeNumber(bytes, floor.nextSeq, 0)
  writeNumber(bytes, floor.floorSeq, 8)
  writeNumber(bytes, floor.bytesBefore, 16)
  return bytes
}

export function decodeFloor(bytes: Buffer): TopicFloor {
  return { nextSeq: readNumber(bytes, 0), floorSeq: readNumber(bytes, 8), bytesBefore: readNumber(bytes, 16) }
}

export function encodeFrameKey(topic: Topic, key: FrameKey): Buffer {
  const bytes = Buffer.allocUnsafe(25)
  bytes[0] = TOPIC_CODES[topic]
  writeNumber(bytes, key.seq, 1)
  writeNumber(bytes, key.writtenMs, 9)
  writeNumber(bytes, key.bytesBefore, 17)
  return bytes
}

export function decodeFrameKey(bytes: Buffer): FrameKey {
  return { seq: readNumber(bytes, 1), writtenMs: readNumber(bytes, 9), bytesBefore: readNumber(bytes, 17) }
}

/** Lower bound of the topic's frames that begin at `seq` or later. */
export function frameKeyAt(topic: Topic, seq: number): Buffer {
  const bytes = Buffer.allocUnsafe(9)
  bytes[0] = TOPIC_CODES[topic]
  writeNumber(bytes, seq, 1)
  return bytes
}

/** Upper bound of the topic's frames, exclusive. */
export function topicEnd(topic: Topic): Buffer {
  return Buffer.from([TOPIC_CODES[topic] + 1])
}

// 48 of the 64 bits, which is what Buffer writes as a number: 2.8e14 records, bytes or milliseconds (year 10,889).
function writeNumber(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt16BE(0, at)
  bytes.writeUIntBE(value, at + 2, 6)
}

function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUIntBE(at + 2, 6)
}
