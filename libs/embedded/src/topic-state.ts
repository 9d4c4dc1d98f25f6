// Where each topic stands, kept in memory so that neither a publish nor a scrape asks the store.
import { TOPICS, type Topic } from '@fencepost/model'
import { DamagedError } from './damage.ts'
import { frameRecords } from './frame.ts'
import { decodeFloor, decodeFrameKey, type FrameKey, floorKey, frameKeyAt, type TopicFloor, topicEnd } from './keys.ts'
import { SealError } from './seal.ts'
import type { Store } from './store.ts'

export interface TopicState {
  readonly topic: Topic
  /** Sequence number of the next record. Grows with failed commits too: no number is ever used twice. */
  nextSeq: number
  /** One more than the newest durable record's. */
  durableSeq: number
  /** Records before this one have been deleted. Only retention moves it. */
  floorSeq: number
  /** Bytes of all frames that the topic ever had. */
  bytesEver: number
  /** Key of the oldest frame kept, or undefined when there is none. */
  oldest: FrameKey | undefined
}

export type TopicStates = Readonly<Record<Topic, TopicState>>

/** Bytes of the frames kept. */
export function keptBytes(state: TopicState): number {
  return state.oldest === undefined ? 0 : state.bytesEver - state.oldest.bytesBefore
}

const PAGE_BYTES = 4096
/** A larger frame leaves the leaf for pages of its own. */
const LEAF_FRAME_BYTES = 2000

/** What a frame takes on disk: whole pages, or twice itself in a leaf, because leaves that split stay half empty. */
export function storedBytes(frameLength: number): number {
  if (frameLength <= LEAF_FRAME_BYTES) return 2 * (frameLength + 40)
  return Math.ceil((frameLength + 24) / PAGE_BYTES) * PAGE_BYTES
}

/** Reads where every topic stands. */
export function loadTopicStates(store: Store): TopicStates {
  return Object.fromEntries(TOPICS.map((topic) => [topic, loadTopicState(store, topic)])) as Record<Topic, TopicState>
}

/** Two keys, at most one value and the floor, however long the journal is. */
function loadTopicState(store: Store, topic: Topic): TopicState {
  const floor = store.get(floorKey(topic))
  const { nextSeq, floorSeq, bytesBefore } = floor === undefined ? NO_FLOOR : decodeFloor(floor)
  const empty: TopicState = { topic, nextSeq, durableSeq: nextSeq, floorSeq, bytesEver: bytesBefore, oldest: undefined }
  const [first] = store.keys(frameKeyAt(topic, 0), topicEnd(topic), 1)
  const last = store.lastKey(topicEnd(topic), frameKeyAt(topic, 0))
  if (first === undefined || last === undefined) return empty
  const newest = decodeFrameKey(last)
  const { bytes, records } = sizeOf(store, last)
  const next = Math.max(nextSeq, newest.seq + records)
  return {
    topic,
    nextSeq: next,
    durableSeq: next,
    floorSeq,
    bytesEver: Math.max(bytesBefore, newest.bytesBefore + storedBytes(bytes)),
    oldest: decodeFrameKey(first),
  }
}

const NO_FLOOR: TopicFloor = { nextSeq: 1, floorSeq: 1, bytesBefore: 0 }

/** A damaged last frame must not stop the node: its length bounds how many records it can have had. */
function sizeOf(store: Store, key: Buffer): { readonly bytes: number; readonly records: number } {
  let bytes = 0
  try {
    const frame = store.get(key) as Buffer
    bytes = frame.length
    return { bytes, records: frameRecords(frame) }
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error
    if (error instanceof SealError) bytes = error.bytes
    return { bytes, records: bytes }
  }
}
