// All polygons of an index in typed arrays, and the exact answer to “does this one hold the point?”, boundary included.
import type { Polygon } from '@fencepost/model'
import { meet, ON } from './crossings.ts'
import { type PackedStripes, packStripes, stripeOf } from './stripes.ts'

/** Bits of `poles`. */
const NORTH = 1
const SOUTH = 2

/** Polygons, their rings and their stripes. */
export interface PackedPolygons extends PackedStripes {
  /** Vertices of all rings, lon and lat in turn. */
  readonly xy: Float64Array
  /** Rings of polygon p: `firstRing[p] … firstRing[p + 1] - 1`. */
  readonly firstRing: Uint32Array
  /** Vertices of ring r: `firstVertex[r] … firstVertex[r + 1] - 1`, the last the same as the first. */
  readonly firstVertex: Uint32Array
  readonly poles: Uint8Array
}

/** Lays the polygons out. */
export function packPolygons(polygons: readonly Polygon[]): PackedPolygons {
  const count = polygons.length
  let rings = 0
  let values = 0
  for (const polygon of polygons) {
    rings += polygon.rings.length
    for (const ring of polygon.rings) values += ring.length
  }
  const xy = new Float64Array(values)
  const firstRing = new Uint32Array(count + 1)
  const firstVertex = new Uint32Array(rings + 1)
  const poles = new Uint8Array(count)
  let r = 0
  let at = 0
  for (let p = 0; p < count; p++) {
    const from = at
    for (const ring of (polygons[p] as Polygon).rings) {
      xy.set(ring, at)
      at += ring.length
      firstVertex[++r] = at / 2
    }
    firstRing[p + 1] = r
    poles[p] = polesOf(xy, from, at)
  }
  return { xy, firstRing, firstVertex, poles, ...packStripes(xy, firstRing, firstVertex) }
}

function polesOf(xy: Float64Array, from: number, to: number): number {
  let poles = 0
  for (let at = from; at < to; at += 2) {
    const lat = xy[at + 1]
    if (lat === 90) poles |= NORTH
    else if (lat === -90) poles |= SOUTH
  }
  return poles
}

/**
 * The crossing number of a ray to the east decides, over all rings of a polygon (even-odd). A polygon of many edges is cut into
 * level stripes, each with the list of edges that reach into it, so that a point looks at a handful of edges.
 */
export class PolygonTable {
  readonly #xy: Float64Array
  readonly #firstRing: Uint32Array
  readonly #firstVertex: Uint32Array
  readonly #poles: Uint8Array
  readonly #firstStripe: Uint32Array
  readonly #bottom: Float64Array
  readonly #perDegree: Float64Array
  readonly #firstEntry: Uint32Array
  readonly #entries: Uint32Array

  constructor(packed: PackedPolygons) {
    this.#xy = packed.xy
    this.#firstRing = packed.firstRing
    this.#firstVertex = packed.firstVertex
    this.#poles = packed.poles
    this.#firstStripe = packed.firstStripe
    this.#bottom = packed.bottom
    this.#perDegree = packed.perDegree
    this.#firstEntry = packed.firstEntry
    this.#entries = packed.entries
  }

  /** Is (x, y) inside polygon p or on its boundary? Exact for the doubles given. */
  holds(p: number, x: number, y: number): boolean {
    const stripes = (this.#firstStripe[p + 1] as number) - (this.#firstStripe[p] as number)
    return stripes > 0 ? this.#holdsStriped(p, stripes, x, y) : this.#holdsSmall(p, x, y)
  }

  /** Does polygon p hold the north (lat 90) or the south pole (lat -90)? Every longitude is the same point there. */
  holdsPole(p: number, lat: number): boolean {
    const bit = lat > 0 ? NORTH : SOUTH
    return ((this.#poles[p] as number) & bit) !== 0 || this.holds(p, 0, lat)
  }

  /** Visits every edge of polygon p. */
  forEachEdge(p: number, visit: (ax: number, ay: number, bx: number, by: number) => void): void {
    const xy = this.#xy
    for (let r = this.#firstRing[p]; r < this.#firstRing[p + 1]; r++) {
      const end = 2 * this.#firstVertex[r + 1] - 2
      for (let at = 2 * this.#firstVertex[r]; at < end; at += 2) visit(xy[at], xy[at + 1], xy[at + 2], xy[at + 3])
    }
  }

  #holdsSmall(p: number, x: number, y: number): boolean {
    const xy = this.#xy
    let crossings = 0
    const lastRing = this.#firstRing[p + 1] as number
    for (let r = this.#firstRing[p] as number; r < lastRing; r++) {
      const end = 2 * (this.#firstVertex[r + 1] as number) - 2
      for (let at = 2 * (this.#firstVertex[r] as number); at < end; at += 2) {
        const met = meet(xy[at], xy[at + 1], xy[at + 2], xy[at + 3], x, y)
        if (met === ON) return true
        crossings += met
      }
    }
    return (crossings & 1) === 1
  }

  #holdsStriped(p: number, stripes: number, x: number, y: number): boolean {
    const stripe = stripeOf(y, this.#bottom[p] as number, this.#perDegree[p] as number, stripes)
    const s = (this.#firstStripe[p] as number) + stripe
    const xy = this.#xy
    const entries = this.#entries
    const end = this.#firstEntry[s + 1] as number
    let crossings = 0
    for (let e = this.#firstEntry[s] as number; e < end; e++) {
      const at = 2 * (entries[e] as number)
      const met = meet(xy[at], xy[at + 1], xy[at + 2], xy[at + 3], x, y)
      if (met === ON) return true
      crossings += met
    }
    return (crossings & 1) === 1
  }
}
