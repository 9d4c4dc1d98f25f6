// All polygons of an index in typed arrays, and the exact answer to “does this one hold the point?”, boundary included.
import { side } from '@fencepost/geo'
import type { Polygon } from '@fencepost/model'

/** Polygons with more edges get stripes: below, walking all edges costs no more than finding the stripe. */
const STRIPED_ABOVE = 32
/** Stripe entries an edge may cost on average, so that tall edges cannot blow the table up. */
const ENTRIES_PER_EDGE = 4

/** Bits of `poles`. */
const NORTH = 1
const SOUTH = 2

const MISS = 0
const CROSSES = 1
const ON = 2
/** Shewchuk's bound on the rounding error of a determinant, as a share of the sum of its terms. */
const DOUBT = 3.3306690738754716e-16

/**
 * The crossing number of a ray to the east decides, over all rings of a polygon (even-odd). A polygon of many edges is cut into
 * level stripes, each with the list of edges that reach into it, so that a point looks at a handful of edges.
 */
export class PolygonTable {
  /** Vertices of all rings, lon and lat in turn. */
  readonly #xy: Float64Array
  /** Rings of polygon p: `#firstRing[p] … #firstRing[p + 1] - 1`. */
  readonly #firstRing: Uint32Array
  /** Vertices of ring r: `#firstVertex[r] … #firstVertex[r + 1] - 1`, the last the same as the first. */
  readonly #firstVertex: Uint32Array
  readonly #poles: Uint8Array
  /** Stripes of polygon p: `#firstStripe[p] … #firstStripe[p + 1] - 1`; none for small ones. */
  readonly #firstStripe: Uint32Array
  /** Bottom of polygon p and stripes a degree. */
  readonly #bottom: Float64Array
  readonly #perDegree: Float64Array
  /** Entries of stripe s: `#firstEntry[s] … #firstEntry[s + 1] - 1`, each the vertex that an edge starts from. */
  readonly #firstEntry: Uint32Array
  readonly #entries: Uint32Array

  constructor(polygons: readonly Polygon[]) {
    const count = polygons.length
    let rings = 0
    let values = 0
    for (const polygon of polygons) {
      rings += polygon.rings.length
      for (const ring of polygon.rings) values += ring.length
    }
    this.#xy = new Float64Array(values)
    this.#firstRing = new Uint32Array(count + 1)
    this.#firstVertex = new Uint32Array(rings + 1)
    this.#poles = new Uint8Array(count)
    this.#firstStripe = new Uint32Array(count + 1)
    this.#bottom = new Float64Array(count)
    this.#perDegree = new Float64Array(count)
    let r = 0
    let at = 0
    for (let p = 0; p < count; p++) {
      for (const ring of (polygons[p] as Polygon).rings) {
        this.#xy.set(ring, at)
        at += ring.length
        this.#firstVertex[++r] = at / 2
      }
      this.#firstRing[p + 1] = r
      this.#poles[p] = this.#polesOf(p)
    }
    const stripes: number[] = [0]
    const entries = new Entries()
    for (let p = 0; p < count; p++) {
      this.#stripe(p, stripes, entries)
      this.#firstStripe[p + 1] = stripes.length - 1
    }
    this.#firstEntry = Uint32Array.from(stripes)
    this.#entries = entries.trimmed()
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

  #holdsSmall(p: number, x: number, y: number): boolean {
    const xy = this.#xy
    let crossings = 0
    const lastRing = this.#firstRing[p + 1] as number
    for (let r = this.#firstRing[p] as number; r < lastRing; r++) {
      const end = 2 * (this.#firstVertex[r + 1] as number) - 2
      for (let at = 2 * (this.#firstVertex[r] as number); at < end; at += 2) {
        const met = meet(xy, at, x, y)
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
      const met = meet(xy, 2 * (entries[e] as number), x, y)
      if (met === ON) return true
      crossings += met
    }
    return (crossings & 1) === 1
  }

  #polesOf(p: number): number {
    let poles = 0
    const from = this.#firstVertex[this.#firstRing[p] as number] as number
    const to = this.#firstVertex[this.#firstRing[p + 1] as number] as number
    for (let v = from; v < to; v++) {
      const lat = this.#xy[2 * v + 1]
      if (lat === 90) poles |= NORTH
      else if (lat === -90) poles |= SOUTH
    }
    return poles
  }

  /** Appends the stripes of polygon p: one end of entries each to `stripes`, the edges to `entries`. */
  #stripe(p: number, stripes: number[], entries: Entries): void {
    const xy = this.#xy
    const starts: number[] = []
    let bottom = Number.POSITIVE_INFINITY
    let top = Number.NEGATIVE_INFINITY
    let rise = 0
    for (let r = this.#firstRing[p] as number; r < (this.#firstRing[p + 1] as number); r++) {
      const end = (this.#firstVertex[r + 1] as number) - 1
      for (let v = this.#firstVertex[r] as number; v < end; v++) {
        const a = xy[2 * v + 1] as number
        const b = xy[2 * v + 3] as number
        starts.push(v)
        bottom = Math.min(bottom, a, b)
        top = Math.max(top, a, b)
        rise += Math.abs(a - b)
      }
    }
    if (starts.length <= STRIPED_ABOVE || !(top > bottom)) return
    const height = top - bottom
    const affordable = ((ENTRIES_PER_EDGE - 1) * starts.length * height) / rise
    const count = Math.max(1, Math.floor(Math.min(starts.length / 2, affordable)))
    const perDegree = count / height
    this.#bottom[p] = bottom
    this.#perDegree[p] = perDegree
    const lists: number[][] = Array.from({ length: count }, () => [])
    for (const v of starts) {
      const a = xy[2 * v + 1] as number
      const b = xy[2 * v + 3] as number
      const last = stripeOf(Math.max(a, b), bottom, perDegree, count)
      for (let s = stripeOf(Math.min(a, b), bottom, perDegree, count); s <= last; s++) lists[s]?.push(v)
    }
    for (const list of lists) {
      for (const v of list) entries.push(v)
      stripes.push(entries.length)
    }
  }
}

/** The same monotone formula for edges and points: an edge that reaches a point's latitude is in the point's stripe. */
function stripeOf(y: number, bottom: number, perDegree: number, count: number): number {
  const stripe = Math.floor((y - bottom) * perDegree)
  return stripe < 0 ? 0 : stripe < count ? stripe : count - 1
}

/**
 * How the ray from (x, y) to the east meets the edge whose first end is at `xy[at]`. An end counts as above the ray when its
 * latitude is greater, so that a vertex on the ray is counted once.
 */
function meet(xy: Float64Array, at: number, x: number, y: number): number {
  const ay = xy[at + 1] as number
  const by = xy[at + 3] as number
  if (ay < y ? by < y : ay > y && by > y) return MISS
  const ax = xy[at] as number
  const bx = xy[at + 2] as number
  if (ax < x && bx < x) return MISS
  const passes = ay > y !== by > y
  if (ax > x && bx > x) return passes ? CROSSES : MISS
  const left = (ay - y) * (bx - x)
  const right = (ax - x) * (by - y)
  let turn = right - left
  if (Math.abs(turn) < DOUBT * Math.abs(left + right)) turn = side(ax, ay, bx, by, x, y)
  if (turn === 0) return ON
  return passes && turn > 0 === by > ay ? CROSSES : MISS
}

/** A growing Uint32Array. */
class Entries {
  #values = new Uint32Array(1024)
  length = 0

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Uint32Array(this.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.length++] = value
  }

  trimmed(): Uint32Array {
    return this.#values.slice(0, this.length)
  }
}
