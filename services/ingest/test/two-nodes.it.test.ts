// Two nodes of a cluster that are killed and restarted, one Redis, one Kafka, phones that lose answers: what consumers read is what one
// node without faults would have told.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readTopic } from '@fencepost/kafka/reader'
import {
  freePorts,
  HttpConnection,
  removeFolder,
  type ServiceProcess,
  startRedis,
  startService,
  type TransitionEvent,
  tempFolder,
} from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { expect, it } from 'vitest'
import { dice } from './interleaving.ts'

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const KEY = 'key-of-acme'
const DEVICES = 200
const BATCHES = 12
const CONNECTIONS = 24
const KILLS = 5
/** The phones' walk: fences 0 to 5 in a row, a kilometre apart, and nothing between them. */
const FENCES = Array.from({ length: 6 }, (_, i) => ({
  type: 'Feature',
  id: `fence-${i}`,
  properties: { radius_m: 200 },
  geometry: { type: 'Point', coordinates: [9 + i / 100, 53] },
}))

interface Ping {
  readonly observed: number
  /** Number of the fence that holds it, or null. */
  readonly fence: number | null
}

interface Phone {
  readonly device: string
  readonly batches: readonly (readonly Ping[])[]
}

needs('kafka', 'two nodes and a Redis', (bootstrap) => {
  it('tell every transition once, in order, though they are killed and answers are lost', async () => {
    if (!existsSync(ENTRY)) throw new Error('services/ingest/dist is missing; run: make build')
    const roll = dice(77)
    const folder = tempFolder('two-nodes')
    const redis = await startRedis()
    const ports = await freePorts(2)
    const topic = `test.two-nodes.${process.pid}`
    writeFileSync(join(folder, 'fences.geojson'), JSON.stringify({ type: 'FeatureCollection', features: FENCES }))
    const nodes: ServiceProcess[] = []
    const startNode = (port: number): Promise<ServiceProcess> =>
      startService({
        entry: ENTRY,
        env: {
          FENCEPOST_HOST: '127.0.0.1',
          FENCEPOST_PORT: String(port),
          FENCEPOST_ADMIN_PORT: '0',
          FENCEPOST_FENCES: join(folder, 'fences.geojson'),
          FENCEPOST_SDK_KEYS: `acme:${KEY}`,
          FENCEPOST_KAFKA_BROKERS: bootstrap,
          FENCEPOST_KAFKA_REPLICATION: '1',
          FENCEPOST_KAFKA_PARTITIONS: '6',
          FENCEPOST_TOPIC_MATCHES: `${topic}.matches`,
          FENCEPOST_TOPIC_TRANSITIONS: topic,
          FENCEPOST_REDIS_URL: `redis://${redis.address}`,
          FENCEPOST_ROOT_KEY: 'a'.repeat(64),
          FENCEPOST_PSEUDONYM_KEY: 'b'.repeat(64),
        },
      })
    try {
      for (const [i, port] of ports.entries()) {
        nodes[i] = await startNode(port)
        await nodes[i].listening()
      }
      const phones = Array.from({ length: DEVICES }, (_, i) => phoneOf(`phone-${i}`, roll))
      const expected = phones.map(({ batches }) => lines(batches))
      const progress = { taken: 0, refusals: new Set<number>() }
      const posting = postAll(ports, [...phones], roll, progress)
      for (let kill = 1; kill <= KILLS; kill++) {
        await until(() => progress.taken >= (kill * DEVICES * BATCHES) / (KILLS + 1))
        const i = kill % 2
        await nodes[i]?.kill9()
        nodes[i] = await startNode(ports[i] as number)
        await nodes[i].listening()
      }
      await posting
      // What a killed node left pending is the sweep's.
      await until(async () => (await consumed(bootstrap, topic)).length >= expected.flat().length, 500)
      const told = new Map<string, string[]>()
      for (const { device, kind, fence, visit } of await consumed(bootstrap, topic))
        told.set(device, [...(told.get(device) ?? []), `${kind} ${fence.id} ${visit}`])
      expect([...told.values()].map((all) => all.join('\n')).sort()).toEqual(
        expected.map((all) => all.join('\n')).sort(),
      )
      expect([...progress.refusals].filter((status) => status !== 503)).toEqual([])
    } finally {
      for (const node of nodes) await node.kill9()
      await redis.stop()
      removeFolder(folder)
    }
  }, 180_000)
})

/** First copies, in the order of each partition. */
async function consumed(bootstrap: string, name: string): Promise<TransitionEvent[]> {
  const seen = new Set<string>()
  return (await readTopic({ bootstrap, topic: 'transitions', name }))
    .map(({ value }) => JSON.parse(Buffer.from(value).toString()) as TransitionEvent)
    .filter(({ id }) => !seen.has(id) && seen.add(id))
}

/** Every phone begins in a time of its own, so that what it did tells it apart. */
function phoneOf(device: string, roll: (sides: number) => number): Phone {
  let observed = Date.now() - 3_600_000 + roll(1_000_000)
  const batches = Array.from({ length: BATCHES }, () =>
    Array.from({ length: 1 + roll(4) }, () => {
      observed += 1000 + roll(60_000)
      return { observed, fence: roll(3) === 0 ? null : roll(FENCES.length) }
    }),
  )
  return { device, batches: batches.map((pings) => pings.map((ping) => ({ ...ping }))) }
}

/** What one node without faults tells of a phone: `enter fence-1 <visit>` … */
function lines(batches: Phone['batches']): string[] {
  const all: string[] = []
  let inside: number | null = null
  let visit = 0
  for (const { observed, fence } of batches.flat()) {
    if (fence === inside) continue
    if (inside !== null) all.push(`exit fence-${inside} ${visit}`)
    if (fence !== null) {
      visit = Math.max(observed, visit + 1)
      all.push(`enter fence-${fence} ${visit}`)
    }
    inside = fence
  }
  return all
}

/** Batches of a phone one after the other, each to any node and again until an answer comes and is not lost. */
async function postAll(
  ports: readonly number[],
  phones: Phone[],
  roll: (sides: number) => number,
  progress: { taken: number; refusals: Set<number> },
): Promise<void> {
  const work = async (): Promise<void> => {
    const connections = ports.map((port) => new HttpConnection(port))
    for (let phone = phones.shift(); phone !== undefined; phone = phones.shift()) {
      for (const pings of phone.batches) {
        while (
          !(await send(connections[roll(ports.length)] as HttpConnection, phone.device, pings, progress)) ||
          roll(5) === 0
        );
        progress.taken++
      }
    }
    for (const connection of connections) connection.close()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
}

async function send(
  connection: HttpConnection,
  device: string,
  pings: readonly Ping[],
  progress: { refusals: Set<number> },
): Promise<boolean> {
  const sent = Date.now()
  const body = {
    v: 1,
    device,
    sent,
    consent: true,
    pings: pings.map(({ observed, fence }) => ({
      type: 'location',
      age: sent - observed,
      lat: 53,
      lon: fence === null ? 8.5 : 9 + fence / 100,
    })),
  }
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  try {
    const { status } = await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)), 15_000)
    if (status !== 200) progress.refusals.add(status)
    return status === 200
  } catch {
    // A node that was killed: it is back in a moment.
    await new Promise((resolve) => setTimeout(resolve, 20))
    return false
  }
}

async function until(holds: () => boolean | Promise<boolean>, everyMs = 10): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, everyMs))
}
