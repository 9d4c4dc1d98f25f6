// Writes shapes as records (records.ts), one behind the other, into a buffer that grows.
import type { CircleShape, Polygon } from '@fencepost/model'
import { circlePlane } from './circle-plane.ts'
import {
  ALIAS,
  ALIAS_UNITS,
  CIRCLE,
  CIRCLE_UNITS,
  E7,
  FINEST_MASK,
  FINEST_SHIFT,
  fitsE7,
  NORTH,
  type RecordViews,
  RING_E7,
  RING_E7_VERTICES,
  RING_F64,
  RING_F64_VERTICES,
  RINGS_E7,
  RINGS_E7_ENDS,
  RINGS_F64,
  RINGS_F64_ENDS,
  recordUnits,
  SOUTH,
  VERTICES_SHIFT,
  viewsOf,
  WHOLE_RING_MAX,
} from './records.ts'

/** Units of eight bytes that a reference to a record can reach: 30 bits. */
const MAX_UNITS = 2 ** 30

/** Cells that the edge of a shape should run through at the level it wants, or as many as it has vertices. */
const CELLS_A_SHAPE = 20
/** No shape wants cells finer than this, 38 m by 19 m. */
const FINEST_LEVEL = 20
const METRES_A_DEGREE = 110_000
const RADIANS = Math.PI / 180
/** Towards a pole a circle's width in degrees grows without end; what it wants need not be exact. */
const LEAST_COSINE = 0.05

export class RecordWriter {
  views: RecordViews
  /** Units written. */
  length = 0

  constructor(units = 1024) {
    this.views = viewsOf(new ArrayBuffer(units * 8))
  }

  /** Appends a circle; returns where. `owner` is what its header says of the fence. */
  circle({ lon, lat, radiusM }: CircleShape, owner: number): number {
    const at = this.#append(CIRCLE, 0, owner, CIRCLE_UNITS)
    const { f32, f64 } = this.views
    f64[at + 1] = lon
    f64[at + 2] = lat
    f64[at + 3] = radiusM
    f32.set(circlePlane(lat, radiusM), 2 * (at + 4))
    const across = radiusM / METRES_A_DEGREE
    this.#wants(at, 4 * (across / 360 / Math.max(LEAST_COSINE, Math.cos(lat * RADIANS)) + across / 180), 0)
    return at
  }

  /** Appends the polygon, as whole numbers where nothing is lost by it. */
  polygon(polygon: Polygon, owner: number): number {
    const { rings } = polygon
    const e7 = rings.every((ring) => ring.every(fitsE7))
    const whole = rings.length === 1 && polygon.polar !== true && !touchesPole(rings[0])
    if (whole && rings[0].length / 2 - 1 <= WHOLE_RING_MAX) return this.#ring(rings[0], e7, owner)
    return this.#rings(rings, e7, owner)
  }

  /** Appends a view of the polygon at `record` from a longitude moved by `shift` degrees. */
  alias(record: number, shift: number, owner: number): number {
    const at = this.#append(ALIAS, 0, owner, ALIAS_UNITS)
    this.views.u32[2 * at] |= this.views.u32[2 * record] & (FINEST_MASK << FINEST_SHIFT)
    this.views.u32[2 * at + 2] = record
    this.views.i32[2 * at + 3] = shift
    return at
  }

  /** Appends a copy of a record that lies elsewhere. */
  copy(from: RecordViews, record: number, owner: number): number {
    const units = recordUnits(from, record)
    const at = this.#reserve(units)
    this.views.f64.set(from.f64.subarray(record, record + units), at)
    this.views.u32[2 * at + 1] = owner
    return at
  }

  #ring(ring: Float64Array, e7: boolean, owner: number): number {
    const vertices = Math.max(1, ring.length / 2 - 1)
    const head = e7 ? RING_E7_VERTICES : RING_F64_VERTICES
    const at = this.#append(e7 ? RING_E7 : RING_F64, vertices, owner, head + vertices * (e7 ? 1 : 2))
    const first = this.#vertices(ring.subarray(0, 2 * vertices), e7, at + head)
    this.#wants(at, lengthOf(ring), vertices)
    this.#box(at, first, vertices, e7)
    return at
  }

  #rings(rings: readonly Float64Array[], e7: boolean, owner: number): number {
    const ends = e7 ? RINGS_E7_ENDS : RINGS_F64_ENDS
    const vertices = rings.reduce((sum, ring) => sum + ring.length / 2, 0)
    const head = ends + ((rings.length + 1) >>> 1)
    const at = this.#append(e7 ? RINGS_E7 : RINGS_F64, vertices, owner, head + vertices * (e7 ? 1 : 2))
    const { u32 } = this.views
    let end = 0
    let to = at + head
    rings.forEach((ring, i) => {
      this.#vertices(ring, e7, to)
      to += (ring.length / 2) * (e7 ? 1 : 2)
      end += ring.length / 2
      u32[2 * (at + ends) + i] = end
    })
    this.#wants(
      at,
      rings.reduce((sum, ring) => sum + lengthOf(ring), 0),
      vertices,
    )
    u32[2 * (at + ends - 1)] = rings.length
    u32[2 * (at + ends - 1) + 1] = polesOf(rings)
    this.#box(at, e7 ? 2 * (at + head) : at + head, vertices, e7)
    return at
  }

  /** Returns where they begin, in elements of the view they are in. */
  #vertices(lonLat: Float64Array, e7: boolean, unit: number): number {
    if (!e7) {
      this.views.f64.set(lonLat, unit)
      return unit
    }
    const { i32 } = this.views
    for (let i = 0; i < lonLat.length; i++) i32[2 * unit + i] = Math.round(lonLat[i] * E7)
    return 2 * unit
  }

  /** Notes how fine the cells should be for an edge so many times the world's width and height long, of so many vertices. */
  #wants(at: number, length: number, vertices: number): void {
    const level = Math.floor(Math.log2(Math.max(CELLS_A_SHAPE, vertices / 2) / length))
    this.views.u32[2 * at] |= Math.max(0, Math.min(FINEST_LEVEL, level)) << FINEST_SHIFT
  }

  /** The box of the vertices from element `first` on, to the units behind the header. */
  #box(at: number, first: number, vertices: number, e7: boolean): void {
    const values = e7 ? this.views.i32 : this.views.f64
    const box = e7 ? 2 * (at + 1) : at + 1
    let [minX, minY, maxX, maxY] = [values[first], values[first + 1], values[first], values[first + 1]]
    for (let i = 1; i < vertices; i++) {
      const x = values[first + 2 * i]
      const y = values[first + 2 * i + 1]
      if (x < minX) minX = x
      else if (x > maxX) maxX = x
      if (y < minY) minY = y
      else if (y > maxY) maxY = y
    }
    values[box] = minX
    values[box + 1] = minY
    values[box + 2] = maxX
    values[box + 3] = maxY
  }

  #append(kind: number, vertices: number, owner: number, units: number): number {
    const at = this.#reserve(units)
    this.views.u32[2 * at] = kind | (vertices << VERTICES_SHIFT)
    this.views.u32[2 * at + 1] = owner
    return at
  }

  #reserve(units: number): number {
    const at = this.length
    const wanted = at + units
    if (wanted > MAX_UNITS) throw new RangeError(`the shapes of an index take at most ${MAX_UNITS * 8} bytes`)
    if (wanted > this.views.f64.length) {
      const larger = viewsOf(new ArrayBuffer(8 * Math.max(wanted, Math.ceil(this.views.f64.length * 1.6))))
      larger.f64.set(this.views.f64.subarray(0, at))
      this.views = larger
    }
    this.length = wanted
    return at
  }
}

/** Times the world's width and height that the ring goes, added. */
function lengthOf(ring: Float64Array): number {
  let length = 0
  for (let i = 2; i < ring.length; i += 2) {
    length += Math.abs(ring[i] - ring[i - 2]) / 360 + Math.abs(ring[i + 1] - ring[i - 1]) / 180
  }
  return length
}

function touchesPole(ring: Float64Array): boolean {
  for (let i = 1; i < ring.length; i += 2) if (Math.abs(ring[i]) >= 90) return true
  return false
}

function polesOf(rings: readonly Float64Array[]): number {
  let poles = 0
  for (const ring of rings) {
    for (let i = 1; i < ring.length; i += 2) {
      if (ring[i] === 90) poles |= NORTH
      else if (ring[i] === -90) poles |= SOUTH
    }
  }
  return poles
}
