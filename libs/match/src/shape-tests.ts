// The exact answer to “does this record hold the point?”, boundary included, over the records of an index.
import { VALUE_MASK } from './cells.ts'
import { circleHolds } from './circle-plane.ts'
import { CROSSES, meet, meetPath, ON, turn } from './crossings.ts'
import {
  ALIAS,
  CIRCLE,
  E7,
  firstElementOf,
  KIND_MASK,
  NORTH,
  type RecordViews,
  RING_E7,
  RING_E7_VERTICES,
  RING_F64,
  RINGS_E7,
  ringEndsOf,
  SOUTH,
  VERTICES_SHIFT,
  WHOLE_RING_MAX,
} from './records.ts'

/** No E7 latitude: what a ping off the E7 grid is compared with. */
const NO_VALUE = -0x80000000
/** Far above what rounding to E7 and back moves a point, in units of 1e-7 degrees. */
const E7_DOUBT = 4e-6

export class ShapeTests {
  readonly #u32: Uint32Array
  readonly #i32: Int32Array
  readonly #f32: Float32Array
  readonly #f64: Float64Array
  /** The latitude that the whole numbers below are of. */
  #lat = Number.NaN
  /** Greatest whole number of 1e-7 degrees not above it: for whole v, v > #y is the same as v / 1e7 > lat. */
  #y = 0
  /** The latitude itself if it is on the grid. */
  #yOn = NO_VALUE

  /** What was loaded ahead, kept so that it is not left out. */
  ahead = 0
  /** Vertices at which an edge ends that spans the latitude. */
  readonly #crossing = new Uint32Array(WHOLE_RING_MAX + 1)

  constructor({ u32, i32, f32, f64 }: RecordViews) {
    this.#u32 = u32
    this.#i32 = i32
    this.#f32 = f32
    this.#f64 = f64
  }

  /** Does the circle or polygon at `record` hold the point? For a polygon of many rings or vertices this walks all of them. */
  holds(record: number, lon: number, lat: number): boolean {
    switch (this.#u32[2 * record] & KIND_MASK) {
      case CIRCLE:
        return this.#circle(record, lon, lat)
      case RING_E7:
        return this.#ringE7(record, lon, lat)
      case RING_F64:
        return this.#ringF64(record, lon, lat)
      case ALIAS:
        return this.holds(this.#u32[2 * record + 2], lon - this.#i32[2 * record + 3], lat)
      default:
        return this.#rings(record, lon, lat)
    }
  }

  /** Does it hold the north (lat 90) or the south pole (lat -90)? Every longitude is the same point there. */
  holdsPole(record: number, lat: number): boolean {
    const kind = this.#u32[2 * record] & KIND_MASK
    if (kind === ALIAS) return this.holdsPole(this.#u32[2 * record + 2], lat)
    if (kind >= RINGS_E7) {
      const poles = this.#u32[ringEndsOf(this.#u32, record) - 1]
      if ((poles & (lat > 0 ? NORTH : SOUTH)) !== 0) return true
    }
    return this.holds(record, 0, lat)
  }

  /**
   * The same as `holds` for a point filed in a cell, from the edges that come near the cell alone. At `words[at]` stand the number of
   * their runs << 1 | the constant of the cell, then the runs; `east` is the cell's `cellEast`.
   */
  holdsNear(record: number, words: Uint32Array, at: number, east: number, lon: number, lat: number): boolean {
    const head = words[at]
    const parity = this.pathParity(record, words, at + 1, head >>> 1, east, lon, lat)
    return parity === ON || (parity ^ (head & 1)) === 1
  }

  /**
   * Parity of the edges that cross the path from a point to its cell's eastern border and from there south (`meetPath`), or ON. Each of
   * the `runs` runs of edges from `words[at]` on is the vertex that the first starts from, or-ed with the number of edges less one << 24.
   */
  pathParity(
    record: number,
    words: Uint32Array | Int32Array,
    at: number,
    runs: number,
    east: number,
    lon: number,
    lat: number,
  ): number {
    let rec = record
    if ((this.#u32[2 * rec] & KIND_MASK) === ALIAS) {
      const shift = this.#i32[2 * rec + 3]
      rec = this.#u32[2 * rec + 2]
      lon -= shift
      east -= shift
    }
    const kind = this.#u32[2 * rec] & KIND_MASK
    const isE7 = kind === RING_E7 || kind === RINGS_E7
    const values = isE7 ? this.#i32 : this.#f64
    const scale = isE7 ? E7 : 1
    const first = firstElementOf(this.#u32, rec)
    const wrapsAt = kind < RINGS_E7 ? this.#u32[2 * rec] >>> VERTICES_SHIFT : 0
    let parity = 0
    for (let r = 0; r < runs; r++) {
      const run = words[at + r]
      const start = run & 0xffffff
      const count = (run >>> 24) + 1
      let i = first + 2 * start
      let ax = values[i] / scale
      let ay = values[i + 1] / scale
      for (let k = 1; k <= count; k++) {
        i = start + k === wrapsAt ? first : i + 2
        const bx = values[i] / scale
        const by = values[i + 1] / scale
        const met = meetPath(ax, ay, bx, by, lon, lat, east)
        if (met === ON) return ON
        parity ^= met
        ax = bx
        ay = by
      }
    }
    return parity
  }

  /**
   * `holds[i]` for the `count` items `which[0 …]`, each a circle in `items[i]` & VALUE_MASK and ping `from + ping[i]`. No branch depends on where
   * a ping lies, but for the few that the plane leaves open.
   */
  circlesInto(
    which: Uint32Array,
    count: number,
    items: Uint32Array,
    ping: Uint8Array,
    from: number,
    lon: Float64Array,
    lat: Float64Array,
    holds: Uint8Array,
  ): void {
    const f64 = this.#f64
    const f32 = this.#f32
    for (let w = 0; w < count; w++) {
      const i = which[w]
      const record = items[i] & VALUE_MASK
      const p = from + ping[i]
      const x0 = lon[p] - f64[record + 1]
      const dLon = x0 - 360 * (Number(x0 > 180) - Number(x0 < -180))
      const dLat = lat[p] - f64[record + 2]
      const radiusM = f64[record + 3]
      const at = 2 * record + 8
      const x = f32[at] * (1 - f32[at + 2] * dLat) * dLon
      const y = f32[at + 1] * dLat
      const d2 = x * x + y * y
      const r2 = radiusM * radiusM
      const slack = f32[at + 3]
      const isIn = Number(d2 <= r2 * (1 - slack))
      holds[i] = isIn
      if (isIn + Number(d2 > r2 * (1 + slack)) === 0) {
        holds[i] = circleHolds(f64[record + 1], f64[record + 2], radiusM, lon[p], lat[p]) ? 1 : 0
      }
    }
  }

  /** The same for rings of kind RING_E7: boxes of all of them first, then the rings whose box holds the ping. `which` is used up. */
  ringsInto(
    which: Uint32Array,
    count: number,
    items: Uint32Array,
    ping: Uint8Array,
    from: number,
    lon: Float64Array,
    lat: Float64Array,
    holds: Uint8Array,
  ): void {
    const i32 = this.#i32
    let left = 0
    for (let w = 0; w < count; w++) {
      const i = which[w]
      const box = 2 * (items[i] & VALUE_MASK) + 2
      const p = from + ping[i]
      const x = lon[p] * E7
      const y = lat[p] * E7
      holds[i] = 0
      which[left] = i
      left +=
        Number(i32[box] - 1 <= x) &
        Number(i32[box + 1] - 1 <= y) &
        Number(i32[box + 2] + 1 >= x) &
        Number(i32[box + 3] + 1 >= y)
    }
    this.#lookAhead(which, left, items)
    for (let w = 0; w < left; w++) {
      const i = which[w]
      const p = from + ping[i]
      holds[i] = this.#ringE7(items[i] & VALUE_MASK, lon[p], lat[p]) ? 1 : 0
    }
  }

  /** Loads a word of every 64 bytes of the rings, so that walking one ring after the other need not wait for each of them. */
  #lookAhead(which: Uint32Array, count: number, items: Uint32Array): void {
    const i32 = this.#i32
    let sum = 0
    for (let w = 0; w < count; w++) {
      const at = 2 * (items[which[w]] & VALUE_MASK)
      const last = at + 2 * RING_E7_VERTICES + 2 * (this.#u32[at] >>> VERTICES_SHIFT) - 1
      sum ^= i32[Math.min(last, at + 16)] ^ i32[Math.min(last, at + 32)] ^ i32[Math.min(last, at + 48)] ^ i32[last]
    }
    this.ahead = sum
  }

  #circle(record: number, lon: number, lat: number): boolean {
    const f64 = this.#f64
    const f32 = this.#f32
    let dLon = lon - f64[record + 1]
    if (dLon > 180) dLon -= 360
    else if (dLon < -180) dLon += 360
    const dLat = lat - f64[record + 2]
    const radiusM = f64[record + 3]
    const at = 2 * record + 8
    const x = f32[at] * (1 - f32[at + 2] * dLat) * dLon
    const y = f32[at + 1] * dLat
    const d2 = x * x + y * y
    const r2 = radiusM * radiusM
    const slack = f32[at + 3]
    if (d2 <= r2 * (1 - slack)) return true
    if (d2 > r2 * (1 + slack)) return false
    return circleHolds(f64[record + 1], f64[record + 2], radiusM, lon, lat)
  }

  /** Whole numbers decide all but whether an edge that spans the point has it on its left; that is a determinant far from 0. */
  #ringE7(record: number, lon: number, lat: number): boolean {
    const i32 = this.#i32
    const box = 2 * record + 2
    // Most pings that come here are outside the box: a unit of room, and no rounding is needed to see that.
    const lonE7 = lon * E7
    const latE7 = lat * E7
    if (i32[box] - 1 > lonE7 || i32[box + 2] + 1 < lonE7 || i32[box + 1] - 1 > latE7 || i32[box + 3] + 1 < latE7)
      return false
    if (lat !== this.#lat) this.#place(lat)
    const y = this.#y
    const yOn = this.#yOn
    const crossing = this.#crossing
    const first = 2 * (record + RING_E7_VERTICES)
    const end = first + 2 * (this.#u32[2 * record] >>> VERTICES_SHIFT)
    // Which edges span the latitude, without a branch: nobody can foretell it. Latitudes are small enough for their difference to be.
    let count = 0
    let on = 0
    let wasAbove = (y - i32[end - 1]) >>> 31
    for (let i = first; i < end; i += 2) {
      const by = i32[i + 1]
      const above = (y - by) >>> 31
      crossing[count] = i
      count += above ^ wasAbove
      on |= ((by ^ yOn) - 1) & ~(by ^ yOn)
      wasAbove = above
    }
    if (on < 0) return this.#ringExactly(record, RING_E7, lon, lat)
    let inside = 0
    for (let c = 0; c < count; c++) {
      const i = crossing[c]
      const previous = i === first ? end - 2 : i - 2
      const ax = i32[previous]
      const ay = i32[previous + 1]
      const dx = i32[i] - ax
      const dy = i32[i + 1] - ay
      const det = dx * (latE7 - ay) - dy * (lonE7 - ax)
      let turned = det
      if (Math.abs(det) <= E7_DOUBT * (Math.abs(dx) + Math.abs(dy))) {
        turned = turn(ax / E7, ay / E7, i32[i] / E7, i32[i + 1] / E7, lon, lat)
        if (turned === 0) return true
      }
      inside ^= Number(turned > 0) ^ Number(dy < 0)
    }
    return inside === 1
  }

  #place(lat: number): void {
    this.#lat = lat
    const y = Math.round(lat * E7)
    const yValue = y / E7
    this.#y = yValue <= lat ? y : y - 1
    this.#yOn = yValue === lat ? y : NO_VALUE
  }

  #ringF64(record: number, lon: number, lat: number): boolean {
    const f64 = this.#f64
    const box = record + 1
    if (f64[box] > lon || f64[box + 1] > lat || f64[box + 2] < lon || f64[box + 3] < lat) return false
    return this.#ringExactly(record, RING_F64, lon, lat)
  }

  #ringExactly(record: number, kind: number, lon: number, lat: number): boolean {
    const values = kind === RING_E7 ? this.#i32 : this.#f64
    const scale = kind === RING_E7 ? E7 : 1
    const first = firstElementOf(this.#u32, record)
    const end = first + 2 * (this.#u32[2 * record] >>> VERTICES_SHIFT)
    let ax = values[end - 2] / scale
    let ay = values[end - 1] / scale
    let crossings = 0
    for (let i = first; i < end; i += 2) {
      const bx = values[i] / scale
      const by = values[i + 1] / scale
      const met = meet(ax, ay, bx, by, lon, lat)
      if (met === ON) return true
      if (met === CROSSES) crossings++
      ax = bx
      ay = by
    }
    return (crossings & 1) === 1
  }

  #rings(record: number, lon: number, lat: number): boolean {
    const kind = this.#u32[2 * record] & KIND_MASK
    const values = kind === RINGS_E7 ? this.#i32 : this.#f64
    const scale = kind === RINGS_E7 ? E7 : 1
    const ends = ringEndsOf(this.#u32, record)
    const rings = this.#u32[ends - 2]
    const first = firstElementOf(this.#u32, record)
    let crossings = 0
    let start = first
    for (let r = 0; r < rings; r++) {
      const end = first + 2 * this.#u32[ends + r]
      for (let i = start; i < end - 2; i += 2) {
        const met = meet(
          values[i] / scale,
          values[i + 1] / scale,
          values[i + 2] / scale,
          values[i + 3] / scale,
          lon,
          lat,
        )
        if (met === ON) return true
        if (met === CROSSES) crossings++
      }
      start = end
    }
    return (crossings & 1) === 1
  }
}
