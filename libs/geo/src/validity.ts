// Is a polygon or multipolygon valid as OGC Simple Features (and GEOS) has it? Exact: no tolerance anywhere.
import { EdgeTree, type RingEdges } from './edge-tree.ts'
import type { FenceFault } from './faults.ts'
import { side } from './orientation.ts'
import type { PlacedPolygon } from './polygons.ts'

export interface ValidityFault {
  readonly code: FenceFault
  readonly place: string
  readonly detail?: string
}

/** Boxes looked at before a check is given up as too complex: a second or two. Real outlines need some 150 an edge. */
const BUDGET = 50_000_000

/**
 * The first fault, or null for a valid shape. `indexes[i]` is the index that polygon i has in the geometry as given.
 *
 * Rings must not cross or run along each other or themselves; a ring must not touch itself, two rings may touch at points;
 * holes lie in their shell and not in each other, polygons not in each other; touching holes must not cut the inside in two.
 */
export function findFault(polygons: readonly PlacedPolygon[], indexes: readonly number[]): ValidityFault | null {
  const tree = new EdgeTree(polygons)
  const check = new Check(tree, indexes)
  return check.edges() ?? check.nesting() ?? check.interior()
}

/** Two rings of one polygon that meet at a point. */
interface Touch {
  readonly ringA: number
  readonly ringB: number
  readonly x: number
  readonly y: number
}

const TOO_COMPLEX: ValidityFault = { code: 'too_complex', place: 'geometry' }

/** Vertices and edge middles tried for a point of a ring that lies on no other ring. */
const PROBES = 8

class Check {
  readonly #tree: EdgeTree
  readonly #indexes: readonly number[]
  readonly #touches: Touch[] = []
  #rayBudget = BUDGET

  constructor(tree: EdgeTree, indexes: readonly number[]) {
    this.#tree = tree
    this.#indexes = indexes
  }

  /** Crossings, overlaps and touches. */
  edges(): ValidityFault | null {
    let fault: ValidityFault | null = null
    const done = this.#tree.forEachPair(BUDGET, (i, j) => {
      fault = this.#pair(i, j)
      return fault !== null
    })
    return done ? fault : TOO_COMPLEX
  }

  #pair(i: number, j: number): ValidityFault | null {
    const { ends, ring, rings } = this.#tree
    const ax = ends[4 * i] as number
    const ay = ends[4 * i + 1] as number
    const bx = ends[4 * i + 2] as number
    const by = ends[4 * i + 3] as number
    const cx = ends[4 * j] as number
    const cy = ends[4 * j + 1] as number
    const dx = ends[4 * j + 2] as number
    const dy = ends[4 * j + 3] as number
    const c = side(ax, ay, bx, by, cx, cy)
    const d = side(ax, ay, bx, by, dx, dy)
    if ((c > 0 && d > 0) || (c < 0 && d < 0)) return null
    const a = side(cx, cy, dx, dy, ax, ay)
    const b = side(cx, cy, dx, dy, bx, by)
    if ((a > 0 && b > 0) || (a < 0 && b < 0)) return null
    if (a !== 0 && b !== 0 && c !== 0 && d !== 0) return this.#crossing(i, j)
    if (c === 0 && d === 0 && overlapLength(ax, ay, bx, by, cx, cy, dx, dy) > 0) return this.#crossing(i, j)

    const ringA = ring[i] as number
    const ringB = ring[j] as number
    if (ringA === ringB && areNeighbours(rings[ringA] as RingEdges, i, j)) return null
    // What is left is one common point, an end of at least one of the two.
    if (a === 0 && isWithin(ax, ay, cx, cy, dx, dy)) return this.#touch(i, j, ax, ay)
    if (b === 0 && isWithin(bx, by, cx, cy, dx, dy)) return this.#touch(i, j, bx, by)
    if (c === 0 && isWithin(cx, cy, ax, ay, bx, by)) return this.#touch(i, j, cx, cy)
    if (d === 0 && isWithin(dx, dy, ax, ay, bx, by)) return this.#touch(i, j, dx, dy)
    return null
  }

  #crossing(i: number, j: number): ValidityFault {
    const code = this.#tree.ring[i] === this.#tree.ring[j] ? 'self_crossing' : 'rings_cross'
    return { code, place: this.#place(i), detail: `and ${this.#place(j)}` }
  }

  #touch(i: number, j: number, x: number, y: number): ValidityFault | null {
    const ringA = this.#tree.ring[i] as number
    const ringB = this.#tree.ring[j] as number
    if (ringA === ringB) return { code: 'self_touching', place: this.#place(i), detail: `and ${this.#place(j)}` }
    if (this.#passesThrough(i, j, x, y)) return this.#crossing(i, j)
    if (this.#ring(ringA).polygon === this.#ring(ringB).polygon) this.#touches.push({ ringA, ringB, x, y })
    return null
  }

  /** At their common point (x, y): does the ring of edge j go from one side of the ring of edge i to the other? */
  #passesThrough(i: number, j: number, x: number, y: number): boolean {
    const a = this.#waysFrom(i, x, y)
    const b = this.#waysFrom(j, x, y)
    if (a === null || b === null) return false
    return isInSector(x, y, a, b[0], b[1]) !== isInSector(x, y, a, b[2], b[3])
  }

  /** The vertices before and after a point of an edge, in the order of its ring: x, y, x, y. */
  #waysFrom(edge: number, x: number, y: number): Ways | null {
    const { ends } = this.#tree
    const ring = this.#ring(this.#tree.ring[edge] as number)
    const atStart = ends[4 * edge] === x && ends[4 * edge + 1] === y
    const atEnd = ends[4 * edge + 2] === x && ends[4 * edge + 3] === y
    let before = edge
    let after = edge
    if (atStart) before = edge > ring.first ? edge - 1 : ring.cyclic ? ring.end - 1 : -1
    if (atEnd) after = edge + 1 < ring.end ? edge + 1 : ring.cyclic ? ring.first : -1
    if (before < 0 || after < 0) return null
    return [
      ends[4 * before] as number,
      ends[4 * before + 1] as number,
      ends[4 * after + 2] as number,
      ends[4 * after + 3] as number,
    ]
  }

  /** Holes in their shells, not in each other; polygons not in each other. Holds once nothing crosses: one point decides. */
  nesting(): ValidityFault | null {
    const { rings } = this.#tree
    if (rings.length === 1) return null
    for (let r = 0; r < rings.length; r++) {
      const around = this.#ringsAround(r)
      if (around === 'too_complex') return TOO_COMPLEX
      if (around === null) continue
      const ring = this.#ring(r)
      const depth = new Map<number, number>()
      for (const other of around) {
        const { polygon, shell } = this.#ring(other)
        depth.set(polygon, (depth.get(polygon) ?? 0) + (shell ? 1 : -1))
        if (!ring.shell && !shell && polygon === ring.polygon) {
          return { code: 'nested_rings', place: this.#ringPlace(r), detail: `in ${this.#ringPlace(other)}` }
        }
      }
      if (!ring.shell) {
        if (depth.get(ring.polygon) !== 1) return { code: 'hole_outside', place: this.#ringPlace(r) }
        continue
      }
      for (const [polygon, count] of depth) {
        if (polygon !== ring.polygon && count > 0) {
          const detail = `in polygon ${this.#indexes[polygon]}`
          return { code: 'nested_rings', place: this.#ringPlace(r), detail }
        }
      }
    }
    return null
  }

  /** The rings that hold a point of ring r; null where every point tried lies on another ring. */
  #ringsAround(r: number): number[] | 'too_complex' | null {
    const { ends } = this.#tree
    const { first, end, cyclic, polygon } = this.#ring(r)
    const step = Math.max(1, Math.floor((end - first) / PROBES))
    for (const middle of [false, true]) {
      for (let e = first; e < end; e += step) {
        const ax = ends[4 * e] as number
        const ay = ends[4 * e + 1] as number
        const x = middle ? (ax + (ends[4 * e + 2] as number)) / 2 : ax
        const y = middle ? (ay + (ends[4 * e + 3] as number)) / 2 : ay
        // Round a pole, copies that stick out past the seams say nothing.
        if ((!cyclic || this.#isPolar(polygon)) && (x < -180 || x > 180)) continue
        const around = this.#holders(r, x, y)
        if (around !== null) return around
      }
    }
    return null
  }

  #isPolar(polygon: number): boolean {
    return this.#tree.rings.some((ring) => ring.polygon === polygon && !ring.cyclic)
  }

  /** The rings other than r whose inside holds (x, y); null when it lies on one of them. */
  #holders(r: number, x: number, y: number): number[] | 'too_complex' | null {
    const { ends, ring, rings } = this.#tree
    const odd = new Set<number>()
    let on = false
    const count = (other: number, ax: number, ay: number, bx: number, by: number): void => {
      if (other === r) return
      const at = side(ax, ay, bx, by, x, y)
      if (at === 0 && isWithin(x, y, ax, ay, bx, by)) on = true
      if (ay > y !== by > y && by > ay === at > 0 && !odd.delete(other)) odd.add(other)
    }
    this.#tree.forEachOnRay(x, y, (e) => {
      this.#rayBudget--
      const at = 4 * e
      count(
        ring[e] as number,
        ends[at] as number,
        ends[at + 1] as number,
        ends[at + 2] as number,
        ends[at + 3] as number,
      )
    })
    rings.forEach(({ placed: { xy, realEdges }, cyclic }, other) => {
      if (cyclic) return
      for (let v = realEdges; 2 * v + 3 < xy.length; v++) {
        const at = 2 * v
        count(other, xy[at] as number, xy[at + 1] as number, xy[at + 2] as number, xy[at + 3] as number)
      }
    })
    if (this.#rayBudget < 0) return 'too_complex'
    return on ? null : [...odd]
  }

  /** Touches that close a circle of rings cut the inside: union-find over rings and the points where they meet. */
  interior(): ValidityFault | null {
    const parents = new Map<string, string>()
    const find = (node: string): string => {
      let root = node
      for (let next = parents.get(root); next !== undefined; next = parents.get(root)) root = next
      for (let at = node; at !== root; ) {
        const next = parents.get(at) as string
        parents.set(at, root)
        at = next
      }
      return root
    }
    const seen = new Set<string>()
    for (const { ringA, ringB, x, y } of this.#touches) {
      // Modulo a turn, and by the ring as given: a polygon round a pole has every ring more than once.
      const { polygon } = this.#ring(ringA)
      const point = `${polygon} ${((x % 360) + 360) % 360} ${y}`
      for (const r of [ringA, ringB]) {
        const node = `${polygon} ${this.#ring(r).placed.ring}`
        if (seen.has(`${node} ${point}`)) continue
        seen.add(`${node} ${point}`)
        const [from, to] = [find(node), find(point)]
        if (from === to) return { code: 'split_interior', place: this.#ringPlace(r) }
        parents.set(from, to)
      }
    }
    return null
  }

  #ring(r: number): RingEdges {
    return this.#tree.rings[r] as RingEdges
  }

  #ringPlace(r: number): string {
    const { polygon, placed } = this.#ring(r)
    return `polygon ${this.#indexes[polygon]}, ring ${placed.ring}`
  }

  #place(edge: number): string {
    const r = this.#tree.ring[edge] as number
    const { placed, first } = this.#ring(r)
    return `${this.#ringPlace(r)}, vertex ${placed.source[edge - first]}`
  }
}

type Ways = readonly [number, number, number, number]

/** Is the way from (x, y) to (px, py) strictly within the sector that opens counter-clockwise from the second way to the first? */
function isInSector(x: number, y: number, ways: Ways, px: number, py: number): boolean {
  const [bx, by, ax, ay] = ways
  const opening = side(x, y, ax, ay, bx, by)
  if (opening > 0) return side(x, y, ax, ay, px, py) > 0 && side(x, y, px, py, bx, by) > 0
  if (opening < 0) return !(side(x, y, bx, by, px, py) > 0 && side(x, y, px, py, ax, ay) > 0)
  return side(x, y, ax, ay, px, py) > 0
}

function areNeighbours(ring: RingEdges, i: number, j: number): boolean {
  return j === i + 1 || (ring.cyclic && i === ring.first && j === ring.end - 1)
}

/** Is a point of the line ab between its ends? */
function isWithin(x: number, y: number, ax: number, ay: number, bx: number, by: number): boolean {
  return Math.min(ax, bx) <= x && x <= Math.max(ax, bx) && Math.min(ay, by) <= y && y <= Math.max(ay, by)
}

/** Of two edges on one line: positive where they share more than a point. */
function overlapLength(
  ax: number,
  ay: number,
  bx: number,
  by: number,
  cx: number,
  cy: number,
  dx: number,
  dy: number,
): number {
  if (ax !== bx) return Math.min(Math.max(ax, bx), Math.max(cx, dx)) - Math.max(Math.min(ax, bx), Math.min(cx, dx))
  return Math.min(Math.max(ay, by), Math.max(cy, dy)) - Math.max(Math.min(ay, by), Math.min(cy, dy))
}
