// Starting, stopping and streams on a real socket.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@fencepost/model'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type BodyStream, createHttpServer, type Exchange, type HttpServer } from '../src/index.ts'
import { MAX_BACKLOG_BYTES } from '../src/stream.ts'
import { rawClient } from './raw-client.ts'
import { echo, serve, signal } from './serving.ts'
import { transport } from './transport.ts'

describe('start', () => {
  it('says which server cannot listen where and why, instead of sharing the port', async () => {
    // The kernel shares only ports that were asked for by number.
    const { server, port } = await serve(() => {})
    await server.stop(0)
    await serve(() => {}, { port })
    const second = createHttpServer({ host: '127.0.0.1', port, name: 'admin', logger: silentLogger })
    await expect(second.start()).rejects.toThrow(`the admin server cannot listen on 127.0.0.1:${port}: EADDRINUSE`)
    await second.stop(0)
  })

  it('refuses a second start and a route that comes late', async () => {
    const { server } = await serve(() => {})
    await expect(server.start()).rejects.toThrow('started before')
    expect(() => server.route('get', '/late', echo)).toThrow('comes after start')
  })

  it('refuses a path twice and a malformed one', () => {
    const server = createHttpServer({ host: '127.0.0.1', port: 0, name: 'test', logger: silentLogger })
    server.route('get', '/a', echo)
    expect(() => server.route('get', '/a', echo)).toThrow('route get /a exists')
    for (const path of ['', 'a', '/a*', '/a b']) expect(() => server.route('get', path, echo)).toThrow(`got "${path}"`)
  })
})

describe('a shared port', () => {
  const start = async (port: number, share: 'first' | 'join'): Promise<{ server: HttpServer; port: number }> => {
    const { tls } = transport
    const options = { host: '127.0.0.1', port: 1, name: 'public', logger: silentLogger }
    const server = createHttpServer(tls === null ? options : { ...options, tls })
    server.route('post', '/echo', echo)
    onTestFinished(() => server.stop(0))
    return { server, ...(await server.start({ port, share })) }
  }

  it('is any free one for the first, and the same for those that join it: each gets some connections', async () => {
    const first = await start(0, 'first')
    const second = await start(first.port, 'join')
    expect(second.port).toBe(first.port)
    const got = (): number[] => [first, second].map(({ server }) => server.counters.connectionsAccepted)
    // The kernel spreads by hash of the client's port: that 40 of 40 fall to one side is not to be expected before the sun is out.
    for (let i = 0; i < 40 && Math.min(...got()) === 0; i++) {
      const client = await rawClient(first.port, onTestFinished)
      await client.request('POST', '/echo', 'one')
      expect((await client.answer()).body).toBe('one')
    }
    expect(Math.min(...got())).toBeGreaterThan(0)
  })

  it('is refused to the first when somebody has it, also when they share it', async () => {
    const { port } = await serve(() => {})
    await expect(start(port, 'first')).rejects.toThrow(
      `the public server cannot listen on 127.0.0.1:${port}: EADDRINUSE`,
    )
    const shared = await start(0, 'first')
    await expect(start(shared.port, 'first')).rejects.toThrow('EADDRINUSE')
    await start(shared.port, 'join')
  })
})

describe('abandon', () => {
  it('closes everything at once, tells the routes, and leaves nothing for stop to do', async () => {
    const began = signal<Exchange>()
    const gone = signal()
    const { server, port, connect } = await serve((s) =>
      s.route('get', '/slow', (exchange) => {
        exchange.onAborted(gone.resolve)
        began.resolve(exchange)
      }),
    )
    const [client, idle] = [await connect(), await connect()]
    await client.request('GET', '/slow')
    await began.promise
    server.abandon()
    server.abandon()
    expect(server.counters).toMatchObject({ open: 0, connections: 0, aborted: 1 })
    await Promise.all([gone.promise, client.closed, idle.closed])
    await expect(fetch(`http://127.0.0.1:${port}/slow`)).rejects.toThrow()
    await server.stop(1000)
    await expect(server.start()).rejects.toThrow('started before')
  })

  it('is safe before start and after stop', async () => {
    const never = createHttpServer({ host: '127.0.0.1', port: 0, name: 'test', logger: silentLogger })
    never.abandon()
    await never.stop(1000)
    const { server } = await serve(() => {})
    await server.stop(1000)
    server.abandon()
  })
})

describe('stop', () => {
  it('is safe before start, and start is refused after it', async () => {
    const server = createHttpServer({ host: '127.0.0.1', port: 0, name: 'test', logger: silentLogger })
    server.pauseListening()
    await server.stop(1000)
    await server.stop(1000)
    await expect(server.start()).rejects.toThrow('started before')
  })

  it('lets what is in flight be answered, closes its connection and accepts nobody new', async () => {
    const began = signal<Exchange>()
    const { server, port, connect } = await serve((s) => s.route('get', '/slow', began.resolve))
    const client = await connect()
    const idle = await connect()
    await client.request('GET', '/slow')
    const exchange = await began.promise
    const stopped = server.stop(20_000)
    expect(server.stop(0)).toBe(stopped)
    await expect(fetch(`http://127.0.0.1:${port}/slow`)).rejects.toThrow()
    exchange.answer(200, 'text/plain', 'in time')
    const answer = await client.answer()
    expect([answer.body, answer.headers['connection']]).toEqual(['in time', 'close'])
    await stopped
    await Promise.all([client.closed, idle.closed])
    expect(server.counters).toMatchObject({ connections: 0, open: 0, aborted: 0 })
  })

  it('closes what is not answered by the deadline, and tells the route', async () => {
    const began = signal<Exchange>()
    const gone = signal()
    const { server, connect } = await serve((s) =>
      s.route('get', '/slow', (exchange) => {
        exchange.onAborted(gone.resolve)
        began.resolve(exchange)
      }),
    )
    const client = await connect()
    await client.request('GET', '/slow')
    const exchange = await began.promise
    await server.stop(20)
    await Promise.all([client.closed, gone.promise])
    exchange.answer(200, '', 'too late')
    expect([exchange.aborted, server.counters.open]).toEqual([true, 0])
  })

  it('ends a connection at its next answer while listening is paused', async () => {
    const { server, connect } = await serve((s) => s.route('post', '/echo', echo))
    const client = await connect()
    await client.request('POST', '/echo', 'one')
    expect((await client.answer()).headers).not.toHaveProperty('connection')
    server.pauseListening()
    await client.request('POST', '/echo', 'two')
    const answer = await client.answer()
    expect([answer.body, answer.headers['connection']]).toEqual(['two', 'close'])
    await client.closed
  })

  it('leaves nothing that keeps the process alive', () => {
    // From dist, as Node runs it.
    const program = fileURLToPath(new URL('./child.mjs', import.meta.url))
    const out = execFileSync(process.execPath, [program], { timeout: 20_000, encoding: 'utf8' })
    expect(out.trim()).toBe('stopped')
  })
})

describe('a stream', () => {
  it('arrives line by line, is chunked and says that the connection ends with it', async () => {
    const { server, connect } = await serve((s) =>
      s.route('get', '/lines', (exchange) => {
        const stream = exchange.stream(200, 'application/x-ndjson', [['x-more', 'yes']])
        exchange.answer(200, '', 'not while streaming')
        expect([stream.write('{"a":1}\n'), stream.write(''), stream.closed]).toEqual([true, true, false])
        setImmediate(() => {
          stream.write(Buffer.from('{"b":2}\n'))
          stream.end()
          stream.end()
          expect([stream.write('after the end'), stream.closed]).toEqual([false, true])
        })
      }),
    )
    const client = await connect()
    await client.request('GET', '/lines')
    const text = await client.streamed()
    expect(text.toLowerCase()).toContain('content-type: application/x-ndjson\r\nx-more: yes\r\nconnection: close')
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe('8\r\n{"a":1}\n\r\n8\r\n{"b":2}\n\r\n0\r\n\r\n')
    expect(server.counters).toMatchObject({ open: 0, aborted: 0 })
  })

  it('has no body for HEAD', async () => {
    const { connect } = await serve((s) =>
      s.route('get', '/lines', (exchange) => {
        const stream = exchange.stream(200, 'application/x-ndjson')
        expect([stream.closed, stream.write('line\n')]).toEqual([true, false])
      }),
    )
    const client = await connect()
    await client.request('HEAD', '/lines')
    expect((await client.answer(true)).status).toBe(200)
  })

  it('tells a writer when the reader is slow, and when it has caught up', async () => {
    const CHUNK = Buffer.alloc(256 * 1024, 'x')
    const slow = signal<BodyStream>()
    const { connect } = await serve((s) =>
      s.route('get', '/lines', (exchange) => {
        const stream = exchange.stream(200, 'text/plain')
        const fill = (): void => {
          let pieces = 0
          while (stream.write(CHUNK)) if (++pieces > 200) throw new Error('no backpressure after 50 MB')
          slow.resolve(stream)
        }
        fill()
      }),
    )
    const client = await connect()
    client.socket.pause()
    await client.request('GET', '/lines')
    const stream = await slow.promise
    const writable = signal()
    stream.onWritable(writable.resolve)
    client.socket.resume()
    await writable.promise
    expect(stream.closed).toBe(false)
    stream.end()
    expect((await client.streamed()).endsWith('x\r\n0\r\n\r\n')).toBe(true)
  })

  it('is cut when more than its backlog waits for a reader that does not read', async () => {
    const cut = signal<number>()
    const { server, connect } = await serve((s) =>
      s.route('get', '/lines', (exchange) => {
        const stream = exchange.stream(200, 'text/plain')
        let waiting = 0
        stream.onAborted(() => cut.resolve(waiting))
        const piece = Buffer.alloc(64 * 1024)
        while (!stream.closed && waiting < 10 * MAX_BACKLOG_BYTES) if (!stream.write(piece)) waiting += piece.length
      }),
    )
    const client = await connect()
    client.socket.pause()
    await client.request('GET', '/lines')
    expect(await cut.promise).toBe(MAX_BACKLOG_BYTES)
    expect(server.counters).toMatchObject({ open: 0, aborted: 1 })
  })

  it('tells its writer when the reader leaves', async () => {
    const gone = signal()
    const { server, connect } = await serve((s) =>
      s.route('get', '/lines', (exchange) => {
        const stream = exchange.stream(200, 'text/plain')
        stream.write('one\n')
        stream.onAborted(gone.resolve)
      }),
    )
    const client = await connect()
    await client.request('GET', '/lines')
    await new Promise((resolve) => client.socket.once('data', resolve))
    client.socket.destroy()
    await gone.promise
    expect(server.counters).toMatchObject({ open: 0, aborted: 1 })
  })

  it('is ended properly, and its writer told, when the server stops', async () => {
    const began = signal<BodyStream>()
    const gone = signal()
    const { server, connect } = await serve((s) =>
      s.route('get', '/lines', (exchange) => {
        const stream = exchange.stream(200, 'text/plain')
        stream.write('one\n')
        stream.onAborted(gone.resolve)
        began.resolve(stream)
      }),
    )
    const client = await connect()
    await client.request('GET', '/lines')
    const stream = await began.promise
    await server.stop(20_000)
    await gone.promise
    expect(await client.rest()).toMatch(/4\r\none\n\r\n0\r\n\r\n$/)
    expect([stream.closed, server.counters.aborted]).toEqual([true, 0])
  })

  it('whose writer throws breaks off instead of looking whole', async () => {
    const { server, connect } = await serve((s) =>
      s.route('get', '/lines', (exchange) => {
        exchange.stream(200, 'text/plain').write('one\n')
        throw new Error('boom')
      }),
    )
    const client = await connect()
    await client.request('GET', '/lines')
    expect(await client.rest()).not.toContain('\r\n0\r\n\r\n')
    expect(server.counters).toMatchObject({ faults: 1, open: 0 })
  })
})
