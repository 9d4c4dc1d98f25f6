// What the hostile suites share: fences of two tenants, traffic that must not suffer, and the memory of a process.
import { existsSync, readFileSync } from 'node:fs'
import { type GeoFeature, HttpConnection, readEvents, type ServiceProcess } from '@fencepost/testbed'
import { Packr } from 'msgpackr'

export const GOOD_KEY = 'key-of-the-good'
export const BAD_KEY = 'key-of-the-bad'
export const SDK_KEYS = `good:${GOOD_KEY},bad:${BAD_KEY}`

export const SHOP = { lat: 53.55, lon: 9.99 }
export const TRAP = { lat: -33.86, lon: 151.21 }
export const NOWHERE = { lat: 12.5, lon: -40.25 }

export const FENCES: readonly GeoFeature[] = [circle('shop', SHOP, 'good'), circle('trap', TRAP, 'bad')]

function circle(id: string, { lat, lon }: { lat: number; lon: number }, tenant: string): GeoFeature {
  return {
    type: 'Feature',
    id,
    properties: { tenant, radius_m: 50, campaigns: ['spring'] },
    geometry: { type: 'Point', coordinates: [lon, lat] },
  }
}

const packr = new Packr({ useRecords: false, int64AsType: 'number' })

/** SDKs that behave: each waits for its answer, and sends the next batch. */
export class GoodTraffic {
  /** `ref` of every ping with a hit, as acknowledged. */
  readonly refs = new Set<string>()
  readonly statuses: Record<number, number> = {}
  readonly faults: string[] = []
  readonly #port: number
  readonly #prefix: string
  readonly #lanes: Promise<void>[]
  #stopped = false

  /** `retryOverload`: a 503 is waited out as the protocol says; else it is a fault like everything but 200. `prefix` begins every ref. */
  constructor(port: number, lanes: number, { retryOverload = false, prefix = 'good' } = {}) {
    this.#port = port
    this.#prefix = prefix
    this.#lanes = Array.from({ length: lanes }, (_, lane) => this.#run(lane, retryOverload))
  }

  /** Resolves once every lane has its last answer. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
  }

  async #run(lane: number, retryOverload: boolean): Promise<void> {
    const connection = new HttpConnection(this.#port)
    try {
      for (let i = 0; !this.#stopped; i++) await this.#post(connection, lane, i, retryOverload)
    } catch (error) {
      this.faults.push(error instanceof Error ? error.message : String(error))
    } finally {
      connection.close()
    }
  }

  async #post(connection: HttpConnection, lane: number, i: number, retryOverload: boolean): Promise<void> {
    const refs = [0, 1, 2].map((ping) => `${this.#prefix}-${lane}-${i}-${ping}`)
    const asJson = (lane + i) % 2 === 0
    const hits = refs.map((ref) => ({ type: 'location', age: 5, ...SHOP, ref }))
    const sent = Date.now() // one instant for all attempts: `sent` less `age` stays the same
    const batch = {
      v: 1,
      device: `good-${lane}`,
      sent,
      consent: true,
      pings: [...hits, { type: 'location', age: 5, ...NOWHERE }],
    }
    const body = asJson ? Buffer.from(JSON.stringify(batch)) : packr.pack(batch)
    const headers = {
      authorization: `Bearer ${GOOD_KEY}`,
      'content-type': asJson ? 'application/json' : 'application/msgpack',
    }
    for (;;) {
      const answer = await connection.post('/v1/pings', headers, body)
      this.statuses[answer.status] = (this.statuses[answer.status] ?? 0) + 1
      if (answer.status === 503 && retryOverload) {
        const retryAfterS = Number(answer.headers['retry-after'])
        if (!(retryAfterS >= 1)) this.faults.push('a 503 without Retry-After')
        await new Promise((resolve) => setTimeout(resolve, retryAfterS * 1000))
        continue
      }
      const read = (asJson ? JSON.parse(answer.body.toString()) : packr.unpack(answer.body)) as Record<string, unknown>
      if (answer.status !== 200 || read['accepted'] !== 4 || read['matched'] !== 3)
        this.faults.push(`${answer.status} ${JSON.stringify(read)}`)
      for (const ref of refs) this.refs.add(ref)
      return
    }
  }
}

/** Samples the resident memory of a process until told to stop; 0 where there is no /proc. */
export class MemoryWatch {
  #most = 0
  readonly #pid: number
  readonly #timer: NodeJS.Timeout

  constructor({ pid }: ServiceProcess) {
    this.#pid = pid
    this.#timer = setInterval(() => this.#look(), 50)
  }

  /** Most bytes seen since the start. */
  get most(): number {
    this.#look()
    return this.#most
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    this.#most = Math.max(this.#most, residentBytes(this.#pid) ?? 0)
  }
}

/** VmRSS of a process in bytes; null where there is no /proc, or no such process. */
export function residentBytes(pid: number): number | null {
  const path = `/proc/${pid}/status`
  if (!existsSync(path)) return null
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8'))
  return found === null ? null : Number(found[1]) * 1024
}

/** Refs of every event of the good tenant, batches of every event of the bad one, and how many there are of each. */
export async function eventsByTenant(adminPort: number): Promise<{ good: string[]; bad: string[]; other: number }> {
  const found = { good: [] as string[], bad: [] as string[], other: 0 }
  await readEvents(adminPort, null, ({ value: { tenant, ref, batch } }) => {
    if (tenant === 'good' && ref !== undefined) found.good.push(ref)
    else if (tenant === 'bad' && batch !== undefined) found.bad.push(batch)
    else found.other++
  })
  return found
}
