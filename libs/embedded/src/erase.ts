// Removes or lists the records of some keys, frame by frame, in steps of so many bytes: a publish or a run of retention waits for one at most.
import type { Logger, Topic } from '@fencepost/model'
import { DamagedError } from './damage.ts'
import { holeFrame, withoutKeys } from './erased-frame.ts'
import { decodeFrame, FrameVersionError } from './frame.ts'
import { decodeFrameKey, frameKeyAt } from './keys.ts'
import { type CursorRecord, cursorRecord, type ReaderCounters } from './reader.ts'
import type { Change, Store } from './store.ts'

/** A step ends after the frame that makes it so many bytes. */
export const MAX_STEP_BYTES = 4 * 1024 * 1024
export const MAX_STEP_FRAMES = 256

export interface EraseCounters {
  /** Records that erasures have removed; not those of frames that could not be read. */
  erasedRecords: number
}

export interface StepOf {
  readonly topic: Topic
  /** Key to begin at. */
  readonly start: Buffer
  /** Sequence number that ends it, exclusive. */
  readonly until: number
  readonly keys: ReadonlySet<string>
}

interface Parts {
  readonly logger: Logger
  readonly counters: EraseCounters & ReaderCounters
}

/**
 * Rewrites the frames of one step that hold records of these keys. A frame that is damaged, which nobody can read or search, gives way to a hole.
 * Resolves with how many records it removed and where the next begins, null at the end. Rejects when a newer version has written a frame.
 */
export async function eraseStep(
  store: Store,
  step: StepOf,
  { logger, counters }: Parts,
): Promise<{ readonly records: number; readonly next: Buffer | null }> {
  const { topic, until, keys } = step
  const changes: Change[] = []
  let records = 0
  const next = eachFrame(store, step, (key, after) => {
    const { seq } = decodeFrameKey(key)
    try {
      const frame = store.get(key)
      if (frame === undefined) return 0
      const erased = withoutKeys(frame, keys)
      if (erased !== null) {
        records += erased.records
        changes.push({ key, value: erased.frame })
      }
      return frame.length
    } catch (error) {
      if (!(error instanceof DamagedError) || error instanceof FrameVersionError) throw error
      logger.error({ topic, cursor: seq, error: error.message }, 'journal frame damaged, erased whole')
      changes.push({ key, value: holeFrame((after === undefined ? until : decodeFrameKey(after).seq) - seq) })
      return 0
    }
  })
  await store.write(changes)
  counters.erasedRecords += records
  return { records, next }
}

/** The records of these keys in the frames of one step, and where the next begins, null at the end. */
export function scanStep(
  store: Store,
  step: StepOf,
  { logger, counters }: Parts,
): { readonly records: CursorRecord[]; readonly next: Buffer | null } {
  const { topic, keys } = step
  const records: CursorRecord[] = []
  const next = eachFrame(store, step, (key) => {
    const { seq } = decodeFrameKey(key)
    try {
      const frame = store.get(key)
      if (frame === undefined) return 0
      for (const { first, batch } of decodeFrame(frame, topic, 0, keys))
        for (let i = 0; i < batch.count; i++) records.push(cursorRecord(batch, i, seq + first))
      return frame.length
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error
      counters.damagedFrames++
      logger.error({ topic, cursor: seq, error: error.message }, 'journal frame damaged, left out')
      return 0
    }
  })
  return { records, next }
}

/** Takes the frames of one step by their keys, each with the next one's, tells their bytes, and returns where the next step begins. */
function eachFrame(
  store: Store,
  { topic, start, until }: StepOf,
  take: (key: Buffer, after: Buffer | undefined) => number,
): Buffer | null {
  const keys = store.keys(start, frameKeyAt(topic, until), MAX_STEP_FRAMES + 1)
  let bytes = 0
  for (const [i, key] of keys.slice(0, MAX_STEP_FRAMES).entries()) {
    const after = keys[i + 1]
    bytes += take(key, after)
    if (bytes >= MAX_STEP_BYTES) return after ?? null
  }
  return keys[MAX_STEP_FRAMES] ?? null
}
