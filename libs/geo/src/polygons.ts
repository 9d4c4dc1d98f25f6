// Puts the rings of a polygon into one plane: centred near ±180, holes shifted to lie in their shell, rings round a pole unrolled.
import type { Polygon } from '@fencepost/model'
import { side } from './orientation.ts'
import { type Ring, unwrappedLon } from './rings.ts'

/** A finished ring with what it takes to name places in it. */
export interface PlacedRing {
  readonly xy: Float64Array
  /** The ring's index in its polygon as given. */
  readonly ring: number
  /** Index of each vertex in the positions as given; vertices that only close a ring at a pole have none. */
  readonly source: readonly number[]
  /** Edges 0…realEdges - 1 are the fence's own; those behind only close it beyond a pole, outside ±180. */
  readonly realEdges: number
}

export interface PlacedPolygon {
  readonly rings: readonly PlacedRing[]
  readonly polar: boolean
}

/**
 * Where a ring round a pole is closed. Beyond it, so that the closing edge is nobody's boundary: a band between two such rings
 * must not hold the pole.
 */
const BEYOND_POLE = 91

/** Lays out the rings of one polygon; `indexes[i]` is the index that ring i has in the polygon as given. */
export function placePolygon(rings: readonly Ring[], indexes: readonly number[]): PlacedPolygon {
  const shell = rings[0] as Ring
  if (rings.some((ring) => ring.net !== 0)) {
    return { polar: true, rings: rings.flatMap((ring, i) => unroll(ring, indexes[i] as number)) }
  }
  const [low, high] = extent(shell)
  const placedShell = shifted(shell, turnsHome((low + high) / 2), indexes[0] as number)
  const placed = [placedShell]
  for (let i = 1; i < rings.length; i++) placed.push(fitHole(rings[i] as Ring, placedShell, indexes[i] as number))
  return { polar: false, rings: placed }
}

/** Whole turns that bring the middle of a shell, at most 720 degrees wide, to within ±180. */
function turnsHome(middle: number): number {
  return middle > 180 ? -1 : middle < -180 ? 1 : 0
}

/** The polygon as the index wants it. */
export function toPolygon(placed: PlacedPolygon): Polygon {
  const rings = placed.rings.map((ring) => ring.xy)
  return placed.polar ? { rings, polar: true } : { rings }
}

/** Copies of a ring of a polygon round a pole, as many as ±180 needs: such a polygon is looked up without any shift. */
function unroll(ring: Ring, index: number): PlacedRing[] {
  if (ring.net !== 0) return [chain(ring, index)]
  const copies: PlacedRing[] = []
  const [low, high] = extent(ring)
  for (let turns = -3; turns <= 3; turns++) {
    if (low + 360 * turns < 180 && high + 360 * turns > -180) copies.push(shifted(ring, turns, index))
  }
  return copies
}

/**
 * A ring round a pole as one line that runs past -180 and past 180 and is closed beyond the pole. The seams where it is closed
 * lie outside ±180, so that they decide nothing there.
 */
function chain(ring: Ring, index: number): PlacedRing {
  const [low, high] = extent(ring)
  const start = unwrappedLon(ring, ring.net > 0 ? 0 : ring.lon.length - 1)
  let from = Math.floor((-180 - high) / 360) - 1
  let to = Math.ceil((180 - low) / 360) + 1
  while (high + 360 * from < -180 && start + 360 * (from + 1) < -180) from++
  while (low + 360 * to > 180 && start + 360 * to > 180) to--
  const length = ring.lon.length - 1
  const values: number[] = []
  const source: number[] = []
  const push = (i: number, turns: number): void => {
    values.push((ring.lon[i] as number) + 360 * ((ring.turn[i] as number) + turns), ring.lat[i] as number)
    source.push(ring.source[i] as number)
  }
  for (let turns = from; turns <= to; turns++) {
    for (let i = 0; i < length; i++) push(ring.net > 0 ? i : length - i, turns)
  }
  push(ring.net > 0 ? 0 : length, to + 1)
  const realEdges = source.length - 1
  const beyond = poleOf(ring)
  values.push(values[values.length - 2] as number, beyond, values[0] as number, beyond)
  values.push(values[0] as number, values[1] as number)
  return { xy: Float64Array.from(values), ring: index, source, realEdges }
}

/** The pole of the ring's own hemisphere; a ring that favours none holds what lies on its left, as RFC 7946 winds them. */
function poleOf(ring: Ring): number {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (const lat of ring.lat) {
    if (lat < min) min = lat
    if (lat > max) max = lat
  }
  const lean = min + max === 0 ? ring.net : min + max
  return lean > 0 ? BEYOND_POLE : -BEYOND_POLE
}

function shifted(ring: Ring, turns: number, index: number): PlacedRing {
  const { length } = ring.lon
  const xy = new Float64Array(length * 2)
  for (let i = 0; i < length; i++) {
    const turn = (ring.turn[i] as number) + turns
    xy[2 * i] = turn === 0 ? (ring.lon[i] as number) : (ring.lon[i] as number) + 360 * turn
    xy[2 * i + 1] = ring.lat[i] as number
  }
  return { xy, ring: index, source: ring.source, realEdges: length - 1 }
}

/** A hole at the turn where it lies in its shell; one that lies nowhere stays where it overlaps most. */
function fitHole(hole: Ring, shell: PlacedRing, index: number): PlacedRing {
  const [low, high] = extent(hole)
  const [shellLow, shellHigh] = extentOf(shell.xy)
  let best = 0
  let bestOverlap = Number.NEGATIVE_INFINITY
  for (let turns = -3; turns <= 3; turns++) {
    const overlap = Math.min(high + 360 * turns, shellHigh) - Math.max(low + 360 * turns, shellLow)
    const inside =
      overlap >= high - low &&
      ringHolds(shell.xy, (hole.lon[0] as number) + 360 * ((hole.turn[0] as number) + turns), hole.lat[0] as number)
    if (inside) return shifted(hole, turns, index)
    if (overlap > bestOverlap) {
      best = turns
      bestOverlap = overlap
    }
  }
  return shifted(hole, best, index)
}

function extent(ring: Ring): [low: number, high: number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < ring.lon.length; i++) {
    const lon = unwrappedLon(ring, i)
    if (lon < low) low = lon
    if (lon > high) high = lon
  }
  return [low, high]
}

function extentOf(xy: Float64Array): [low: number, high: number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < xy.length; i += 2) {
    const lon = xy[i] as number
    if (lon < low) low = lon
    if (lon > high) high = lon
  }
  return [low, high]
}

/** Even-odd, boundary included. */
function ringHolds(xy: Float64Array, x: number, y: number): boolean {
  let odd = false
  for (let i = 0; i + 3 < xy.length; i += 2) {
    const ax = xy[i] as number
    const ay = xy[i + 1] as number
    const bx = xy[i + 2] as number
    const by = xy[i + 3] as number
    if ((ay < y && by < y) || (ay > y && by > y)) continue
    const at = side(ax, ay, bx, by, x, y)
    if (at === 0 && Math.min(ax, bx) <= x && x <= Math.max(ax, bx)) return true
    if (ay > y !== by > y && by > ay === at > 0) odd = !odd
  }
  return odd
}
