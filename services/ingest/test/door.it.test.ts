// POST /v1/pings on a real socket: every reason a request can be refused for, in both encodings, and how a node leaves.
import { gzipSync } from 'node:zlib'
import { REQUEST_REASONS, type RequestReason, silentLogger } from '@fencepost/model'
import { createBodyBudget, createHttpServer } from '@fencepost/server'
import { pack, Unpackr } from 'msgpackr'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createDoor } from '../src/door.ts'
import { parseSdkKeys } from '../src/keys.ts'
import { type Answered, type Call, call, KEY, metric, type RunningNode, runNode, sumOf } from './door-kit.ts'
import { at, batchOf, kit, NOW } from './node-kit.ts'

// The way DESIGN has it read: 64-bit times as numbers.
const unpackr = new Unpackr({ int64AsType: 'number', useRecords: false })

const HIT = at(9.99, 53.55)
const MISS = at(0, 0)
const good = JSON.stringify(batchOf([HIT]))
const ORIGIN = 'https://shop.example'

interface Refusal {
  readonly name: string
  readonly reason: RequestReason
  readonly env?: Readonly<Record<string, string>>
  readonly prepare?: (running: RunningNode) => void
  readonly call: Call
}

const json = (batch: unknown): Call => ({ body: JSON.stringify(batch) })
const withHeaders = (headers: Readonly<Record<string, string>>): Call => ({ body: good, headers })
const sinkThat =
  (mode: 'full' | 'deadline' | 'stopped' | 'io') =>
  ({ sink }: RunningNode): void => {
    sink.mode = mode
  }

const REFUSALS: readonly Refusal[] = [
  { name: 'no authorization header', reason: 'unauthorized', call: withHeaders({ authorization: '' }) },
  { name: 'an unknown key', reason: 'unauthorized', call: withHeaders({ authorization: 'Bearer key-of-nobody' }) },
  { name: 'another scheme', reason: 'unauthorized', call: withHeaders({ authorization: `Basic ${KEY}` }) },
  { name: 'a key without a scheme', reason: 'unauthorized', call: withHeaders({ authorization: KEY }) },
  {
    name: 'two keys in one header',
    reason: 'unauthorized',
    call: withHeaders({ authorization: `Bearer ${KEY} ${KEY}` }),
  },
  {
    name: 'an unknown key and a body that is too large',
    reason: 'unauthorized',
    call: { headers: { authorization: 'Bearer key-of-nobody' }, declared: 300_000 },
  },
  {
    name: 'an origin that is not listed',
    reason: 'forbidden',
    env: { FENCEPOST_CORS_ORIGINS: ORIGIN },
    call: withHeaders({ origin: 'https://evil.example' }),
  },
  { name: 'an unknown route', reason: 'not_found', call: { path: '/v2/pings', body: good } },
  { name: 'an admin route on the public port', reason: 'not_found', call: { method: 'GET', path: '/metrics' } },
  { name: 'a GET', reason: 'method_not_allowed', call: { method: 'GET' } },
  { name: 'a PUT', reason: 'method_not_allowed', call: { method: 'PUT', body: good } },
  { name: 'an OPTIONS without CORS', reason: 'method_not_allowed', call: { method: 'OPTIONS' } },
  { name: 'no content type', reason: 'unsupported_media_type', call: withHeaders({ 'content-type': '' }) },
  { name: 'a form', reason: 'unsupported_media_type', call: withHeaders({ 'content-type': 'multipart/form-data' }) },
  { name: 'brotli', reason: 'unsupported_encoding', call: withHeaders({ 'content-encoding': 'br' }) },
  { name: 'gzip twice', reason: 'unsupported_encoding', call: withHeaders({ 'content-encoding': 'gzip, gzip' }) },
  { name: 'a body that is too large by its length', reason: 'body_too_large', call: { declared: 262_145 } },
  {
    name: 'a chunked body that is too large',
    reason: 'body_too_large',
    env: { FENCEPOST_MAX_BODY_BYTES: '1024' },
    call: { headers: { 'content-length': '', 'transfer-encoding': 'chunked' }, body: 'x'.repeat(1025) },
  },
  {
    name: 'a body that inflates to too much',
    reason: 'inflated_too_large',
    call: { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(1024 * 1024 + 1)) },
  },
  { name: 'one ping too many', reason: 'too_many_pings', call: json(batchOf(Array(1001).fill(MISS))) },
  {
    name: 'a body that does not arrive',
    reason: 'body_timeout',
    env: { FENCEPOST_BODY_TIMEOUT_MS: '100' },
    call: { body: '{', declared: 100 },
  },
  { name: 'an empty body', reason: 'malformed_body', call: { body: '' } },
  { name: 'half a body', reason: 'malformed_body', call: { body: good.slice(0, -2) } },
  { name: 'a body that nests', reason: 'too_deep', call: json(batchOf([MISS], { x: [[[[[[[[1]]]]]]]] })) },
  { name: 'gzip that is none', reason: 'bad_gzip', call: withHeaders({ 'content-encoding': 'gzip' }) },
  { name: 'another version', reason: 'bad_version', call: json(batchOf([MISS], { v: 2 })) },
  { name: 'a device that is a number', reason: 'bad_device', call: json(batchOf([MISS], { device: 7 })) },
  { name: 'no time of sending', reason: 'bad_sent', call: json(batchOf([MISS], { sent: undefined })) },
  { name: 'consent in words', reason: 'bad_consent', call: json(batchOf([MISS], { consent: 'yes' })) },
  { name: 'a batch id that is too long', reason: 'bad_batch', call: json(batchOf([MISS], { batch: 'x'.repeat(65) })) },
  { name: 'pings that are no list', reason: 'bad_pings', call: json(batchOf([], { pings: {} })) },
  {
    name: 'a key above its rate',
    reason: 'rate_limited',
    env: { FENCEPOST_RATE_LIMIT_PER_S: '1', FENCEPOST_RATE_LIMIT_BURST: '1' },
    call: { body: good },
  },
  {
    name: 'a sink without room',
    reason: 'overloaded',
    prepare: ({ sink }) => {
      sink.hasRoom = () => false
    },
    call: json(batchOf([MISS])),
  },
  { name: 'a sink that fills up meanwhile', reason: 'overloaded', prepare: sinkThat('full'), call: { body: good } },
  {
    name: 'no memory left for a body',
    reason: 'overloaded',
    env: { FENCEPOST_MAX_BODY_MEMORY_BYTES: '1048576', FENCEPOST_MAX_BODY_BYTES: '2000000' },
    call: { declared: 1_900_000 },
  },
  { name: 'a sink past its deadline', reason: 'sink_unavailable', prepare: sinkThat('deadline'), call: { body: good } },
  { name: 'a sink that cannot write', reason: 'sink_unavailable', prepare: sinkThat('io'), call: { body: good } },
  { name: 'a sink that has stopped', reason: 'stopping', prepare: sinkThat('stopped'), call: { body: good } },
  {
    name: 'a fault of ours',
    reason: 'internal',
    prepare: ({ sink }) => {
      sink.publish = () => Promise.reject(new Error('not as planned'))
    },
    call: { body: good },
  },
]

/** Fails unless the answer is the refusal that the table of reasons describes. */
function expectRefusal(answer: Answered, reason: RequestReason, body: unknown): void {
  const { status, help, retryable } = REQUEST_REASONS[reason]
  expect({ status: answer.status, body }).toEqual({ status, body: { error: reason, message: help } })
  const retryAfter = answer.headers['retry-after']
  if (retryable) expect(Number(retryAfter)).toBeGreaterThanOrEqual(1)
  else expect(retryAfter).toBeUndefined()
}

describe('a request is refused', () => {
  it.each(REFUSALS)('with $reason: $name', async ({ reason, env = {}, prepare, call: options }) => {
    const running = await runNode(env)
    prepare?.(running)
    if (reason === 'rate_limited') expect((await call(running.port, { body: good })).status).toBe(200)
    const answer = await call(running.port, options)
    expectRefusal(answer, reason, JSON.parse(answer.body.toString()))
    expect(answer.headers['content-type']).toBe('application/json')
    if (REQUEST_REASONS[reason].status === 405) expect(answer.headers.allow).toBe('POST')
    else if (reason !== 'not_found')
      expect(await metric(running.adminPort, `fencepost_requests_refused_total{reason="${reason}"}`)).toBe(1)
  })

  it('for every reason of the table but the two that need a node half started or half stopped', () => {
    const tried = new Set(REFUSALS.map(({ reason }) => reason))
    const untried = Object.keys(REQUEST_REASONS).filter((reason) => !tried.has(reason as RequestReason))
    // All but the last need records of devices: privacy.it.test.ts and presence.it.test.ts of services/standalone.
    expect(untried).toEqual(['subject_refused', 'store_unavailable', 'feed_behind', 'not_ready'])
  })

  it.each(['not_ready', 'stopping'] as const)('with %s while the node is', async (reason) => {
    const { pipeline, counters } = kit([])
    const server = createHttpServer({ name: 'public', host: '127.0.0.1', port: 0, logger: silentLogger })
    const door = createDoor({
      pipeline,
      keys: parseSdkKeys(`acme:${KEY}`),
      rateLimit: { take: () => 0 },
      cors: null,
      budget: createBodyBudget({ maxBytes: 1_000_000 }),
      hasRoom: () => true,
      closed: () => reason,
      counters,
      limits: { bodyBytes: 1000, inflatedBytes: 1000, bodyTimeoutMs: 1000 },
    })
    server.route('post', '/v1/pings', door)
    const { port } = await server.start()
    onTestFinished(() => server.stop(0))
    const answer = await call(port, { body: good })
    expectRefusal(answer, reason, JSON.parse(answer.body.toString()))
    // Whoever has no key learns nothing about the node.
    expect((await call(port, { body: good, headers: { authorization: '' } })).status).toBe(401)
  })

  it('asks clients to come back at different times', async () => {
    const { port, sink } = await runNode()
    sink.hasRoom = () => false
    const waits = new Set<string | undefined>()
    for (let i = 0; i < 60; i++) waits.add((await call(port, { body: good })).headers['retry-after'])
    expect([...waits].sort()).toEqual(['2', '3'])
  })

  it('asks a key above its rate to wait until it has a request left', async () => {
    let now = NOW
    const env = { FENCEPOST_RATE_LIMIT_PER_S: '1', FENCEPOST_RATE_LIMIT_BURST: '2' }
    const { port } = await runNode({ ...env, FENCEPOST_SDK_KEYS: `acme:${KEY},acme:second` }, { clock: () => now })
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) statuses.push((await call(port, { body: good })).status)
    expect(statuses).toEqual([200, 200, 429])
    expect((await call(port, withHeaders({ authorization: 'Bearer second' }))).status).toBe(200)
    now += 1000
    expect((await call(port, { body: good })).status).toBe(200)
    expect((await call(port, { body: good })).status).toBe(429)
  })
})

describe('answers speak the encoding of the request', () => {
  const msgpack = { 'content-type': 'application/msgpack' }

  it.each([
    ['JSON', { 'content-type': 'application/json; charset=utf-8' }, Buffer.from(good), 'application/json'],
    ['msgpack', msgpack, pack(batchOf([HIT])), 'application/msgpack'],
    ['x-msgpack', { 'content-type': 'application/x-msgpack' }, pack(batchOf([HIT])), 'application/msgpack'],
    ['gzipped JSON', { 'content-encoding': 'gzip' }, gzipSync(good), 'application/json'],
    [
      'gzipped msgpack',
      { ...msgpack, 'content-encoding': 'GZIP' },
      gzipSync(pack(batchOf([HIT]))),
      'application/msgpack',
    ],
  ])('%s', async (_name, headers, body, contentType) => {
    const { port } = await runNode()
    const answer = await call(port, { headers, body })
    const read = contentType === 'application/json' ? JSON.parse(answer.body.toString()) : unpackr.unpack(answer.body)
    expect([answer.status, answer.headers['content-type'], read]).toEqual([
      200,
      contentType,
      { received: NOW, accepted: 1, matched: 1, rejected: [] },
    ])
  })

  it.each(REFUSALS.filter(({ reason }) => ['unauthorized', 'overloaded', 'sink_unavailable'].includes(reason)))(
    'a refusal of msgpack too: $reason, $name',
    async ({ reason, env = {}, prepare, call: { headers, declared } }) => {
      const running = await runNode(env)
      prepare?.(running)
      const answer = await call(running.port, {
        headers: { ...headers, ...msgpack },
        ...(declared === undefined ? { body: pack(batchOf([HIT])) } : { declared }),
      })
      expect(answer.headers['content-type']).toBe('application/msgpack')
      expectRefusal(answer, reason, unpackr.unpack(answer.body))
    },
  )

  it('rejects pings one by one, and the rest of the batch is taken', async () => {
    const { port } = await runNode()
    const answer = await call(port, json(batchOf([HIT, at(0, 91), 7, MISS])))
    expect(JSON.parse(answer.body.toString())).toEqual({
      received: NOW,
      accepted: 2,
      matched: 1,
      rejected: [
        [1, 'bad_coords'],
        [2, 'bad_ping'],
      ],
    })
  })
})

describe('a web SDK', () => {
  const env = { FENCEPOST_CORS_ORIGINS: ORIGIN }

  it('is told by the preflight what it may send', async () => {
    const { port } = await runNode(env)
    const answer = await call(port, { method: 'OPTIONS', headers: { origin: ORIGIN, authorization: '' } })
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([204, ORIGIN])
    expect(answer.headers['access-control-allow-methods']).toContain('POST')
    expect(answer.headers['access-control-allow-headers']).toContain('authorization')
  })

  it('may read the answer, a refusal and a failure of ours', async () => {
    const { port, sink } = await runNode(env)
    const origin = { origin: ORIGIN }
    const allowed = async (options: Call): Promise<unknown> => {
      const { status, headers } = await call(port, options)
      return [status, headers['access-control-allow-origin']]
    }
    expect(await allowed(withHeaders(origin))).toEqual([200, ORIGIN])
    expect(await allowed(withHeaders({ ...origin, authorization: '' }))).toEqual([401, ORIGIN])
    sink.publish = () => Promise.reject(new Error('not as planned'))
    expect(await allowed(withHeaders(origin))).toEqual([503, ORIGIN])
  })

  it('needs no CORS headers when no browser asks', async () => {
    const { port } = await runNode(env)
    const { status, headers } = await call(port, { body: good })
    expect([status, headers['access-control-allow-origin']]).toEqual([200, undefined])
  })
})

describe('the laws at /metrics', () => {
  it('hold over answers, refusals and clients that left', async () => {
    const { port, adminPort, sink } = await runNode()
    await call(port, { body: good })
    await call(port, json(batchOf([HIT, MISS, at(0, 91)])))
    await call(port, withHeaders({ authorization: '' }))
    sink.mode = 'deadline'
    await call(port, json(batchOf([HIT, MISS])))
    sink.mode = 'hold'
    const controller = new AbortController()
    const leaving = fetch(`http://127.0.0.1:${port}/v1/pings`, {
      method: 'POST',
      body: good,
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      signal: controller.signal,
    }).catch(() => 'left')
    await expect.poll(() => metric(adminPort, 'fencepost_pings_pending')).toBe(1)
    controller.abort()
    expect(await leaving).toBe('left')
    await expect.poll(() => metric(adminPort, 'fencepost_requests_aborted_total')).toBe(1)
    sink.settle()
    await expect.poll(() => metric(adminPort, 'fencepost_pings_pending')).toBe(0)
    const { body } = await call(adminPort, { method: 'GET', path: '/metrics' })
    const metrics = body.toString()
    const value = (name: string): number =>
      Number(
        metrics
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      )
    expect({
      requests: value('fencepost_requests_total'),
      answered: value('fencepost_requests_answered_total'),
      refused: sumOf(metrics, 'fencepost_requests_refused_total'),
      aborted: value('fencepost_requests_aborted_total'),
    }).toEqual({ requests: 5, answered: 2, refused: 2, aborted: 1 })
    expect({
      decoded: value('fencepost_pings_decoded_total'),
      accepted: value('fencepost_pings_accepted_total'),
      rejected: sumOf(metrics, 'fencepost_pings_rejected_total'),
      failed: value('fencepost_pings_failed_total'),
      memory: value('fencepost_body_memory_bytes'),
    }).toEqual({ decoded: 7, accepted: 4, rejected: 1, failed: 2, memory: 0 })
  })
})

describe('a node that stops', () => {
  it('is not ready at once, serves through its grace period, answers what is open, then closes the door', async () => {
    const { node, port, adminPort, sink } = await runNode({ FENCEPOST_GRACE_MS: '300' })
    const ready = async (): Promise<number> => (await call(adminPort, { method: 'GET', path: '/readyz' })).status
    expect(await ready()).toBe(200)
    sink.mode = 'hold'
    const open = call(port, { body: good })
    await expect.poll(() => sink.batches.length).toBe(1)
    const stopped = node.stop(5000)
    expect(await ready()).toBe(503)
    expect((await call(port, json(batchOf([MISS])))).status).toBe(200)
    // The door closes while one request is still open: nobody new gets in, the open one is answered.
    await expect.poll(() => call(port, json(batchOf([MISS]))).catch(() => 'refused'), { timeout: 4000 }).toBe('refused')
    sink.settle()
    expect((await open).status).toBe(200)
    expect(await stopped).toBe(true)
  })

  it('does so once, however often it is told', async () => {
    const { node } = await runNode()
    expect(await Promise.all([node.stop(1000), node.stop(1000)])).toEqual([true, true])
    expect(await node.stop(1000)).toBe(true)
  })

  it('reports that it was not in time when a request stays open', async () => {
    const { node, port, sink } = await runNode()
    sink.mode = 'hold'
    const open = call(port, { body: good }).catch(() => 'cut off')
    await expect.poll(() => sink.batches.length).toBe(1)
    expect(await node.stop(100)).toBe(false)
    expect(await open).toBe('cut off')
  })
})

describe('a node that cannot start', () => {
  it('says which port is taken', async () => {
    const { port } = await runNode()
    await expect(runNode({ FENCEPOST_PORT: String(port) })).rejects.toThrow(
      `the public server cannot listen on 127.0.0.1:${port}: EADDRINUSE`,
    )
  })

  it('does not open its admin port to others without a token', async () => {
    await expect(runNode({ FENCEPOST_ADMIN_HOST: '0.0.0.0' })).rejects.toThrow(/set FENCEPOST_ADMIN_TOKEN/)
  })

  it('leaves no port open when its fences cannot be read', async () => {
    const loadFences = (): Promise<never> => Promise.reject(new Error('no such file'))
    await expect(runNode({}, { loadFences })).rejects.toThrow('no such file')
  })
})

describe('the admin port', () => {
  it('with a token shows metrics to whoever has it, and health to everybody', async () => {
    const { adminPort } = await runNode({ FENCEPOST_ADMIN_HOST: '0.0.0.0', FENCEPOST_ADMIN_TOKEN: 's3cret' })
    const get = async (path: string, authorization: string): Promise<number> =>
      (await call(adminPort, { method: 'GET', path, headers: { authorization } })).status
    expect(await get('/livez', '')).toBe(200)
    expect(await get('/readyz', '')).toBe(200)
    expect(await get('/metrics', '')).toBe(401)
    expect(await get('/metrics', 'Bearer s3cre')).toBe(401)
    expect(await get('/metrics', 'Bearer s3cret')).toBe(200)
    expect(await get('/metrics', 'bearer s3cret')).toBe(200)
  })
})
