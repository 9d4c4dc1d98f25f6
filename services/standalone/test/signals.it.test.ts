// A node as a process that is told to go: at once not ready, a grace period, what is open is answered, exit 0 in time.
import { connect } from 'node:net'
import { HttpConnection, readMetrics, removeFolder, type ServiceProcess, tempFolder } from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FENCES, GOOD_KEY, SDK_KEYS, SHOP } from './hostile-support.ts'
import { startStandalone, writeFences } from './support.ts'

let folder = ''
let service: ServiceProcess

beforeEach(() => {
  folder = tempFolder('signals')
  writeFences(folder, FENCES)
})
afterEach(async () => {
  await service.kill9()
  removeFolder(folder)
})

const batch = (): Buffer =>
  Buffer.from(
    JSON.stringify({
      v: 1,
      device: 'd',
      sent: Date.now(),
      consent: true,
      pings: [{ type: 'location', age: 0, ...SHOP }],
    }),
  )
const HEADERS = { authorization: `Bearer ${GOOD_KEY}`, 'content-type': 'application/json' }

/** Sends a head and all but the last byte of a body. `finish` sends that and gives what came back. */
async function halfSent(port: number): Promise<() => Promise<string>> {
  const body = batch()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let text = ''
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
  })
  socket.on('data', (data) => {
    text += data
  })
  socket.on('error', () => {})
  const lines = Object.entries({ host: 'x', ...HEADERS, 'content-length': String(body.length) })
  const head = `POST /v1/pings HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  await new Promise<void>((resolve) => {
    socket.write(Buffer.concat([Buffer.from(head), body.subarray(0, -1)]), () => resolve())
  })
  return async () => {
    socket.write(body.subarray(-1))
    await closed
    return text
  }
}

describe('SIGTERM', () => {
  it('ends readiness at once, serves on for the grace period, answers what is open, and exits 0', async () => {
    service = await startStandalone(folder, {
      FENCEPOST_SDK_KEYS: SDK_KEYS,
      FENCEPOST_GRACE_MS: '1500',
      FENCEPOST_STOP_DEADLINE_MS: '5000',
    })
    const { port, adminPort } = await service.listening()
    const admin = new HttpConnection(adminPort)
    const phone = new HttpConnection(port)
    expect((await admin.get('/readyz')).status).toBe(200)
    const finish = await halfSent(port)
    const open = async (): Promise<number> => (await readMetrics(adminPort)).get('fencepost_http_open_requests') ?? 0
    await expect.poll(open).toBe(1)

    service.process.signal('SIGTERM')
    await service.log('not ready any more, still serving', 5000)
    expect((await admin.get('/readyz')).status).toBe(503)
    expect((await admin.get('/livez')).status).toBe(200)
    expect((await phone.post('/v1/pings', HEADERS, batch())).status).toBe(200)
    // Past the grace period the door is closed to new connections; the open request still gets its answer.
    const knock = async (): Promise<unknown> => {
      const stranger = new HttpConnection(port)
      const outcome = await stranger.post('/v1/pings', HEADERS, batch()).then(
        ({ status }) => status,
        (error: NodeJS.ErrnoException) => error.code,
      )
      stranger.close()
      return outcome
    }
    await expect.poll(knock, { timeout: 4000 }).toBe('ECONNREFUSED')
    const text = await finish()
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(text.toLowerCase()).toContain('connection: close')
    expect(await service.process.waitForEnd(10_000)).toEqual({ code: 0, signal: null })
    phone.close()
    admin.close()
  })

  it('exits 0 although idle connections are open', async () => {
    service = await startStandalone(folder, { FENCEPOST_SDK_KEYS: SDK_KEYS, FENCEPOST_STOP_DEADLINE_MS: '5000' })
    const { port } = await service.listening()
    const phones = Array.from({ length: 20 }, () => new HttpConnection(port))
    for (const phone of phones) expect((await phone.post('/v1/pings', HEADERS, batch())).status).toBe(200)
    expect(await service.terminate(4000)).toEqual({ code: 0, signal: null })
    for (const phone of phones) phone.close()
  })

  it('exits 1 at the deadline when a client never finishes', async () => {
    service = await startStandalone(folder, { FENCEPOST_SDK_KEYS: SDK_KEYS, FENCEPOST_STOP_DEADLINE_MS: '500' })
    const { port, adminPort } = await service.listening()
    await halfSent(port)
    const open = async (): Promise<number> => (await readMetrics(adminPort)).get('fencepost_http_open_requests') ?? 0
    await expect.poll(open).toBe(1)
    expect(await service.terminate(8000)).toEqual({ code: 1, signal: null })
  })

  it('a second time ends the process at once', async () => {
    service = await startStandalone(folder, { FENCEPOST_SDK_KEYS: SDK_KEYS, FENCEPOST_GRACE_MS: '60000' })
    await service.listening()
    service.process.signal('SIGTERM')
    await service.log('not ready any more, still serving', 5000)
    expect(await service.terminate(5000)).toEqual({ code: 143, signal: null })
  })

  it('SIGINT does the same', async () => {
    service = await startStandalone(folder, { FENCEPOST_SDK_KEYS: SDK_KEYS })
    await service.listening()
    service.process.signal('SIGINT')
    expect(await service.process.waitForEnd(10_000)).toEqual({ code: 0, signal: null })
  })
})

describe('a data folder', () => {
  it('that another process has open is refused with exit 1', async () => {
    service = await startStandalone(folder)
    await service.listening()
    const second = await startStandalone(folder)
    expect((await second.process.waitForEnd(15_000)).code).toBe(1)
    expect(second.logs.at(-1)).toMatchObject({ msg: 'could not start' })
    expect(service.process.end).toBeUndefined()
  })
})
