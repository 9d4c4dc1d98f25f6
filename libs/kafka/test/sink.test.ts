// The retry loop against a client that answers what a real broker answers too rarely to wait for.
import { KAFKA_DEFAULTS, type KafkaSinkOptions } from '@fencepost/kafka'
import { type Logger, silentLogger } from '@fencepost/model'
import { makeRecordBatch } from '@fencepost/model/contract/event-sink'
import type { RecordMetadata, TopicMessages } from 'kafkajs'
import { expect, test } from 'vitest'
import type { Client, CreateClient } from '../src/client.ts'
import { createSinkOn } from '../src/sink.ts'
import { type CheckedTopics, TopicError } from '../src/topics.ts'

const OPTIONS: KafkaSinkOptions = {
  ...KAFKA_DEFAULTS,
  brokers: ['127.0.0.1:1'],
  clientId: 'test',
  topics: {
    matches: { name: 'm', partitions: 1, replication: 1, minInsync: 1, retentionMs: 1 },
    transitions: { name: 't', partitions: 1, replication: 1, minInsync: 1, retentionMs: 1 },
    erasures: { name: 'e', partitions: 1, replication: 1, minInsync: 1, retentionMs: 1 },
  },
  retryBackoffMs: 1,
  deliveryDeadlineMs: 5000,
}

const TOPICS_AS_TOLD: CheckedTopics = {
  partitions: { matches: 1, transitions: 1, erasures: 1 },
  retentionMs: { matches: 1, transitions: 1, erasures: 1 },
  differences: [],
}

type Answer = (messages: TopicMessages[]) => Promise<readonly RecordMetadata[]>

const confirmed: Answer = async ([topic]) => [{ topicName: topic!.topic, partition: 0, errorCode: 0 }]
const batch = (count = 1) =>
  makeRecordBatch(
    'key',
    Array.from({ length: count }, () => new Uint8Array(8)),
  )

/** A client whose sends are answered by the list, the last for ever. */
function scripted(
  answers: readonly Answer[],
  sent: number[] = [],
  connect: Client['connect'] = async () => TOPICS_AS_TOLD,
): CreateClient {
  let next = 0
  return () => ({
    connect,
    send(messages) {
      sent.push(messages[0]?.messages.length ?? 0)
      const answer = answers[Math.min(next++, answers.length - 1)] as Answer
      return answer(messages)
    },
    async check() {},
    async disconnect() {},
  })
}

async function publishOn(answers: readonly Answer[], options: Partial<KafkaSinkOptions> = {}) {
  const sent: number[] = []
  const sink = createSinkOn(scripted(answers, sent), { ...OPTIONS, ...options }, { logger: silentLogger })
  await sink.start()
  const outcome = await sink.publish(batch()).then(
    () => 'published',
    (error: { code: string }) => error.code,
  )
  await sink.stop(100)
  return { outcome, sends: sent.length, counters: sink.counters }
}

test.each<[string, Answer]>([
  ['leaves the partition out', async () => []],
  ['has another partition', async () => [{ topicName: 'm', partition: 1, errorCode: 0 }]],
  ['has another topic', async () => [{ topicName: 'n', partition: 0, errorCode: 0 }]],
  ['has an error code for it', async () => [{ topicName: 'm', partition: 0, errorCode: 6 }]],
])('a send that claims success but %s is no success: it is sent again', async (_, answer) => {
  const { outcome, sends, counters } = await publishOn([answer, answer, confirmed])
  expect({ outcome, sends }).toEqual({ outcome: 'published', sends: 3 })
  expect(counters).toMatchObject({ partitionsUnconfirmed: 2, recordsRepeated: 2, recordsPublished: 1 })
})

test('an unknown failure is repeated and counted, never taken for success', async () => {
  const { outcome, counters } = await publishOn([() => Promise.reject(new Error('?')), confirmed])
  expect(outcome).toBe('published')
  expect(counters).toMatchObject({ unknownFailures: 1, sendsFailed: 1, sends: 2 })
})

test('what is never confirmed is rejected at the deadline', async () => {
  const { outcome, counters } = await publishOn([async () => []], { deliveryDeadlineMs: 100 })
  expect(outcome).toBe('deadline')
  expect(counters).toMatchObject({ rejectedDeadline: 1, recordsPublished: 0, queuedEvents: 0 })
})

test('a client that never answers is replaced, and the next one delivers', async () => {
  const silent: Answer = () => new Promise(() => {})
  const { outcome, counters } = await publishOn([silent, confirmed], { requestTimeoutMs: 100 })
  expect(outcome).toBe('published')
  expect(counters).toMatchObject({ sendsAbandoned: 1, sends: 2, recordsPublished: 1 })
})

test('records of many publishes share a send, up to its limit', async () => {
  const sent: number[] = []
  const sink = createSinkOn(scripted([confirmed], sent), { ...OPTIONS, maxBatchRecords: 10 }, { logger: silentLogger })
  await sink.start()
  await Promise.all(Array.from({ length: 12 }, () => sink.publish(batch(2))))
  await sink.stop(100)
  expect(sent).toEqual([10, 10, 4])
  expect(sink.publishLatency.counts.reduce((sum, count) => sum + count)).toBe(12)
})

test('start rejects with the fact when a topic cannot be used, and the sink is stopped then', async () => {
  const connect = async (): Promise<never> => {
    throw new TopicError('topic "m" has 1 partitions, keys are spread over 2')
  }
  const sink = createSinkOn(scripted([confirmed], [], connect), OPTIONS, { logger: silentLogger })
  await expect(sink.start()).rejects.toThrow('topic "m" has 1 partitions, keys are spread over 2')
  await expect(sink.publish(batch())).rejects.toMatchObject({ code: 'stopped' })
})

test('start goes on without brokers after its time-out, says so once, and delivers when they come', async () => {
  const lines: string[] = []
  const logger: Logger = {
    ...silentLogger,
    warn: (_, msg) => void lines.push(msg),
    info: (_, msg) => void lines.push(msg),
  }
  let up = false
  let attempts = 0
  const connect: Client['connect'] = async () => {
    if (++attempts > 3) up = true
    if (!up) throw Object.assign(new Error('no'), { name: 'KafkaJSConnectionError' })
    return TOPICS_AS_TOLD
  }
  const sink = createSinkOn(scripted([confirmed], [], connect), { ...OPTIONS, startTimeoutMs: 1 }, { logger })
  await sink.start()
  expect(sink.healthy()).toBe(false)
  await sink.publish(batch())
  expect(sink.healthy()).toBe(true)
  await sink.stop(100)
  expect(lines.sort()).toEqual([
    'kafka cannot be used yet',
    'kafka is reachable',
    'kafka not reached yet, going on without',
  ])
})

test('stop gives up at its deadline and rejects what is left as stopped', async () => {
  const sink = createSinkOn(scripted([() => new Promise(() => {})]), OPTIONS, { logger: silentLogger })
  await sink.start()
  const published = sink.publish(batch())
  const rejected = expect(published).rejects.toMatchObject({ code: 'stopped' })
  await sink.stop(50)
  await rejected
  expect(sink.healthy()).toBe(false)
})
