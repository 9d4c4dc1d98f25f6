import { createKafkaSink, KAFKA_DEFAULTS, type KafkaSink, type KafkaSinkOptions } from '@fencepost/kafka'
import { readTopic } from '@fencepost/kafka/reader'
import { type Logger, silentLogger, TOPICS } from '@fencepost/model'
import { makeRecordBatch } from '@fencepost/model/contract/event-sink'
import { needs } from '@fencepost/testbed/needs'
import { afterEach, expect, test, vi } from 'vitest'
import { createKafkaClient } from '../src/client.ts'
import { ClientLog } from '../src/client-log.ts'
import { failureOf } from '../src/failures.ts'
import { partitionOf } from '../src/murmur2.ts'
import { deleteTopics, freshTopics, withAdmin } from './support.ts'

interface Line {
  readonly msg: string
  readonly fields: Readonly<Record<string, unknown>>
}

needs('kafka', 'a sink on a real broker', (bootstrap) => {
  // New names for every test: a name that was just deleted is still known here and there.
  let topics = freshTopics(4)
  let { name } = topics.matches
  const lines: Line[] = []
  // What the client itself says depends on how fast the broker is.
  const record = (fields: Readonly<Record<string, unknown>>, msg: string): void => {
    if (msg !== 'kafka client') lines.push({ msg, fields })
  }
  const logger: Logger = { ...silentLogger, info: record, warn: record }
  let sink: KafkaSink | undefined

  function create(change: Partial<KafkaSinkOptions> = {}): KafkaSink {
    lines.length = 0
    sink = createKafkaSink(
      { ...KAFKA_DEFAULTS, brokers: bootstrap.split(','), clientId: 'sink-test', topics, ...change },
      { logger },
    )
    return sink
  }

  /** A topic of that name as somebody else made it. */
  const createTopic = (numPartitions: number, config: Readonly<Record<string, string>> = {}): Promise<void> =>
    withAdmin(bootstrap, async (admin) => {
      const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }))
      const topic = { topic: name, numPartitions, replicationFactor: 1, configEntries }
      await admin.createTopics({ topics: [topic], waitForLeaders: false })
      const served = (): Promise<boolean> =>
        admin.fetchTopicOffsets(name).then(
          () => true,
          () => false,
        )
      await vi.waitUntil(served, { timeout: 10_000 })
    })

  afterEach(async () => {
    await sink?.stop(5000)
    await deleteTopics(bootstrap, [name])
    topics = freshTopics(4)
    name = topics.matches.name
  })

  test('creates a missing topic with all its settings, and finds nothing to complain about at the next start', async () => {
    await create().start()
    const made = TOPICS.map(() => 'kafka topic created')
    expect(lines.map(({ msg }) => msg)).toEqual([...made, 'kafka is reachable'])
    await sink?.stop(5000)
    await create({ createTopics: false }).start()
    expect(lines.map(({ msg }) => msg)).toEqual(['kafka is reachable'])
  })

  test('does not start on a missing topic that it may not create', async () => {
    const missing = TOPICS.map((topic) => `"${topics[topic].name}"`).join(', ')
    await expect(create({ createTopics: false }).start()).rejects.toThrow(
      `not all topics exist (missing: ${missing}) and creating topics is switched off`,
    )
  })

  test('says what differs, once a difference, and works nevertheless', async () => {
    await createTopic(6, { 'retention.ms': '1000000', 'max.message.bytes': '500000', 'cleanup.policy': 'compact' })
    await create().start()
    const differences = lines.filter(({ msg }) => msg === 'kafka topic is not as configured')
    expect(differences.map(({ fields }) => [fields['setting'], fields['expected'], fields['actual']])).toEqual([
      ['partitions', '4', '6'],
      ['retention.ms', '3600000', '1000000'],
      ['cleanup.policy', 'delete', 'compact'],
      ['max.message.bytes', 'at least 901024', '500000'],
    ])
    for (let i = 0; i < 20; i++) await sink?.publish(makeRecordBatch(`key${i}`, [new Uint8Array([i])]))
    const records = await readTopic({ bootstrap, topic: 'matches', name })
    expect(records.length).toBe(20)
  })

  test.each([3, 6])(
    'spreads keys over the %i partitions that a topic has, whatever was configured',
    async (partitions) => {
      await createTopic(partitions)
      const running = create()
      // What waits from before the topic was seen goes where its key belongs too.
      const starting = running.start()
      const early = Array.from({ length: 20 }, (_, i) =>
        running.publish(makeRecordBatch(`key${i}`, [new Uint8Array([i])])),
      )
      await starting
      await Promise.all(early)
      for (let i = 20; i < 40; i++) await running.publish(makeRecordBatch(`key${i}`, [new Uint8Array([i])]))
      const records = await readTopic({ bootstrap, topic: 'matches', name })
      expect(records.length).toBe(40)
      for (const { key, partition } of records) expect(partition).toBe(partitionOf(Buffer.from(key), partitions))
    },
  )

  test('makes a topic with as many replicas as there are brokers when told 0', async () => {
    topics = { ...topics, matches: { ...topics.matches, replication: 0, minInsync: 0 } }
    await create().start()
    const [topic] = (await withAdmin(bootstrap, (admin) => admin.fetchTopicMetadata({ topics: [name] }))).topics
    expect(topic?.partitions.map(({ replicas }) => replicas.length)).toEqual([1, 1, 1, 1])
    expect(lines.filter(({ msg }) => msg === 'kafka topic is not as configured')).toEqual([])
  })

  test('a record that the topic is too small for costs its own batch, and nobody else’s', async () => {
    await createTopic(4, { 'max.message.bytes': '20000' })
    const running = create()
    await running.start()
    const small = Array.from({ length: 30 }, (_, i) => makeRecordBatch(`key${i}`, [new Uint8Array(2000)]))
    const large = makeRecordBatch('key7', [new Uint8Array(100), new Uint8Array(30_000), new Uint8Array(100)])
    const outcomes = [...small.slice(0, 15), large, ...small.slice(15)].map((batch) =>
      running.publish(batch).then(
        () => 'published',
        (error: { code: string }) => error.code,
      ),
    )
    expect(
      (await Promise.all(outcomes)).map((outcome, i) => (outcome === 'published' ? '' : `${i} ${outcome}`)).join(''),
    ).toBe('15 io')
    const ids = (await readTopic({ bootstrap, topic: 'matches', name })).map(({ headers }) => headers['ce_id'])
    expect(new Set(ids).size).toBeGreaterThanOrEqual(30)
    expect(running.counters).toMatchObject({ rejectedIo: 1, batchesPublished: 30, unknownFailures: 0, queuedEvents: 0 })
  })

  test('the client never repeats a send by itself: it could resolve without having written what moved meanwhile', async () => {
    const options = { ...KAFKA_DEFAULTS, brokers: bootstrap.split(','), clientId: 'sink-test', topics }
    const client = createKafkaClient(options, silentLogger, new ClientLog(silentLogger), () => {})
    await client.connect()
    // To a topic that is not there: kafkajs would repeat that five times if it were not told otherwise.
    const send = client.send([{ topic: `${name}.missing`, messages: [{ key: 'k', value: 'v', partition: 0 }] }])
    const error: unknown = await send.catch((cause: unknown) => cause)
    await client.disconnect(5000)
    expect(error).toMatchObject({ name: 'KafkaJSNumberOfRetriesExceeded', retryCount: 0 })
    expect(failureOf(error)).toEqual({ name: 'UNKNOWN_TOPIC_OR_PARTITION', remedy: 'retry', known: true })
  })

  test('an idle connection sets no timers', async () => {
    const running = create()
    await running.start()
    await running.publish(makeRecordBatch('key', [new Uint8Array(1)]))
    const timers = vi.spyOn(globalThis, 'setTimeout')
    await new Promise<void>((resolve) => {
      let ticks = 0
      const interval = setInterval(() => {
        if (++ticks < 30) return
        clearInterval(interval)
        resolve()
      }, 10)
    })
    const set = timers.mock.calls.length
    timers.mockRestore()
    // A spinning connection sets about one a millisecond: 200 to 300.
    expect(set).toBeLessThan(30)
  })
})
