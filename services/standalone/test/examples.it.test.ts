// The examples of deploy/examples, run as they are: a client whose node is killed, a consumer that sees repeats.
import { join } from 'node:path'
import { freePorts, readEvents, removeFolder, type ServiceProcess, startRedis, tempFolder } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { consumeTransitions, type Transition } from '../../../deploy/examples/consumer.ts'
import { FencepostClient } from '../../../deploy/examples/sdk-client.ts'
import { KEY, startStandalone, writeFences } from './support.ts'

let folder = ''
let service: ServiceProcess | undefined
beforeEach(() => {
  folder = tempFolder('examples')
  writeFences(folder, [
    {
      type: 'Feature',
      id: 'market',
      properties: { radius_m: 100 },
      geometry: { type: 'Point', coordinates: [10, 50] },
    },
  ])
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

it('a client loses nothing to a node that is killed, nor to its own restart', async () => {
  const [port] = (await freePorts(1)) as [number]
  const env = { FENCEPOST_PORT: String(port) }
  const options = {
    url: `http://127.0.0.1:${port}/v1/pings`,
    key: KEY,
    device: 'phone',
    consent: true,
    path: join(folder, 'queue'),
    maxBatch: 10,
  }
  const first = new FencepostClient(options)
  const start = Date.now() - 600_000
  for (let i = 0; i < 95; i++) first.add({ observed: start + i * 1000, lat: 50, lon: 10 })
  // Nobody is there yet.
  const flushing = first.flush()
  service = await startStandalone(folder, env)
  await service.listening()
  while (first.queued > 60) await new Promise((resolve) => setTimeout(resolve, 5))
  await service.kill9()
  first.stop()
  await flushing
  const second = new FencepostClient(options)
  expect(second.queued).toBeGreaterThan(0)
  const rest = second.flush()
  service = await startStandalone(folder, env)
  const { adminPort } = await service.listening()
  await rest
  expect(second.queued).toBe(0)
  const observed = new Set<number>()
  const ids = new Set<string>()
  await readEvents(adminPort, null, ({ value }) => {
    observed.add(value.observed)
    ids.add(value.id)
  })
  expect([...observed].sort((a, b) => a - b)).toEqual(Array.from({ length: 95 }, (_, i) => start + i * 1000))
  expect(ids.size).toBe(95)
}, 90_000)

it('a client drops what will never be taken, and says why', async () => {
  service = await startStandalone(folder)
  const { port } = await service.listening()
  const options = {
    url: `http://127.0.0.1:${port}/v1/pings`,
    device: 'phone',
    consent: true,
    path: join(folder, 'queue'),
  }
  const told: unknown[] = []
  const client = new FencepostClient({ ...options, key: KEY })
  client.add({ observed: Date.now(), lat: 91, lon: 10 })
  await client.flush((rejected) => told.push(...rejected))
  const stranger = new FencepostClient({ ...options, key: 'nobody' })
  stranger.add({ observed: Date.now(), lat: 50, lon: 10 })
  await stranger.flush((rejected) => told.push(...rejected))
  expect(told).toEqual([
    [0, 'bad_coords'],
    [0, 'status 401'],
  ])
  expect([client.queued, stranger.queued]).toEqual([0, 0])
}, 60_000)

needs('kafka', 'the consumer', (bootstrap) => {
  it('is told of each transition once, in order, though Kafka has copies', async () => {
    const topic = `test.examples.${process.pid}`
    const redis = await startRedis()
    try {
      const start = async () => {
        service = await startStandalone(folder, {
          FENCEPOST_SINK: 'kafka',
          FENCEPOST_KAFKA_BROKERS: bootstrap,
          FENCEPOST_KAFKA_REPLICATION: '1',
          FENCEPOST_KAFKA_PARTITIONS: '2',
          FENCEPOST_TOPIC_MATCHES: `${topic}.matches`,
          FENCEPOST_TOPIC_TRANSITIONS: topic,
          FENCEPOST_REDIS_URL: `redis://${redis.address}`,
        })
        return service.listening()
      }
      const post = async (lat: number, observed: number): Promise<void> => {
        const { port } = await start()
        const client = new FencepostClient({
          url: `http://127.0.0.1:${port}/v1/pings`,
          key: KEY,
          device: 'phone',
          consent: true,
          path: join(folder, 'queue'),
        })
        client.add({ observed, lat, lon: 10 })
        await client.flush()
        // What it had told and not noted is told again by the next.
        await service?.kill9()
      }
      const now = Date.now() - 60_000
      for (let i = 0; i < 4; i++) await post(i % 2 === 0 ? 50 : 51, now + i * 1000)
      const told: Transition[] = []
      const stop = await consumeTransitions(
        { brokers: [bootstrap], groupId: `${topic}.group`, topic },
        async (transition) => {
          told.push(transition)
        },
      )
      while (told.length < 4) await new Promise((resolve) => setTimeout(resolve, 20))
      await stop()
      expect(told.map(({ kind }) => kind)).toEqual(['enter', 'exit', 'enter', 'exit'])
    } finally {
      await redis.stop()
    }
  }, 120_000)
})
