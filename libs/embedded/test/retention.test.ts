import { TOPICS, type Topic } from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import { decodeFloor, decodeFrameKey, encodeFrameKey, type FrameKey, floorKey } from '../src/keys.ts'
import { expireStep, MAX_STEP_FRAMES } from '../src/retention.ts'
import type { Store } from '../src/store.ts'
import type { TopicState, TopicStates } from '../src/topic-state.ts'

const NOW = 1_742_040_000_000
const HOUR = 3_600_000
const [TOPIC] = TOPICS

/** A store in memory, in the order of its keys; `write` can be made to fail. */
class MemoryStore implements Store {
  readonly entries = new Map<string, Buffer>()
  failing = false

  get(key: Buffer): Buffer | undefined {
    return this.entries.get(key.toString('hex'))
  }
  keys(start: Buffer, end: Buffer, limit: number): Buffer[] {
    return [...this.entries.keys()]
      .sort()
      .map((hex) => Buffer.from(hex, 'hex'))
      .filter((key) => Buffer.compare(key, start) >= 0 && Buffer.compare(key, end) < 0)
      .slice(0, limit)
  }
  lastKey(before: Buffer, floor: Buffer): Buffer | undefined {
    return this.keys(floor, before, Number.POSITIVE_INFINITY).at(-1)
  }
  async write(changes: readonly { key: Buffer; value: Buffer | undefined }[]): Promise<void> {
    if (this.failing) throw new Error('disk full')
    for (const { key, value } of changes) {
      if (value === undefined) this.entries.delete(key.toString('hex'))
      else this.entries.set(key.toString('hex'), value)
    }
  }
  async compact(): Promise<void> {}
  async close(): Promise<void> {}
}

/** Frames of 10 records and 100 bytes, `ageMs` old, oldest first. */
function journalOf(ages: readonly number[]): { store: MemoryStore; states: TopicStates; state: TopicState } {
  const store = new MemoryStore()
  const keys = ages.map((ageMs, i): FrameKey => ({ seq: 1 + 10 * i, writtenMs: NOW - ageMs, bytesBefore: 100 * i }))
  for (const key of keys) store.entries.set(encodeFrameKey(TOPIC, key).toString('hex'), Buffer.alloc(0))
  const next = 1 + 10 * ages.length
  const state: TopicState = {
    topic: TOPIC,
    nextSeq: next,
    durableSeq: next,
    floorSeq: 1,
    bytesEver: 100 * ages.length,
    oldest: keys[0],
  }
  const none = (topic: Topic): TopicState => ({
    topic,
    nextSeq: 1,
    durableSeq: 1,
    floorSeq: 1,
    bytesEver: 0,
    oldest: undefined,
  })
  const others = Object.fromEntries(TOPICS.map((topic) => [topic, none(topic)])) as TopicStates
  return { store, state, states: { ...others, [TOPIC]: state } }
}

const kept = (store: MemoryStore): number[] =>
  store
    .keys(Buffer.from([1]), Buffer.from([2]), 10_000)
    .map(decodeFrameKey)
    .map(({ seq }) => (seq - 1) / 10)

describe('one step of retention', () => {
  test.each([
    { what: 'nothing that is young and within the bytes', ages: [3, 2, 1], bytes: 300, removed: [] },
    { what: 'what is older than the limit', ages: [HOUR + 1, HOUR + 1, 5], bytes: 300, removed: [0, 1] },
    { what: 'nothing that is exactly as old as the limit', ages: [HOUR, 5], bytes: 300, removed: [] },
    { what: 'one frame for one byte too many', ages: [3, 2, 1], bytes: 299, removed: [0] },
    { what: 'two frames for one more byte than the first has', ages: [3, 2, 1], bytes: 199, removed: [0, 1] },
    { what: 'all but the newest when nothing may be kept', ages: [3, 2, 1], bytes: 0, removed: [0, 1] },
    { what: 'nothing of a single frame larger than all that may be kept', ages: [0], bytes: 99, removed: [] },
    { what: 'a newest frame that is old and over the bytes', ages: [HOUR + 1], bytes: 0, removed: [0] },
    { what: 'all when all are old', ages: [HOUR + 3, HOUR + 2], bytes: 300, removed: [0, 1] },
    { what: 'an old frame only after those before it', ages: [5, HOUR + 1], bytes: 300, removed: [] },
    { what: 'nothing of nothing', ages: [], bytes: 0, removed: [] },
  ])('removes $what', async ({ ages, bytes, removed }) => {
    const { store, states, state } = journalOf(ages)
    const limits = { retentionMs: HOUR, retentionBytes: bytes }
    expect(await expireStep(store, states, limits, NOW)).toBe(removed.length)
    const left = ages.map((_, i) => i).slice(removed.length)
    expect(kept(store)).toEqual(left)
    expect(state.floorSeq).toBe(1 + 10 * removed.length)
    expect(state.oldest?.seq).toBe(left[0] === undefined ? undefined : 1 + 10 * left[0])
    const floor = store.get(floorKey(TOPIC))
    if (removed.length === 0) expect(floor).toBe(undefined)
    else {
      const { nextSeq, bytesEver: bytesBefore } = state
      expect(decodeFloor(floor!)).toEqual({ nextSeq, floorSeq: state.floorSeq, bytesBefore })
    }
  })

  test.each([
    { frames: MAX_STEP_FRAMES, steps: [MAX_STEP_FRAMES, 0] },
    { frames: MAX_STEP_FRAMES + 1, steps: [MAX_STEP_FRAMES, 1, 0] },
  ])('of $frames frames that are due removes $steps in turn', async ({ frames, steps }) => {
    const { store, states } = journalOf(new Array(frames).fill(HOUR + 1))
    for (const step of steps) {
      expect(await expireStep(store, states, { retentionMs: HOUR, retentionBytes: 1e9 }, NOW)).toBe(step)
    }
    expect(kept(store)).toEqual([])
  })

  test('leaves alone what is stored and not acknowledged yet', async () => {
    const { store, states, state } = journalOf([HOUR + 2, HOUR + 1])
    state.durableSeq = 11
    expect(await expireStep(store, states, { retentionMs: HOUR, retentionBytes: 1e9 }, NOW)).toBe(1)
    expect([kept(store), state.floorSeq]).toEqual([[1], 11])
  })

  test('that fails has moved nothing', async () => {
    const { store, states, state } = journalOf([HOUR + 1, 1])
    const before = { ...state }
    store.failing = true
    const limits = { retentionMs: HOUR, retentionBytes: 1e9 }
    await expect(expireStep(store, states, limits, NOW)).rejects.toThrow('disk full')
    expect(state).toEqual(before)
    store.failing = false
    expect(await expireStep(store, states, limits, NOW)).toBe(1)
  })

  test('tells readers before the frames go', async () => {
    const { store, states, state } = journalOf([HOUR + 1, 1])
    const write = store.write.bind(store)
    store.write = async (changes) => {
      expect(state.floorSeq).toBe(11)
      await write(changes)
    }
    expect(await expireStep(store, states, { retentionMs: HOUR, retentionBytes: 1e9 }, NOW)).toBe(1)
  })
})
