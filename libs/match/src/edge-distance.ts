// How far a point is from a fence, for borders with a margin and for people. No ping's match waits for it.
import { geodesicDistanceM } from '@fencepost/geo'
import type { CircleShape } from '@fencepost/model'
import type { BaseIndex } from './base-index.ts'
import type { DeltaIndex } from './delta-index.ts'
import { CIRCLE, KIND_MASK } from './records.ts'
import { Vertices } from './vertices.ts'

const RADIANS = Math.PI / 180
/** Metres a degree of latitude: of edges only about right. */
const METRES_A_DEGREE = 111_195

export type Edges = (visit: (ax: number, ay: number, bx: number, by: number) => void) => void

/** Metres from the point to the circle, 0 inside. */
export function distanceToCircleM(circle: CircleShape, lon: number, lat: number): number {
  return Math.max(0, geodesicDistanceM(circle.lon, circle.lat, lon, lat) - circle.radiusM)
}

/** On a plane that touches the ellipsoid near enough at the point: right to a per cent within some tens of kilometres. */
export function distanceToEdgeM(ax: number, ay: number, bx: number, by: number, lon: number, lat: number): number {
  const east = METRES_A_DEGREE * Math.cos(lat * RADIANS)
  const [x0, y0] = [(ax - lon) * east, (ay - lat) * METRES_A_DEGREE]
  const [dx, dy] = [(bx - ax) * east, (by - ay) * METRES_A_DEGREE]
  const length2 = dx * dx + dy * dy
  const along = length2 === 0 ? 0 : Math.min(1, Math.max(0, -(x0 * dx + y0 * dy) / length2))
  return Math.hypot(x0 + along * dx, y0 + along * dy)
}

/** Metres to the nearest of the edges, whichever way round the globe. */
export function distanceToEdgesM(forEachEdge: Edges, lon: number, lat: number): number {
  let nearest = Number.POSITIVE_INFINITY
  forEachEdge((ax, ay, bx, by) => {
    for (const turn of [-360, 0, 360]) {
      nearest = Math.min(nearest, distanceToEdgeM(ax, ay, bx, by, lon + turn, lat))
    }
  })
  return nearest
}

/** Metres to the fence in `slot` of the base, whose border has a margin; Infinity for another. The point is outside. */
export function distanceInBaseM(base: BaseIndex, slot: number, lon: number, lat: number): number {
  const { margins, records } = base
  let nearest = Number.POSITIVE_INFINITY
  for (let i = firstOf(margins, slot); i < margins.length && margins[i] === slot; i += 2) {
    const record = margins[i + 1]
    const { u32, f64 } = records
    if ((u32[2 * record] & KIND_MASK) === CIRCLE) {
      const circle = { kind: 'circle', lon: f64[record + 1], lat: f64[record + 2], radiusM: f64[record + 3] } as const
      nearest = Math.min(nearest, distanceToCircleM(circle, lon, lat))
    } else {
      const vertices = new Vertices(records).load(record)
      nearest = Math.min(
        nearest,
        distanceToEdgesM((visit) => vertices.forEachEdge(visit), lon, lat),
      )
    }
  }
  return nearest
}

/** The same for a fence of the delta. */
export function distanceInDeltaM(delta: DeltaIndex, slot: number, lon: number, lat: number): number {
  let nearest = Number.POSITIVE_INFINITY
  delta.forEachShape(slot, ({ circle, forEachEdge }) => {
    const distance = circle === null ? distanceToEdgesM(forEachEdge, lon, lat) : distanceToCircleM(circle, lon, lat)
    nearest = Math.min(nearest, distance)
  })
  return nearest
}

/** Where the pairs of a slot begin, by halving. */
function firstOf(pairs: Uint32Array, slot: number): number {
  let low = 0
  let high = pairs.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if (pairs[2 * middle] < slot) low = middle + 1
    else high = middle
  }
  return 2 * low
}
