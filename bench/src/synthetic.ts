// Seeded fences and pings: fences in clusters, as cities have them, half of them geodesic circles and half stars of 8 to 32
// corners; pings in and around the same clusters.
import { loadFences } from '@fencepost/geo'
import type { Fence, FenceIndex } from '@fencepost/model'
import { SlotList } from '@fencepost/model'
import { seededRandom } from '@fencepost/testbed/random'
import type { Feature, FeatureCollection, Point, Polygon } from 'geojson'

export interface Position {
  readonly lon: number
  readonly lat: number
}

export interface SyntheticOptions {
  readonly count: number
  readonly seed: number
}

export const METRES_PER_DEGREE = 111_320
const FENCES_PER_CITY = 250
/** Half the width of a city in degrees of latitude, about 28 km: with FENCES_PER_CITY most places are in no fence, some in many. */
const CITY_REACH = 0.25
const DAY_SEED = 7919

/** Fences as a GeoJSON file has them. Ids sort in the order of creation. */
export function syntheticCollection({
  count,
  seed,
}: SyntheticOptions): FeatureCollection<Point | Polygon, Record<string, unknown>> {
  const random = seededRandom(seed)
  const cities = syntheticCities(count, seed)
  const features: Feature<Point | Polygon, Record<string, unknown>>[] = []
  for (let i = 0; i < count; i++) {
    const city = cities[i % cities.length] as Position
    const centre = near(city, random)
    const radiusM = 50 + 950 * random() ** 3
    const id = `fence-${String(i).padStart(7, '0')}`
    const campaigns = [`campaign-${i % 40}`]
    features.push(
      i % 2 === 0
        ? {
            type: 'Feature',
            id,
            properties: { radius_m: Math.round(radiusM), campaigns },
            geometry: { type: 'Point', coordinates: [centre.lon, centre.lat] },
          }
        : { type: 'Feature', id, properties: { campaigns }, geometry: star(centre, radiusM, random) },
    )
  }
  return { type: 'FeatureCollection', features }
}

/**
 * The same as the node sees them.
 *
 * @throws FenceError if a synthetic fence is not valid, which is a fault of this file
 */
export function syntheticFences(options: SyntheticOptions): readonly Fence[] {
  return loadFences(syntheticCollection(options), { invalid: 'fail' }).fences
}

/** The centres of the clusters that `count` fences lie in. */
export function syntheticCities(count: number, seed: number): readonly Position[] {
  const random = seededRandom(seed + DAY_SEED)
  return Array.from({ length: Math.max(1, Math.ceil(count / FENCES_PER_CITY)) }, () => ({
    lon: round7(-170 + 340 * random()),
    lat: round7(-55 + 110 * random()),
  }))
}

/** Places in the clusters of `fences` synthetic fences, rounded to 1e-7 degrees so that both shapes of a ping say the same. */
export function syntheticPositions(
  options: SyntheticOptions & { readonly fences: number; readonly fenceSeed: number },
): Position[] {
  const random = seededRandom(options.seed)
  const cities = syntheticCities(options.fences, options.fenceSeed)
  return Array.from({ length: options.count }, () =>
    near(cities[Math.floor(random() * cities.length)] as Position, random),
  )
}

/** Metres between two pings of a walk at most, in either direction: a ping every few seconds on foot or by bus. */
const STEP_M = 40
/** Steps tried from one place before a walk begins anew somewhere else. */
const TRIES_PER_STEP = 50

/**
 * Places that each lie in exactly `hits` fences. They come as walks of `walk` places, because the pings of a batch are one
 * phone's: each walk begins anywhere near the fences and goes on in small steps.
 *
 * @throws RangeError when a million tries do not give as many
 */
export function positionsWithHits(
  index: FenceIndex,
  hits: number,
  options: SyntheticOptions & { readonly fences: number; readonly fenceSeed: number; readonly walk: number },
): Position[] {
  const random = seededRandom(options.seed)
  const cities = syntheticCities(options.fences, options.fenceSeed)
  const found: Position[] = []
  const out = new SlotList()
  let last: Position | null = null
  let failures = 0
  for (let tries = 0; tries < 1_000_000 && found.length < options.count; tries++) {
    if (found.length % options.walk === 0) last = null
    const place: Position =
      last === null || failures > TRIES_PER_STEP
        ? near(cities[Math.floor(random() * cities.length)] as Position, random)
        : step(last, random)
    index.matchInto('', place.lon, place.lat, out)
    if (out.length === hits) {
      found.push(place)
      last = place
      failures = 0
    } else failures++
  }
  if (found.length < options.count)
    throw new RangeError(`found ${found.length} places with ${hits} hits, expected ${options.count}`)
  return found
}

function step(from: Position, random: () => number): Position {
  const reach = (STEP_M / METRES_PER_DEGREE) * 2
  return {
    lon: round7(from.lon + (reach * (random() - 0.5)) / Math.cos((from.lat * Math.PI) / 180)),
    lat: round7(from.lat + reach * (random() - 0.5)),
  }
}

function near(city: Position, random: () => number): Position {
  // The sum of two is denser in the middle, as cities are.
  const lat = city.lat + CITY_REACH * (random() + random() - 1)
  const lon = city.lon + (CITY_REACH * (random() + random() - 1)) / Math.cos((city.lat * Math.PI) / 180)
  return { lon: round7(lon), lat: round7(lat) }
}

/** A star-shaped ring: angles ascend, so it cannot cross itself whatever its radii are. */
function star(centre: Position, radiusM: number, random: () => number): Polygon {
  const corners = 8 + Math.floor(random() * 25)
  const lonScale = Math.cos((centre.lat * Math.PI) / 180)
  const ring: [number, number][] = []
  for (let i = 0; i < corners; i++) {
    const angle = (2 * Math.PI * (i + 0.8 * random())) / corners
    const reach = (radiusM * (0.4 + 0.6 * random())) / METRES_PER_DEGREE
    ring.push([round7(centre.lon + (reach * Math.cos(angle)) / lonScale), round7(centre.lat + reach * Math.sin(angle))])
  }
  ring.push(ring[0] as [number, number])
  return { type: 'Polygon', coordinates: [ring] }
}

/** As both shapes of a ping say it. */
export function round7(degrees: number): number {
  return Math.round(degrees * 1e7) / 1e7
}
