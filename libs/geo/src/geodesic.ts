// Distances on the WGS84 ellipsoid: exact ones by Karney's method, cheap sound bounds from straight chords.
import geodesic from 'geographiclib-geodesic'

/** Semi-axes of WGS84, metres. */
export const EQUATORIAL_RADIUS_M = 6_378_137
export const POLAR_RADIUS_M = EQUATORIAL_RADIUS_M * (1 - 1 / 298.257223563)

const E2 = 1 - (POLAR_RADIUS_M / EQUATORIAL_RADIUS_M) ** 2
/** Smallest radius of curvature of any normal section: along the meridian, at the equator. */
const LEAST_RADIUS_M = POLAR_RADIUS_M ** 2 / EQUATORIAL_RADIUS_M
/** Far above the error of a chord in doubles (some nanometres) and of Karney's distance (15 nm). */
const CHORD_SLACK_M = 1e-6
const RADIANS = Math.PI / 180

const { WGS84, DISTANCE } = {
  WGS84: geodesic.Geodesic.WGS84,
  DISTANCE: geodesic.Geodesic.DISTANCE,
}

/**
 * Length in metres of the shortest line on the ellipsoid between two points given in degrees.
 * Karney, “Algorithms for geodesics”, J. Geodesy 87 (2013): within 15 nm.
 */
export function geodesicDistanceM(lon1: number, lat1: number, lon2: number, lat2: number): number {
  return WGS84.Inverse(lat1, lon1, lat2, lon2, DISTANCE).s12 as number
}

/** Writes the earth-centred x, y, z in metres of a point on the ellipsoid to `out[at…at + 2]`. Degrees in. */
export function toEcefInto(lon: number, lat: number, out: Float64Array, at: number): void {
  const sinLat = Math.sin(lat * RADIANS)
  const n = EQUATORIAL_RADIUS_M / Math.sqrt(1 - E2 * sinLat * sinLat)
  const fromAxis = n * Math.cos(lat * RADIANS)
  out[at] = fromAxis * Math.cos(lon * RADIANS)
  out[at + 1] = fromAxis * Math.sin(lon * RADIANS)
  out[at + 2] = n * (1 - E2) * sinLat
}

/** Squared chords that settle “within the radius?” without a geodesic: at most `sureIn2` = yes, above `sureOut2` = no. */
export interface ChordBounds {
  /** Square metres; negative where no chord is short enough to be sure. */
  readonly sureIn2: number
  readonly sureOut2: number
}

/**
 * Bounds for a circle of `radiusM` metres, up to 1,000 km.
 *
 * A chord c is never longer than the geodesic s over it, so c > r settles “outside”. A geodesic bends nowhere more than a circle
 * of LEAST_RADIUS_M, R, so by Schur's comparison theorem c >= 2 R sin(s / 2R): if c is at most that for s = r, then s <= r.
 * Between the two (0.1 nm wide at 50 m, 16 mm at 25 km, 1 km at 1,000 km) only the exact distance decides.
 */
export function chordBounds(radiusM: number): ChordBounds {
  const sureIn = 2 * LEAST_RADIUS_M * Math.sin(radiusM / (2 * LEAST_RADIUS_M)) - CHORD_SLACK_M
  const sureOut = radiusM + CHORD_SLACK_M
  return { sureIn2: sureIn > 0 ? sureIn * sureIn : -1, sureOut2: sureOut * sureOut }
}

/**
 * A test for one circle: is a point (degrees) at most `radiusM` geodesic metres from the centre? The answer is that of
 * `geodesicDistanceM`, mostly without paying for it.
 */
export function createCircleTest(circle: {
  readonly lon: number
  readonly lat: number
  readonly radiusM: number
}): (lon: number, lat: number) => boolean {
  const { sureIn2, sureOut2 } = chordBounds(circle.radiusM)
  const ecef = new Float64Array(6)
  toEcefInto(circle.lon, circle.lat, ecef, 0)
  return (lon, lat) => {
    toEcefInto(lon, lat, ecef, 3)
    const dx = (ecef[3] as number) - (ecef[0] as number)
    const dy = (ecef[4] as number) - (ecef[1] as number)
    const dz = (ecef[5] as number) - (ecef[2] as number)
    const chord2 = dx * dx + dy * dy + dz * dz
    if (chord2 <= sureIn2) return true
    if (chord2 > sureOut2) return false
    return geodesicDistanceM(circle.lon, circle.lat, lon, lat) <= circle.radiusM
  }
}
