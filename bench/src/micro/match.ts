// Points in fences: our index against rbush + turf and flatbush + typed rings. Circles are geodesic in every arm, so that all
// give the same answer.
import { circleBox, createCircleTest, geodesicDistanceM } from '@fencepost/geo'
import { createFenceIndex } from '@fencepost/match'
import { BatchHits, type Fence, type FenceIndex, LOCATION, PingColumns } from '@fencepost/model'
import { booleanPointInPolygon } from '@turf/turf'
import Flatbush from 'flatbush'
import type { Feature, Polygon } from 'geojson'
import RBush from 'rbush'
import type { Arm, Case } from '../measure.ts'
import { type Position, syntheticFences, syntheticPositions } from '../synthetic.ts'
import { FENCE_SEED, TENANT } from './setup.ts'

const PINGS = 1000

export function matchCases(): Case[] {
  return [1000, 10_000].map((count) => {
    // Ids sort in the order of creation: a fence's place in the list is its slot.
    const fences = syntheticFences({ count, seed: FENCE_SEED })
    const index = createFenceIndex(fences)
    const places = syntheticPositions({ count: PINGS, seed: 21, fences: count, fenceSeed: FENCE_SEED })
    return {
      name: `match, ${count} fences`,
      unit: 'ping',
      operations: PINGS,
      arms: [oursArm(index, places), flatbushArm(fences, places), rbushArm(fences, places)],
    }
  })
}

/** Sum over hits of ping and slot, so that one hit more, less or elsewhere shows. */
function tally(ping: number, slot: number): number {
  return (ping + 1) * 65_537 + slot
}

function oursArm(index: FenceIndex, places: readonly Position[]): Arm {
  const columns = new PingColumns(places.length)
  columns.count = places.length
  places.forEach(({ lon, lat }, i) => {
    columns.type[i] = LOCATION
    columns.lon[i] = lon
    columns.lat[i] = lat
  })
  const hits = new BatchHits(places.length)
  return {
    name: 'libs/match',
    pass() {
      index.matchBatchInto(TENANT, columns, hits)
      let sum = 0
      for (let i = 0; i < columns.count; i++) {
        const end = hits.starts[i + 1] as number
        for (let j = hits.starts[i] as number; j < end; j++) sum += tally(i, hits.list.slots[j] as number)
      }
      return sum
    },
  }
}

interface Boxed {
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  readonly slot: number
}

function boxesOf(fences: readonly Fence[]): Boxed[] {
  return fences.map(({ shape }, slot) => {
    if (shape.kind === 'circle') {
      const { minLon, minLat, maxLon, maxLat } = circleBox(shape)
      return { minX: minLon, minY: minLat, maxX: maxLon, maxY: maxLat, slot }
    }
    const ring = outerRing(shape)
    const box = { minX: 180, minY: 90, maxX: -180, maxY: -90, slot }
    for (let i = 0; i < ring.length; i += 2) {
      box.minX = Math.min(box.minX, ring[i] as number)
      box.maxX = Math.max(box.maxX, ring[i] as number)
      box.minY = Math.min(box.minY, ring[i + 1] as number)
      box.maxY = Math.max(box.maxY, ring[i + 1] as number)
    }
    return box
  })
}

/** rbush and turf, as most would write it first. */
function rbushArm(fences: readonly Fence[], places: readonly Position[]): Arm {
  const tree = new RBush<Boxed>()
  tree.load(boxesOf(fences))
  const features = fences.map(({ shape }): Feature<Polygon> | null => {
    if (shape.kind !== 'polygon') return null
    const ring = outerRing(shape)
    const coordinates = Array.from({ length: ring.length / 2 }, (_, i): [number, number] => [
      ring[2 * i] as number,
      ring[2 * i + 1] as number,
    ])
    return { type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: [coordinates] } }
  })
  return {
    name: 'rbush + turf',
    pass() {
      let sum = 0
      for (let i = 0; i < places.length; i++) {
        const { lon, lat } = places[i] as Position
        for (const { slot } of tree.search({ minX: lon, minY: lat, maxX: lon, maxY: lat })) {
          const feature = features[slot]
          const shape = (fences[slot] as Fence).shape
          const inside = feature
            ? booleanPointInPolygon([lon, lat], feature)
            : shape.kind === 'circle' && geodesicDistanceM(lon, lat, shape.lon, shape.lat) <= shape.radiusM
          if (inside) sum += tally(i, slot)
        }
      }
      return sum
    },
  }
}

/** flatbush and a crossing count over typed rings: close to the least that a box index can do. */
function flatbushArm(fences: readonly Fence[], places: readonly Position[]): Arm {
  const tree = new Flatbush(fences.length)
  for (const { minX, minY, maxX, maxY } of boxesOf(fences)) tree.add(minX, minY, maxX, maxY)
  tree.finish()
  const tests = fences.map(({ shape }): ((lon: number, lat: number) => boolean) => {
    if (shape.kind === 'circle') return createCircleTest(shape)
    const ring = outerRing(shape)
    return (lon, lat) => inRing(ring, lon, lat)
  })
  return {
    name: 'flatbush + typed rings',
    pass() {
      let sum = 0
      for (let i = 0; i < places.length; i++) {
        const { lon, lat } = places[i] as Position
        for (const slot of tree.search(lon, lat, lon, lat)) if (tests[slot]?.(lon, lat)) sum += tally(i, slot)
      }
      return sum
    },
  }
}

function outerRing(shape: Fence['shape']): Float64Array {
  const ring = shape.kind === 'polygon' ? shape.polygons[0]?.rings[0] : undefined
  if (ring === undefined) throw new Error(`a synthetic fence is a circle or a polygon, got ${shape.kind}`)
  return ring
}

/** Crossing number, no care for the boundary: the synthetic pings are not on it, or the checksum would tell. */
function inRing(ring: Float64Array, x: number, y: number): boolean {
  let inside = false
  for (let i = 2; i < ring.length; i += 2) {
    const y0 = ring[i - 1] as number
    const y1 = ring[i + 1] as number
    if (y0 > y === y1 > y) continue
    const x0 = ring[i - 2] as number
    const x1 = ring[i] as number
    if (x < x0 + ((y - y0) * (x1 - x0)) / (y1 - y0)) inside = !inside
  }
  return inside
}
