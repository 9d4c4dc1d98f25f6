// Level stripes of large polygons: each with the edges that reach into it, so that a point looks at a handful of edges.

/** Polygons with more edges get stripes: below, walking all edges costs no more than finding the stripe. */
const STRIPED_ABOVE = 32
/** Stripe entries an edge may cost on average, so that tall edges cannot blow the table up. */
const ENTRIES_PER_EDGE = 4

export interface PackedStripes {
  /** Stripes of polygon p: `firstStripe[p] … firstStripe[p + 1] - 1`; none for small ones. */
  readonly firstStripe: Uint32Array
  /** Bottom of polygon p and stripes a degree. */
  readonly bottom: Float64Array
  readonly perDegree: Float64Array
  /** Entries of stripe s: `firstEntry[s] … firstEntry[s + 1] - 1`, each the vertex that an edge starts from. */
  readonly firstEntry: Uint32Array
  readonly entries: Uint32Array
}

/** Cuts polygons as PackedPolygons lays them out into stripes. */
export function packStripes(xy: Float64Array, firstRing: Uint32Array, firstVertex: Uint32Array): PackedStripes {
  const count = firstRing.length - 1
  const firstStripe = new Uint32Array(count + 1)
  const bottoms = new Float64Array(count)
  const perDegrees = new Float64Array(count)
  const firstEntry = [0]
  const entries = new Entries()
  for (let p = 0; p < count; p++) {
    const starts: number[] = []
    let bottom = Number.POSITIVE_INFINITY
    let top = Number.NEGATIVE_INFINITY
    let rise = 0
    for (let r = firstRing[p] as number; r < (firstRing[p + 1] as number); r++) {
      const end = (firstVertex[r + 1] as number) - 1
      for (let v = firstVertex[r] as number; v < end; v++) {
        const a = xy[2 * v + 1] as number
        const b = xy[2 * v + 3] as number
        starts.push(v)
        bottom = Math.min(bottom, a, b)
        top = Math.max(top, a, b)
        rise += Math.abs(a - b)
      }
    }
    if (starts.length > STRIPED_ABOVE && top > bottom) {
      const height = top - bottom
      const affordable = ((ENTRIES_PER_EDGE - 1) * starts.length * height) / rise
      const stripes = Math.max(1, Math.floor(Math.min(starts.length / 2, affordable)))
      const perDegree = stripes / height
      bottoms[p] = bottom
      perDegrees[p] = perDegree
      for (const list of edgesByStripe(xy, starts, bottom, perDegree, stripes)) {
        for (const v of list) entries.push(v)
        firstEntry.push(entries.length)
      }
    }
    firstStripe[p + 1] = firstEntry.length - 1
  }
  return {
    firstStripe,
    bottom: bottoms,
    perDegree: perDegrees,
    firstEntry: Uint32Array.from(firstEntry),
    entries: entries.trimmed(),
  }
}

function edgesByStripe(
  xy: Float64Array,
  starts: readonly number[],
  bottom: number,
  perDegree: number,
  count: number,
): number[][] {
  const lists: number[][] = Array.from({ length: count }, () => [])
  for (const v of starts) {
    const a = xy[2 * v + 1] as number
    const b = xy[2 * v + 3] as number
    const last = stripeOf(Math.max(a, b), bottom, perDegree, count)
    for (let s = stripeOf(Math.min(a, b), bottom, perDegree, count); s <= last; s++) lists[s]?.push(v)
  }
  return lists
}

/** The same monotone formula for edges and points: an edge that reaches a point's latitude is in the point's stripe. */
export function stripeOf(y: number, bottom: number, perDegree: number, count: number): number {
  const stripe = Math.floor((y - bottom) * perDegree)
  return stripe < 0 ? 0 : stripe < count ? stripe : count - 1
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
