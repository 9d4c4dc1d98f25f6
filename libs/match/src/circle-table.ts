// All circles of an index in one typed array. Straight chords settle nearly every point; the geodesic decides the rest.
import { chordBounds, geodesicDistanceM, toEcefInto } from '@fencepost/geo'
import type { CircleShape } from '@fencepost/model'

/** Doubles a circle: centre x, y, z, bounds of the squared chord, then lon, lat, radius. */
const STRIDE = 8

/** The rows of a CircleTable. */
export function packCircles(circles: readonly CircleShape[]): Float64Array {
  const rows = new Float64Array(circles.length * STRIDE)
  circles.forEach(({ lon, lat, radiusM }, i) => {
    const { sureIn2, sureOut2 } = chordBounds(radiusM)
    toEcefInto(lon, lat, rows, i * STRIDE)
    rows.set([sureIn2, sureOut2, lon, lat, radiusM], i * STRIDE + 3)
  })
  return rows
}

export class CircleTable {
  readonly #rows: Float64Array
  /** Earth-centred place of the point last given to `setPoint`. */
  readonly #point = new Float64Array(3)

  constructor(rows: Float64Array) {
    this.#rows = rows
  }

  /** Once per point, before `holds`: its trigonometry costs more than all else here. */
  setPoint(lon: number, lat: number): void {
    toEcefInto(lon, lat, this.#point, 0)
  }

  circle(c: number): CircleShape {
    const at = c * STRIDE + 5
    return { kind: 'circle', lon: this.#rows[at], lat: this.#rows[at + 1], radiusM: this.#rows[at + 2] }
  }

  /** Is the point, given to `setPoint` and here again, at most the radius from the centre of circle c? */
  holds(c: number, lon: number, lat: number): boolean {
    const rows = this.#rows
    const at = c * STRIDE
    const dx = (rows[at] as number) - (this.#point[0] as number)
    const dy = (rows[at + 1] as number) - (this.#point[1] as number)
    const dz = (rows[at + 2] as number) - (this.#point[2] as number)
    const chord2 = dx * dx + dy * dy + dz * dz
    if (chord2 <= (rows[at + 3] as number)) return true
    if (chord2 > (rows[at + 4] as number)) return false
    return geodesicDistanceM(rows[at + 5] as number, rows[at + 6] as number, lon, lat) <= (rows[at + 7] as number)
  }
}
