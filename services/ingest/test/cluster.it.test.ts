// A cluster as it is run: control, two ingest nodes, a Redis that is lost in every way there is. Fences are live on both nodes; nothing that
// Redis loses is lost.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  HttpConnection,
  type RedisServer,
  removeFolder,
  type ServiceProcess,
  startRedis,
  startService,
  tempFolder,
} from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'

const INGEST = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const CONTROL = fileURLToPath(new URL('../../control/dist/main.js', import.meta.url))
const TOKEN = 'owner-token'
const POLL = { timeout: 20_000, interval: 20 }

needs('kafka', 'a cluster', (bootstrap) => {
  let folder = ''
  let redis: RedisServer
  let control: ServiceProcess
  const nodes: ServiceProcess[] = []
  const ports: number[] = []
  const adminPorts: number[] = []
  let controlPort = 0
  let key = ''

  const startNode = async (i: number): Promise<void> => {
    const service = await startService({
      entry: INGEST,
      env: {
        FENCEPOST_HOST: '127.0.0.1',
        FENCEPOST_PORT: '0',
        FENCEPOST_ADMIN_PORT: '0',
        FENCEPOST_KAFKA_BROKERS: bootstrap,
        FENCEPOST_KAFKA_REPLICATION: '1',
        FENCEPOST_KAFKA_PARTITIONS: '3',
        FENCEPOST_TOPIC_MATCHES: `test.cluster.${process.pid}.matches`,
        FENCEPOST_TOPIC_TRANSITIONS: `test.cluster.${process.pid}`,
        FENCEPOST_REDIS_URL: `redis://${redis.address}`,
        FENCEPOST_REDIS_TIMEOUT_MS: '500',
        FENCEPOST_PRESENCE: 'off',
        FENCEPOST_DATA_DIR: join(folder, `node-${i}`),
        FENCEPOST_ROOT_KEY: 'a'.repeat(64),
        FENCEPOST_PSEUDONYM_KEY: 'b'.repeat(64),
      },
    })
    nodes[i] = service
    const listening = await service.listening(60_000)
    ports[i] = listening.port
    adminPorts[i] = listening.adminPort
  }

  beforeAll(async () => {
    if (!existsSync(INGEST) || !existsSync(CONTROL)) throw new Error('dist is missing; run: make build')
    folder = tempFolder('cluster')
    redis = await startRedis()
    control = await startService({
      entry: CONTROL,
      env: {
        FENCEPOST_ADMIN_PORT: '0',
        FENCEPOST_ADMIN_TOKEN: TOKEN,
        FENCEPOST_REDIS_URL: `redis://${redis.address}`,
        FENCEPOST_REDIS_TIMEOUT_MS: '500',
        FENCEPOST_DATA_DIR: join(folder, 'control'),
      },
    })
    controlPort = (await control.listening()).adminPort
    await Promise.all([startNode(0), startNode(1)])
    key = (await ask('POST', '/v1/tenants/acme/keys', {})).json['key'] as string
  }, 120_000)
  afterAll(async () => {
    for (const service of [...nodes, control]) await service?.kill9()
    await redis?.stop()
    removeFolder(folder)
  })

  async function ask(method: string, path: string, body?: unknown) {
    const answer = await fetch(`http://127.0.0.1:${controlPort}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
  }

  const put = (id: string, lat: number) =>
    ask('PUT', `/v1/tenants/acme/fences/${id}`, {
      type: 'Feature',
      properties: { radius_m: 100 },
      geometry: { type: 'Point', coordinates: [10, lat] },
    })

  /** How many fences hold a ping there, on each node; the status where it is not 200. */
  function matched(lat: number): Promise<number[]> {
    return Promise.all(
      ports.map(async (port) => {
        const connection = new HttpConnection(port)
        const body = {
          v: 1,
          device: 'phone',
          sent: Date.now(),
          consent: true,
          pings: [{ type: 'location', age: 0, lat, lon: 10 }],
        }
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
        const answer = await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)))
        connection.close()
        return answer.status === 200
          ? (JSON.parse(answer.body.toString()) as { matched: number }).matched
          : answer.status
      }),
    )
  }

  async function feedOf(i: number): Promise<{ problem: string | null }> {
    const connection = new HttpConnection(adminPorts[i] as number)
    const { body } = await connection.get('/readyz')
    connection.close()
    return (JSON.parse(body.toString()) as { feed: { problem: string | null } }).feed
  }

  it('has a fence live on both nodes once control says that all are there', async () => {
    const { json } = await put('market', 1)
    const status = await ask('GET', `/v1/feed/status?seq=${json['seq']}&wait_ms=10000`)
    expect(status.json).toMatchObject({ reached: true })
    await expect.poll(() => matched(1), POLL).toEqual([1, 1])
  }, 60_000)

  it('explains at control what its nodes match', async () => {
    const { json } = await ask('POST', '/v1/explain', { tenant: 'acme', lat: 1, lon: 10 })
    expect(json['fences']).toMatchObject([{ fence: { id: 'market' }, inside: true }])
  }, 60_000)

  it('keeps its fences through FLUSHALL: control fills Redis anew', async () => {
    const admin = new Redis(`redis://${redis.address}`)
    const before = (await ask('GET', '/v1/feed/status')).json['epoch']
    await expect.poll(() => copied(), POLL).toBe(true)
    await admin.flushall()
    admin.disconnect()
    await expect.poll(async () => (await ask('GET', '/v1/feed/status')).json['seq'], POLL).toBe(1)
    expect((await ask('GET', '/v1/feed/status')).json['epoch']).not.toBe(before)
    expect((await ask('GET', '/v1/tenants/acme/fences/market')).status).toBe(200)
    await put('later', 2)
    await expect.poll(() => matched(2), POLL).toEqual([1, 1])
    expect(await matched(1)).toEqual([1, 1])
  }, 60_000)

  it('keeps its fences when an older dump is restored', async () => {
    const admin = new Redis(`redis://${redis.address}`)
    const keys = await admin.keys('fencepost:{feed}:*')
    const dumps = await Promise.all(keys.map(async (name) => [name, await admin.dumpBuffer(name)] as const))
    await put('newest', 3)
    await expect.poll(() => matched(3), POLL).toEqual([1, 1])
    await expect.poll(() => copied(), POLL).toBe(true)
    await admin.flushall()
    // In one go, so that nobody meets an empty one in between.
    const pipeline = admin.multi()
    for (const [name, dump] of dumps) pipeline.restore(name, 0, dump as Buffer, 'REPLACE')
    await pipeline.exec()
    admin.disconnect()
    await expect.poll(async () => (await ask('GET', '/v1/tenants/acme/fences/newest')).status, POLL).toBe(200)
    await put('after', 4)
    await expect.poll(() => matched(4), POLL).toEqual([1, 1])
    for (const lat of [1, 2, 3]) expect(await matched(lat)).toEqual([1, 1])
  }, 60_000)

  it('goes on matching while Redis is frozen, says so, and catches up', async () => {
    await redis.pause()
    await expect.poll(async () => (await feedOf(0)).problem, POLL).not.toBeNull()
    expect(await matched(1)).toEqual([1, 1])
    expect((await put('frozen', 5)).status).toBe(503)
    await redis.resume()
    await expect.poll(async () => (await put('thawed', 6)).status, POLL).toBeLessThan(300)
    await expect.poll(() => matched(6), POLL).toEqual([1, 1])
    await expect.poll(async () => (await feedOf(0)).problem, POLL).toBeNull()
  }, 60_000)

  it('starts a node from its last good fences while Redis is gone', async () => {
    await redis.kill9()
    await nodes[1]?.kill9()
    await startNode(1)
    expect(await matched(1)).toEqual([1, 1])
    await redis.start() // empty: control has the copy
    await put('back', 7).catch(() => null)
    await expect.poll(async () => (await put('back', 7)).status, POLL).toBeLessThan(300)
    await expect.poll(() => matched(7), POLL).toEqual([1, 1])
    expect(await matched(1)).toEqual([1, 1])
  }, 90_000)

  /** Has control's copy everything? */
  async function copied(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${controlPort}/readyz`)
    const { copy } = (await answer.json()) as { copy: { epoch: string; seq: number } }
    const { epoch, seq } = (await ask('GET', '/v1/feed/status')).json
    return copy.epoch === epoch && copy.seq === seq
  }
})
