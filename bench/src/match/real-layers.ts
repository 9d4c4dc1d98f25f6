// Fences and pings that nobody here made up, from the shared data.
import { loadFences } from '@fencepost/geo'
import type { Fence } from '@fencepost/model'
import { airportFences, type GeoFeature, layerFences, readCsv } from '@fencepost/testbed'
import { seededRandom } from '@fencepost/testbed/random'
import type { Places } from './city-fences.ts'

export type RealLayer = 'taxi' | 'districts' | 'countries' | 'airports'

/** The layers are every tenant's. */
export const REAL_TENANT = 'anyone'

const FEATURES: Readonly<Record<RealLayer, () => GeoFeature[]>> = {
  taxi: () => layerFences('taxi'),
  districts: () => [...layerFences('ed'), ...layerFences('tract')],
  countries: () => layerFences('qne'),
  airports: airportFences,
}

const TOWNS = 'world/points/geonames-cities-1000.csv.gz'
const PICKUPS = ['apr', 'may', 'jun', 'jul'].map((month) => `nyc/points/uber-raw-data-${month}14.csv.gz`)

/** In the order of their ids. Crossed rings are read even-odd, which every arm does alike. Throws where there is no shared data. */
export function realFences(layer: RealLayer): readonly Fence[] {
  const { fences } = loadFences({ type: 'FeatureCollection', features: FEATURES[layer]() }, { invalid: 'repair' })
  return fences.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** `count` of the pings that belong to the layer, in an order of chance. None is on an edge, or the arms would differ there. */
export function realPlaces(
  layer: RealLayer,
  { count, seed }: { readonly count: number; readonly seed: number },
): Places {
  const rows =
    layer === 'countries' || layer === 'airports'
      ? readCsv(TOWNS).map((row) => [Number(row['lon']), Number(row['lat'])] as const)
      : PICKUPS.flatMap((file) => readCsv(file)).map((row) => [Number(row['Lon']), Number(row['Lat'])] as const)
  const random = seededRandom(seed)
  for (let i = rows.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = rows[i] as (typeof rows)[number]
    rows[i] = rows[j] as (typeof rows)[number]
    rows[j] = held
  }
  const chosen = rows.slice(0, count)
  return { lon: Float64Array.from(chosen, ([lon]) => lon), lat: Float64Array.from(chosen, ([, lat]) => lat) }
}
