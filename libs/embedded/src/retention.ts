// Deletes the oldest frames, by age and by bytes, in small transactions beside the publishes.
import { TOPICS } from '@fencepost/model'
import { decodeFrameKey, encodeFloor, type FrameKey, floorKey, frameKeyAt } from './keys.ts'
import type { Change, Store } from './store.ts'
import { keptBytes, type TopicState, type TopicStates } from './topic-state.ts'

/** Frames that one transaction removes at most: a publish behind it waits for no more than that. */
export const MAX_STEP_FRAMES = 256

export interface RetentionLimits {
  /** A frame older than this is deleted. */
  readonly retentionMs: number
  /** Of all topics together; beyond it the oldest frames go before their time, but never a topic's newest. */
  readonly retentionBytes: number
}

/** Removes at most MAX_STEP_FRAMES frames that are due. Resolves with how many, 0 meaning that nothing is due any more. */
export async function expireStep(
  store: Store,
  states: TopicStates,
  limits: RetentionLimits,
  nowMs: number,
): Promise<number> {
  const state = topicOfOldestFrame(states)
  if (state === undefined) return 0
  const excess = TOPICS.reduce((sum, topic) => sum + keptBytes(states[topic]), 0) - limits.retentionBytes
  // One more than may go, because the first that stays is the topic's new oldest. What is stored may be ahead of what has been
  // acknowledged; that is left alone.
  const { topic, durableSeq } = state
  const keys = store.keys(frameKeyAt(topic, 0), frameKeyAt(topic, durableSeq), MAX_STEP_FRAMES + 1)
  const frames = keys.map(decodeFrameKey)
  const due = dueFrames(frames, excess, nowMs - limits.retentionMs)
  if (due === 0) return 0
  // Readers are told before the frames go, never after: nobody may be led over a hole.
  const before = { oldest: state.oldest, floorSeq: state.floorSeq }
  state.oldest = frames[due]
  state.floorSeq = state.oldest?.seq ?? durableSeq
  const { nextSeq, floorSeq, bytesEver } = state
  const changes: Change[] = keys.slice(0, due).map((key) => ({ key, value: undefined }))
  changes.push({ key: floorKey(topic), value: encodeFloor({ nextSeq, floorSeq, bytesBefore: bytesEver }) })
  try {
    await store.write(changes)
  } catch (error) {
    Object.assign(state, before)
    throw error
  }
  return due
}

/**
 * How many of the frames, oldest first, are too old or have to make up for the excess bytes. Bytes never take the last of them,
 * which may be the topic's newest: nobody has had the time to read what was only just acknowledged.
 */
function dueFrames(frames: readonly FrameKey[], excess: number, expiredBefore: number): number {
  let due = 0
  while (due < frames.length && due < MAX_STEP_FRAMES) {
    const { writtenMs, bytesBefore } = frames[due] as FrameKey
    const freed = bytesBefore - (frames[0] as FrameKey).bytesBefore
    const spared = freed >= excess || due === frames.length - 1
    if (writtenMs >= expiredBefore && spared) break
    due++
  }
  return due
}

function topicOfOldestFrame(states: TopicStates): TopicState | undefined {
  let found: TopicState | undefined
  let oldestMs = Number.POSITIVE_INFINITY
  for (const topic of TOPICS) {
    const writtenMs = states[topic].oldest?.writtenMs ?? Number.POSITIVE_INFINITY
    if (writtenMs < oldestMs) {
      found = states[topic]
      oldestMs = writtenMs
    }
  }
  return found
}
