// A fleet of phones that behave like an SDK: they keep what was not acknowledged, send it again in other batches with new ages and
// the same observed times, and never give up. What they send and hear goes into a ledger.

import { Packr } from 'msgpackr'
import { type HttpAnswer, HttpConnection } from './http-client.ts'
import type { Ledger, SentPing } from './ledger.ts'
import { seededRandom } from './random.ts'
import type { GeoFeature } from './shared-data.ts'

export interface FleetOptions {
  /** The public port; a service that comes back must come back on it. */
  readonly port: number
  readonly key: string
  readonly phones: number
  /** Pings that each phone has to get rid of. */
  readonly pingsPerPhone: number
  readonly seed: number
  readonly ledger: Ledger
  /** An answer that has not come by then counts as overdue. */
  readonly answerMs: number
  /** Longest pause before another attempt, whatever Retry-After says; default 200. */
  readonly maxPauseMs?: number
}

/** What a fleet was answered. */
export interface FleetTally {
  requests: number
  /** By status; 0 is a connection that broke. */
  readonly statuses: Record<number, number>
  /** Pings that were sent more than once. */
  repeats: number
  slowestMs: number
  /** What no answer may be: wrong counts in a 200, overdue. */
  readonly faults: string[]
}

/** A place, and which of `FLEET_FENCES` it is in. */
interface Place {
  readonly lat: number
  readonly lon: number
  readonly fences: readonly string[]
}

const PLACES: readonly Place[] = [
  { lat: 10.1, lon: 20.1, fences: ['market', 'town'] },
  { lat: 10.4, lon: 20.4, fences: ['town'] },
  { lat: 10.8, lon: 20.9, fences: ['harbour', 'town'] },
  { lat: 11.2, lon: 20.9, fences: ['harbour'] },
  { lat: 9.5, lon: 20.1, fences: [] },
]

/** The fences that the phones walk through. */
export const FLEET_FENCES: readonly GeoFeature[] = [
  {
    type: 'Feature',
    id: 'market',
    properties: { radius_m: 500, campaigns: ['spring'] },
    geometry: { type: 'Point', coordinates: [20.1, 10.1] },
  },
  rectangle('town', 20, 10, 21, 11),
  rectangle('harbour', 20.7, 10.7, 21.2, 11.5),
]

const MAX_BATCH = 12
const packr = new Packr({ useRecords: false, int64AsType: 'number' })

/** A running fleet. */
export class Fleet {
  readonly tally: FleetTally = { requests: 0, statuses: {}, repeats: 0, slowestMs: 0, faults: [] }
  /** Resolves when every ping of every phone is acknowledged. */
  readonly finished: Promise<void>
  readonly #waiting: { at: number; resolve: () => void }[] = []
  #acknowledged = 0

  constructor(options: FleetOptions) {
    const phones = Array.from({ length: options.phones }, (_, i) => this.#walk(options, i))
    this.finished = Promise.all(phones).then(() => {})
  }

  get acknowledgedBatches(): number {
    return this.#acknowledged
  }

  /** Resolves once so many more batches are acknowledged, or all of them. */
  acknowledged(batches: number): Promise<void> {
    const reached = new Promise<void>((resolve) => this.#waiting.push({ at: this.#acknowledged + batches, resolve }))
    return Promise.race([reached, this.finished])
  }

  async #walk(options: FleetOptions, number: number): Promise<void> {
    const { ledger, maxPauseMs = 200, answerMs } = options
    const random = seededRandom(options.seed * 1000 + number)
    const connection = new HttpConnection(options.port)
    const packed = number % 2 === 0
    const skewMs = Math.round((random() - 0.5) * 86_400_000) // this phone's clock is wrong, by up to half a day
    const unseen = pingsOf(options, number, skewMs, random)
    const kept: SentPing[] = []
    const sentBefore = new Set<SentPing>()
    try {
      for (let batch = 0; unseen.length > 0 || kept.length > 0; batch++) {
        while (unseen.length > 0 && kept.length < 1 + Math.floor(random() * MAX_BATCH))
          kept.push(unseen.shift() as SentPing)
        // After a failure the next batch is another one: fewer pings, or more, or in another order.
        const pings = kept.slice(0, 1 + Math.floor(random() * MAX_BATCH))
        if (random() < 0.2) pings.reverse()
        for (const ping of pings) {
          if (sentBefore.has(ping)) this.tally.repeats++
          sentBefore.add(ping)
        }
        const sent = Date.now() + skewMs
        const body = {
          v: 1,
          device: pings[0]?.device,
          sent,
          consent: true,
          batch: `${number}-${batch}`,
          pings: [] as unknown[],
        }
        body.pings = pings.map((ping) =>
          packed && ping.ref === undefined ? packedPing(ping, sent) : namedPing(ping, sent),
        )
        ledger.sending(pings)
        const answer = await this.#send(connection, options.key, body, packed, answerMs)
        if (answer?.status === 200) {
          this.#check(answer, packed, pings)
          ledger.acknowledged(pings)
          for (const ping of pings) kept.splice(kept.indexOf(ping), 1)
          this.#count()
        } else await pause(Math.min(maxPauseMs, 20 + random() * maxPauseMs))
      }
    } finally {
      connection.close()
    }
  }

  async #send(
    connection: HttpConnection,
    key: string,
    body: object,
    packed: boolean,
    answerMs: number,
  ): Promise<HttpAnswer | null> {
    const { tally } = this
    const type = packed ? 'application/msgpack' : 'application/json'
    const bytes = packed ? packr.pack(body) : Buffer.from(JSON.stringify(body))
    tally.requests++
    let status = 0
    try {
      const headers = { authorization: `Bearer ${key}`, 'content-type': type }
      const answer = await connection.post('/v1/pings', headers, bytes, 4 * answerMs)
      status = answer.status
      tally.slowestMs = Math.max(tally.slowestMs, answer.ms)
      if (answer.ms > answerMs) tally.faults.push(`an answer ${status} took ${Math.round(answer.ms)} ms`)
      if (status === 503 && !(Number(answer.headers['retry-after']) >= 1))
        tally.faults.push('a 503 without Retry-After')
      return answer
    } catch (error) {
      // A connection that breaks is a client's everyday life; an answer that never comes is not.
      if (error instanceof Error && error.message.includes('was not answered')) tally.faults.push(error.message)
      return null
    } finally {
      tally.statuses[status] = (tally.statuses[status] ?? 0) + 1
    }
  }

  #check({ body }: HttpAnswer, packed: boolean, pings: readonly SentPing[]): void {
    const answer = (packed ? packr.unpack(body) : JSON.parse(body.toString())) as Record<string, unknown>
    const hits = pings.filter((ping) => ping.fences.length > 0).length
    const { accepted, matched, rejected } = answer
    if (accepted !== pings.length || matched !== hits || (rejected as unknown[]).length > 0)
      this.tally.faults.push(`${pings.length} pings with ${hits} hits were answered ${JSON.stringify(answer)}`)
  }

  #count(): void {
    this.#acknowledged++
    for (const { at, resolve } of this.#waiting) if (this.#acknowledged >= at) resolve()
  }
}

/**
 * A phone's pings in the order it saw them. Every third phone shares its device with the one before it, as an app does that sends
 * on two connections. Observed times are the phone's own and unique over the fleet.
 */
function pingsOf(options: FleetOptions, number: number, skewMs: number, random: () => number): SentPing[] {
  const { phones, pingsPerPhone } = options
  const device = `phone-${number % 3 === 2 ? number - 1 : number}`
  const start = Math.floor((Date.now() + skewMs - 3_600_000) / phones) * phones + number
  return Array.from({ length: pingsPerPhone }, (_, i) => {
    const { lat, lon, fences } = PLACES[Math.floor(random() * PLACES.length)] as Place
    const ping = { device, observed: start + i * phones, lat: shift(lat, random), lon: shift(lon, random), fences }
    return random() < 0.5 ? ping : { ...ping, ref: `ping-${number}-${i}` }
  })
}

/** Moves by up to some 100 m, in whole 1e-7 degrees. */
function shift(degrees: number, random: () => number): number {
  return Math.round(degrees * 1e7 + (random() - 0.5) * 10_000) / 1e7
}

function packedPing({ observed, lat, lon }: SentPing, sent: number): unknown {
  return [0, sent - observed, Math.round(lat * 1e7), Math.round(lon * 1e7), -1]
}

function namedPing({ observed, lat, lon, ref }: SentPing, sent: number): unknown {
  return { type: 'location', age: sent - observed, lat, lon, ...(ref === undefined ? {} : { ref }) }
}

function rectangle(id: string, west: number, south: number, east: number, north: number): GeoFeature {
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ]
  return { type: 'Feature', id, properties: {}, geometry: { type: 'Polygon', coordinates: [ring] } }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
