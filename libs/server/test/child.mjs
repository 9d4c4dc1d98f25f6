// A process of its own for tests: serves, fails once, stops, and says so; then nothing may keep it alive.
import { silentLogger } from '@fencepost/model'
import { createHttpServer } from '@fencepost/server'

const server = createHttpServer({ host: '127.0.0.1', port: 0, name: 'child', logger: silentLogger })
server.route('get', '/boom', () => {
  throw new Error('boom')
})
server.route('post', '/never', (exchange) => {
  exchange.readBody(
    { declared: -1, maxBytes: 100, timeoutMs: 600_000, reservation: null },
    () => {},
    () => {},
  )
})
const { port } = await server.start()
await fetch(`http://127.0.0.1:${port}/boom`)
const upload = new AbortController()
const never = fetch(`http://127.0.0.1:${port}/never`, {
  method: 'POST',
  duplex: 'half',
  body: new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(1)) }),
  signal: upload.signal,
}).catch(() => {})
while (server.openBodies() === 0) await new Promise((resolve) => setImmediate(resolve))
upload.abort()
await never
await server.stop(1000)
process.stdout.write('stopped\n')
