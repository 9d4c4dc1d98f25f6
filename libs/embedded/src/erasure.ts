// Finds and removes what the journal has of some devices, a bounded part at a time: the journal goes on meanwhile.
import { type Logger, recordHeaders, recordValue, TOPICS, type Topic } from '@fencepost/model'
import { decodeFrame, eraseInFrame, FrameError } from './frame.ts'
import { decodeFrameKey, frameKeyAt, topicEnd } from './keys.ts'
import type { CursorRecord, ReaderCounters } from './reader.ts'
import type { Change, Store } from './store.ts'

interface Parts {
  readonly logger: Logger
  readonly counters: ReaderCounters
}

/** Frames that are looked at before others get the thread. */
const STEP_FRAMES = 32
/** A key with this behind it is the next possible one. */
const ZERO = Buffer.from([0])

/** Takes the records of these keys out of the frames from `start` on; `next` is where to go on, null = that was the topic's last. */
export async function eraseStep(
  store: Store,
  topic: Topic,
  start: Buffer,
  keys: ReadonlySet<string>,
  parts: Parts,
): Promise<{ readonly records: number; readonly next: Buffer | null }> {
  const frames = store.keys(start, topicEnd(topic), STEP_FRAMES)
  const changes: Change[] = []
  let records = 0
  for (const key of frames) {
    const erased = readable(store, key, topic, parts, (frame) => eraseInFrame(frame, keys))
    if (erased === null) continue
    records += erased.records
    changes.push({ key, value: erased.frame })
  }
  if (changes.length > 0) await store.write(changes)
  return { records, next: nextOf(frames) }
}

/** Every record of these keys. */
export async function* scanKeys(store: Store, keys: ReadonlySet<string>, parts: Parts): AsyncGenerator<CursorRecord> {
  for (const topic of TOPICS) {
    for (let from: Buffer | null = frameKeyAt(topic, 0); from !== null; ) {
      const frames = store.keys(from, topicEnd(topic), STEP_FRAMES)
      for (const key of frames) yield* recordsOf(store, key, topic, keys, parts)
      from = nextOf(frames)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

function recordsOf(store: Store, key: Buffer, topic: Topic, keys: ReadonlySet<string>, parts: Parts): CursorRecord[] {
  const { seq } = decodeFrameKey(key)
  const batches = readable(store, key, topic, parts, (frame) => decodeFrame(frame, topic)) ?? []
  return batches
    .filter(({ batch }) => keys.has(batch.key))
    .flatMap(({ first, batch }) =>
      Array.from({ length: batch.count }, (_, i) => ({
        cursor: String(seq + first + i),
        // Of its own: the store's memory is only good until the next change.
        record: {
          topic,
          key: batch.key,
          headers: recordHeaders(batch, i),
          value: Uint8Array.from(recordValue(batch, i)),
        },
      })),
    )
}

/** What can be read is read: one damaged frame must not hide those after it. */
function readable<T>(
  store: Store,
  key: Buffer,
  topic: Topic,
  { logger, counters }: Parts,
  read: (frame: Buffer) => T,
): T | null {
  const frame = store.get(key)
  if (frame === undefined) return null
  try {
    return read(frame)
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    counters.damagedFrames++
    const cursor = decodeFrameKey(key).seq
    logger.error({ topic, cursor, error: error.message }, 'journal frame damaged, left out')
    return null
  }
}

function nextOf(frames: readonly Buffer[]): Buffer | null {
  const last = frames.at(-1)
  return last === undefined || frames.length < STEP_FRAMES ? null : Buffer.concat([last, ZERO])
}
