// The rows of a load run: how many pings a batch has, whether they hit, and the bodies that say so.
import type { FenceIndex } from '@fencepost/model'
import { encodeBatch } from '../bodies.ts'
import { positionsWithHits } from '../synthetic.ts'

export interface Row {
  readonly name: string
  readonly pings: number
  readonly hitsPerPing: 0 | 1
  /** CPU a request, times the floor's, that the node is to stay within; null = only printed. */
  readonly target: number | null
}

export const ROWS: readonly Row[] = [
  { name: '1 ping, no hit', pings: 1, hitsPerPing: 0, target: 1.5 },
  { name: '20 pings, no hit', pings: 20, hitsPerPing: 0, target: 2 },
  { name: '1 ping, 1 hit', pings: 1, hitsPerPing: 1, target: null },
  { name: '20 pings, 1 hit each', pings: 20, hitsPerPing: 1, target: null },
  { name: '100 pings, no hit', pings: 100, hitsPerPing: 0, target: null },
  { name: '100 pings, 1 hit each', pings: 100, hitsPerPing: 1, target: null },
]

export interface BodyOptions {
  readonly index: FenceIndex
  readonly fences: number
  readonly fenceSeed: number
  /** How many bodies, each of a device of its own. */
  readonly devices: number
  readonly sent: number
}

/** Packed msgpack bodies of a row. Each is a walk near the fences, and each place lies in exactly `hitsPerPing` of them. */
export function rowBodies(row: Row, options: BodyOptions): Uint8Array[] {
  const { index, fences, fenceSeed, devices, sent } = options
  const seed = 1000 * row.pings + row.hitsPerPing
  const places = positionsWithHits(index, row.hitsPerPing, {
    count: Math.min(devices * row.pings, MAX_PLACES),
    seed,
    fences,
    fenceSeed,
    walk: row.pings,
  })
  return Array.from({ length: devices }, (_, i) =>
    encodeBatch(
      {
        device: `bench-device-${String(i).padStart(6, '0')}`,
        sent,
        places: Array.from({ length: row.pings }, (_, j) => places[(i * row.pings + j) % places.length] ?? ORIGIN),
        firstAgeMs: 200 + (i % 800),
        everyMs: 1000,
      },
      'packed',
      'msgpack',
    ),
  )
}

/** Different places of a row; with more pings than that they repeat. */
const MAX_PLACES = 10_000
const ORIGIN = { lon: 0, lat: 0 }

/** The rate of a row: the one asked for, less where its events would be more than `maxEventsPerS`. */
export function rowRate(row: Row, ratePerS: number, maxEventsPerS: number): number {
  const events = row.pings * row.hitsPerPing
  return events === 0 ? ratePerS : Math.max(1, Math.min(ratePerS, Math.floor(maxEventsPerS / events)))
}
