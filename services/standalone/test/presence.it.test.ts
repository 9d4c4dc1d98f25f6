// Presence as its users meet it: over the public door, on the embedded store and on Redis, in one thread and in two.
import {
  HttpConnection,
  type RedisServer,
  readEvents,
  readMetrics,
  readTransitions,
  removeFolder,
  type ServiceProcess,
  startRedis,
  type TransitionEvent,
  tempFolder,
} from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KEY, startStandalone, TENANT, writeFences } from './support.ts'

const HEADERS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
const POLL = { timeout: 20_000, interval: 20 }
const INSIDE = { lat: 53.5511, lon: 9.9935 }
const OUTSIDE = { lat: 53.6, lon: 9.9935 }

let folder = ''
let service: ServiceProcess | undefined
beforeEach(() => {
  folder = tempFolder('presence')
  fence({ dwell_s: 3600 })
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

/** One circle of 100 m, with these properties. */
function fence(properties: Record<string, unknown>): void {
  const geometry = { type: 'Point', coordinates: [INSIDE.lon, INSIDE.lat] }
  writeFences(folder, [{ type: 'Feature', id: 'market', properties: { radius_m: 100, ...properties }, geometry }])
}

interface Position {
  readonly lat: number
  readonly lon: number
  readonly accuracy?: number
  readonly age?: number
}

async function post(
  port: number,
  device: string,
  ...pings: readonly Position[]
): Promise<{ status: number; body: string; retryAfter: string | undefined }> {
  const connection = new HttpConnection(port)
  const all = pings.map((ping) => ({ type: 'location', age: 0, ...ping }))
  const body = { v: 1, device, sent: Date.now(), consent: true, pings: all }
  const answer = await connection.post('/v1/pings', HEADERS, Buffer.from(JSON.stringify(body)))
  connection.close()
  return { status: answer.status, body: answer.body.toString(), retryAfter: answer.headers['retry-after'] }
}

/** The first copy of each: a process that was killed may have told and not noted it. */
async function told(adminPort: number): Promise<TransitionEvent[]> {
  const events = new Map<string, TransitionEvent>()
  await readTransitions(adminPort, null, ({ value }) => {
    if (!events.has(value.id)) events.set(value.id, value)
  })
  return [...events.values()]
}

const kinds = (events: readonly TransitionEvent[]): string[] =>
  events.map(({ kind, fence: { id }, dwell_s }) => `${kind} ${id}${dwell_s === undefined ? '' : ` ${dwell_s}`}`)

describe.each(['1', '2'])('presence on the embedded store, %s thread(s)', (threads) => {
  it('tells enter, dwell and exit, the dwell of a silent device by itself', async () => {
    fence({ dwell_s: 1 })
    service = await startStandalone(folder, { FENCEPOST_THREADS: threads })
    const { port, adminPort } = await service.listening()
    const before = Date.now()
    expect((await post(port, 'phone', INSIDE)).status).toBe(200)
    // Nobody sends anything: the sweep makes it.
    await expect.poll(async () => kinds(await told(adminPort)), POLL).toEqual(['enter market', 'dwell market 1'])
    expect((await post(port, 'phone', OUTSIDE)).status).toBe(200)
    const [enter, dwell, exit] = (await told(adminPort)) as [TransitionEvent, TransitionEvent, TransitionEvent]
    expect(exit).toMatchObject({ v: 1, tenant: TENANT, kind: 'exit', since: enter.observed, visit: enter.visit })
    expect(exit.duration_ms).toBe(exit.observed - enter.observed)
    expect([dwell.observed, dwell.at, dwell.since]).toEqual([enter.observed + 1000, enter.at + 1000, enter.observed])
    expect(enter.at).toBeGreaterThanOrEqual(before)
    expect(new Set([enter.device, dwell.device, exit.device]).size).toBe(1)
    expect(new Set([enter.id, dwell.id, exit.id]).size).toBe(3)
    const metrics = await readMetrics(adminPort)
    const count = (kind: string) => metrics.get(`fencepost_transitions_total{kind="${kind}"}`)
    expect([count('enter'), count('dwell'), count('exit')]).toEqual([1, 1, 1])
  }, 60_000)

  it('remembers who is inside over kill -9', async () => {
    service = await startStandalone(folder, { FENCEPOST_THREADS: threads })
    const first = await service.listening()
    expect((await post(first.port, 'phone', INSIDE)).status).toBe(200)
    await service.kill9()
    service = await startStandalone(folder, { FENCEPOST_THREADS: threads })
    const second = await service.listening()
    expect((await post(second.port, 'phone', INSIDE)).status).toBe(200)
    expect((await post(second.port, 'phone', OUTSIDE)).status).toBe(200)
    expect(kinds(await told(second.adminPort))).toEqual(['enter market', 'exit market'])
  }, 60_000)

  it('off leaves matches and nothing else', async () => {
    service = await startStandalone(folder, { FENCEPOST_THREADS: threads, FENCEPOST_PRESENCE: 'off' })
    const { port, adminPort } = await service.listening()
    expect(JSON.parse((await post(port, 'phone', INSIDE)).body)).toMatchObject({ accepted: 1, matched: 1 })
    expect(await told(adminPort)).toEqual([])
    expect([...(await readMetrics(adminPort)).keys()].filter((name) => name.includes('presence'))).toEqual([])
  }, 60_000)
})

describe('the border of a fence', () => {
  it('with a margin is left only when the circle of uncertainty is clear of it', async () => {
    fence({ exit_margin_m: 50 })
    service = await startStandalone(folder)
    const { port, adminPort } = await service.listening()
    // 0.001 degrees of latitude are 111 m: 120, 160 and 250 m from the centre.
    const north = (metres: number) => ({ lat: INSIDE.lat + metres / 111_250, lon: INSIDE.lon })
    await post(port, 'phone', INSIDE)
    await post(port, 'phone', north(120))
    await post(port, 'phone', { ...north(160), accuracy: 30 })
    expect(kinds(await told(adminPort))).toEqual(['enter market'])
    await post(port, 'phone', { ...north(250), accuracy: 30 })
    expect(kinds(await told(adminPort))).toEqual(['enter market', 'exit market'])
  }, 60_000)

  it('that expires lets nobody in and everybody out', async () => {
    const expiresAt = Date.now() + 3000
    fence({ expires_at: new Date(expiresAt).toISOString() })
    service = await startStandalone(folder)
    const { port, adminPort } = await service.listening()
    await post(port, 'phone', INSIDE)
    await expect.poll(async () => kinds(await told(adminPort)), POLL).toEqual(['enter market', 'exit market'])
    expect((await told(adminPort))[1]).toMatchObject({ reason: 'fence_expired', at: expiresAt })
    // To a ping of before it is still there, to one of now not.
    const { body } = await post(port, 'other', INSIDE)
    expect(JSON.parse(body)).toMatchObject({ accepted: 1, matched: 0 })
    expect(await told(adminPort)).toHaveLength(2)
    const late = await post(port, 'late', { ...INSIDE, age: Date.now() - expiresAt + 60_000 })
    expect(JSON.parse(late.body)).toMatchObject({ accepted: 1, matched: 1 })
    const matches: string[] = []
    await readEvents(adminPort, null, ({ value }) => matches.push(...value.fences.map(({ id }) => id)))
    expect(matches).toEqual(['market', 'market'])
  }, 60_000)

  it('of a fence that was removed ends the visit', async () => {
    service = await startStandalone(folder)
    const { port, adminPort } = await service.listening()
    await post(port, 'phone', INSIDE)
    writeFences(folder, [])
    service.process.signal('SIGHUP')
    await expect.poll(async () => (await readMetrics(adminPort)).get('fencepost_fences'), POLL).toBe(0)
    await post(port, 'phone', INSIDE)
    expect(await told(adminPort)).toMatchObject([{ kind: 'enter' }, { kind: 'exit', reason: 'fence_removed' }])
  }, 60_000)
})

needs('redis', 'presence in Redis', () => {
  let redis: RedisServer
  beforeEach(async () => {
    redis = await startRedis()
  })
  afterEach(() => redis.stop())

  it.each(['1', '2'])(
    'that fails is a 503 with Retry-After, and nothing is lost by it, %s thread(s)',
    async (threads) => {
      service = await startStandalone(folder, {
        FENCEPOST_THREADS: threads,
        FENCEPOST_REDIS_URL: `redis://${redis.address}`,
        FENCEPOST_REDIS_TIMEOUT_MS: '300',
      })
      const { port, adminPort } = await service.listening()
      expect((await post(port, 'phone', INSIDE)).status).toBe(200)
      await redis.pause()
      for (let i = 0; i < 8; i++) {
        const { status, body, retryAfter } = await post(port, `phone-${i}`, INSIDE)
        expect([status, JSON.parse(body).error]).toEqual([503, 'store_unavailable'])
        expect(Number(retryAfter)).toBeGreaterThan(0)
      }
      await redis.resume()
      await expect.poll(async () => (await post(port, 'phone', OUTSIDE)).status, POLL).toBe(200)
      const mine = (await told(adminPort)).filter(({ visit }, _, [first]) => visit === first?.visit)
      expect(kinds(mine)).toEqual(['enter market', 'exit market'])
      // None of the refused was told of as having been inside: its ping was not taken, or is when it comes again.
      const ready = new HttpConnection(adminPort)
      await expect.poll(async () => (await ready.get('/readyz')).status, POLL).toBe(200)
      expect(JSON.parse((await ready.get('/readyz')).body.toString())).toMatchObject({ presence: 'connected' })
      ready.close()
    },
    60_000,
  )
})
