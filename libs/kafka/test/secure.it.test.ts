import { createKafkaSink, KAFKA_DEFAULTS, type KafkaSink, type KafkaSinkOptions } from '@fencepost/kafka'
import { readTopic } from '@fencepost/kafka/reader'
import { silentLogger } from '@fencepost/model'
import { makeRecordBatch } from '@fencepost/model/contract/event-sink'
import { type KafkaCluster, startKafka } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { freshTopics } from './support.ts'

needs('kafka-cluster', 'over TLS with SASL', () => {
  const topics = freshTopics(2)
  let cluster: KafkaCluster
  let sink: KafkaSink | undefined

  beforeAll(async () => {
    cluster = await startKafka({ secure: { username: 'fencepost', password: 'right' } })
  }, 120_000)
  afterAll(() => cluster?.stop())
  afterEach(() => sink?.stop(5000))

  function create(password: string, change: Partial<KafkaSinkOptions> = {}): KafkaSink {
    const { bootstrap, ca } = cluster.secure!
    sink = createKafkaSink(
      {
        ...KAFKA_DEFAULTS,
        brokers: [bootstrap],
        clientId: 'secure-test',
        topics,
        ssl: { ca },
        sasl: { mechanism: 'plain', username: 'fencepost', password },
        ...change,
      },
      { logger: silentLogger },
    )
    return sink
  }

  test('records are published', async () => {
    const running = create('right')
    await running.start()
    await running.publish(makeRecordBatch('key', [new Uint8Array([1])]))
    const { name } = topics.matches
    expect((await readTopic({ bootstrap: cluster.bootstrap, topic: 'matches', name })).length).toBe(1)
  })

  test('a wrong password fails the start, and the message names no secret', async () => {
    const error: unknown = await create('wrong-secret')
      .start()
      .catch((cause: unknown) => cause)
    expect(String(error)).toMatch(/^Error: Kafka cannot be published to: (SASL|KafkaJSSASL)/)
    expect(String(error)).not.toContain('wrong-secret')
  })

  test('a broker whose certificate nobody vouches for is not spoken to', async () => {
    const running = create('right', { ssl: true, startTimeoutMs: 500 })
    await running.start()
    expect(running.healthy()).toBe(false)
  })
})
