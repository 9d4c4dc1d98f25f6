// Two nodes of a cluster that are killed and restarted under load, one Redis, one Kafka, phones that lose answers.
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

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url))
export const KEY = 'key-of-acme'
export const KEYS = { root: 'a'.repeat(64), pseudonym: 'b'.repeat(64) }
const CONNECTIONS = 24
const KILLS = 5
/** How many fences pings are in: `fence-0` to `fence-5` in a row, a kilometre apart, and nothing between them. */
const FENCES = 6

export interface Ping {
  readonly observed: number
  /** Number of the fence that holds it, or null. */
  readonly fence: number | null
}

export interface Phone {
  readonly device: string
  readonly batches: readonly (readonly Ping[])[]
}

/** How the load goes. */
export interface Progress {
  /** Batches whose answer has come. */
  taken: number
  readonly refusals: Set<number>
}

/** A circle round the place of a fence. */
export function circleAt(id: string, fence: number, radiusM: number, properties: Record<string, unknown> = {}) {
  return {
    type: 'Feature',
    id,
    properties: { radius_m: radiusM, ...properties },
    geometry: { type: 'Point', coordinates: [9 + fence / 100, 53] },
  }
}

export const ROW = Array.from({ length: FENCES }, (_, i) => circleAt(`fence-${i}`, i, 200))

/** Starts Redis and the nodes. */
export async function startPair(
  bootstrap: string,
  name: string,
  features: readonly object[],
  { count = 2, env = {} }: { readonly count?: number; readonly env?: Readonly<Record<string, string>> } = {},
) {
  if (!existsSync(ENTRY)) throw new Error('services/ingest/dist is missing; run: make build')
  const folder = tempFolder(name)
  const redis = await startRedis()
  const ports = await freePorts(count)
  const topic = `test.${name}.${process.pid}`
  writeFileSync(join(folder, 'fences.geojson'), JSON.stringify({ type: 'FeatureCollection', features }))
  const nodes: ServiceProcess[] = []

  async function startNode(i: number): Promise<void> {
    nodes[i] = await startService({
      entry: ENTRY,
      env: {
        FENCEPOST_HOST: '127.0.0.1',
        FENCEPOST_PORT: String(ports[i]),
        FENCEPOST_ADMIN_PORT: '0',
        FENCEPOST_FENCES: join(folder, 'fences.geojson'),
        FENCEPOST_SDK_KEYS: `acme:${KEY}`,
        FENCEPOST_KAFKA_BROKERS: bootstrap,
        FENCEPOST_KAFKA_REPLICATION: '1',
        FENCEPOST_KAFKA_PARTITIONS: '6',
        FENCEPOST_TOPIC_MATCHES: `${topic}.matches`,
        FENCEPOST_TOPIC_TRANSITIONS: topic,
        FENCEPOST_TOPIC_ERASURES: `${topic}.erasures`,
        FENCEPOST_REDIS_URL: `redis://${redis.address}`,
        FENCEPOST_DATA_DIR: join(folder, `node-${i}`),
        FENCEPOST_ROOT_KEY: KEYS.root,
        FENCEPOST_PSEUDONYM_KEY: KEYS.pseudonym,
        ...env,
      },
    })
    await nodes[i].listening()
  }

  async function stop(): Promise<void> {
    for (const node of nodes) await node.kill9()
    await redis.stop()
    removeFolder(folder)
  }

  try {
    for (const i of ports.keys()) await startNode(i)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ports,
    redis,
    topic,
    stop,
    /** Kills one node and then the other, spread over `batches` of a load, and starts each again. */
    async killAll(progress: Progress, batches: number): Promise<void> {
      for (let kill = 1; kill <= KILLS; kill++) {
        await until(() => progress.taken >= (kill * batches) / (KILLS + 1))
        await nodes[kill % 2]?.kill9()
        await startNode(kill % 2)
      }
    },
    /** First copies of the transitions, in the order of each partition. */
    async consumed(): Promise<TransitionEvent[]> {
      const seen = new Set<string>()
      return (await readTopic({ bootstrap, topic: 'transitions', name: topic }))
        .map(({ value }) => JSON.parse(Buffer.from(value).toString()) as TransitionEvent)
        .filter(({ id }) => !seen.has(id) && seen.add(id))
    },
  }
}

/** Every phone begins in a time of its own, so that what it did tells it apart. */
export function phoneOf(device: string, batches: number, roll: (sides: number) => number): Phone {
  let observed = Date.now() - 3_600_000 + roll(1_000_000)
  return {
    device,
    batches: Array.from({ length: batches }, () =>
      Array.from({ length: 1 + roll(4) }, () => {
        observed += 1000 + roll(60_000)
        return { observed, fence: roll(3) === 0 ? null : roll(FENCES) }
      }),
    ),
  }
}

/** All phones, several at once: `work` is given one after the other, and a connection to each port for each of `slots`. */
export async function eachPhone(
  ports: readonly number[],
  all: readonly Phone[],
  slots: number,
  work: (phone: Phone, connections: readonly (readonly HttpConnection[])[]) => Promise<void>,
): Promise<void> {
  const phones = [...all]
  const worker = async (): Promise<void> => {
    const connections = Array.from({ length: slots }, () => ports.map((port) => new HttpConnection(port)))
    for (let phone = phones.shift(); phone !== undefined; phone = phones.shift()) await work(phone, connections)
    for (const connection of connections.flat()) connection.close()
  }
  await Promise.all(Array.from({ length: Math.ceil(CONNECTIONS / slots) }, worker))
}

/** Sends a batch to any node, and again to any until an answer comes and is not lost. */
export async function sendUntilAnswered(
  connections: readonly HttpConnection[],
  { device }: Phone,
  pings: readonly Ping[],
  roll: (sides: number) => number,
  progress: Progress,
): Promise<void> {
  for (;;) {
    const answered = await send(connections[roll(connections.length)] as HttpConnection, device, pings, progress)
    if (answered && roll(5) !== 0) break
  }
  progress.taken++
}

async function send(
  connection: HttpConnection,
  device: string,
  pings: readonly Ping[],
  progress: Progress,
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

export async function until(holds: () => boolean | Promise<boolean>, everyMs = 10): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, everyMs))
}
