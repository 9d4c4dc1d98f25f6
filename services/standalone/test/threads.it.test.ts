// A node with two serving threads: one port, one journal, one sum of everything counted, one moment at which fences change.
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import {
  ALL_WELL,
  FLEET_FENCES,
  Fleet,
  freePorts,
  HttpConnection,
  Ledger,
  laws,
  type ReadEvent,
  readEvents,
  readMetrics,
  removeFolder,
  type ServiceProcess,
  startService,
  tempFolder,
} from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ENTRY, environment, KEY, startStandalone, TENANT, writeFences } from './support.ts'

const TWO = { FENCEPOST_THREADS: '2' }
const HEADERS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }

let folder = ''
let service: ServiceProcess | undefined

beforeEach(() => {
  folder = tempFolder('threads')
  writeFences(folder, FLEET_FENCES)
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

/** A batch of one ping in the market and the town. */
function batch(device = 'phone'): Buffer {
  const pings = [{ type: 'location', age: 0, lat: 10.1, lon: 20.1 }]
  return Buffer.from(JSON.stringify({ v: 1, device, sent: Date.now(), consent: true, pings }))
}

async function eventsOf(adminPort: number): Promise<ReadEvent[]> {
  const events: ReadEvent[] = []
  await readEvents(adminPort, null, (event) => events.push(event))
  return events
}

async function readyz(adminPort: number): Promise<Record<string, unknown>> {
  const admin = new HttpConnection(adminPort)
  const { status, body } = await admin.get('/readyz')
  admin.close()
  return { status, ...JSON.parse(body.toString()) }
}

/** Opens connections, each with a request answered 200, until both threads have some. */
async function connectToBoth(port: number, adminPort: number): Promise<HttpConnection[]> {
  const connections: HttpConnection[] = []
  for (;;) {
    const connection = new HttpConnection(port)
    expect((await connection.post('/v1/pings', HEADERS, batch())).status).toBe(200)
    connections.push(connection)
    const metrics = await readMetrics(adminPort)
    const [one, two] = [1, 2].map((thread) => metrics.get(`fencepost_worker_connections{thread="${thread}"}`) as number)
    expect((one as number) + (two as number)).toBe(connections.length)
    // The kernel spreads by hash: that none of 40 falls to one of two is one in a million million.
    if (connections.length >= 40 || ((one as number) > 1 && (two as number) > 1)) {
      expect(Math.min(one as number, two as number)).toBeGreaterThan(0)
      return connections
    }
  }
}

describe('one thread', () => {
  it('is the main thread: nothing tells of others', async () => {
    service = await startStandalone(folder, { FENCEPOST_THREADS: '1' })
    const { adminPort } = await service.listening()
    expect(await readyz(adminPort)).not.toHaveProperty('threads')
    const metrics = await readMetrics(adminPort)
    expect(metrics.get('fencepost_threads')).toBe(1)
    expect([...metrics.keys()].filter((name) => name.startsWith('fencepost_worker'))).toEqual([])
  })
})

describe('two threads', () => {
  it('serve one port, are told apart in /readyz, and count as one', async () => {
    service = await startStandalone(folder, TWO)
    const { port, adminPort } = await service.listening()
    expect(await readyz(adminPort)).toMatchObject({
      status: 200,
      threads: [
        { thread: 1, state: 'serving', sink: 'connected' },
        { thread: 2, state: 'serving', sink: 'connected' },
      ],
    })
    const connections = await connectToBoth(port, adminPort)
    const stranger = new HttpConnection(port)
    const refused = await stranger.post('/v1/pings', { ...HEADERS, authorization: 'Bearer nobody' }, batch())
    expect(refused.status).toBe(401)
    const metrics = await readMetrics(adminPort)
    const of = (name: string): number | undefined => metrics.get(`fencepost_${name}`)
    expect({ threads: of('threads'), replaced: of('worker_replaced_total') }).toEqual({ threads: 2, replaced: 0 })
    expect([of('worker_up{thread="1"}'), of('worker_up{thread="2"}')]).toEqual([1, 1])
    expect(of('requests_total')).toBe(connections.length + 1)
    expect(of('requests_answered_total')).toBe(connections.length)
    expect(of('requests_refused_total{reason="unauthorized"}')).toBe(1)
    expect(of('http_connections')).toBe(connections.length + 1)
    expect(of('request_seconds_count')).toBe(connections.length + 1)
    expect(of('publish_seconds_count')).toBe(connections.length)
    // A match each, and the device's one enter for each of the two fences of it.
    expect(of('journal_records_total')).toBe(connections.length + (of('transitions_total{kind="enter"}') as number))
    expect(of('transitions_total{kind="enter"}')).toBe(2)
    for (const connection of [stranger, ...connections]) connection.close()
  })

  it('keep every guarantee of one: nothing lost, invented or out of order, and both laws hold', async () => {
    service = await startStandalone(folder, TWO)
    const { port, adminPort } = await service.listening()
    const ledger = new Ledger(TENANT)
    const fleet = new Fleet({ port, key: KEY, phones: 24, pingsPerPhone: 300, seed: 31, ledger, answerMs: 10_000 })
    await fleet.finished
    const { verdict, evidence } = ledger.judge(await eventsOf(adminPort))
    expect(verdict).toEqual(ALL_WELL)
    expect([fleet.tally.faults, Object.keys(fleet.tally.statuses)]).toEqual([[], ['200']])
    expect(evidence).toMatchObject({ sentPings: 24 * 300, events: evidence.acknowledgedHits, copies: 0 })
    const { pings, requests } = laws(await readMetrics(adminPort))
    expect(pings).toEqual([24 * 300, 24 * 300])
    expect(requests).toEqual([fleet.tally.requests, fleet.tally.requests])
  }, 60_000)

  it('have other fences at one instant: no request sees older ones than any request before it saw', async () => {
    const VERSIONS = 12
    /** Version v has v fences side by side, so that an answer's count of hits is the version that it saw. */
    const version = (count: number): void =>
      writeFences(
        folder,
        Array.from({ length: count }, (_, i) => ({
          type: 'Feature' as const,
          id: `fence-${i}`,
          properties: { radius_m: 100 },
          geometry: { type: 'Point', coordinates: [i, 0] },
        })),
      )
    version(1)
    service = await startStandalone(folder, TWO)
    const { port, adminPort } = await service.listening()
    const connections = await connectToBoth(port, adminPort)
    const pings = Array.from({ length: VERSIONS }, (_, i) => ({ type: 'location', age: i, lat: 0, lon: i }))
    let newest = 0
    const seen = new Set<number>()
    let stop = false
    const load = Promise.all(
      connections.map(async (connection, i) => {
        while (!stop) {
          const before = newest
          const body = { v: 1, device: `phone-${i}`, sent: Date.now(), consent: true, pings }
          const answer = await connection.post('/v1/pings', HEADERS, Buffer.from(JSON.stringify(body)))
          const { matched } = JSON.parse(answer.body.toString()) as { matched: number }
          expect(matched).toBeGreaterThanOrEqual(before)
          newest = Math.max(newest, matched)
          seen.add(matched)
        }
      }),
    )
    for (let count = 2; count <= VERSIONS; count++) {
      version(count)
      service.process.signal('SIGHUP')
      await expect.poll(() => newest, { timeout: 10_000, interval: 1 }).toBe(count)
    }
    stop = true
    await load
    expect(seen.size).toBe(VERSIONS)
    for (const connection of connections) connection.close()
  }, 60_000)

  it('are refused a port that another process holds, and hold theirs against another node', async () => {
    const other = createServer()
    const taken = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port))
    })
    service = await startStandalone(folder, { ...TWO, FENCEPOST_PORT: String(taken) })
    expect(await service.process.waitForEnd(20_000)).toEqual({ code: 1, signal: null })
    expect(await service.log('could not start', 1000)).toMatchObject({
      error: expect.stringContaining(`the public server cannot listen on 127.0.0.1:${taken}: EADDRINUSE`),
    })
    other.close()

    const [port] = (await freePorts(1)) as [number]
    service = await startStandalone(folder, { ...TWO, FENCEPOST_PORT: String(port) })
    expect((await service.listening()).port).toBe(port)
    const secondFolder = tempFolder('threads-second')
    writeFences(secondFolder, FLEET_FENCES)
    const second = await startStandalone(secondFolder, { ...TWO, FENCEPOST_PORT: String(port) })
    expect(await second.process.waitForEnd(20_000)).toEqual({ code: 1, signal: null })
    removeFolder(secondFolder)
    const connection = new HttpConnection(port)
    expect((await connection.post('/v1/pings', HEADERS, batch())).status).toBe(200)
    connection.close()
  })

  it('are told when limits do not divide among them', async () => {
    service = await startStandalone(folder, { FENCEPOST_THREADS: '4', FENCEPOST_MAX_BODY_MEMORY_BYTES: '1048576' })
    expect(await service.process.waitForEnd(20_000)).toEqual({ code: 1, signal: null })
    expect(await service.log('could not start', 1000)).toMatchObject({
      error:
        'FENCEPOST_MAX_BODY_MEMORY_BYTES is 1048576, shared by 4 threads: a body of FENCEPOST_MAX_BODY_BYTES needs at least 2097152',
    })
  })
})

describe('SIGTERM to a node with two threads', () => {
  it('under load answers what was accepted and exits 0', async () => {
    const [port] = (await freePorts(1)) as [number]
    const fixed = { ...TWO, FENCEPOST_PORT: String(port) }
    service = await startStandalone(folder, fixed)
    let { adminPort } = await service.listening()
    const ledger = new Ledger(TENANT)
    const fleet = new Fleet({ port, key: KEY, phones: 24, pingsPerPhone: 300, seed: 32, ledger, answerMs: 10_000 })
    for (const count of [60, 200, 130]) {
      await fleet.acknowledged(count)
      expect(await service.terminate(10_000)).toEqual({ code: 0, signal: null })
      expect(service.logs.at(-1)).toMatchObject({ msg: 'stopped' })
      service = await startStandalone(folder, fixed)
      adminPort = (await service.listening()).adminPort
    }
    await fleet.finished
    const { verdict, evidence } = ledger.judge(await eventsOf(adminPort))
    expect(verdict).toEqual(ALL_WELL)
    expect(fleet.tally.faults).toEqual([])
    // What was published was answered: no phone had to send it again.
    expect(evidence).toMatchObject({ sentPings: 24 * 300, events: evidence.acknowledgedHits, copies: 0 })
  }, 60_000)

  it('a second time ends the process at once, although requests are open in both', async () => {
    service = await startStandalone(folder, { ...TWO, FENCEPOST_GRACE_MS: '60000' })
    const { port, adminPort } = await service.listening()
    const connections = await connectToBoth(port, adminPort)
    service.process.signal('SIGTERM')
    await service.log('not ready any more, still serving', 5000)
    expect(await readyz(adminPort)).toMatchObject({ status: 503, stage: 'leaving' })
    for (const connection of connections) connection.post('/v1/pings', HEADERS, batch()).catch(() => {})
    expect(await service.terminate(5000)).toEqual({ code: 143, signal: null })
    for (const connection of connections) connection.close()
  })
})

describe('a serving thread that fails in mid load', () => {
  const PRELOAD = fileURLToPath(new URL('./faulty-threads.mjs', import.meta.url))

  /** Sends a fleet past so many failures, each in the next of these ways, and holds the books against the journal. */
  async function fail(faults: readonly string[]): Promise<void> {
    service = await startService({
      entry: ENTRY,
      nodeArgs: ['--import', PRELOAD],
      env: environment(folder, { ...TWO, FENCEPOST_TEST_FAULTS: faults.join(',') }),
    })
    const { port, adminPort } = await service.listening()
    const ledger = new Ledger(TENANT)
    const pingsPerPhone = 200 * faults.length
    const fleet = new Fleet({ port, key: KEY, phones: 24, pingsPerPhone, seed: 33, ledger, answerMs: 20_000 })
    let requestsBefore = 0
    for (let i = 1; i <= faults.length; i++) {
      await fleet.acknowledged(40)
      service.process.signal('SIGUSR2')
      await expect.poll(() => linesOf('a serving thread has been replaced'), { timeout: 30_000 }).toHaveLength(i)
      const metrics = await readMetrics(adminPort)
      const requests = metrics.get('fencepost_requests_total') as number
      expect(requests).toBeGreaterThanOrEqual(requestsBefore)
      requestsBefore = requests
    }
    await fleet.finished

    const { verdict, evidence } = ledger.judge(await eventsOf(adminPort))
    expect(verdict).toEqual(ALL_WELL)
    expect(fleet.tally.faults).toEqual([])
    expect(fleet.tally.statuses[0]).toBeGreaterThan(0) // connections were closed
    expect(Object.keys(fleet.tally.statuses).filter((status) => !['0', '200', '503'].includes(status))).toEqual([])
    expect(evidence.sentPings).toBe(24 * pingsPerPhone)
    expect(evidence.events - evidence.copies).toBe(evidence.acknowledgedHits)
    const metrics = await readMetrics(adminPort)
    const { pings, requests } = laws(metrics)
    expect([pings[0], requests[0]]).toEqual([pings[1], requests[1]])
    expect(metrics.get('fencepost_requests_answered_total')).toBe(fleet.tally.statuses[200])
    expect(metrics.get('fencepost_worker_replaced_total')).toBe(faults.length)
    expect([1, 2].map((thread) => metrics.get(`fencepost_worker_up{thread="${thread}"}`))).toEqual([1, 1])
    expect(await readyz(adminPort)).toMatchObject({ status: 200 })

    const failed = linesOf('a serving thread failed and is replaced')
    expect(failed.map(({ thread }) => thread)).toEqual(faults.map((_, i) => 1 + (i % 2)))
    expect(service.process.lines.join('\n')).not.toContain('a message that no log may show')
    expect(await service.terminate(10_000)).toEqual({ code: 0, signal: null })
  }

  function linesOf(msg: string): readonly Readonly<Record<string, unknown>>[] {
    return (service as ServiceProcess).logs.filter((line) => line['msg'] === msg)
  }

  it.each([
    ['throws', 'throw', 'RangeError'],
    ['rejects a promise that nobody handles', 'reject', 'RangeError'],
    ['exits', 'exit', 'exit 7'],
    ['rejects a promise while the HTTP server has called it', 'reject in a request', 'RangeError'],
    ['exits while the HTTP server has called it', 'exit in a request', 'exit 7'],
  ])(
    'because it %s is replaced, logged once, counted on, and loses nothing acknowledged',
    async (_, fault, error) => {
      await fail(new Array<string>(6).fill(fault))
      expect(linesOf('a serving thread failed and is replaced').map((line) => line['error'])).toEqual(
        new Array(6).fill(error),
      )
    },
    60_000,
  )

  it('because it hangs is interrupted, replaced, and loses nothing acknowledged', async () => {
    await fail(['hang in a request', 'hang'])
    const hung = linesOf('a serving thread does not answer and is interrupted')
    expect(hung.map(({ thread }) => thread)).toEqual([1, 2])
  }, 90_000)
})
