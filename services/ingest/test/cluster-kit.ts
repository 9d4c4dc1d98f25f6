// A cluster as it is run: a Redis of its own, control, two ingest nodes, and somebody to ask them.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  HttpConnection,
  type RedisServer,
  readMetrics,
  removeFolder,
  type ServiceProcess,
  startRedis,
  startService,
  tempFolder,
} from '@fencepost/testbed'
import { Redis } from 'ioredis'

const INGEST = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const CONTROL = fileURLToPath(new URL('../../control/dist/main.js', import.meta.url))
const TOKEN = 'owner-token'
const KEYS = { root: 'a'.repeat(64), pseudonym: 'b'.repeat(64) }
/** For `expect.poll`. */
export const POLL = { timeout: 20_000, interval: 20 }
/** Longitude of every fence. */
const LON = 10

export interface FeedState {
  readonly epoch: string
  readonly seq: number
  readonly problem: string | null
}

export interface Asked {
  readonly status: number
  readonly json: Record<string, unknown>
}

export type Ask = (method: string, path: string, body?: unknown) => Promise<Asked>

/** Starts all of it; `name` is of its topics, `settings` are of every node and of control. */
export async function startCluster(bootstrap: string, name: string, settings: Record<string, string> = {}) {
  if (!existsSync(INGEST) || !existsSync(CONTROL)) throw new Error('dist is missing; run: make build')
  const folder = tempFolder(name)
  const redis: RedisServer = await startRedis()
  const url = `redis://${redis.address}`
  const admin = new Redis(url, { lazyConnect: true })
  admin.on('error', () => {}) // it is killed in tests
  const nodes: ServiceProcess[] = []
  const ports: number[] = []
  const adminPorts: number[] = []
  /** By their folders. */
  const controls = new Map<string, ServiceProcess>()
  let controlPort = 0
  let key = ''

  const cluster = {
    redis,
    ports,
    topics: { transitions: `test.${name}.${process.pid}`, erasures: `test.${name}.${process.pid}.erasures` },
    get key() {
      return key
    },
    /** A client past all of ours. */
    admin,

    /** Starts a control node with its copy in that folder; returns how it is asked. The last one is who `ask` asks. */
    async startControl(data = 'control'): Promise<Ask> {
      const control = await startService({
        entry: CONTROL,
        env: {
          FENCEPOST_ADMIN_PORT: '0',
          FENCEPOST_ADMIN_TOKEN: TOKEN,
          FENCEPOST_REDIS_URL: url,
          FENCEPOST_REDIS_TIMEOUT_MS: '500',
          FENCEPOST_DATA_DIR: join(folder, data),
          FENCEPOST_ROOT_KEY: KEYS.root,
          FENCEPOST_PSEUDONYM_KEY: KEYS.pseudonym,
        },
      })
      controls.set(data, control)
      const { adminPort } = await control.listening()
      controlPort = adminPort
      return (...of) => askAt(adminPort, ...of)
    },
    async stopControl(data = 'control'): Promise<void> {
      await controls.get(data)?.kill9()
    },

    async startNode(i: number, more: Record<string, string> = {}): Promise<void> {
      const service = await startService({
        entry: INGEST,
        env: {
          FENCEPOST_HOST: '127.0.0.1',
          FENCEPOST_PORT: '0',
          FENCEPOST_ADMIN_PORT: '0',
          FENCEPOST_KAFKA_BROKERS: bootstrap,
          FENCEPOST_KAFKA_REPLICATION: '1',
          FENCEPOST_KAFKA_PARTITIONS: '3',
          FENCEPOST_TOPIC_MATCHES: `test.${name}.${process.pid}.matches`,
          FENCEPOST_TOPIC_TRANSITIONS: `test.${name}.${process.pid}`,
          FENCEPOST_TOPIC_ERASURES: `test.${name}.${process.pid}.erasures`,
          FENCEPOST_REDIS_URL: url,
          FENCEPOST_REDIS_TIMEOUT_MS: '500',
          FENCEPOST_PRESENCE: 'off',
          FENCEPOST_DATA_DIR: join(folder, `node-${i}`),
          FENCEPOST_ROOT_KEY: KEYS.root,
          FENCEPOST_PSEUDONYM_KEY: KEYS.pseudonym,
          ...settings,
          ...more,
        },
      })
      nodes[i] = service
      const listening = await service.listening(60_000)
      ports[i] = listening.port
      adminPorts[i] = listening.adminPort
    },
    async killNode(i: number): Promise<void> {
      await nodes[i]?.kill9()
    },

    async stop(): Promise<void> {
      admin.disconnect()
      for (const service of [...nodes, ...controls.values()]) await service?.kill9()
      await redis.stop()
      removeFolder(folder)
    },

    /** Asks control, with a token. */
    askAs: (token: string, method: string, path: string, body?: unknown): Promise<Asked> =>
      askAt(controlPort, method, path, body, token),
    /** Asks control. */
    ask: (method: string, path: string, body?: unknown): Promise<Asked> => askAt(controlPort, method, path, body),

    put: (id: string, lat: number, properties: Record<string, unknown> = {}): Promise<Asked> =>
      cluster.ask('PUT', `/v1/tenants/acme/fences/${id}`, fenceAt(lat, properties)),

    /** How many pings there are matched (of one), on each node; the status where it is not 200. */
    matched(lat: number): Promise<number[]> {
      return Promise.all(
        ports.map(async (port) => {
          const connection = new HttpConnection(port)
          const ping = { type: 'location', age: 0, lat, lon: LON }
          const body = { v: 1, device: 'phone', sent: Date.now(), consent: true, pings: [ping] }
          const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
          const answer = await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)))
          connection.close()
          return answer.status === 200
            ? (JSON.parse(answer.body.toString()) as { matched: number }).matched
            : answer.status
        }),
      )
    },

    /** What a node says of the feed in /readyz. */
    async feedOf(i: number): Promise<FeedState> {
      const connection = new HttpConnection(adminPorts[i] as number)
      const { body } = await connection.get('/readyz')
      connection.close()
      return (JSON.parse(body.toString()) as { feed: FeedState }).feed
    },
    /** Why each node is not further. */
    problems: (): Promise<(string | null)[]> =>
      Promise.all(ports.map(async (_, i) => (await cluster.feedOf(i)).problem)),
    /** `fencepost_feed_following` of each node. */
    following: (): Promise<(number | undefined)[]> =>
      Promise.all(adminPorts.map(async (port) => (await readMetrics(port)).get('fencepost_feed_following'))),

    /** Has control's copy everything? */
    async copied(): Promise<boolean> {
      const answer = await fetch(`http://127.0.0.1:${controlPort}/readyz`)
      const { copy } = (await answer.json()) as { copy: { epoch: string; seq: number } }
      const { epoch, seq } = (await cluster.ask('GET', '/v1/feed/status')).json
      return copy.epoch === epoch && copy.seq === seq
    },
  }

  try {
    await cluster.startControl()
    await Promise.all([cluster.startNode(0), cluster.startNode(1)])
    key = (await cluster.ask('POST', '/v1/tenants/acme/keys', {})).json['key'] as string
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

async function askAt(port: number, method: string, path: string, body?: unknown, token = TOKEN): Promise<Asked> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
}

export type Cluster = Awaited<ReturnType<typeof startCluster>>

/** A circle of 100 m round there, as control is given it. */
export function fenceAt(lat: number, properties: Record<string, unknown> = {}) {
  return {
    type: 'Feature',
    properties: { radius_m: 100, ...properties },
    geometry: { type: 'Point', coordinates: [LON, lat] },
  }
}
