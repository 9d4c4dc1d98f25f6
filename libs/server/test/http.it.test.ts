// The traps of uWebSockets.js on a real socket, one test each.
import { describe, expect, it } from 'vitest'
import { createBodyBudget, createCors, type Exchange, type HttpServer } from '../src/index.ts'
import { echo, serve, signal } from './serving.ts'

function hello(exchange: Exchange): void {
  exchange.answer(200, 'text/plain', 'hello')
}

function nothing(): void {}

describe('routes', () => {
  function routes(server: HttpServer): void {
    server.route('get', '/things/:id', (exchange) =>
      exchange.answer(200, 'text/plain', `${exchange.parameter(0)} ${exchange.parameter(1)} ${exchange.query('q')}`),
    )
    server.route('delete', '/things/:id', (exchange) => exchange.answer(204, '', ''))
    server.route('post', '/echo', echo)
    server.route('put', '/echo', echo)
  }

  it.each([
    ['GET', '/things/7?q=a%20b&q=c', 200, '7  a b'],
    ['GET', '/things/7', 200, '7  undefined'],
    ['DELETE', '/things/7', 204, ''],
    ['PUT', '/echo', 200, ''],
    ['GET', '/nothing', 404, '{"error":"not_found","message":"no such route"}'],
    ['GET', '/', 404, '{"error":"not_found","message":"no such route"}'],
    ['POST', '/things', 404, '{"error":"not_found","message":"no such route"}'],
    ['BREW', '/nothing', 404, '{"error":"not_found","message":"no such route"}'],
  ])('%s %s is answered %i', async (method, target, status, body) => {
    const { connect } = await serve(routes)
    const client = await connect()
    await client.request(method, target)
    expect(await client.answer()).toMatchObject({ status, body })
  })

  it.each([
    ['POST', '/things/7', 'GET, HEAD, DELETE'],
    ['GET', '/echo', 'POST, PUT'],
    ['OPTIONS', '/echo', 'POST, PUT'],
    ['get', '/things/7', 'GET, HEAD, DELETE'],
  ])('%s %s is answered 405 with what is allowed', async (method, target, allow) => {
    const { server, connect } = await serve(routes)
    const client = await connect()
    await client.request(method, target)
    const answer = await client.answer()
    expect([answer.status, answer.headers['allow']]).toEqual([405, allow])
    expect(JSON.parse(answer.body)).toHaveProperty('error', 'method_not_allowed')
    expect(server.counters.methodNotAllowed).toBe(1)
  })

  it.each([
    ['/things/7', 200],
    ['/nothing', 404],
    ['/echo', 405],
  ])('HEAD %s has the headers of GET and no body', async (target, status) => {
    const { connect } = await serve(routes)
    const client = await connect()
    await client.request('HEAD', target)
    const answer = await client.answer(true)
    expect([answer.status, Number(answer.headers['content-length']) > 0]).toEqual([status, true])
    await client.request('GET', '/things/7')
    expect((await client.answer()).status).toBe(200)
  })

  it('204 has no content-length, and its connection lives on', async () => {
    const { server, connect } = await serve(routes)
    const client = await connect()
    for (let i = 0; i < 2; i++) {
      await client.request('DELETE', '/things/7')
      expect((await client.answer()).headers).not.toHaveProperty('content-length')
    }
    expect(server.counters.aborted).toBe(0)
  })

  it.each([
    ['HEAD', '/things/7'],
    ['DELETE', '/things/7'],
  ])('%s says Connection: close while the server is closing', async (method, target) => {
    const { server, connect } = await serve(routes)
    const client = await connect()
    await client.request('GET', '/things/7')
    await client.answer()
    server.pauseListening()
    await client.request(method, target)
    expect((await client.answer(true)).headers['connection']).toBe('close')
  })

  it('HEAD with a body of gigabytes is cut off', async () => {
    const { connect } = await serve(routes)
    const client = await connect()
    await client.request('HEAD', '/things/7', '', { 'content-length': '5000000000' })
    await client.closed
    expect(client.pending).toBe(0)
  })

  it('names neither the software nor its version', async () => {
    const { connect } = await serve((server) => server.route('get', '/hello', hello))
    const client = await connect()
    await client.request('GET', '/hello')
    const { headers } = await client.answer()
    expect(Object.keys(headers).sort()).toEqual(['content-length', 'content-type', 'date'])
  })
})

describe('an early answer', () => {
  it.each([
    [1024 * 1024, undefined],
    [1024 * 1024 + 1, 'close'],
  ])('to an announced body of %i bytes has the connection header %s', async (length, connection) => {
    const { connect } = await serve((server) => server.route('get', '/hello', hello))
    const client = await connect()
    await client.request('GET', '/nothing', '', { 'content-length': String(length) })
    const answer = await client.answer()
    expect([answer.status, answer.headers['connection']]).toEqual([404, connection])
    if (connection === 'close') await client.closed
    else {
      await client.send(Buffer.alloc(length))
      await client.request('GET', '/hello')
      expect(await client.answer()).toMatchObject({ status: 200, body: 'hello' })
    }
  })

  it('to a body of unknown length closes the connection', async () => {
    const { connect } = await serve(() => {})
    const client = await connect()
    await client.send('POST /nothing HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
    expect((await client.answer()).headers['connection']).toBe('close')
    await client.closed
  })

  it('given later, without the body having been read, closes by what was announced', async () => {
    const { connect } = await serve((server) =>
      server.route('post', '/later', (exchange) => setImmediate(() => exchange.answer(401, '', 'no'))),
    )
    const large = await connect()
    await large.request('POST', '/later', '', { 'content-length': '10000000' })
    expect((await large.answer()).headers['connection']).toBe('close')
    const small = await connect()
    await small.request('POST', '/later', 'hello')
    expect((await small.answer()).headers).not.toHaveProperty('connection')
    await small.request('POST', '/later', 'hello')
    expect((await small.answer()).status).toBe(401)
  })
})

describe('an exchange', () => {
  it('is answered once: what comes after does nothing', async () => {
    const done = signal()
    const { server, connect } = await serve((s) =>
      s.route('get', '/twice', (exchange) => {
        exchange.answer(200, 'text/plain', 'first')
        exchange.answer(200, 'text/plain', 'second')
        setImmediate(() => {
          exchange.answer(200, 'text/plain', 'third')
          expect(exchange.stream(200, '').write('fourth')).toBe(false)
          done.resolve()
        })
      }),
    )
    const client = await connect()
    await client.request('GET', '/twice')
    expect((await client.answer()).body).toBe('first')
    await done.promise
    await client.request('GET', '/twice')
    expect((await client.answer()).body).toBe('first')
    expect([server.counters.open, client.pending]).toEqual([0, 0])
  })

  it('says so when the client has gone, and takes an answer all the same', async () => {
    const began = signal<Exchange>()
    const gone = signal()
    const order: string[] = []
    const { server, connect } = await serve((s) =>
      s.route('get', '/slow', (exchange) => {
        exchange.onAborted(() => order.push('one'))
        exchange.onAborted(() => {
          throw new Error('a callback that fails')
        })
        exchange.onAborted(() => {
          order.push('two')
          gone.resolve()
        })
        began.resolve(exchange)
      }),
    )
    const client = await connect()
    await client.request('GET', '/slow')
    const exchange = await began.promise
    client.socket.destroy()
    await gone.promise
    expect([exchange.aborted, order]).toEqual([true, ['one', 'two']])
    exchange.answer(200, 'text/plain', 'nobody')
    exchange.stream(200, 'text/plain').end()
    expect(server.counters).toMatchObject({ aborted: 1, open: 0, faults: 1 })
  })

  it('refuses to read the request after the handler instead of reading freed memory', async () => {
    const thrown = signal<string[]>()
    const { connect } = await serve((s) =>
      s.route('post', '/late', (exchange) => {
        setImmediate(() => {
          const attempts = [
            () => exchange.header('host'),
            () => exchange.query('q'),
            () => exchange.parameter(0),
            () => exchange.readBody({ declared: 0, maxBytes: 1, timeoutMs: 1, reservation: null }, nothing, nothing),
          ]
          const messages = attempts.map((attempt) => {
            try {
              attempt()
              return 'nothing thrown'
            } catch (error) {
              return (error as Error).message
            }
          })
          exchange.answer(200, '', '')
          thrown.resolve(messages)
        })
      }),
    )
    const client = await connect()
    await client.request('POST', '/late')
    await client.answer()
    for (const message of await thrown.promise) expect(message).toMatch(/route handler/)
  })

  it.each([
    ['in the handler', '/throw'],
    ['of an async handler', '/reject'],
    ['in the body’s callback', '/body'],
    ['in the failure’s callback', '/fail'],
  ])('whose code throws %s is answered 503 once and counted', async (_where, path) => {
    const told: unknown[] = []
    const budget = createBodyBudget({ maxBytes: 5 })
    const boom = (): never => {
      throw new Error('boom')
    }
    const body = () => ({ declared: 5, timeoutMs: 5000, reservation: budget.reserve(5) })
    const { server, connect } = await serve(
      (s) => {
        s.route('post', '/throw', boom)
        s.route('post', '/reject', async () => boom())
        s.route('post', '/body', (exchange) => exchange.readBody({ ...body(), maxBytes: 5 }, boom, () => {}))
        s.route('post', '/fail', (exchange) => exchange.readBody({ ...body(), maxBytes: 4 }, () => {}, boom))
        s.route('post', '/echo', echo)
      },
      { onError: (error) => told.push(error) },
    )
    const client = await connect()
    await client.request('POST', path, 'hello')
    const answer = await client.answer()
    expect(answer.status).toBe(503)
    expect(JSON.parse(answer.body)).toHaveProperty('error', 'internal')
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    await client.request('POST', '/echo', 'next')
    expect((await client.answer()).body).toBe('next')
    expect(server.counters).toMatchObject({ faults: 1, open: 0 })
    expect([told.length, budget.reserved]).toEqual([1, 0])
  })

  it('that throws after its answer leaves the answer alone', async () => {
    const { server, connect } = await serve((s) =>
      s.route('get', '/a', (exchange) => {
        exchange.answer(200, '', 'fine')
        throw new Error('too late')
      }),
    )
    const client = await connect()
    await client.request('GET', '/a')
    expect((await client.answer()).body).toBe('fine')
    expect([server.counters.faults, client.pending]).toEqual([1, 0])
  })
})

describe('a connection', () => {
  it('answers pipelined requests in order when each is answered at once', async () => {
    const { connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    const one = (body: string): string =>
      `POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    await client.send(one('one') + one('two') + one('three'))
    const bodies = [await client.answer(), await client.answer(), await client.answer()].map(({ body }) => body)
    expect(bodies).toEqual(['one', 'two', 'three'])
  })

  it('is closed, and the first request aborted, when a second comes before the first is answered', async () => {
    const gone = signal()
    const { server, connect } = await serve((s) =>
      s.route('get', '/slow', (exchange) => exchange.onAborted(gone.resolve)),
    )
    const client = await connect()
    const request = 'GET /slow HTTP/1.1\r\nhost: x\r\n\r\n'
    await client.send(request + request)
    await gone.promise
    await client.closed
    expect(server.counters).toMatchObject({ aborted: 1, open: 0 })
  })

  it.each([
    ['3,900 bytes of headers', { x: 'a'.repeat(3900) }, 200],
    ['4,100 bytes of headers', { x: 'a'.repeat(4100) }, 431],
    ['97 headers', Object.fromEntries(Array.from({ length: 95 }, (_, i) => [`h${i}`, '1'])), 200],
    ['103 headers', Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`h${i}`, '1'])), 431],
  ])('with %s is answered', async (_name, headers, status) => {
    const { connect } = await serve((s) => s.route('get', '/hello', hello))
    const client = await connect()
    await client.request('GET', '/hello', '', headers)
    expect((await client.answer()).status).toBe(status)
    if (status !== 200) await client.closed
  })

  it.each([
    ['HTTP/1.0', 'GET /hello HTTP/1.0\r\nhost: x\r\n\r\n'],
    ['binary rubbish', '\u0000\u0001\u0002\r\n\r\n'],
    ['a TLS hello', '\u0016\u0003\u0001\u0002\u0000\u0001\r\n\r\n'],
    ['an absolute target', 'GET http://x/hello HTTP/1.1\r\nhost: x\r\n\r\n'],
  ])('that speaks %s is told so and closed', async (_name, bytes) => {
    const { server, connect } = await serve((s) => s.route('get', '/hello', hello))
    const client = await connect()
    await client.send(bytes)
    expect((await client.answer()).status).toBe(505)
    await client.closed
    expect(server.counters.requests).toBe(0)
  })

  it('is refused above maxConnections, not at it, and counted', async () => {
    const { server, connect } = await serve((s) => s.route('get', '/hello', hello), { maxConnections: 2 })
    const first = await connect()
    const second = await connect()
    await second.request('GET', '/hello')
    await second.answer()
    const third = await connect()
    await third.closed
    await first.request('GET', '/hello')
    expect((await first.answer()).status).toBe(200)
    expect(server.counters).toMatchObject({ connections: 2, connectionsAccepted: 3, connectionsRefused: 1 })
  })

  it('of a web SDK gets its preflight and its headers', async () => {
    const cors = createCors({ origins: ['https://app.example.com'] })
    const { connect } = await serve((s) => {
      s.route('options', '/v1/pings', cors.preflight)
      s.route('post', '/v1/pings', (exchange) => exchange.answer(200, '', '', cors.headers(exchange.header('origin'))))
    })
    const client = await connect()
    await client.request('OPTIONS', '/v1/pings', '', { origin: 'https://app.example.com' })
    const preflight = await client.answer()
    expect(preflight.status).toBe(204)
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers':
        'authorization, content-type, content-encoding, x-fencepost-device, x-fencepost-subject',
      'access-control-max-age': '7200',
      vary: 'Origin',
    })
    await client.request('OPTIONS', '/v1/pings', '', { origin: 'https://evil.test' })
    expect((await client.answer()).status).toBe(403)
    await client.request('POST', '/v1/pings', '', { origin: 'https://app.example.com' })
    expect((await client.answer()).headers).toHaveProperty('access-control-allow-origin', 'https://app.example.com')
  })
})
