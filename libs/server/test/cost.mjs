// CPU per request of this lib over a bare uWebSockets.js handler that reads the same headers and body and answers the same
// bytes: `node libs/server/test/cost.mjs [rounds] [requests]` (built first). Both arms live in one child process, are measured
// in turns (A B B A) over 32 keep-alive connections without pipelining, and must answer the same number of bytes.
import { fork } from 'node:child_process'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'

const CONNECTIONS = 32
const BODY = 'x'.repeat(72)
const ANSWER = new Uint8Array(40).fill(65)
const REQUEST = [
  'POST /v1/pings HTTP/1.1',
  'Host: 127.0.0.1:8080',
  `Authorization: Bearer ${'0123456789abcdef'.repeat(2)}`,
  'Content-Type: application/msgpack',
  'User-Agent: sdk/1.0',
  'Accept: */*',
  `Content-Length: ${BODY.length}`,
  '',
  BODY,
].join('\r\n')

async function serveBare() {
  const uws = await import('uWebSockets.js')
  const app = uws.App()
  app.post('/v1/pings', (res, req) => {
    res.onAborted(() => {})
    const seen = [req.getHeader('authorization'), req.getHeader('content-type'), req.getHeader('content-length')]
    res.onData((chunk, last) => {
      const body = new Uint8Array(chunk)
      if (!last || body.length !== Number(seen[2])) return
      res.writeHeader('content-type', 'application/msgpack')
      res.end(ANSWER)
    })
  })
  return new Promise((resolve) => {
    app.listen('127.0.0.1', 0, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => resolve(uws.us_socket_local_port(socket)))
  })
}

async function serveExchange() {
  const { createBodyBudget, createHttpServer } = await import('@fencepost/server')
  const { silentLogger } = await import('@fencepost/model')
  const budget = createBodyBudget({ maxBytes: 1 << 26 })
  const server = createHttpServer({ host: '127.0.0.1', port: 0, name: 'cost', logger: silentLogger })
  server.route('post', '/v1/pings', (exchange) => {
    exchange.header('authorization')
    exchange.header('content-type')
    const declared = exchange.contentLength()
    const reservation = budget.reserve(declared)
    exchange.readBody(
      { declared, maxBytes: 1 << 18, timeoutMs: 8000, reservation },
      () => {
        reservation.release()
        exchange.answer(200, 'application/msgpack', ANSWER)
      },
      () => {},
    )
  })
  return (await server.start()).port
}

/** CPU µs per request of the child, and bytes per answer. */
async function drive(child, port, requests) {
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => {
      const socket = connect(port, '127.0.0.1')
      return new Promise((resolve) => socket.once('connect', () => resolve(socket)))
    }),
  )
  const before = await cpu(child)
  let sent = 0
  let answered = 0
  let bytes = 0
  await new Promise((resolve) => {
    for (const socket of sockets) {
      const send = () => {
        if (sent++ < requests) socket.write(REQUEST)
      }
      socket.on('data', (chunk) => {
        bytes += chunk.length
        if (++answered === requests) resolve()
        send()
      })
      send()
    }
  })
  const spent = (await cpu(child)) - before
  for (const socket of sockets) socket.destroy()
  return { us: spent / requests, bytes: bytes / requests }
}

function cpu(child) {
  return new Promise((resolve) => {
    child.once('message', resolve)
    child.send('cpu')
  })
}

function quartile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)].toFixed(2)
}

if (process.argv[2] === 'serve') {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send(user + system)
  })
  process.send([await serveBare(), await serveExchange()])
} else {
  const rounds = Number(process.argv[2] ?? 10)
  const requests = Number(process.argv[3] ?? 15_000)
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const ports = await new Promise((resolve) => child.once('message', resolve))
  const arms = [[], []]
  const bytes = [0, 0]
  for (const port of ports) await drive(child, port, requests)
  for (let round = 0; round < rounds; round++) {
    for (const arm of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const run = await drive(child, ports[arm], requests)
      arms[arm].push(run.us)
      bytes[arm] = run.bytes
    }
  }
  child.kill()
  if (bytes[0] !== bytes[1]) throw new Error(`the arms answer ${bytes[0]} and ${bytes[1]} bytes`)
  const ratios = arms[1].map((us, round) => us / arms[0][round])
  for (const [name, values] of [
    ['bare handler, CPU µs a request', arms[0]],
    ['this lib, CPU µs a request', arms[1]],
    ['ratio within a round', ratios],
  ])
    process.stdout.write(
      `${name.padEnd(32)} ${quartile(values, 0.5)} (quartiles ${quartile(values, 0.25)}..${quartile(values, 0.75)})\n`,
    )
}
