import { type RecordBatch, recordBatchBytes } from '@fencepost/model'
import { makeRecordBatch } from '@fencepost/model/contract/event-sink'
import { beforeEach, describe, expect, test } from 'vitest'
import { Batcher, type BatcherOptions, type Send } from '../src/batcher.ts'
import { createCounters, type KafkaCounters } from '../src/counters.ts'
import type { Failure, Remedy } from '../src/failures.ts'
import { partitionOf } from '../src/murmur2.ts'

const PARTITIONS = 4
const OPTIONS: BatcherOptions = {
  partitions: { matches: PARTITIONS, transitions: PARTITIONS, erasures: PARTITIONS },
  maxBatchRecords: 10,
  maxBatchBytes: 100_000,
  maxQueueBytes: 1_000_000,
  maxQueueEvents: 1000,
  deliveryDeadlineMs: 10_000,
  retryBackoffMs: 50,
}

/** A key of each partition. */
const KEYS = Array.from({ length: PARTITIONS }, (_, partition) => {
  for (let i = 0; ; i++) if (partitionOf(Buffer.from(`key${i}`), PARTITIONS) === partition) return `key${i}`
})

const failure = (remedy: Remedy): Failure => ({ name: `TEST_${remedy}`, remedy, known: true })
const records = (key: string, count: number, size = 10): RecordBatch =>
  makeRecordBatch(
    key,
    Array.from({ length: count }, () => new Uint8Array(size)),
  )
/** `[partition, [from, to], …]` of every part. */
const shape = (send: Send | undefined): unknown =>
  send?.parts.map((part) => [part.lane.partition, ...part.slices.map(({ from, to }) => [from, to])])

let counters: KafkaCounters
let batcher: Batcher
let outcomes: string[]

function create(options: Partial<BatcherOptions> = {}): void {
  counters = createCounters()
  batcher = new Batcher({ ...OPTIONS, ...options }, counters, () => {})
  outcomes = []
}

/** Adds a batch; its outcome appears in `outcomes` under this name. */
function add(name: string, batch: RecordBatch, nowMs = 0): void {
  batcher.add(batch, nowMs).then(
    () => outcomes.push(`${name} published`),
    (error: { code?: string; name: string }) => outcomes.push(`${name} ${error.code ?? error.name}`),
  )
}

function succeed(send: Send | undefined, nowMs = 0): void {
  batcher.release(send!)
  for (const part of send!.parts) batcher.succeed(part, nowMs)
}

function fail(send: Send | undefined, remedy: Remedy, nowMs = 0): void {
  batcher.release(send!)
  for (const part of send!.parts) batcher.fail(part, failure(remedy), send!.parts.length, nowMs)
}

/** Lets settled promises run their reactions. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

beforeEach(() => create())

describe('what goes into a send', () => {
  test('is everything that waits for one leader, up to the records of a send', () => {
    add('a', records(KEYS[0]!, 4))
    add('b', records(KEYS[1]!, 4))
    add('c', records(KEYS[2]!, 4))
    expect(shape(batcher.take(0))).toEqual([
      [0, [0, 4]],
      [1, [0, 4]],
      [2, [0, 2]],
    ])
  })

  test('is less when its bytes run out, and a batch is split between records', () => {
    create({ maxBatchBytes: 3 * (320 + 100) })
    add('a', records(KEYS[0]!, 5, 100))
    expect(shape(batcher.take(0))).toEqual([[0, [0, 3]]])
  })

  test('is of one leader only, and a second leader gets its own send at once', () => {
    batcher.setLeader('matches', 0, 7)
    batcher.setLeader('matches', 1, 8)
    add('a', records(KEYS[0]!, 1))
    add('b', records(KEYS[1]!, 1))
    const [first, second] = [batcher.take(0), batcher.take(0)]
    expect([first?.leader, shape(first)]).toEqual([7, [[0, [0, 1]]]])
    expect([second?.leader, shape(second)]).toEqual([8, [[1, [0, 1]]]])
    expect(batcher.take(0)).toBeUndefined()
  })

  test('never holds a partition that is in flight, even when it got another leader meanwhile', () => {
    add('a', records(KEYS[0]!, 1))
    const first = batcher.take(0)
    add('b', records(KEYS[0]!, 1))
    batcher.setLeader('matches', 0, 9)
    expect(batcher.take(0)).toBeUndefined()
    succeed(first)
    expect(shape(batcher.take(0))).toEqual([[0, [0, 1]]])
  })

  test('begins with another partition each time, so that a busy one starves nobody', () => {
    for (let i = 0; i < 5; i++) add(`a${i}`, records(KEYS[0]!, 10))
    add('b', records(KEYS[3]!, 1))
    const first = batcher.take(0)
    expect(shape(first)).toEqual([[0, [0, 10]]])
    succeed(first)
    expect(shape(batcher.take(0))).toEqual([
      [3, [0, 1]],
      [0, [0, 9]],
    ])
  })
})

describe('a batch', () => {
  test('is published when its last record is confirmed, not before', async () => {
    add('a', records(KEYS[0]!, 25))
    for (const expected of [[], [], ['a published']]) {
      succeed(batcher.take(0))
      await settle()
      expect(outcomes).toEqual(expected)
    }
    expect(batcher.empty).toBe(true)
    expect(counters).toMatchObject({ batchesPublished: 1, recordsPublished: 25, queuedEvents: 0, queuedBytes: 0 })
  })

  test('is sent again from the record that failed, before anything behind it', async () => {
    add('a', records(KEYS[0]!, 12))
    add('b', records(KEYS[0]!, 3))
    succeed(batcher.take(0))
    fail(batcher.take(0), 'retry', 0)
    expect(batcher.take(49)).toBeUndefined()
    expect(batcher.nextWakeMs(0)).toBe(50)
    expect(shape(batcher.take(50))).toEqual([[0, [10, 12], [0, 3]]])
    await settle()
    expect(outcomes).toEqual([])
  })

  test('waits longer after each failure, up to a second, and the first success ends that', () => {
    add('a', records(KEYS[0]!, 1))
    let nowMs = 0
    const waits: number[] = []
    for (let i = 0; i < 7; i++) {
      fail(batcher.take(nowMs), 'retry', nowMs)
      waits.push(batcher.nextWakeMs(nowMs) - nowMs)
      nowMs = batcher.nextWakeMs(nowMs)
    }
    expect(waits).toEqual([50, 100, 200, 400, 800, 1000, 1000])
    succeed(batcher.take(nowMs))
    add('b', records(KEYS[0]!, 1), nowMs)
    fail(batcher.take(nowMs), 'retry', nowMs)
    expect(batcher.nextWakeMs(nowMs) - nowMs).toBe(50)
  })

  test('of another partition is not held up by a failure', () => {
    add('a', records(KEYS[0]!, 1))
    fail(batcher.take(0), 'retry', 0)
    add('b', records(KEYS[1]!, 1))
    expect(shape(batcher.take(0))).toEqual([[1, [0, 1]]])
  })

  test('is refused when it is empty, when there is no room, and when a record is larger than a send', async () => {
    create({ maxQueueEvents: 5, maxBatchBytes: 1000 })
    add('empty', records(KEYS[0]!, 0))
    add('limit', records(KEYS[0]!, 5))
    add('beyond', records(KEYS[0]!, 1))
    await settle()
    expect(outcomes).toEqual(['empty RangeError', 'beyond full'])
    create({ maxBatchBytes: 1000 })
    add('fits', records(KEYS[0]!, 1, 680))
    add('large', records(KEYS[0]!, 1, 681))
    await settle()
    expect(outcomes).toEqual(['large io'])
    expect(shape(batcher.take(0))).toEqual([[0, [0, 1]]])
  })
})

describe('the deadline', () => {
  test('rejects what waits and takes it out of the queue, at the very millisecond', async () => {
    add('a', records(KEYS[0]!, 3), 100)
    add('b', records(KEYS[1]!, 3), 101)
    expect(batcher.nextWakeMs(0)).toBe(10_100)
    batcher.expire(10_099)
    await settle()
    expect(outcomes).toEqual([])
    batcher.expire(10_100)
    await settle()
    expect(outcomes).toEqual(['a deadline'])
    expect(counters).toMatchObject({
      rejectedDeadline: 1,
      queuedEvents: 3,
      queuedBytes: recordBatchBytes(records(KEYS[1]!, 3)),
    })
    expect(shape(batcher.take(10_100))).toEqual([[1, [0, 3]]])
  })

  test('leaves records in flight where they are until their send settles, and never sends them again', async () => {
    add('a', records(KEYS[0]!, 15), 0)
    add('b', records(KEYS[0]!, 1), 1)
    const send = batcher.take(0)
    batcher.expire(10_000)
    await settle()
    expect(outcomes).toEqual(['a deadline'])
    expect(counters.queuedEvents).toBe(16)
    expect(batcher.nextWakeMs(10_000)).toBe(10_001)
    fail(send, 'retry', 10_000)
    expect(counters.queuedEvents).toBe(1)
    expect(shape(batcher.take(10_050))).toEqual([[0, [0, 1]]])
  })

  test('has passed for a batch whose send succeeds too late: it stays rejected, once', async () => {
    add('a', records(KEYS[0]!, 2), 0)
    const send = batcher.take(0)
    batcher.expire(20_000)
    batcher.expire(30_000)
    succeed(send)
    await settle()
    expect(outcomes).toEqual(['a deadline'])
    expect(counters).toMatchObject({ rejectedDeadline: 1, batchesPublished: 0, queuedEvents: 0, queuedBytes: 0 })
  })
})

describe('a record that Kafka refuses', () => {
  test('is found by sending less and less, and only its batch is rejected', async () => {
    const bad = records(KEYS[1]!, 3, 77)
    add('a', records(KEYS[0]!, 2))
    add('b', records(KEYS[1]!, 2))
    add('bad', bad)
    add('c', records(KEYS[1]!, 2))
    for (let sends = 0; !batcher.empty; sends++) {
      expect(sends).toBeLessThan(40)
      const send = batcher.take(0)
      // The second record of the bad batch is the culprit.
      const refused = send!.parts.some((part) =>
        part.slices.some(({ waiting, from, to }) => waiting.batch === bad && from <= 1 && to > 1),
      )
      if (refused) fail(send, 'split')
      else succeed(send)
      await settle()
    }
    expect(outcomes.sort()).toEqual(['a published', 'b published', 'bad io', 'c published'])
    expect(counters).toMatchObject({ rejectedIo: 1, batchesPublished: 3, queuedEvents: 0, queuedBytes: 0 })
  })

  test('for good, like a topic that we may not write to, rejects what was in the send', async () => {
    add('a', records(KEYS[0]!, 2))
    fail(batcher.take(0), 'fatal')
    await settle()
    expect(outcomes).toEqual(['a io'])
    expect(batcher.empty).toBe(true)
  })
})

test('whatever happens, every batch gets one outcome, order holds in each partition, and the queue is empty at the end', async () => {
  let state = 42
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }
  const written = new Map<number, number[]>()
  const serial = new Map<RecordBatch, number>()
  const flying: Send[] = []
  let nowMs = 0
  for (let step = 0; step < 8000; step++) {
    nowMs += random(20)
    const what = random(10)
    if (what < 4 && step < 7500) {
      const batch = records(KEYS[random(PARTITIONS)]!, 1 + random(25))
      serial.set(batch, serial.size)
      add(`${serial.size - 1}`, batch, nowMs)
    } else if (what < 5) {
      batcher.setLeader('matches', random(PARTITIONS), random(3))
    } else if (what < 8) {
      const send = batcher.take(nowMs)
      if (send !== undefined) {
        expect(send.records).toBeLessThanOrEqual(10)
        flying.push(send)
      }
    } else {
      batcher.expire(nowMs)
      const send = flying.splice(random(flying.length || 1), 1)[0]
      if (send === undefined) continue
      if (random(4) === 0) fail(send, 'retry', nowMs)
      else {
        for (const { lane, slices } of send.parts) {
          const log = written.get(lane.partition) ?? []
          written.set(lane.partition, log)
          for (const { waiting, from, to } of slices)
            for (let i = from; i < to; i++) log.push((serial.get(waiting.batch) ?? 0) * 100 + i)
        }
        succeed(send, nowMs)
      }
    }
  }
  for (const send of flying) fail(send, 'retry', nowMs)
  batcher.expire(nowMs + 10_000)
  await settle()
  expect(outcomes.length).toBe(serial.size)
  expect(batcher.empty).toBe(true)
  expect(counters).toMatchObject({ queuedEvents: 0, queuedBytes: 0 })
  for (const log of written.values()) expect(log).toEqual([...log].sort((a, b) => a - b))
  expect(outcomes.filter((outcome) => outcome.endsWith('published')).length).toBeGreaterThan(50)
})
