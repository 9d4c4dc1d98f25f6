// A circle as a plane has it: around its centre the ellipsoid is flat enough to settle nearly every point without trigonometry.
import { chordBounds, EQUATORIAL_RADIUS_M, geodesicDistanceM, POLAR_RADIUS_M, toEcefInto } from '@fencepost/geo'

const E2 = 1 - (POLAR_RADIUS_M / EQUATORIAL_RADIUS_M) ** 2
const RADIANS = Math.PI / 180
/** Larger circles, and circles that come nearer to a pole than MAX_LAT, are always measured exactly. */
const MAX_RADIUS_M = 200_000
const MAX_LAT = 85
/** Rounding of the four numbers to 32 bits, twice over and squared, with room to spare. */
const ROUNDING = 4e-7

/**
 * `[east, north, gradient, slack]` of a circle: metres a degree of longitude at its centre's latitude, metres a degree of latitude,
 * and by how much of itself the first shrinks a degree north, halved, so that it is that of the middle latitude. With
 * x = east · (1 - gradient · dLat) · dLon and y = north · dLat the squared distance is x² + y², off by less than `slack` of itself for
 * points up to the radius away. NaN where that is not promised: then every comparison with it is false.
 *
 * The middle-latitude formula (Gauss) errs by (s / R)² (1 + tan²) / 24 and less for each of its terms; taking the latitude's cosine
 * to first order adds (s / R)² / 4, the ellipsoid's changing curvature 0.01 s / R. The slack is some four times their sum; a test
 * measures what is left of it.
 */
export function circlePlane(lat: number, radiusM: number): [number, number, number, number] {
  const sin = Math.sin(lat * RADIANS)
  const cos = Math.cos(lat * RADIANS)
  const w2 = 1 - E2 * sin * sin
  const n = EQUATORIAL_RADIUS_M / Math.sqrt(w2)
  const m = (EQUATORIAL_RADIUS_M * (1 - E2)) / (w2 * Math.sqrt(w2))
  const angle = radiusM / POLAR_RADIUS_M
  const flat = radiusM <= MAX_RADIUS_M && Math.abs(lat) + angle / RADIANS < MAX_LAT
  const slack = (4 * angle * angle) / (cos * cos) + 0.02 * angle + ROUNDING
  return [n * cos * RADIANS, m * RADIANS, ((m * sin) / (2 * n * cos)) * RADIANS, flat ? slack : Number.NaN]
}

const ecef = new Float64Array(6)

/** Is the point at most `radiusM` geodesic metres from the centre? Chords settle most of what the plane leaves open. */
export function circleHolds(centreLon: number, centreLat: number, radiusM: number, lon: number, lat: number): boolean {
  toEcefInto(centreLon, centreLat, ecef, 0)
  toEcefInto(lon, lat, ecef, 3)
  const dx = ecef[3] - ecef[0]
  const dy = ecef[4] - ecef[1]
  const dz = ecef[5] - ecef[2]
  const chord2 = dx * dx + dy * dy + dz * dz
  const { sureIn2, sureOut2 } = chordBounds(radiusM)
  if (chord2 <= sureIn2) return true
  if (chord2 > sureOut2) return false
  return geodesicDistanceM(centreLon, centreLat, lon, lat) <= radiusM
}
