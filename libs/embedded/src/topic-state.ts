// Where each topic stands, kept in memory so that neither a publish nor a scrape asks the store.
import type { Topic } from '@fencepost/model'
import { frameRecords } from './frame.ts'
import { decodeFloor, decodeFrameKey, type FrameKey, floorKey, frameKeyAt, topicEnd } from './keys.ts'
import type { Store } from './store.ts'

export interface TopicState {
  readonly topic: Topic
  /** Sequence number of the next record. Grows with failed commits too: no number is ever used twice. */
  nextSeq: number
  /** Bytes of all frames that the topic ever had. */
  bytesEver: number
  /** Key of the oldest frame kept, or undefined when there is none. */
  oldest: FrameKey | undefined
}

/** Sequence number of the oldest record that a reader can still ask for. */
export function oldestSeq(state: TopicState): number {
  return state.oldest?.seq ?? state.nextSeq
}

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

/** Reads where a topic stands: two keys, at most one value and the floor, however long the journal is. */
export function loadTopicState(store: Store, topic: Topic): TopicState {
  const floor = store.get(floorKey(topic))
  const state: TopicState = {
    topic,
    nextSeq: 1,
    bytesEver: 0,
    oldest: undefined,
    ...(floor === undefined ? {} : fromFloor(floor)),
  }
  const [first] = store.keys(frameKeyAt(topic, 0), topicEnd(topic), 1)
  const last = store.lastKey(topicEnd(topic), frameKeyAt(topic, 0))
  if (first === undefined || last === undefined) return state
  const { seq, bytesBefore } = decodeFrameKey(last)
  const frame = store.get(last) as Buffer
  state.oldest = decodeFrameKey(first)
  state.nextSeq = Math.max(state.nextSeq, seq + lastFrameRecords(frame))
  state.bytesEver = Math.max(state.bytesEver, bytesBefore + storedBytes(frame.length))
  return state
}

function fromFloor(bytes: Buffer): Pick<TopicState, 'nextSeq' | 'bytesEver'> {
  const { nextSeq, bytesBefore } = decodeFloor(bytes)
  return { nextSeq, bytesEver: bytesBefore }
}

/** A damaged last frame must not stop the node: its length bounds how many records it can have had. */
function lastFrameRecords(frame: Buffer): number {
  try {
    return frameRecords(frame)
  } catch {
    return frame.length
  }
}
