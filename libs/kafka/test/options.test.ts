import { createKafkaSink, KAFKA_DEFAULTS, type KafkaSinkOptions } from '@fencepost/kafka'
import { silentLogger } from '@fencepost/model'
import { describe, expect, test } from 'vitest'

const TOPIC = { name: 'fencepost.matches', partitions: 12, replication: 3, minInsync: 2, retentionMs: 86_400_000 }
const topics = (matches: typeof TOPIC) => ({
  matches,
  transitions: { ...TOPIC, name: 'fencepost.transitions' },
  erasures: { ...TOPIC, name: 'fencepost.erasures' },
})
const GOOD: KafkaSinkOptions = {
  ...KAFKA_DEFAULTS,
  brokers: ['127.0.0.1:1'],
  clientId: 'test',
  topics: topics(TOPIC),
}
const create = (change: Partial<KafkaSinkOptions>) => () =>
  createKafkaSink({ ...GOOD, ...change }, { logger: silentLogger })

describe('the options of a sink', () => {
  test('are taken at their limits, and nothing is connected', () => {
    expect(create({ maxBatchRecords: 1 })().healthy()).toBe(false)
    expect(create({ maxBatchRecords: 1000, lingerMs: 0 })().healthy()).toBe(false)
    expect(create({ topics: topics({ ...TOPIC, minInsync: 3 }) })().healthy()).toBe(false)
  })

  test.each<[string, Partial<KafkaSinkOptions>]>([
    ['brokers must name at least one host:port', { brokers: [] }],
    ['maxBatchRecords must be an integer 1..1000, got 1001', { maxBatchRecords: 1001 }],
    ['maxBatchRecords must be an integer 1..1000, got 0', { maxBatchRecords: 0 }],
    ['lingerMs must be an integer 0..1000, got 1.5', { lingerMs: 1.5 }],
    ['maxQueueBytes must be an integer', { maxQueueBytes: 0 }],
    ['topics.matches.minInsync must be an integer 0..3, got 4', { topics: topics({ ...TOPIC, minInsync: 4 }) }],
    ['topics.matches.name is no topic name: "a b"', { topics: topics({ ...TOPIC, name: 'a b' }) }],
  ])('are refused with the fact: %s', (message, change) => {
    expect(create(change)).toThrow(message)
  })
})
