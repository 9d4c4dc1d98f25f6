// The node under hostile clients: a hundred thousand requests that no SDK would send, while good ones go on. Set
// FENCEPOST_HOSTILE_REQUESTS for more or fewer.
import { laws, readMetrics, removeFolder, type ServiceProcess, tempFolder } from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTally, HostileClient, type Tally } from './hostile-client.ts'
import { hostileRequests } from './hostile-requests.ts'
import {
  BAD_KEY,
  eventsByTenant,
  FENCES,
  GoodTraffic,
  MemoryWatch,
  NOWHERE,
  SDK_KEYS,
  TRAP,
} from './hostile-support.ts'
import { startStandalone, writeFences } from './support.ts'

const REQUESTS = Number(process.env['FENCEPOST_HOSTILE_REQUESTS'] ?? 100_000)
const CONNECTIONS = 64
/** Connections beside those for what takes seconds: stalled bodies, nonsense that the parser waits on. */
const PATIENT = 96
const WARM_UP_PINGS = 5000

const BODY_MEMORY = 16 * 1024 * 1024
const IN_FLIGHT = 16 * 1024 * 1024
/** What may be added by the requests: twice what is configured, and the garbage that V8 lets lie between two collections. */
const MAX_GROWTH = 2 * (BODY_MEMORY + IN_FLIGHT) + 64 * 1024 * 1024

let folder = ''
let service: ServiceProcess

beforeEach(() => {
  folder = tempFolder('hostile')
  writeFences(folder, FENCES)
})
afterEach(async () => {
  await service.kill9()
  removeFolder(folder)
})

/** Sends `count` requests over 64 connections, every other one of them with a key that nobody knows. */
async function attack(port: number, count: number, seed: number, tally: Tally): Promise<void> {
  const end = tally.sent + count
  const patient = new Set<Promise<void>>()
  const lanes = Array.from({ length: CONNECTIONS }, async (_, lane) => {
    const known = lane % 2 === 0
    const key = known ? BAD_KEY : `unknown-${lane}`
    const name = `bad-${seed}-${lane}`
    const requests = hostileRequests({ seed: seed * 1000 + lane, key, known, name, nowhere: NOWHERE, trap: TRAP })
    const client = new HostileClient(port, tally)
    while (tally.sent < end) {
      const hostile = requests.next(patient.size < PATIENT)
      if (hostile.manner !== 'stay') {
        await client.send(hostile)
        continue
      }
      const own = new HostileClient(port, tally)
      const waiting: Promise<void> = own.send(hostile).finally(() => {
        own.close()
        patient.delete(waiting)
      })
      patient.add(waiting)
    }
    client.close()
  })
  await Promise.all(lanes)
  await Promise.all(patient)
}

describe(`${REQUESTS} hostile requests over ${CONNECTIONS} connections, half of them with unknown keys`, () => {
  it.each([1, 2])(
    'are each answered as the protocol says, cost bounded memory, harm nobody, and leave every count right: %d thread(s)',
    async (threads) => {
      service = await startStandalone(folder, {
        FENCEPOST_THREADS: String(threads),
        FENCEPOST_SDK_KEYS: SDK_KEYS,
        FENCEPOST_MAX_BODY_MEMORY_BYTES: String(BODY_MEMORY),
        FENCEPOST_MAX_INFLIGHT_BYTES: String(IN_FLIGHT),
        FENCEPOST_BODY_TIMEOUT_MS: '2000',
      })
      const { port, adminPort } = await service.listening()
      const memory = new MemoryWatch(service)
      const good = new GoodTraffic(port, 2)
      const tally = createTally()
      // Code is compiled and buffers are pooled by then: what is added later is what hostile requests cost.
      await expect.poll(() => good.refs.size, { timeout: 30_000 }).toBeGreaterThan(WARM_UP_PINGS)
      const warm = memory.most
      await attack(port, REQUESTS, 1, tally)
      await good.stop()
      const grown = memory.most - warm
      memory.stop()
      process.stdout.write(
        `hostile: ${tally.sent} requests, ${good.refs.size} good pings, ${Math.round(warm / 1e6)} MB and ${Math.round(grown / 1e6)} more\n`,
      )

      expect(service.process.end).toBeUndefined()
      expect(tally.violations).toEqual([])
      const { kinds } = hostileRequests({ seed: 0, key: '', known: false, name: '', nowhere: NOWHERE, trap: TRAP })
      expect(new Set([...tally.outcomes.keys()].map((key) => key.split(':')[0]))).toEqual(new Set(kinds))
      expect(good.faults).toEqual([])
      expect(Object.keys(good.statuses)).toEqual(['200'])
      expect(grown).toBeLessThan(MAX_GROWTH)

      // Whoever left may still be noticed; then both laws hold to the last request.
      const settled = async (): Promise<boolean> => {
        const { requests, pings } = laws(await readMetrics(adminPort))
        return requests[0] === requests[1] && pings[0] === pings[1]
      }
      await expect.poll(settled, { timeout: 15_000 }).toBe(true)
      const metrics = await readMetrics(adminPort)
      expect(metrics.get('fencepost_pings_pending')).toBe(0)
      expect(metrics.get('fencepost_body_memory_bytes')).toBe(0)
      expect(metrics.get('fencepost_requests_refused_total{reason="internal"}')).toBe(0)

      const events = await eventsByTenant(adminPort)
      expect(events.other).toBe(0)
      expect(events.good.length).toBe(good.refs.size)
      expect(new Set(events.good)).toEqual(good.refs)
      const published = new Set(events.bad)
      expect([...published].filter((batch) => !tally.sentHits.has(batch))).toEqual([])
      expect([...tally.acknowledgedHits].filter((batch) => !published.has(batch))).toEqual([])

      expect(await service.terminate(15_000)).toEqual({ code: 0, signal: null })
      // One line per change of state, whatever the clients did. The index is written beside the start, so its line may stand anywhere.
      const stateChanges = service.logs.map(({ msg }) => msg).filter((msg) => msg !== 'index kept for the next start')
      expect(stateChanges).toEqual([
        'journal opened',
        'fences loaded',
        'listening',
        'stopping',
        'journal closed',
        'stopped',
      ])
    },
    300_000,
  )
})
