import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readTopic } from '@fencepost/kafka/reader'
import {
  ALL_WELL,
  type ConsumedEvent,
  FLEET_FENCES,
  Fleet,
  freePorts,
  HttpConnection,
  type KafkaBroker,
  type KafkaCluster,
  Ledger,
  laws,
  readMetrics,
  removeFolder,
  type ServiceProcess,
  startKafka,
  startService,
  tempFolder,
} from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const KEY = 'key-of-acme'
const TENANT = 'acme'
const REQUEST_TIMEOUT_MS = 1000
const DEADLINE_MS = 4000
/** An answer may be so much later than the delivery deadline: two busy cores share broker, node and phones. */
const SLACK_MS = 2500

needs('kafka-cluster', 'a node whose broker fails', () => {
  let kafka: KafkaCluster | undefined
  let broker: KafkaBroker
  let folder = ''
  let service: ServiceProcess | undefined
  let topics = 0

  beforeAll(async () => {
    kafka = await startKafka()
    broker = kafka.broker(1)
  }, 120_000)
  afterAll(() => kafka?.stop())
  beforeEach(() => {
    folder = tempFolder('ingest')
    writeFileSync(join(folder, 'fences.geojson'), JSON.stringify({ type: 'FeatureCollection', features: FLEET_FENCES }))
  })
  afterEach(async () => {
    await service?.kill9()
    removeFolder(folder)
  })

  it.each([
    ['is killed with -9 and restarted', 1, killAndRestart, 21, 0],
    ['freezes until the node gives up, and goes on', 1, freeze, 22, 1],
    ['freezes until the node gives up, and goes on', 2, freeze, 24, 1],
  ] as const)(
    'keeps every guarantee when the broker %s, with %d thread(s)',
    async (_, threads, fail, seed, leastCopies) => {
      const [port] = (await freePorts(1)) as [number]
      const { adminPort, topic } = await start({ FENCEPOST_PORT: String(port), FENCEPOST_THREADS: String(threads) })
      const ledger = new Ledger(TENANT)
      const fleet = new Fleet({
        port,
        key: KEY,
        phones: 24,
        pingsPerPhone: 400,
        seed,
        ledger,
        answerMs: DEADLINE_MS + SLACK_MS,
      })
      await fleet.acknowledged(150)
      await fail(fleet)
      await fleet.acknowledged(300)
      await fail(fleet)
      await fleet.finished

      const { verdict, evidence } = ledger.judge(await consume(topic))
      expect(verdict).toEqual(ALL_WELL)
      expect(fleet.tally.faults).toEqual([])
      expect(Object.keys(fleet.tally.statuses)).toEqual(['200', '503'])
      expect(fleet.tally.repeats).toBeGreaterThan(0)
      expect(evidence.sentPings).toBe(24 * 400)
      expect(evidence.events - evidence.copies).toBe(evidence.acknowledgedHits)
      // A frozen broker still writes what it had been sent, after its node has given up on it and sent it again.
      expect(evidence.copies).toBeGreaterThanOrEqual(leastCopies)
      const { pings, requests } = laws(await readMetrics(adminPort))
      expect([pings[0], requests[0]]).toEqual([pings[1], requests[1]])
      // Threads tell how their sinks are once in a while.
      await expect.poll(() => status(adminPort, '/readyz')).toBe(200)
    },
    180_000,
  )

  it('listens while its broker is down, answers 503 and nothing else, and takes pings once the broker is there', async () => {
    await broker.kill9()
    const { port, adminPort, topic } = await start({ FENCEPOST_DELIVERY_DEADLINE_MS: '500' })
    expect(await status(adminPort, '/livez')).toBe(200)
    expect(await status(adminPort, '/readyz')).toBe(503)
    const ledger = new Ledger(TENANT)
    const fleet = new Fleet({
      port,
      key: KEY,
      phones: 8,
      pingsPerPhone: 20,
      seed: 23,
      ledger,
      answerMs: 500 + SLACK_MS,
    })
    await refused(fleet, 16)
    await broker.restart()
    await fleet.finished
    const { verdict, evidence } = ledger.judge(await consume(topic))
    expect(verdict).toEqual(ALL_WELL)
    expect(evidence.sentPings).toBe(8 * 20)
    expect(fleet.tally.faults).toEqual([])
    expect(Object.keys(fleet.tally.statuses)).toEqual(['200', '503'])
    expect(await status(adminPort, '/readyz')).toBe(200)
  }, 120_000)

  async function killAndRestart(): Promise<void> {
    await broker.kill9()
    await broker.restart()
  }

  /** SIGSTOP until requests run out of time, so for longer than several request time-outs. */
  async function freeze(fleet: Fleet): Promise<void> {
    await broker.pause()
    await refused(fleet, 12)
    await broker.resume()
  }

  /** Resolves once so many more requests are answered 503. */
  async function refused(fleet: Fleet, count: number): Promise<void> {
    const until = (fleet.tally.statuses[503] ?? 0) + count
    await expect.poll(() => fleet.tally.statuses[503] ?? 0, { timeout: 30_000 }).toBeGreaterThanOrEqual(until)
  }

  async function start(
    more: Readonly<Record<string, string>>,
  ): Promise<{ port: number; adminPort: number; topic: string }> {
    if (!existsSync(ENTRY)) throw new Error('services/ingest/dist is missing; run: make build')
    const topic = `test.faults.${topics++}`
    service = await startService({
      entry: ENTRY,
      env: {
        FENCEPOST_HOST: '127.0.0.1',
        FENCEPOST_PORT: '0',
        FENCEPOST_ADMIN_PORT: '0',
        FENCEPOST_FENCES: join(folder, 'fences.geojson'),
        FENCEPOST_SDK_KEYS: `${TENANT}:${KEY}`,
        FENCEPOST_EVENT_COORDINATES: 'exact',
        FENCEPOST_ROOT_KEY: '01'.repeat(32),
        FENCEPOST_PSEUDONYM_KEY: '02'.repeat(32),
        FENCEPOST_KAFKA_BROKERS: broker.address,
        FENCEPOST_PRESENCE: 'off',
        FENCEPOST_KAFKA_REPLICATION: '1',
        FENCEPOST_KAFKA_PARTITIONS: '4',
        FENCEPOST_KAFKA_REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS),
        FENCEPOST_DELIVERY_DEADLINE_MS: String(DEADLINE_MS),
        FENCEPOST_TOPIC_MATCHES: topic,
        ...more,
      },
    })
    return { ...(await service.listening()), topic }
  }

  async function consume(name: string): Promise<ConsumedEvent[]> {
    const records = await readTopic({ bootstrap: broker.address, topic: 'matches', name })
    return records.map(({ key, headers, value }) => ({
      key,
      headers,
      value: JSON.parse(Buffer.from(value).toString()),
    }))
  }
})

async function status(port: number, path: string): Promise<number> {
  const connection = new HttpConnection(port)
  try {
    return (await connection.get(path)).status
  } finally {
    connection.close()
  }
}
