// How bodies arrive on a real socket: in one piece, in many, too long, too short, lying, never.
import { describe, expect, it } from 'vitest'
import { createBodyBudget, type Exchange, type Reservation } from '../src/index.ts'
import { echo, serve, signal } from './serving.ts'
import { transport } from './transport.ts'

const MAX = 1000

/** Collects under a budget; answers the body or the failure, and keeps what it saw. */
function collector(maxBytes: number, options: { timeoutMs?: number; shedIdleMs?: number } = {}) {
  const { timeoutMs = 5000, shedIdleMs = 0 } = options
  const budget = createBodyBudget({ maxBytes, shedIdleMs })
  const outcomes: string[] = []
  const handler = (exchange: Exchange): void => {
    const declared = exchange.contentLength()
    const reservation = budget.reserve(declared < 0 ? MAX : declared)
    if (reservation === null) {
      exchange.answer(503, 'text/plain', 'no room')
      return
    }
    exchange.readBody(
      { declared, maxBytes: MAX, timeoutMs, reservation },
      (body) => {
        outcomes.push(`body ${body.length}`)
        exchange.answer(200, 'text/plain', body)
        reservation.release()
      },
      (failure) => {
        outcomes.push(failure)
        exchange.answer(failure === 'shed' ? 503 : 408, 'text/plain', failure)
      },
    )
  }
  return { budget, outcomes, handler }
}

describe('a body', () => {
  it.each([
    ['in one packet with its headers', ['H5', 'hello']],
    ['after its headers', ['H5', '|', 'hello']],
    ['in pieces', ['H5', 'he', '|', 'l', '|', 'lo']],
    ['of no bytes', ['H0']],
  ])('arrives %s', async (_name, script) => {
    const { server, connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    const body = script.filter((part) => part !== '|' && !part.startsWith('H')).join('')
    let packet = ''
    for (const part of script) {
      if (part === '|') {
        await client.send(packet)
        packet = ''
        // Another request's round trip: by then the server has read the packet before.
        await (await connect()).request('POST', '/echo').then(() => undefined)
      } else if (part.startsWith('H'))
        packet += `POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: ${part.slice(1)}\r\n\r\n`
      else packet += part
    }
    await client.send(packet)
    expect(await client.answer()).toMatchObject({ status: 200, body })
    expect(server.openBodies()).toBe(0)
  })

  it('keeps its bytes when it comes in one piece per byte', async () => {
    const { connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    const body = Array.from({ length: 300 }, (_, i) => String.fromCharCode(33 + (i % 90))).join('')
    await client.send(`POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`)
    for (const byte of body) await client.send(byte)
    expect((await client.answer()).body).toBe(body)
  })

  it('that is chunked arrives whole, header first or all at once', async () => {
    const { connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    const head = 'POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'
    await client.send(`${head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`)
    expect((await client.answer()).body).toBe('abcde')
    await client.send(head)
    await client.send('3\r\nabc\r\n')
    await client.send('0\r\n\r\n')
    expect((await client.answer()).body).toBe('abc')
  })

  it.each([
    [MAX, 200],
    [MAX + 1, 400],
  ])('of %i bytes under a limit of 1,000 is answered %i', async (length, status) => {
    const { server, connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    await client.request('POST', '/echo', 'x'.repeat(length))
    expect((await client.answer()).status).toBe(status)
    // The next request on the connection is not made of what was left of the last.
    await client.request('POST', '/echo', 'next')
    expect((await client.answer()).body).toBe('next')
    expect(server.counters.bodiesTooLarge).toBe(length > MAX ? 1 : 0)
  })

  it.each([
    [MAX, 200],
    [MAX + 1, 400],
  ])('of %i chunked bytes under a limit of 1,000 is answered %i, and closes when refused', async (length, status) => {
    const { connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    const piece = `${length.toString(16)}\r\n${'x'.repeat(length)}\r\n`
    await client.send(`POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${piece}0\r\n\r\n`)
    const answer = await client.answer()
    expect(answer.status).toBe(status)
    expect(answer.headers['connection']).toBe(status === 200 ? undefined : 'close')
    if (status !== 200) await client.closed
  })

  it('longer than its content-length makes a malformed next request: told so and closed', async () => {
    const { server, connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    await client.request('POST', '/echo', 'helloEXTRA \r\n\r\n', { 'content-length': '5' })
    expect((await client.answer()).status).toBe(505)
    await client.closed
    expect(server.counters).toMatchObject({ requests: 1, open: 0 })
  })

  it('shorter than its content-length is aborted when the client leaves, and its bytes are given back', async () => {
    const { handler, budget, outcomes } = collector(MAX)
    const { server, connect } = await serve((s) => {
      s.route('post', '/a', handler)
      s.route('post', '/echo', echo)
    })
    const client = await connect()
    await client.request('POST', '/a', 'hello', { 'content-length': '50' })
    const other = await connect()
    await other.request('POST', '/echo')
    await other.answer()
    expect([budget.reserved, budget.collecting, server.openBodies()]).toEqual([50, 1, 1])
    client.socket.end()
    await client.closed
    expect(outcomes).toEqual(['aborted'])
    expect([budget.reserved, budget.collecting, server.openBodies()]).toEqual([0, 0, 0])
    expect(server.counters).toMatchObject({ aborted: 1, open: 0 })
  })

  it.each(['-1', '+5', '5, 5', '0x5', '99999999999999999999999'])(
    'with the content-length %j never reaches its callback',
    async (length) => {
      const { handler, budget, outcomes } = collector(MAX)
      const { connect } = await serve((s) => s.route('post', '/a', handler))
      const client = await connect()
      await client.request('POST', '/a', 'hello', { 'content-length': length })
      await client.closed
      expect(outcomes.filter((outcome) => outcome.startsWith('body'))).toEqual([])
      expect(budget.reserved).toBe(0)
    },
  )

  it('with both content-length and transfer-encoding is refused before any route', async () => {
    const { server, connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    await client.request('POST', '/echo', '5\r\nhello\r\n0\r\n\r\n', { 'transfer-encoding': 'chunked' })
    expect((await client.answer()).status).toBe(400)
    expect(server.counters.requests).toBe(0)
  })

  it.each([
    ['in one piece', 'hello', ''],
    ['in two', 'he', 'llo'],
  ])('longer than the route was told is refused %s', async (_name, first, second) => {
    const failures: string[] = []
    const { connect } = await serve((s) =>
      s.route('post', '/a', (exchange) =>
        exchange.readBody(
          { declared: 4, maxBytes: MAX, timeoutMs: 5000, reservation: null },
          () => exchange.answer(200, '', ''),
          (failure) => {
            failures.push(failure)
            exchange.answer(413, '', '')
          },
        ),
      ),
    )
    const client = await connect()
    await client.request('POST', '/a', first, { 'content-length': '5' })
    if (second !== '') await client.send(second)
    expect((await client.answer()).status).toBe(413)
    expect(failures).toEqual(['body_too_large'])
  })

  it('that failed may go on arriving until the route answers: it is not collected and fails once', async () => {
    const failed = signal<Exchange>()
    let calls = 0
    const { server, connect } = await serve((s) => {
      s.route('post', '/a', (exchange) =>
        exchange.readBody(
          { declared: -1, maxBytes: 4, timeoutMs: 5000, reservation: null },
          () => calls++,
          () => {
            calls++
            failed.resolve(exchange)
          },
        ),
      )
      s.route('post', '/echo', echo)
    })
    const client = await connect()
    await client.send('POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n')
    const exchange = await failed.promise
    await client.send('5\r\nagain\r\n0\r\n\r\n')
    const other = await connect()
    await other.request('POST', '/echo')
    await other.answer()
    exchange.answer(413, '', 'too large')
    expect(await client.answer()).toMatchObject({ status: 413, headers: { connection: 'close' } })
    expect([calls, server.counters.faults, server.openBodies()]).toEqual([1, 0, 0])
  })

  it('is asked for with 100 Continue when the client waits for that', async () => {
    const { connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    await client.request('POST', '/echo', '', { 'content-length': '5', expect: '100-continue' })
    expect((await client.answer()).status).toBe(100)
    await client.send('hello')
    expect(await client.answer()).toMatchObject({ status: 200, body: 'hello' })
  })

  it('is gone when its callback has returned, if it came in one piece', async () => {
    const kept: Uint8Array[] = []
    const { connect } = await serve((s) =>
      s.route('post', '/a', (exchange) =>
        exchange.readBody(
          { declared: 5, maxBytes: MAX, timeoutMs: 5000, reservation: null },
          (body) => {
            kept.push(body)
            exchange.answer(200, '', '')
          },
          () => {},
        ),
      ),
    )
    const client = await connect()
    await client.request('POST', '/a', 'hello')
    await client.answer()
    expect(kept[0]?.length).toBe(0)
  })
})

describe('a slow body', () => {
  it('is answered 408 at its deadline and its connection is closed', async () => {
    const { handler, budget, outcomes } = collector(MAX, { timeoutMs: 100 })
    const { server, connect } = await serve((s) => s.route('post', '/a', handler))
    const client = await connect()
    await client.request('POST', '/a', 'hel', { 'content-length': '5' })
    const answer = await client.answer()
    expect([answer.status, answer.body, answer.headers['connection']]).toEqual([408, 'body_timeout', 'close'])
    await client.closed
    expect(outcomes).toEqual(['body_timeout'])
    expect(budget.reserved).toBe(0)
    expect(server.counters).toMatchObject({ bodyTimeouts: 1, aborted: 0, open: 0 })
  })

  it('has its deadline too when it is chunked and nothing of it has come', async () => {
    const { handler, outcomes } = collector(MAX, { timeoutMs: 100 })
    const { connect } = await serve((s) => s.route('post', '/a', handler))
    const client = await connect()
    await client.send('POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
    expect((await client.answer()).status).toBe(408)
    await client.closed
    expect(outcomes).toEqual(['body_timeout'])
  })

  it('is shed for another one when the budget is full, answered and closed', async () => {
    const { handler, budget } = collector(MAX)
    const { server, connect } = await serve((s) => s.route('post', '/a', handler))
    const slow = await connect()
    await slow.request('POST', '/a', 'x', { 'content-length': '900' })
    const good = await connect()
    await good.request('POST', '/a', 'y'.repeat(500))
    expect((await good.answer()).status).toBe(200)
    const answer = await slow.answer()
    expect([answer.status, answer.body, answer.headers['connection']]).toEqual([503, 'shed', 'close'])
    await slow.closed
    expect(server.counters).toMatchObject({ bodiesShed: 1, open: 0 })
    expect(budget.reserved).toBe(0)
  })

  it('that gets a byte is not the longest idle any more: the other one is shed', async () => {
    const { handler, outcomes } = collector(MAX)
    const { connect } = await serve((s) => {
      s.route('post', '/a', handler)
      s.route('post', '/echo', echo)
    })
    const [first, second, third] = [await connect(), await connect(), await connect()]
    const settle = async (): Promise<void> => {
      await third.request('POST', '/echo')
      await third.answer()
    }
    await first.request('POST', '/a', 'x', { 'content-length': '400' })
    await settle()
    await second.request('POST', '/a', 'x', { 'content-length': '400' })
    await settle()
    await first.send('x')
    await settle()
    await third.request('POST', '/a', 'y'.repeat(300))
    expect((await third.answer()).status).toBe(200)
    expect((await second.answer()).body).toBe('shed')
    await first.send('x'.repeat(398))
    expect((await first.answer()).body).toHaveLength(400)
    expect(outcomes).toEqual(['shed', 'body 300', 'body 400'])
  })

  it('is never shed once it is whole, while its route waits for something else', async () => {
    const budget = createBodyBudget({ maxBytes: MAX, shedIdleMs: 0 })
    const whole = signal<() => void>()
    const collecting = signal()
    const { connect } = await serve((s) => {
      s.route('post', '/a', (exchange) => {
        const declared = exchange.contentLength()
        const reservation = budget.reserve(declared)
        if (reservation === null) return exchange.answer(503, '', 'no room')
        exchange.readBody(
          { declared, maxBytes: MAX, timeoutMs: 5000, reservation },
          () =>
            whole.resolve(() => {
              exchange.answer(200, '', 'published')
              reservation.release()
            }),
          (failure) => exchange.answer(408, '', failure),
        )
        setImmediate(collecting.resolve)
      })
    })
    const client = await connect()
    await client.request('POST', '/a', 'x', { 'content-length': '900' })
    await collecting.promise
    await client.send('x'.repeat(899))
    const publish = await whole.promise
    const other = await connect()
    await other.request('POST', '/a', 'y'.repeat(200))
    expect((await other.answer()).body).toBe('no room')
    publish()
    expect((await client.answer()).body).toBe('published')
    expect(budget.reserved).toBe(0)
  })

  it('is one too many above maxOpenBodies, not at it', async () => {
    const { handler, outcomes } = collector(100_000)
    const { server, connect } = await serve((s) => s.route('post', '/a', handler), { maxOpenBodies: 2 })
    const clients = [await connect(), await connect(), await connect()]
    for (const client of clients) {
      await client.request('POST', '/a', 'x', { 'content-length': '10' })
    }
    const first = await Promise.race(clients.map((client) => client.answer()))
    expect(first.body).toBe('shed')
    expect([outcomes, server.openBodies()]).toEqual([['shed'], 2])
  })

  it('that ends after the route has answered early harms nobody', async () => {
    const late: string[] = []
    const { connect, server } = await serve((s) => {
      s.route('post', '/early', (exchange) => {
        exchange.readBody(
          { declared: exchange.contentLength(), maxBytes: MAX, timeoutMs: 5000, reservation: null },
          () => late.push('body'),
          (failure) => late.push(failure),
        )
        exchange.answer(401, 'text/plain', 'no')
        exchange.answer(200, 'text/plain', 'twice')
      })
      s.route('post', '/echo', echo)
    })
    const client = await connect()
    await client.request('POST', '/early', 'x', { 'content-length': '500' })
    expect(await client.answer()).toMatchObject({ status: 401, body: 'no' })
    await client.send('x'.repeat(499))
    await client.request('POST', '/echo', 'next')
    expect((await client.answer()).body).toBe('next')
    expect([late, server.openBodies(), server.counters.open]).toEqual([[], 0, 0])
  })
})

describe('thousands of slow bodies at once', () => {
  it('stay within the budget, and good requests are answered meanwhile', async () => {
    const BUDGET = 4 * 1024 * 1024
    // A handshake costs a thread milliseconds at both ends, and both are in this one.
    const CLIENTS = transport.tls === null ? 5000 : 500
    const budget = createBodyBudget({ maxBytes: BUDGET, largeBytes: 16_384, smallShare: 0.5, shedIdleMs: 60_000 })
    const settled = signal()
    let collecting = 0
    let refused = 0
    let most = 0
    const { server, port, connect } = await serve((s) => {
      s.route('post', '/slow', (exchange) => {
        const declared = exchange.contentLength()
        const reservation: Reservation | null = budget.reserve(declared)
        most = Math.max(most, budget.reserved)
        if (reservation === null) {
          refused++
          exchange.answer(503, '', '')
        } else {
          collecting++
          exchange.readBody(
            { declared, maxBytes: 65_536, timeoutMs: 60_000, reservation },
            (body) => {
              exchange.answer(200, 'text/plain', String(body.length))
              reservation.release()
            },
            () => {},
          )
        }
        if (collecting + refused >= CLIENTS) settled.resolve()
      })
    })
    const before = process.memoryUsage().arrayBuffers
    const slow = []
    for (let i = 0; i < CLIENTS; i += 250)
      slow.push(...(await Promise.all(Array.from({ length: 250 }, () => connect()))))
    expect(port).toBeGreaterThan(0)
    for (const client of slow) void client.request('POST', '/slow', 'x', { 'content-length': '20000' })
    await settled.promise
    expect(collecting).toBe(Math.floor(BUDGET / 2 / 20_000))
    expect(collecting + refused).toBe(CLIENTS)
    // Read buffers of the clients here are pooled by Node; bodies without a budget would be 100 MB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(BUDGET + 32 * 1024 * 1024)
    const good = await connect()
    for (let i = 0; i < 20; i++) {
      await good.request('POST', '/slow', 'y'.repeat(200))
      expect(await good.answer()).toMatchObject({ status: 200, body: '200' })
    }
    expect(most).toBeLessThanOrEqual(BUDGET)
    for (const client of slow) client.socket.destroy()
    await server.stop(5000)
    expect([budget.reserved, budget.collecting, server.openBodies(), server.counters.open]).toEqual([0, 0, 0, 0])
  }, 60_000)
})
