// Real points in real fences, against what GEOS and PROJ answer. A sample by default, everything with FENCEPOST_ORACLE=all.
import { loadFences } from '@fencepost/geo'
import { SlotList } from '@fencepost/model'
import {
  airportFences,
  antimeridianRows,
  circleRows,
  type GeoFeature,
  layerFences,
  NO_SHARED_DATA,
  NYC_LAYERS,
  type OracleRow,
  oracleRows,
  sharedData,
  stopFences,
} from '@fencepost/testbed'
import { describe, expect, it } from 'vitest'
import { createFenceIndex } from '../src/index.ts'

const all = process.env['FENCEPOST_ORACLE'] === 'all'
const present = sharedData() !== null
if (!present) process.stdout.write(`libs/match oracle tests ${NO_SHARED_DATA}\n`)

/** Ids of the fences at a point, by what stands before their slash. */
function lookUp(features: readonly GeoFeature[]): (lon: number, lat: number) => Map<string, number[]> {
  const { fences } = loadFences({ type: 'FeatureCollection', features }, { invalid: 'repair' })
  const index = createFenceIndex(fences)
  const out = new SlotList()
  return (lon, lat) => {
    index.matchInto('anyone', lon, lat, out)
    const hits = new Map<string, number[]>()
    for (const slot of out.slots.subarray(0, out.length)) {
      const [layer, zone] = index.fence(slot).id.split('/') as [string, string]
      hits.set(layer, [...(hits.get(layer) ?? []), Number(zone)])
    }
    return hits
  }
}

/** Compares every row, on edges too: only zones whose reading is disputed are left out. Returns what differs. */
function mismatches(
  rows: readonly OracleRow[],
  at: (lon: number, lat: number) => Map<string, number[]>,
  layers: readonly string[],
  column: (layer: string) => string = (layer) => layer,
): string[] {
  const wrong: string[] = []
  for (const { id, row, lon, lat, layers: answers } of rows) {
    const hits = at(lon, lat)
    for (const layer of layers) {
      const answer = answers[column(layer)]
      if (answer === undefined) throw new Error(`no column ${column(layer)}`)
      const keep = (zone: number): boolean => !answer.ambiguous.includes(zone)
      const expected = answer.inside.filter(keep).join(';')
      const got = (hits.get(layer) ?? [])
        .sort((a, b) => a - b)
        .filter(keep)
        .join(';')
      if (got !== expected)
        wrong.push(`${layer} ${id} row ${row}: expected [${expected}], got [${got}], edge ${answer.edgeM}`)
    }
  }
  return wrong
}

describe.skipIf(!present)('the index agrees with the oracle', () => {
  describe('in New York', () => {
    let at: ReturnType<typeof lookUp> | null = null
    const nyc = (): ReturnType<typeof lookUp> => {
      at ??= lookUp(NYC_LAYERS.flatMap((layer) => layerFences(layer)))
      return at
    }
    it.each([
      ['nyc/oracle/uber-50k.csv.gz', 20],
      ['nyc/oracle/green-2013-08.csv.gz', 10],
      ['nyc/oracle/collisions.csv.gz', 10],
    ])('on %s and eight layers', (path, every) => {
      const rows = oracleRows(path, NYC_LAYERS, all ? 1 : every)
      expect(rows.length).toBeGreaterThan(1000)
      expect(mismatches(rows, nyc(), NYC_LAYERS)).toEqual([])
    })

    it('on probes at vertices, on edges and within metres of them', () => {
      const rows = oracleRows('nyc/oracle/GENERATED-probes-taxi_zones.csv.gz', ['taxi'], all ? 1 : 4)
      expect(rows.filter(({ layers }) => (layers['taxi']?.on.length ?? 0) > 0).length).toBeGreaterThan(1000)
      expect(mismatches(rows, nyc(), ['taxi'])).toEqual([])
    })
  })

  it('on buses in Austin', () => {
    const at = lookUp(layerFences('austin-hood'))
    for (const day of all ? AUSTIN_DAYS : ['2016-11-25']) {
      const rows = oracleRows(`austin/oracle/${day}.membership.csv.gz`, ['hood'], all ? 1 : 10)
      expect(mismatches(rows, at, ['austin-hood'], () => 'hood')).toEqual([])
    }
  })

  it.each([
    ['stops of 50 m', 'austin/oracle/circles-50m-stops.2016-11-25.csv.gz', stopFences],
    ['airports of 25 km', 'world/oracle/circles-25km-airports.cities-50k.csv.gz', airportFences],
  ])('on circles: %s', (_, path, features) => {
    const at = lookUp(features().map((feature) => ({ ...feature, id: `circle/${feature.id}` })))
    const wrong = circleRows(path, all ? 1 : 10).filter(({ lon, lat, inside }) => {
      const got = (at(lon, lat).get('circle') ?? []).map(String).sort()
      return got.join() !== [...inside].sort().join()
    })
    expect(wrong).toEqual([])
  })

  describe('on the world', () => {
    const sets = [
      ['airports', 'world/oracle/airports.csv.gz', 4],
      ['cities-50k', 'world/oracle/cities-50k.csv.gz', 20],
    ] as const

    it.each(sets)('in QGIS countries: %s', (_, path, every) => {
      const at = lookUp(layerFences('qne'))
      expect(mismatches(oracleRows(path, ['qne'], all ? 1 : every), at, ['qne'])).toEqual([])
    })

    it('in world-atlas countries, across the antimeridian and round the pole', () => {
      const at = lookUp(layerFences('wa10m'))
      const aware = antimeridianRows()
      expect(aware.length).toBe(3054)
      const wrong = aware.filter(({ lon, lat, aware }) => {
        const got = (at(lon, lat).get('wa10m') ?? []).sort((a, b) => a - b)
        return got.join() !== aware.join()
      })
      expect(wrong).toEqual([])
      // The planar column of the other oracles is wrong where this one lists the row.
      for (const [set, path, every] of sets) {
        const listed = new Set(aware.filter((row) => row.set === set).map(({ row }) => row))
        const rows = oracleRows(path, ['wa10m'], all ? 1 : every).filter(({ row }) => !listed.has(row))
        expect(mismatches(rows, at, ['wa10m'])).toEqual([])
      }
    })

    it('in world-atlas countries read as planar', () => {
      const at = lookUp(layerFences('wa10m', { antimeridian: 'planar' }))
      for (const [, path, every] of sets) {
        expect(mismatches(oracleRows(path, ['wa10m'], all ? 1 : every), at, ['wa10m'])).toEqual([])
      }
    })
  })
})

const AUSTIN_DAYS = [
  ['2015-03-07', '2015-03-08', '2015-03-18', '2015-03-19', '2015-06-07', '2015-09-06', '2015-12-30', '2016-01-17'],
  ['2016-02-07', '2016-03-22', '2016-05-19', '2016-05-30', '2016-08-02', '2016-09-01', '2016-11-24', '2016-11-25'],
  ['2016-11-26', '2016-11-27', '2016-12-16'],
].flat()
