// The one exact question that all of planar geometry here is built from.
import { orient2d } from 'robust-predicates'

/**
 * On which side of the line from a to b does c lie? Positive = left (counter-clockwise), negative = right, 0 = on the line.
 * Exact for doubles whose products neither overflow nor underflow (Shewchuk 1997, adaptive precision).
 */
export function side(ax: number, ay: number, bx: number, by: number, cx: number, cy: number): number {
  return -orient2d(ax, ay, bx, by, cx, cy)
}
