// The canary person: a device that cannot be mistaken is driven through every path, erased, and then looked for in every byte.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { readTopic } from '@fencepost/kafka/reader'
import { TOPICS, type Topic } from '@fencepost/model'
import { readMetrics, removeFolder, type ServiceProcess, startRedis, tempFolder } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Answered,
  ask,
  filesWith,
  finished,
  formsOfCoordinate,
  Phone,
  request,
  subjectSecretOf,
} from './privacy-kit.ts'
import { startStandalone, TENANT, writeFences } from './support.ts'

const DEVICE = 'canary-device-2f9c81'
const INSIDE = { lat: 53.5511237, lon: 9.9935431 }
const OUTSIDE = { lat: 53.6123457, lon: 9.9876543 }
const REF = 'canary-ref-77aa'
const BATCH = 'canary-batch-31'
const APP = { id: 'canary.app.id', version: 'canary-version-9', os: 'canary-os' }
const OTHER = new Phone('somebody-else')

/** What was said of the canary and may be told in its events, and what may be told nowhere, ever. */
const TOLD = [REF, BATCH].map((text) => Buffer.from(text))
const NEVER = [DEVICE, APP.id, APP.version, APP.os].map((text) => Buffer.from(text))
const EXACT = [INSIDE.lat, INSIDE.lon, OUTSIDE.lat, OUTSIDE.lon].flatMap(formsOfCoordinate)

let folder = ''
let service: ServiceProcess | undefined
beforeEach(() => {
  folder = tempFolder('canary')
  writeFences(folder, [
    {
      type: 'Feature',
      id: 'market',
      properties: { radius_m: 150, dwell_s: 1, campaigns: ['spring'] },
      geometry: { type: 'Point', coordinates: [9.993, 53.551] },
    },
  ] as never)
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

const POLL = { timeout: 20_000, interval: 30 }
const said: Answered[] = []

async function start(more: Readonly<Record<string, string>>): Promise<{ port: number; adminPort: number }> {
  service = await startStandalone(folder, { FENCEPOST_LOG_LEVEL: 'debug', ...more })
  return service.listening()
}

/** Drives the canary through every way in. Returns the ports of the process that is left. */
async function drive(more: Readonly<Record<string, string>>): Promise<{ port: number; adminPort: number }> {
  let { port, adminPort } = await start(more)
  const canary = new Phone(DEVICE)
  const campaign = { triggers: { enter: true, exit: true, dwell_s: [1] }, cap: { max: 5, window_s: 86_400 } }
  expect((await ask(adminPort, 'PUT', `/v1/tenants/${TENANT}/campaigns/spring`, { body: campaign })).status).toBe(201)
  const secret = await subjectSecretOf(adminPort)
  const known = { batch: BATCH, app: APP }
  said.push(
    await canary.consent(port, { location: true, text_version: 'v1' }, secret),
    await canary.post(port, [{ ...INSIDE, ref: REF, accuracy: 7.25, age: 4000 }], known),
    await OTHER.post(port, [{ ...INSIDE, age: 4000 }]),
    await canary.post(port, [{ ...INSIDE, ref: `${REF}-2`, age: 2000 }], { ...known, encoding: 'msgpack' }),
    await canary.post(port, [{ ...OUTSIDE, age: 1000 }], known),
    await canary.post(
      port,
      [
        { ...INSIDE, age: 10 ** 12 },
        { lat: 91, lon: INSIDE.lon },
      ],
      known,
    ), // stale, bad
    await canary.post(port, [INSIDE], { ...known, consent: false }),
    await canary.post(port, [INSIDE], { ...known, v: 2 }),
    await canary.post(port, [INSIDE], { ...known, consent: 'perhaps' }),
    await canary.consent(port, { location: 'perhaps' }),
    await ask(adminPort, 'POST', '/v1/explain', { body: { tenant: TENANT, ...INSIDE } }),
    await ask(adminPort, 'POST', '/v1/explain', { body: { tenant: TENANT, ...INSIDE, device: DEVICE } }),
    await ask(port, 'GET', '/v1/me', { headers: canary.headers(secret) }),
    await ask(port, 'GET', '/v1/me', { headers: canary.headers() }),
    await ask(port, 'GET', '/v1/consent', { headers: canary.headers(secret) }),
    await ask(port, 'GET', `/${DEVICE}`),
  )
  // A crash, with the canary inside once more.
  said.push(await canary.post(port, [{ ...INSIDE, ref: REF, age: 100 }], known))
  await service?.kill9()
  ;({ port, adminPort } = await start(more))
  said.push(await canary.post(port, [{ ...INSIDE, ref: `${REF}-3` }], known))
  return { port, adminPort }
}

async function outputs(adminPort: number): Promise<string> {
  const metrics = await readMetrics(adminPort).then((all) => JSON.stringify([...Object.entries(all)]))
  const paths = ['/readyz', '/v1/audit', '/v1/feed/status', '/v1/privacy/requests', '/v1/privacy/retention']
  const answers = await Promise.all(paths.map(async (path) => (await ask(adminPort, 'GET', path)).text))
  const all = await fetch(`http://127.0.0.1:${adminPort}/metrics`).then((answer) => answer.text())
  return [metrics, all, ...answers, ...(service?.process.lines ?? [])].join('\n')
}

function saidIn(text: string, needles: readonly Buffer[]): string[] {
  return needles.map((needle) => needle.toString('latin1')).filter((needle) => text.includes(needle))
}

describe('on embedded parts', () => {
  const events = async (adminPort: number, topic: Topic): Promise<{ key: string; value: { device: string } }[]> =>
    (await ask(adminPort, 'GET', `/v1/events?topic=${topic}&limit=10000`)).text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { key: string; value: { device: string } })

  it.each(['coarse', 'exact'])(
    'with %s coordinates',
    async (coordinates) => {
      said.length = 0
      const data = join(folder, 'data')
      const { port, adminPort } = await drive({ FENCEPOST_EVENT_COORDINATES: coordinates })
      await expect.poll(async () => (await events(adminPort, 'transitions')).length, POLL).toBeGreaterThanOrEqual(4)

      // Before: the id is nowhere but in memory, and exact coordinates only where they are configured.
      expect(filesWith(data, NEVER)).toEqual([])
      expect(filesWith(data, EXACT).length > 0).toBe(coordinates === 'exact')
      const before = await outputs(adminPort)
      const answers = said.map(({ text }) => text).join('\n')
      expect(saidIn(before + answers, [...NEVER, ...EXACT, ...TOLD])).toEqual([])
      const matches = await events(adminPort, 'matches')
      const pseudonym = matches.find(({ value }) => (value as { ref?: string }).ref === REF)?.key as string
      expect(filesWith(data, [Buffer.from(pseudonym), ...TOLD])).not.toEqual([])
      const others = matches.filter(({ key }) => key !== pseudonym)
      expect(others.length).toBeGreaterThan(0)

      const done = await request(adminPort, { type: 'erase', subject: { device: DEVICE } })
      const { proof } = done.json as {
        proof: { records: { found: { visits: number; caps: number } }; journal: unknown }
      }
      expect(proof).toMatchObject({ records: { found: { visits: 1, caps: 1, choices: 1 } } })
      const held = (await events(adminPort, 'matches')).length
      expect(held).toBe(others.length)
      expect(proof.journal).toEqual({ found: expect.any(Number), removed: expect.any(Number) })
      expect((proof.journal as { found: number }).found).toBeGreaterThanOrEqual(matches.length - others.length + 4)
      expect((proof.journal as { found: number }).found).toBe((proof.journal as { removed: number }).removed)

      // After: not a byte of it, and consumers know whom to forget.
      const all = [
        ...NEVER,
        ...EXACT.filter((_, i) => coordinates === 'coarse' || i >= 12),
        ...TOLD,
        Buffer.from(pseudonym),
      ]
      expect(filesWith(data, all)).toEqual([])
      const after = await outputs(adminPort)
      expect(saidIn(after, all)).toEqual([])
      expect(saidIn(done.text, all)).toEqual([])
      expect((await events(adminPort, 'transitions')).filter(({ key }) => key === pseudonym)).toEqual([])
      expect((await events(adminPort, 'erasures')).map(({ key, value }) => [key, value.device])).toEqual([
        [pseudonym, pseudonym],
      ])
      expect((await events(adminPort, 'matches')).map(({ key }) => key)).toEqual(others.map(({ key }) => key))

      // It is suppressed from now on, and stays so after a restart and another request.
      const canary = new Phone(DEVICE)
      const refused = { accepted: 0, rejected: [[0, 'no_consent']] }
      expect((await canary.post(port, [INSIDE])).json).toMatchObject(refused)
      const again = await request(adminPort, { type: 'erase', subject: { device: DEVICE } })
      expect(again.json['proof']).toMatchObject({ journal: { found: 0 }, records: { found: { visits: 0 } } })
      await service?.kill9()
      const ports = await start({ FENCEPOST_EVENT_COORDINATES: coordinates })
      expect((await canary.post(ports.port, [INSIDE])).json).toMatchObject(refused)
      expect(filesWith(data, all)).toEqual([])
      // Until the person chooses anew.
      const secret = await subjectSecretOf(ports.adminPort)
      expect((await canary.consent(ports.port, { location: true }, secret)).status).toBe(200)
      expect((await canary.post(ports.port, [INSIDE])).json).toMatchObject({ accepted: 1, matched: 1 })
    },
    120_000,
  )
})

needs('kafka', 'with presence in Redis and events in Kafka', (bootstrap) => {
  it('nothing is left in Redis but the suppressed subject, and nothing later in Kafka than the erasure', async () => {
    said.length = 0
    const redis = await startRedis()
    const names: Record<Topic, string> = { matches: '', transitions: '', erasures: '' }
    for (const topic of TOPICS) names[topic] = `canary.${process.pid}.${topic}`
    const { port, adminPort } = await drive({
      FENCEPOST_REDIS_URL: `redis://${redis.address}`,
      FENCEPOST_SINK: 'kafka',
      FENCEPOST_KAFKA_BROKERS: bootstrap,
      FENCEPOST_KAFKA_REPLICATION: '1',
      FENCEPOST_KAFKA_PARTITIONS: '3',
      FENCEPOST_TOPIC_MATCHES: names.matches,
      FENCEPOST_TOPIC_TRANSITIONS: names.transitions,
      FENCEPOST_TOPIC_ERASURES: names.erasures,
      FENCEPOST_EVENT_COORDINATES: 'coarse',
    })
    try {
      const before = await dumpOf(redis.port)
      expect(saidIn(before, [...NEVER, ...EXACT])).toEqual([])
      expect(saidIn(before, [Buffer.from('market')])).not.toEqual([])
      expect(filesWith(join(folder, 'data'), [...NEVER, ...EXACT, ...TOLD])).toEqual([])

      const { status, json } = await ask(port, 'DELETE', '/v1/me', {
        headers: new Phone(DEVICE).headers(await subjectSecretOf(adminPort)),
      })
      expect(status).toBe(202)
      const done = await finished(adminPort, json['request'] as string)
      expect(done.json['proof']).toMatchObject({ journal: null, records: { found: { visits: 1, choices: 1 } } })

      const read = async (topic: Topic) => readTopic({ bootstrap, topic, name: names[topic] })
      const erasures = await read('erasures')
      expect(erasures).toHaveLength(1)
      const [{ key: pseudonym, headers }] = erasures as [(typeof erasures)[0]]
      const erasedAt = Date.parse(headers['ce_time'] as string)
      const events = [...(await read('matches')), ...(await read('transitions'))].filter(({ key }) => key === pseudonym)
      expect(events.length).toBeGreaterThan(4)
      for (const { value } of events)
        expect((JSON.parse(Buffer.from(value).toString()) as { received: number }).received).toBeLessThan(erasedAt + 1)

      const dump = await dumpOf(redis.port)
      expect(saidIn(dump, [...NEVER, ...EXACT, ...TOLD, Buffer.from(pseudonym)])).toEqual([])
      const canary = new Phone(DEVICE)
      expect((await canary.post(port, [INSIDE])).json).toMatchObject({ rejected: [[0, 'no_consent']] })
      expect(
        [...(await read('matches')), ...(await read('transitions'))].filter(({ key }) => key === pseudonym),
      ).toHaveLength(events.length)
      expect(saidIn(await outputs(adminPort), [...NEVER, ...EXACT, ...TOLD, Buffer.from(pseudonym)])).toEqual([])
    } finally {
      await redis.stop()
    }
  }, 120_000)
})

/** Every value that Redis has of records and requests, as DUMP gives it, with its key. */
async function dumpOf(port: number): Promise<string> {
  const script = `
    const { Redis } = await import('ioredis')
    const redis = new Redis(${port}, '127.0.0.1')
    for (const key of await redis.keys('*')) {
      const type = await redis.type(key)
      const value = type === 'string' ? await redis.getBuffer(key)
        : type === 'zset' ? Buffer.concat(await redis.zrangeBuffer(key, 0, -1))
        : type === 'hash' ? Buffer.concat(Object.entries(await redis.hgetallBuffer(key)).flatMap(([k, v]) => [Buffer.from(k), v]))
        : await redis.dumpBuffer(key)
      process.stdout.write(Buffer.concat([Buffer.from(key), Buffer.from([10]), value, Buffer.from([10])]).toString('latin1'), 'latin1')
    }
    redis.disconnect()`
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'latin1',
    maxBuffer: 2 ** 28,
  })
}
