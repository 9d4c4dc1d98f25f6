// All edges of a feature in a tree of boxes over runs of neighbouring edges. Rings wander slowly, so runs make tight boxes and
// the tree needs no sorting. Finds pairs of edges whose boxes meet, and the edges on a level line.
import type { PlacedPolygon, PlacedRing } from './polygons.ts'

const FANOUT_BITS = 3
const FANOUT = 1 << FANOUT_BITS
/** What a pair counts for in the budget of boxes: a visit takes about as long as this many. */
const PAIR_COST = 4

export interface RingEdges {
  readonly placed: PlacedRing
  readonly polygon: number
  readonly shell: boolean
  /** Its edges are first … end - 1. */
  readonly first: number
  readonly end: number
  /** Is the last edge followed by the first? Not where a ring is closed beyond a pole. */
  readonly cyclic: boolean
}

export class EdgeTree {
  readonly rings: readonly RingEdges[]
  readonly count: number
  /** Ring of each edge. */
  readonly ring: Uint32Array
  /** Ends of each edge: ax, ay, bx, by. */
  readonly ends: Float64Array
  /** Boxes (minX, minY, maxX, maxY) by level, level 0 = the edges themselves. */
  readonly #levels: Float64Array[]

  constructor(polygons: readonly PlacedPolygon[]) {
    const rings: RingEdges[] = []
    let count = 0
    polygons.forEach((polygon, index) => {
      polygon.rings.forEach((placed, i) => {
        const cyclic = placed.realEdges === placed.xy.length / 2 - 1
        const end = count + placed.realEdges
        rings.push({ placed, polygon: index, shell: i === 0, first: count, end, cyclic })
        count = end
      })
    })
    this.rings = rings
    this.count = count
    this.ring = new Uint32Array(count)
    this.ends = new Float64Array(count * 4)
    rings.forEach(({ placed, first, end }, r) => {
      this.ring.fill(r, first, end)
      for (let e = first; e < end; e++) this.ends.set(placed.xy.subarray(2 * (e - first), 2 * (e - first) + 4), 4 * e)
    })
    this.#levels = buildLevels(this.ends, count)
  }

  /**
   * Calls `visit` for every pair of edges i < j whose boxes meet, until it returns true. Returns false when that takes more than
   * `budget` boxes.
   */
  forEachPair(budget: number, visit: (i: number, j: number) => boolean): boolean {
    const levels = this.#levels
    const edges = levels[0] as Float64Array
    const stack = new Int32Array(2 * FANOUT * levels.length)
    let left = budget
    for (let i = 0; i < this.count; i++) {
      const minX = edges[4 * i] as number
      const minY = edges[4 * i + 1] as number
      const maxX = edges[4 * i + 2] as number
      const maxY = edges[4 * i + 3] as number
      let depth = 0
      stack[depth++] = levels.length - 1
      stack[depth++] = 0
      while (depth > 0) {
        const node = stack[--depth] as number
        const level = (stack[--depth] as number) - 1
        const boxes = levels[level] as Float64Array
        const end = Math.min((node + 1) * FANOUT, boxes.length / 4)
        // Runs before i + 1 hold no later edge.
        const from = Math.max(node * FANOUT, (i + 1) >> (FANOUT_BITS * level))
        for (let child = from; child < end; child++) {
          if (left-- <= 0) return false
          const at = 4 * child
          if ((boxes[at] as number) > maxX || (boxes[at + 2] as number) < minX) continue
          if ((boxes[at + 1] as number) > maxY || (boxes[at + 3] as number) < minY) continue
          if (level > 0) {
            stack[depth++] = level
            stack[depth++] = child
          } else {
            left -= PAIR_COST
            if (visit(i, child)) return true
          }
        }
      }
    }
    return true
  }

  /** Calls `visit` for every edge that meets the ray from (x, y) towards +x, by boxes. */
  forEachOnRay(x: number, y: number, visit: (edge: number) => void): void {
    const levels = this.#levels
    const stack: number[] = [levels.length - 1, 0]
    while (stack.length > 0) {
      const node = stack.pop() as number
      const level = stack.pop() as number
      const boxes = levels[level] as Float64Array
      const at = 4 * node
      if ((boxes[at + 1] as number) > y || (boxes[at + 3] as number) < y || (boxes[at + 2] as number) < x) continue
      if (level === 0) {
        visit(node)
        continue
      }
      const below = (levels[level - 1] as Float64Array).length / 4
      const end = Math.min((node + 1) * FANOUT, below)
      for (let child = node * FANOUT; child < end; child++) stack.push(level - 1, child)
    }
  }
}

function buildLevels(ends: Float64Array, count: number): Float64Array[] {
  const base = new Float64Array(count * 4)
  for (let e = 0; e < count; e++) {
    const ax = ends[4 * e] as number
    const ay = ends[4 * e + 1] as number
    const bx = ends[4 * e + 2] as number
    const by = ends[4 * e + 3] as number
    base[4 * e] = Math.min(ax, bx)
    base[4 * e + 1] = Math.min(ay, by)
    base[4 * e + 2] = Math.max(ax, bx)
    base[4 * e + 3] = Math.max(ay, by)
  }
  const levels = [base]
  for (let below = base; below.length > 4; ) {
    const children = below.length / 4
    const level = new Float64Array(Math.ceil(children / FANOUT) * 4)
    for (let node = 0; node < level.length / 4; node++) {
      let minX = Number.POSITIVE_INFINITY
      let minY = Number.POSITIVE_INFINITY
      let maxX = Number.NEGATIVE_INFINITY
      let maxY = Number.NEGATIVE_INFINITY
      for (let c = node * FANOUT; c < Math.min((node + 1) * FANOUT, children); c++) {
        minX = Math.min(minX, below[4 * c] as number)
        minY = Math.min(minY, below[4 * c + 1] as number)
        maxX = Math.max(maxX, below[4 * c + 2] as number)
        maxY = Math.max(maxY, below[4 * c + 3] as number)
      }
      level.set([minX, minY, maxX, maxY], 4 * node)
    }
    levels.push(level)
    below = level
  }
  return levels
}
