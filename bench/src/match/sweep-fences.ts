// Fences and pings of the sweeps: one thing grows, all else stays as it is.
import type { Fence, Shape } from '@fencepost/model'
import { seededRandom } from '@fencepost/testbed/random'
import { METRES_PER_DEGREE, round7 } from '../synthetic.ts'
import type { Places } from './city-fences.ts'

export const SWEEP_TENANT = 'sweep'

export type Sweep =
  /** Polygons of so many vertices. */
  | { readonly vertices: number; readonly count: number }
  /** So many fences over each of some spots, half of them circles; with 0 they lie beside the pings. */
  | { readonly overlap: number; readonly count: number }

const SEED = 131
/** Half the width of the field, in degrees. */
const FIELD = 0.5
const CENTRE = { lon: 20, lat: 30 }
const CORNERS = 16
/** How far the fences of a spot and its pings may be from it, in metres. */
const SPOT_M = 50
const LEAST_RADIUS_M = 200
const MORE_RADIUS_M = 800
/** Degrees from spot to spot, far more than any fence reaches. */
const SPOT_DEG = 0.05

export function* sweepFences(sweep: Sweep): Generator<Fence> {
  const random = seededRandom(SEED)
  for (let i = 0; i < sweep.count; i++)
    yield fenceOf(i, 'vertices' in sweep ? polygon(sweep, random) : spot(sweep, i, random))
}

/** Over the field, or round the spots. */
export function sweepPings(sweep: Sweep, count: number): Places {
  const random = seededRandom(SEED + 1)
  const places = { lon: new Float64Array(count), lat: new Float64Array(count) }
  for (let i = 0; i < count; i++) {
    const { lon, lat } = 'vertices' in sweep ? inField(random) : nearSpot(sweep, random)
    places.lon[i] = round7(lon)
    places.lat[i] = round7(lat)
  }
  return places
}

function fenceOf(i: number, shape: Shape): Fence {
  const id = `fence-${String(i).padStart(7, '0')}`
  return { id, version: i + 1, tenant: SWEEP_TENANT, name: null, tags: [], campaigns: [], dwellS: null, shape }
}

/** As large as makes one hit a ping, with a coast that wanders by a tenth of the radius in waves and bays. */
function polygon(
  { vertices, count }: { readonly vertices: number; readonly count: number },
  random: () => number,
): Shape {
  const { lon, lat } = inField(random)
  const radius = (2 * FIELD) / Math.sqrt(Math.PI * count)
  const waves = Array.from({ length: 6 }, (_, k) => ({ times: 2 ** k, at: 2 * Math.PI * random(), by: 0.1 / 2 ** k }))
  const ring = new Float64Array(2 * (vertices + 1))
  for (let i = 0; i < vertices; i++) {
    const angle = (2 * Math.PI * (i + 0.8 * random())) / vertices
    const reach = radius * waves.reduce((sum, { times, at, by }) => sum + by * Math.sin(times * angle + at), 1)
    ring[2 * i] = round7(lon + reach * Math.cos(angle))
    ring[2 * i + 1] = round7(lat + reach * Math.sin(angle))
  }
  ring[2 * vertices] = ring[0] as number
  ring[2 * vertices + 1] = ring[1] as number
  return { kind: 'polygon', polygons: [{ rings: [ring] }] }
}

function spot({ overlap }: { readonly overlap: number }, i: number, random: () => number): Shape {
  const { lon, lat } = spotAt(Math.floor(i / Math.max(1, overlap)))
  const radiusM = Math.round(LEAST_RADIUS_M + MORE_RADIUS_M * random())
  const east = metresEast(lat)
  // With 0 its edge is as far from the spot's pings as its centre would be from its own edge.
  const away = overlap === 0 ? 2 * SPOT_M + radiusM : 0
  const x = lon + (away + SPOT_M * (2 * random() - 1)) * east
  const y = lat + (SPOT_M * (2 * random() - 1)) / METRES_PER_DEGREE
  if (i % 2 === 0) return { kind: 'circle', lon: round7(x), lat: round7(y), radiusM }
  const ring = new Float64Array(2 * (CORNERS + 1))
  for (let c = 0; c < CORNERS; c++) {
    const angle = (2 * Math.PI * (c + 0.8 * random())) / CORNERS
    const reach = radiusM * (0.7 + 0.3 * random())
    ring[2 * c] = round7(x + reach * Math.cos(angle) * east)
    ring[2 * c + 1] = round7(y + (reach * Math.sin(angle)) / METRES_PER_DEGREE)
  }
  ring[2 * CORNERS] = ring[0] as number
  ring[2 * CORNERS + 1] = ring[1] as number
  return { kind: 'polygon', polygons: [{ rings: [ring] }] }
}

function inField(random: () => number): { lon: number; lat: number } {
  return { lon: CENTRE.lon + FIELD * (2 * random() - 1), lat: CENTRE.lat + FIELD * (2 * random() - 1) }
}

function nearSpot({ overlap, count }: { readonly overlap: number; readonly count: number }, random: () => number) {
  const spots = Math.max(1, Math.floor(count / Math.max(1, overlap)))
  const { lon, lat } = spotAt(Math.floor(random() * spots))
  return {
    lon: lon + SPOT_M * (2 * random() - 1) * metresEast(lat),
    lat: lat + (SPOT_M * (2 * random() - 1)) / METRES_PER_DEGREE,
  }
}

/** In rows of a hundred. */
function spotAt(n: number): { lon: number; lat: number } {
  return { lon: CENTRE.lon + (n % 100) * SPOT_DEG, lat: CENTRE.lat + Math.floor(n / 100) * SPOT_DEG * 0.2 }
}

/** Degrees of longitude a metre. */
function metresEast(lat: number): number {
  return 1 / (METRES_PER_DEGREE * Math.cos((lat * Math.PI) / 180))
}
