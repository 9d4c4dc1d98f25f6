// The rows of the match bench: which fences and pings each compares its arms on.
import { NO_SHARED_DATA, sharedData } from '@fencepost/testbed'
import { ARM_NAMES, type ArmName, OUR_ARMS } from './arms.ts'
import { CITY_TENANT, cityFences, cityPings } from './city-fences.ts'
import type { Comparison } from './comparison.ts'
import { REAL_TENANT, type RealLayer, realFences, realPlaces } from './real-layers.ts'
import { SWEEP_TENANT, type Sweep, sweepFences, sweepPings } from './sweep-fences.ts'

export interface RowSpec {
  readonly name: string
  /** What it compares, for the table. */
  readonly title: string
  /** Synthetic fences, circles and polygons, or the real layer, or a step of a sweep. */
  readonly source: { readonly count: number } | { readonly layer: RealLayer } | { readonly sweep: Sweep }
  readonly polygonsOnly: boolean
  readonly pings: number
  /** Time for the rounds. */
  readonly seconds: number
  readonly heapMb: number
}

const SEED = 11
const PINGS = 100_000
/** Turf walks a country whole, 90 µs a ping: fewer of them, or its passes would be all there is. */
const COUNTRY_PINGS = 10_000
const HEAP_MB = 2048
/** For a million fences: rbush and its features take 1.1 GB, the fences that are packed about as much. */
const LARGE_HEAP_MB = 6144
const LARGE_COUNT = 200_000

/** Of the sweeps: the other arms take a millisecond a ping at their end. */
const SWEEP_PINGS = 20_000
const SWEEP_SECONDS = 4
const OVERLAP_COUNT = 10_000

export const ROWS: readonly RowSpec[] = [
  ...synthetic('10k', 10_000, 8),
  ...synthetic('100k', 100_000, 16),
  ...synthetic('1M', 1_000_000, 50),
  real('taxi zones', 'taxi', { title: 'taxi zones, Uber pickups' }),
  real('districts', 'districts', { title: 'election districts and census tracts, Uber pickups' }),
  real('countries', 'countries', { title: 'countries of the world, towns', pings: COUNTRY_PINGS }),
  real('airports', 'airports', { title: '25 km round every airport, towns', polygonsOnly: false }),
  vertices(4, 10_000),
  vertices(16, 10_000),
  vertices(64, 10_000),
  vertices(256, 4000),
  vertices(1000, 1000, 5000),
  vertices(10_000, 200, 2000),
  overlap(0),
  overlap(1),
  overlap(10),
  overlap(100, 5000),
  overlap(1000, 1000),
]

function vertices(each: number, count: number, pings = SWEEP_PINGS): RowSpec {
  const title = `sweep: ${count.toLocaleString('en')} polygons of ${each.toLocaleString('en')} vertices, one over a place`
  return sweep(`sweep: ${each} vertices`, title, { vertices: each, count }, pings)
}

function overlap(each: number, pings = SWEEP_PINGS): RowSpec {
  const title = `sweep: ${each.toLocaleString('en')} of ${OVERLAP_COUNT.toLocaleString('en')} fences over a place`
  return sweep(`sweep: overlap ${each}`, title, { overlap: each, count: OVERLAP_COUNT }, pings)
}

function sweep(name: string, title: string, step: Sweep, pings: number): RowSpec {
  const polygonsOnly = 'vertices' in step
  return { name, title, source: { sweep: step }, polygonsOnly, pings, seconds: SWEEP_SECONDS, heapMb: HEAP_MB }
}

function synthetic(size: string, count: number, seconds: number): RowSpec[] {
  const heapMb = count > LARGE_COUNT ? LARGE_HEAP_MB : HEAP_MB
  const row = { source: { count }, pings: PINGS, heapMb }
  return [
    { ...row, name: size, title: `${size} fences`, polygonsOnly: false, seconds },
    {
      ...row,
      name: `${size} polygons only`,
      title: `the polygons of ${size} fences`,
      polygonsOnly: true,
      seconds: seconds * 0.6,
    },
  ]
}

function real(name: string, layer: RealLayer, row: Pick<RowSpec, 'title'> & Partial<RowSpec>): RowSpec {
  return { name, source: { layer }, polygonsOnly: true, pings: PINGS, seconds: 8, heapMb: HEAP_MB, ...row }
}

/** Why a row cannot run here, or null. */
export function reasonToSkip({ source }: RowSpec): string | null {
  return 'layer' in source && sharedData() === null ? NO_SHARED_DATA : null
}

/** Makes what a row needs; of the arms those that know its shapes. */
export function prepareRow(row: RowSpec, arms: readonly ArmName[]): Comparison {
  const { name, source, polygonsOnly, pings } = row
  const known = polygonsOnly ? arms : arms.filter((arm) => arm !== 'which-polygon')
  if ('count' in source) {
    const { count } = source
    return {
      name,
      fences: () => cityFences({ count, seed: SEED, polygonsOnly }),
      tenant: CITY_TENANT,
      places: cityPings({ count: pings, seed: SEED }),
      arms: known,
    }
  }
  if ('sweep' in source) {
    const { sweep } = source
    return {
      name,
      fences: () => sweepFences(sweep),
      tenant: SWEEP_TENANT,
      places: sweepPings(sweep, pings),
      arms: known,
    }
  }
  const fences = realFences(source.layer)
  const places = realPlaces(source.layer, { count: pings, seed: SEED })
  return { name, fences: () => fences, tenant: REAL_TENANT, places, arms: known }
}

/** Arms, in their order, whose name contains one of the words; `ours` stands for those of our own. */
export function chosenArms(words: readonly string[]): ArmName[] {
  return ARM_NAMES.filter((name) =>
    words.some((word) => name.includes(word) || (word === 'ours' && OUR_ARMS.includes(name))),
  )
}
