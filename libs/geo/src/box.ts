// Bounding boxes in degrees. A box may run past ±180 where its shape does; whoever looks points up in it shifts by 360.
import type { CircleShape, Polygon } from '@fencepost/model'
import { EQUATORIAL_RADIUS_M, POLAR_RADIUS_M } from './geodesic.ts'

export interface Box {
  readonly minLon: number
  readonly minLat: number
  readonly maxLon: number
  readonly maxLat: number
}

/** Rounding of the trigonometry below, with room to spare: 0.1 mm. */
const SLACK_DEG = 1e-9
const RADIANS = Math.PI / 180
const AXES = EQUATORIAL_RADIUS_M / POLAR_RADIUS_M

/**
 * A box that holds every point of the circle. With a pole in reach it spans all longitudes and ends at ±90.
 *
 * In reduced latitude β a step on the ellipsoid is at least as long as the same step on a sphere of the polar radius b, so the
 * circle lies within the spherical cap of angle radius / b round (λ, β), whose box is known.
 */
export function circleBox(circle: CircleShape): Box {
  const beta = Math.atan(Math.tan(circle.lat * RADIANS) / AXES)
  const angle = circle.radiusM / POLAR_RADIUS_M
  const north = beta + angle
  const south = beta - angle
  const quarter = Math.PI / 2 - 1e-12
  const maxLat = north >= quarter ? 90 : Math.min(90, geodetic(north) + SLACK_DEG)
  const minLat = south <= -quarter ? -90 : Math.max(-90, geodetic(south) - SLACK_DEG)
  if (maxLat === 90 || minLat === -90) return { minLon: -180, minLat, maxLon: 180, maxLat }
  const reach = Math.asin(Math.min(1, Math.sin(angle) / Math.cos(beta))) / RADIANS + SLACK_DEG
  return { minLon: circle.lon - reach, minLat, maxLon: circle.lon + reach, maxLat }
}

/** The exact box of a polygon's vertices. */
export function polygonBox(polygon: Polygon): Box {
  let minLon = Number.POSITIVE_INFINITY
  let minLat = Number.POSITIVE_INFINITY
  let maxLon = Number.NEGATIVE_INFINITY
  let maxLat = Number.NEGATIVE_INFINITY
  for (const ring of polygon.rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const lon = ring[i] as number
      const lat = ring[i + 1] as number
      if (lon < minLon) minLon = lon
      if (lon > maxLon) maxLon = lon
      if (lat < minLat) minLat = lat
      if (lat > maxLat) maxLat = lat
    }
  }
  return { minLon, minLat, maxLon, maxLat }
}

function geodetic(beta: number): number {
  return Math.atan(Math.tan(beta) * AXES) / RADIANS
}
