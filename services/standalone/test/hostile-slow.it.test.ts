// Ten thousand slow bodies at once, with a known key, of the lengths that hurt most: what they may cost, and what good clients see.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import {
  laws,
  readMetrics,
  removeFolder,
  type ServiceProcess,
  startProcess,
  tempFolder,
  type WatchedProcess,
} from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BAD_KEY, eventsByTenant, FENCES, GoodTraffic, MemoryWatch, SDK_KEYS } from './hostile-support.ts'
import { startStandalone, writeFences } from './support.ts'

const WANTED = 10_000
/** Sockets that a process may have here; Node takes the hard limit by itself. */
const OPEN_FILES = Number(execFileSync('sh', ['-c', 'ulimit -Hn']).toString().trim().replace('unlimited', '1000000'))
const CLIENTS = Math.min(WANTED, OPEN_FILES - 500)
if (CLIENTS < WANTED)
  process.stdout.write(`only ${CLIENTS} slow bodies: this machine allows ${OPEN_FILES} open files\n`)

const BODY_MEMORY = 64 * 1024 * 1024
/** Beside the bodies: sockets, exchanges and their closures, and what V8 lets lie between two collections. */
const PER_CONNECTION = 16 * 1024
const MAX_GROWTH = 2 * BODY_MEMORY + CLIENTS * PER_CONNECTION

let folder = ''
let service: ServiceProcess
let slow: WatchedProcess

beforeEach(() => {
  folder = tempFolder('hostile-slow')
  writeFences(folder, FENCES)
})
afterEach(async () => {
  await slow.kill9()
  await service.kill9()
  removeFolder(folder)
})

const OPEN = 'fencepost_http_open_requests'
const REFUSED = 'fencepost_requests_refused_total'

describe(`${CLIENTS} slow bodies at once`, () => {
  it.each([
    // All of them fit: 4 KB each are promised 40 of 64 MB.
    { length: 4000, everybodyFits: true },
    // 160 MB: those that are idle make room for whoever comes, good clients first of all.
    { length: 16_000, everybodyFits: false },
    // 2 GB: large bodies share one half, the other half is for small ones.
    { length: 200_000, everybodyFits: false },
  ])(
    'of $length bytes cost bounded memory, and good traffic gets its 200s',
    async ({ length, everybodyFits }) => {
      service = await startStandalone(folder, {
        FENCEPOST_SDK_KEYS: SDK_KEYS,
        FENCEPOST_MAX_BODY_MEMORY_BYTES: String(BODY_MEMORY),
      })
      const { port, adminPort } = await service.listening()
      const memory = new MemoryWatch(service)
      const warmUp = new GoodTraffic(port, 2)
      await expect.poll(() => warmUp.refs.size, { timeout: 20_000 }).toBeGreaterThan(3000)
      await warmUp.stop()
      const warm = memory.most

      slow = await startProcess({
        command: process.execPath,
        args: [
          fileURLToPath(new URL('./slow-clients.mjs', import.meta.url)),
          ...[port, CLIENTS, BAD_KEY, length].map(String),
        ],
      })
      const good = new GoodTraffic(port, 2, { retryOverload: true, prefix: 'meanwhile' })
      await slow.waitForLine((line) => line === 'all have begun', 120_000)
      const gauge = async (name: string): Promise<number> => (await readMetrics(adminPort)).get(name) ?? Number.NaN
      if (everybodyFits) await expect.poll(() => gauge(OPEN), { timeout: 60_000 }).toBeGreaterThan(0.8 * CLIENTS)
      // Until a good number of them have timed out or been refused, and have come back.
      const refused = async (): Promise<number> =>
        (await gauge(`${REFUSED}{reason="body_timeout"}`)) + (await gauge(`${REFUSED}{reason="overloaded"}`))
      await expect.poll(refused, { timeout: 120_000 }).toBeGreaterThan(CLIENTS)
      const before = good.refs.size
      await expect.poll(() => good.refs.size, { timeout: 30_000 }).toBeGreaterThan(before + 30)
      await good.stop()
      const grown = memory.most - warm
      const promised = await gauge('fencepost_body_memory_bytes')

      slow.signal('SIGTERM')
      await slow.ended
      const statuses = JSON.parse(slow.lines.at(-1) ?? '{}') as Record<string, number>
      process.stdout.write(
        `slow: ${length} bytes, ${JSON.stringify(statuses)}, good ${JSON.stringify(good.statuses)}, ${Math.round(warm / 1e6)} MB and ${Math.round(grown / 1e6)} more\n`,
      )
      expect(service.process.end).toBeUndefined()
      // Slow clients are told to send less, or to come again later; some find their connection closed while they write.
      expect(Object.keys(statuses).filter((status) => !['408', '503', 'closed'].includes(status))).toEqual([])
      expect(good.faults).toEqual([])
      // Where everybody fits, nobody else notices; where not, a good client is at most asked to come again.
      expect(Object.keys(good.statuses)).toEqual(
        everybodyFits || good.statuses[503] === undefined ? ['200'] : ['200', '503'],
      )
      expect(promised).toBeLessThanOrEqual(BODY_MEMORY)
      expect(grown).toBeLessThan(MAX_GROWTH)

      // Afterwards everything is as before: nothing promised, nothing open, no 503 for anybody.
      const settled = async (): Promise<unknown> => {
        const metrics = await readMetrics(adminPort)
        const { requests, pings } = laws(metrics)
        return {
          memory: metrics.get('fencepost_body_memory_bytes'),
          open: metrics.get(OPEN),
          lost: [requests[0] - requests[1], pings[0] - pings[1]],
        }
      }
      await expect.poll(settled, { timeout: 20_000 }).toEqual({ memory: 0, open: 0, lost: [0, 0] })
      const after = new GoodTraffic(port, 2, { prefix: 'after' })
      await expect.poll(() => after.refs.size, { timeout: 20_000 }).toBeGreaterThan(300)
      await after.stop()
      expect([after.faults, Object.keys(after.statuses)]).toEqual([[], ['200']])
      memory.stop()

      const events = await eventsByTenant(adminPort)
      expect(new Set(events.good)).toEqual(new Set([...warmUp.refs, ...good.refs, ...after.refs]))
      expect([events.good.length, events.bad, events.other]).toEqual([
        warmUp.refs.size + good.refs.size + after.refs.size,
        [],
        0,
      ])
      expect((await service.terminate(20_000)).code).toBe(0)
    },
    240_000,
  )
})
