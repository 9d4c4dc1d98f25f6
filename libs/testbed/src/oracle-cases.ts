// What the shared data has ground truth for, as points to post and the fences that their events must name. A group is one file of
// fences, loaded once; its sets are files of points.
import { readdirSync } from 'node:fs'
import {
  airportFences,
  antimeridianRows,
  circleRows,
  type GeoFeature,
  isComparable,
  layerFences,
  NYC_LAYERS,
  type OracleAnswer,
  type OracleRow,
  oracleRows,
  readCsv,
  sharedData,
  stopFences,
} from './shared-data.ts'

/** One point and what is known of it. */
export interface OraclePoint {
  /** Names the point in reports: never a coordinate. */
  readonly name: string
  /** Whose phone posts it; points that follow each other with one device share batches. */
  readonly device: string
  readonly lon: number
  readonly lat: number
  /** When it was observed, epoch ms; none = now. */
  readonly observedMs?: number
  /** Within 2 cm of an edge: to be posted with all its digits, since packed coordinates are rounded to 1e-7 degrees. */
  readonly nearEdge: boolean
  /** By layer; null where the answer is not comparable. */
  readonly answers: readonly OracleExpectation[]
}

/** The fences of one layer that hold a point. */
export interface OracleExpectation {
  readonly layer: string
  /** Ids, sorted; null: either answer is right (README of the data, section 3). */
  readonly fences: readonly string[] | null
}

export interface OracleSet {
  readonly name: string
  points(): OraclePoint[]
}

export interface OracleGroup {
  readonly name: string
  /** Ids are `<layer>/<index or id>`. */
  fences(): GeoFeature[]
  readonly sets: readonly OracleSet[]
}

const NEAR_EDGE_M = 0.02
const AUSTIN = 'austin/oracle'

/** Every group. Nothing is read before its `fences` or `points` is called. Throws where there is no shared data. */
export function oracleGroups(): OracleGroup[] {
  return [
    {
      name: 'nyc',
      fences: () => NYC_LAYERS.flatMap((layer) => layerFences(layer)),
      sets: [
        layerSet('nyc/uber', 'nyc/oracle/uber-50k.csv.gz', NYC_LAYERS),
        layerSet('nyc/green', 'nyc/oracle/green-2013-08.csv.gz', NYC_LAYERS),
        layerSet('nyc/collisions', 'nyc/oracle/collisions.csv.gz', NYC_LAYERS),
        // On an edge is inside, and a hair beside it is not: taxi zones are valid, so every row has one exact answer.
        layerSet('nyc/probes', 'nyc/oracle/GENERATED-probes-taxi_zones.csv.gz', ['taxi'], (row) => exactAnswer(row)),
      ],
    },
    {
      name: 'austin',
      fences: () => layerFences('austin-hood'),
      sets: austinDays().map(austinDay),
    },
    {
      name: 'stops',
      fences: () => prefixed('stop', stopFences()),
      sets: [circleSet('austin/stops', `${AUSTIN}/circles-50m-stops.2016-11-25.csv.gz`, 'stop')],
    },
    {
      name: 'world',
      fences: () => [...layerFences('qne'), ...layerFences('wa10m')],
      sets: [
        worldSet('world/airports', 'airports', 'world/oracle/airports.csv.gz'),
        worldSet('world/cities', 'cities-50k', 'world/oracle/cities-50k.csv.gz'),
        { name: 'world/antimeridian', points: antimeridianPoints },
      ],
    },
    {
      name: 'world-planar',
      // The same rings read as the plane has them, which is what the planar oracle answers for.
      fences: () => layerFences('wa10m', { antimeridian: 'planar' }),
      sets: [
        layerSet('planar/airports', 'world/oracle/airports.csv.gz', ['wa10m']),
        layerSet('planar/cities', 'world/oracle/cities-50k.csv.gz', ['wa10m']),
      ],
    },
    {
      name: 'airport-circles',
      fences: () => prefixed('airport', airportFences()),
      sets: [circleSet('world/circles', 'world/oracle/circles-25km-airports.cities-50k.csv.gz', 'airport')],
    },
  ]
}

type Expect = (row: OracleRow, layer: string, answer: OracleAnswer) => OracleExpectation

const comparable: Expect = (_row, layer, answer) => ({
  layer,
  fences: isComparable(answer) ? zoneIds(layer, answer.inside) : null,
})

function exactAnswer({ layers }: OracleRow): OracleExpectation {
  const { inside, ambiguous } = layers['taxi'] as OracleAnswer
  return { layer: 'taxi', fences: ambiguous.length === 0 ? zoneIds('taxi', inside) : null }
}

function layerSet(name: string, path: string, layers: readonly string[], expect: Expect = comparable): OracleSet {
  return { name, points: () => oracleRows(path, layers).map((row, i) => pointOf(name, row, i, layers, expect)) }
}

function pointOf(set: string, row: OracleRow, i: number, layers: readonly string[], expect: Expect): OraclePoint {
  return {
    name: `${row.id} row ${row.row}`,
    device: `${set} phone ${Math.floor(i / 1000)}`,
    lon: row.lon,
    lat: row.lat,
    nearEdge: layers.some((layer) => isNear((row.layers[layer] as OracleAnswer).edgeM)),
    answers: layers.map((layer) => expect(row, layer, row.layers[layer] as OracleAnswer)),
  }
}

/** Airports and cities against both world layers; in wa10m the reading across the antimeridian counts where it is known. */
function worldSet(name: string, set: string, path: string): OracleSet {
  return {
    name,
    points() {
      const aware = new Map(antimeridianRows().map((row) => [`${row.set} ${row.row}`, row.aware]))
      return oracleRows(path, ['qne', 'wa10m']).map((row, i) =>
        pointOf(name, row, i, ['qne', 'wa10m'], (_, layer, answer) => {
          const inside = layer === 'wa10m' ? aware.get(`${set} ${row.row}`) : undefined
          return inside === undefined ? comparable(row, layer, answer) : { layer, fences: zoneIds(layer, inside) }
        }),
      )
    },
  }
}

function antimeridianPoints(): OraclePoint[] {
  return antimeridianRows().map((row, i) => ({
    name: `${row.set} row ${row.row}`,
    device: `world/antimeridian phone ${Math.floor(i / 1000)}`,
    lon: row.lon,
    lat: row.lat,
    nearEdge: true, // the file has no distances, so all digits for all
    answers: [{ layer: 'wa10m', fences: zoneIds('wa10m', row.aware) }],
  }))
}

/** One day of bus pings, by their own vehicles and at their own times. */
function austinDay(day: string): OracleSet {
  const layer = 'austin-hood'
  return {
    name: `austin/${day}`,
    points() {
      const times = readCsv(`austin/points/${day}.csv.gz`).map((row) => Date.parse(row['timestamp'] ?? ''))
      return oracleRows(`${AUSTIN}/${day}.membership.csv.gz`, ['hood']).map((row) => {
        const answer = row.layers['hood'] as OracleAnswer
        return {
          name: `${day} row ${row.row}`,
          device: `bus ${row.id}`,
          lon: row.lon,
          lat: row.lat,
          observedMs: times[row.row] as number,
          nearEdge: isNear(answer.edgeM),
          answers: [{ layer, fences: isComparable(answer) ? zoneIds(layer, answer.inside) : null }],
        }
      })
    },
  }
}

function austinDays(): string[] {
  return readdirSync(`${sharedData()}/${AUSTIN}`)
    .flatMap((file) => /^(.*)\.membership\.csv\.gz$/.exec(file)?.[1] ?? [])
    .sort()
}

function circleSet(name: string, path: string, layer: string): OracleSet {
  return {
    name,
    points() {
      const near = readCsv(path).map((row) => row['near_boundary(id:geodesic_m)'] !== '')
      return circleRows(path).map((row, i) => ({
        name: `${row.id} row ${row.row}`,
        device: `${name} phone ${Math.floor(i / 1000)}`,
        lon: row.lon,
        lat: row.lat,
        nearEdge: near[i] as boolean,
        answers: [{ layer, fences: row.inside.map((id) => `${layer}/${id}`).sort() }],
      }))
    },
  }
}

function prefixed(layer: string, fences: readonly GeoFeature[]): GeoFeature[] {
  return fences.map((fence) => ({ ...fence, id: `${layer}/${fence.id}` }))
}

function zoneIds(layer: string, indexes: readonly number[]): string[] {
  return indexes.map((index) => `${layer}/${index}`).sort()
}

function isNear(edgeM: number | null): boolean {
  return edgeM !== null && edgeM <= NEAR_EDGE_M
}
