// kill -9 in the middle of an erasure, at any moment: after the restart it is carried out, with one proof of all that there was.
import { join } from 'node:path'
import { removeFolder, type ServiceProcess, tempFolder } from '@fencepost/testbed'
import { seededRandom } from '@fencepost/testbed/random'
import { expect, it } from 'vitest'
import { ask, filesWith, finished, Phone } from './privacy-kit.ts'
import { startStandalone, TENANT, writeFences } from './support.ts'

const LANES = 10
const KILLS_A_LANE = 5
const EVENTS = 6
/** The deadline and a margin have to be over: most of an erasure is waiting. */
const WAITS_MS = 2100

/** A moment of an erasure, most often one of its first or of its last. */
function moment(random: () => number): number {
  const place = random()
  if (place < 0.3) return random() * 50
  return place < 0.85 ? WAITS_MS - 100 + random() * 500 : random() * WAITS_MS
}
const MARKET = { lat: 50, lon: 10 }

/** One process after the other on a folder of its own. */
async function lane(number: number): Promise<string[]> {
  const random = seededRandom(1000 + number)
  const folder = tempFolder(`erasure-crash-${number}`)
  writeFences(folder, [
    {
      type: 'Feature',
      id: 'market',
      properties: { radius_m: 100 },
      geometry: { type: 'Point', coordinates: [MARKET.lon, MARKET.lat] },
    },
  ] as never)
  const steps: string[] = []
  let service: ServiceProcess | undefined
  const start = async (): Promise<{ port: number; adminPort: number }> => {
    service = await startStandalone(folder, { FENCEPOST_THREADS: '1', FENCEPOST_DELIVERY_DEADLINE_MS: '100' })
    return service.listening()
  }
  try {
    let ports = await start()
    for (let kill = 0; kill < KILLS_A_LANE; kill++) {
      const name = `gone-${number}-${kill}-canary`
      const kept = new Phone(`kept-${number}`)
      const gone = new Phone(`${name}-device`)
      for (let i = 0; i < EVENTS; i++) {
        await gone.post(ports.port, [{ ...MARKET, ref: `${name}-${i}` }])
        await kept.post(ports.port, [{ ...MARKET, ref: `kept-${kill}-${i}` }])
      }
      const body = { type: 'erase', tenant: TENANT, subject: { device: gone.device } }
      const { status, json } = await ask(ports.adminPort, 'POST', '/v1/privacy/requests', { body })
      expect(status).toBe(202)
      const id = json['id'] as string
      await new Promise((resolve) => setTimeout(resolve, moment(random)))
      const now = await ask(ports.adminPort, 'GET', `/v1/privacy/requests/${id}`)
      steps.push((now.json['progress'] as { step: string }).step)
      await service?.kill9()
      ports = await start()

      const done = await finished(ports.adminPort, id)
      expect(done.json['proof']).toMatchObject({
        records: { found: { visits: 1, choices: 0 } },
        journal: { found: EVENTS + 1, removed: EVENTS + 1 },
      })
      expect(filesWith(join(folder, 'data'), [Buffer.from(name)])).toEqual([])
      const { text } = await ask(ports.adminPort, 'GET', '/v1/events?topic=erasures&limit=10000')
      const told = text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { value: { id: string; request: string } }).value)
      expect(new Set(told.filter(({ request }) => request === id).map((event) => event.id)).size).toBe(1)
      const left = await ask(ports.adminPort, 'GET', '/v1/events?topic=matches&limit=10000')
      expect(left.text.match(/"ref":"kept-/g)).toHaveLength((kill + 1) * EVENTS)
      expect(left.text).not.toContain(name)
    }
    const { items } = (await ask(ports.adminPort, 'GET', '/v1/privacy/requests')).json as { items: unknown[] }
    expect(items).toHaveLength(KILLS_A_LANE)
    return steps
  } finally {
    await service?.kill9()
    removeFolder(folder)
  }
}

it('is carried out after every one of 50 kills', async () => {
  const steps = (await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)))).flat()
  expect(steps).toHaveLength(50)
  const counts = [...new Set(steps)].map((step) => `${step} ${steps.filter((one) => one === step).length}`)
  process.stdout.write(`killed at: ${counts.join(', ')}\n`)
}, 180_000)
