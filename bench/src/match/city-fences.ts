// Seeded fences and pings for the match bench: the cities stay the same however many fences there are, so that more fences mean
// more of them in one place. Fences come one by one: a million never exist as objects at once unless an arm keeps them.
import type { Fence, Shape } from '@fencepost/model'
import { seededRandom } from '@fencepost/testbed/random'
import { METRES_PER_DEGREE, type Position, round7 } from '../synthetic.ts'

export interface CityFencesOptions {
  /** Circles and polygons together, turn about. */
  readonly count: number
  readonly seed: number
  /** Leave the circles out; the polygons are those that they would be among them. */
  readonly polygonsOnly?: boolean
}

/** Places as columns. */
export interface Places {
  readonly lon: Float64Array
  readonly lat: Float64Array
}

export const CITY_TENANT = 'city'
/** With REACH and the radii below: 0.65 hits a ping at 100,000 fences. */
const CITIES = 32
/** Half the width of a city in degrees of latitude, about 26 km. */
const REACH = 0.235
const LEAST_RADIUS_M = 50
const MOST_RADIUS_M = 1000
/** Reach of a star's longest corner, of the radius that a circle in its place would have. */
const STAR_SCALE = 0.8
const LEAST_CORNERS = 8
const MOST_CORNERS = 32
/** The cities draw from a stream of their own: fences do not shift when their number changes. */
const CITIES_SEED = 104_729
const PING_SEED = 15_485_863

/** The fences, in the order of their ids: the n-th has slot n. */
export function* cityFences(options: CityFencesOptions): Generator<Fence> {
  const { count, seed, polygonsOnly = false } = options
  const random = seededRandom(seed)
  const cities = citiesOf(seed)
  const ring = new Float64Array(2 * (MOST_CORNERS + 1))
  for (let i = 0; i < count; i++) {
    const centre = near(cities[Math.floor(random() * CITIES)] as Position, random)
    const radiusM = LEAST_RADIUS_M + (MOST_RADIUS_M - LEAST_RADIUS_M) * random() ** 3
    let shape: Shape
    if (i % 2 === 0) {
      if (polygonsOnly) continue
      shape = { kind: 'circle', lon: centre.lon, lat: centre.lat, radiusM: Math.round(radiusM) }
    } else {
      const length = writeStar(ring, centre, STAR_SCALE * radiusM, random)
      shape = { kind: 'polygon', polygons: [{ rings: [ring.slice(0, length)] }] }
    }
    yield {
      id: `fence-${String(i).padStart(7, '0')}`,
      version: i + 1,
      tenant: CITY_TENANT,
      name: null,
      tags: [],
      campaigns: [`campaign-${i % 40}`],
      dwellS: null,
      shape,
    }
  }
}

/** Places spread over the cities as the fences are, in no order, rounded to 1e-7 degrees. */
export function cityPings({ count, seed }: { readonly count: number; readonly seed: number }): Places {
  const random = seededRandom(seed + PING_SEED)
  const cities = citiesOf(seed)
  const places = { lon: new Float64Array(count), lat: new Float64Array(count) }
  for (let i = 0; i < count; i++) {
    const { lon, lat } = near(cities[Math.floor(random() * CITIES)] as Position, random)
    places.lon[i] = lon
    places.lat[i] = lat
  }
  return places
}

function citiesOf(seed: number): readonly Position[] {
  const random = seededRandom(seed + CITIES_SEED)
  return Array.from({ length: CITIES }, () => ({
    lon: round7(-170 + 340 * random()),
    lat: round7(-55 + 110 * random()),
  }))
}

/** The sum of two is denser in the middle, as cities are. */
function near(city: Position, random: () => number): Position {
  const lat = city.lat + REACH * (random() + random() - 1)
  const lon = city.lon + (REACH * (random() + random() - 1)) / Math.cos((city.lat * Math.PI) / 180)
  return { lon: round7(lon), lat: round7(lat) }
}

/** A closed ring round its centre: angles ascend by less than half a turn, so it cannot cross itself. Returns its length. */
function writeStar(ring: Float64Array, centre: Position, radiusM: number, random: () => number): number {
  const corners = LEAST_CORNERS + Math.floor(random() * (MOST_CORNERS - LEAST_CORNERS + 1))
  const lonScale = Math.cos((centre.lat * Math.PI) / 180)
  for (let i = 0; i < corners; i++) {
    const angle = (2 * Math.PI * (i + 0.8 * random())) / corners
    const reach = (radiusM * (0.4 + 0.6 * random())) / METRES_PER_DEGREE
    ring[2 * i] = round7(centre.lon + (reach * Math.cos(angle)) / lonScale)
    ring[2 * i + 1] = round7(centre.lat + reach * Math.sin(angle))
  }
  ring[2 * corners] = ring[0] as number
  ring[2 * corners + 1] = ring[1] as number
  return 2 * corners + 2
}
