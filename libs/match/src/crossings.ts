// How a ray meets an edge, exactly: the arithmetic that every point-in-polygon test here is made of.
import { side } from '@fencepost/geo'

export const MISS = 0
export const CROSSES = 1
export const ON = 2

/** Shewchuk's bound on the rounding error of a determinant, as a share of the sum of its terms. */
const DOUBT = 3.3306690738754716e-16

/** On which side of the line from a to b is p? Positive = left, 0 = on it; the exact sign. */
export function turn(ax: number, ay: number, bx: number, by: number, px: number, py: number): number {
  const left = (ax - px) * (by - py)
  const right = (ay - py) * (bx - px)
  const det = left - right
  if (Math.abs(det) > DOUBT * (Math.abs(left) + Math.abs(right))) return det
  return side(ax, ay, bx, by, px, py)
}

/**
 * How the ray from (x, y) to the east meets the edge from a to b. An end counts as above the ray when its latitude is greater, so that
 * a vertex on the ray is counted once.
 */
export function meet(ax: number, ay: number, bx: number, by: number, x: number, y: number): number {
  if (ay < y ? by < y : ay > y && by > y) return MISS
  if (ax < x && bx < x) return MISS
  const passes = ay > y !== by > y
  if (ax > x && bx > x) return passes ? CROSSES : MISS
  const turned = turn(ax, ay, bx, by, x, y)
  if (turned === 0) return ON
  return passes && turned > 0 === by > ay ? CROSSES : MISS
}

/**
 * The same for one step of a path from (x, y) to the east, to longitude `east`, and from there south: 1 if the edge crosses the
 * path, or if it passes below the path's turn and so crosses the way south from there.
 *
 * A tie at the turn is broken as if it lay a little further east, and north by much less: then an edge that touches it crosses the first
 * leg, and the second only if it does not rise to the east. So the parity of all edges near a cell, plus a constant of the cell, is that
 * of the whole polygon (“shape index” of the S2 library: a reference point and the edges that come near).
 */
export function meetPath(ax: number, ay: number, bx: number, by: number, x: number, y: number, east: number): number {
  let crossings = 0
  let atTurn = 0
  let turnKnown = false
  if (!(ay < y ? by < y : ay > y && by > y)) {
    const passes = ay > y !== by > y
    let met = MISS
    if (ax > x && bx > x) {
      if (passes) met = CROSSES
    } else if (!(ax < x && bx < x)) {
      const turned = turn(ax, ay, bx, by, x, y)
      if (turned === 0) return ON
      if (passes && turned > 0 === by > ay) met = CROSSES
    }
    if (met === CROSSES && (ax > east || bx > east)) {
      // Beyond the turn it is not on this leg.
      if (ax > east && bx > east) met = MISS
      else {
        atTurn = turn(ax, ay, bx, by, east, y)
        turnKnown = true
        if (atTurn !== 0 && atTurn > 0 === by > ay) met = MISS
      }
    }
    crossings = met
  }
  if (ax > east !== bx > east && !(ay > y && by > y)) {
    if (ay < y && by < y) return crossings ^ 1
    if (!turnKnown) atTurn = turn(ax, ay, bx, by, east, y)
    // With a the western end, left of the edge is above it.
    const rises = bx > ax ? by - ay : ay - by
    const above = bx > ax ? atTurn : -atTurn
    if (above > 0 || (atTurn === 0 && rises <= 0)) crossings ^= 1
  }
  return crossings
}
