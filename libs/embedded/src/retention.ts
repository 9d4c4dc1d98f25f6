// Deletes the oldest frames, by age and by bytes, in small transactions beside the publishes.
import { decodeFrameKey, encodeFloor, type FrameKey, floorKey, frameKeyAt, topicEnd } from './keys.ts'
import type { Change, Store } from './store.ts'
import { keptBytes, type TopicState } from './topic-state.ts'

/** Frames that one transaction removes at most: a publish behind it waits for no more than that. */
export const MAX_STEP_FRAMES = 256

export interface RetentionLimits {
  /** A frame older than this is deleted. */
  readonly retentionMs: number
  /** Of all topics together; beyond it the oldest frames go before their time. */
  readonly retentionBytes: number
}

/** Removes at most MAX_STEP_FRAMES frames that are due. Resolves with how many, 0 meaning that nothing is due any more. */
export async function expireStep(
  store: Store,
  states: readonly TopicState[],
  limits: RetentionLimits,
  nowMs: number,
): Promise<number> {
  const excess = states.reduce((sum, state) => sum + keptBytes(state), 0) - limits.retentionBytes
  const state = oldestOf(states)
  if (state?.oldest === undefined) return 0
  // One more than may go: the first that stays is the topic's new oldest.
  const keys = store.keys(frameKeyAt(state.topic, 0), topicEnd(state.topic), MAX_STEP_FRAMES + 1)
  const frames = keys.map(decodeFrameKey)
  const due = dueFrames(frames, state, excess, nowMs - limits.retentionMs)
  if (due === 0) return 0
  const changes: Change[] = keys.slice(0, due).map((key) => ({ key, value: undefined }))
  changes.push({
    key: floorKey(state.topic),
    value: encodeFloor({ nextSeq: state.nextSeq, bytesBefore: state.bytesEver }),
  })
  await store.write(changes)
  // A publish may have gone in between: then the topic's oldest is what it wrote.
  const [next] =
    due < frames.length
      ? [frames[due]]
      : store.keys(frameKeyAt(state.topic, 0), topicEnd(state.topic), 1).map(decodeFrameKey)
  state.oldest = next
  return due
}

function dueFrames(frames: readonly FrameKey[], state: TopicState, excess: number, expiredBefore: number): number {
  const first = state.oldest?.bytesBefore ?? 0
  let due = 0
  while (due < frames.length && due < MAX_STEP_FRAMES) {
    const { writtenMs, bytesBefore } = frames[due] as FrameKey
    // Bytes freed by the frames before this one; while they do not make up for the excess, this one goes too.
    if (writtenMs > expiredBefore && bytesBefore - first >= excess) break
    due++
  }
  return due
}

function oldestOf(states: readonly TopicState[]): TopicState | undefined {
  let found: TopicState | undefined
  for (const state of states) {
    if (state.oldest === undefined) continue
    if (found?.oldest === undefined || state.oldest.writtenMs < found.oldest.writtenMs) found = state
  }
  return found
}
