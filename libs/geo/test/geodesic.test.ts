// Distances and boxes on the ellipsoid, against Karney's method and published constants.
import geodesic from 'geographiclib-geodesic'
import { describe, expect, it } from 'vitest'
import { chordBounds, circleBox, createCircleTest, geodesicDistanceM, side, toEcefInto } from '../src/index.ts'

/** Park and Miller's sequence. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

function direct(lon: number, lat: number, azimuth: number, metres: number): { lon: number; lat: number } {
  const { lon2, lat2 } = geodesic.Geodesic.WGS84.Direct(lat, lon, azimuth, metres)
  return { lon: lon2!, lat: lat2! }
}

const LATITUDES = [0, 1e-6, 30, -45, 60, 89, 89.9999, 90, -90]
const RADII = [1e-4, 0.5, 50, 25_000, 400_000, 1_000_000]

describe('geodesicDistanceM', () => {
  it.each([
    // One degree of the equator, and a quarter of a meridian of WGS84 (10001.965729 km).
    [0, 0, 1, 0, 111_319.4907932],
    [0, 0, 0, 90, 10_001_965.7293],
    [179.5, 0, -179.5, 0, 111_319.4907932],
    [10, 90, -170, 90, 0],
  ])('from %d, %d to %d, %d', (lon1, lat1, lon2, lat2, metres) => {
    expect(geodesicDistanceM(lon1, lat1, lon2, lat2)).toBeCloseTo(metres, 3)
  })
})

describe('chordBounds', () => {
  it.each(RADII)('never contradict the geodesic, for %d m', (radiusM) => {
    const next = random(17)
    const { sureIn2, sureOut2 } = chordBounds(radiusM)
    const ecef = new Float64Array(6)
    for (let i = 0; i < 900; i++) {
      const from = { lon: next() * 360 - 180, lat: LATITUDES[i % LATITUDES.length]! }
      const to = direct(from.lon, from.lat, next() * 360, radiusM * (1 + (next() - 0.5) * 10 ** -(i % 12)))
      toEcefInto(from.lon, from.lat, ecef, 0)
      toEcefInto(to.lon, to.lat, ecef, 3)
      const chord2 = (ecef[3]! - ecef[0]!) ** 2 + (ecef[4]! - ecef[1]!) ** 2 + (ecef[5]! - ecef[2]!) ** 2
      const distance = geodesicDistanceM(from.lon, from.lat, to.lon, to.lat)
      if (chord2 <= sureIn2) expect(distance).toBeLessThanOrEqual(radiusM)
      if (chord2 > sureOut2) expect(distance).toBeGreaterThan(radiusM)
    }
  })

  it.each([
    [50, 3e-6],
    [25_000, 0.017],
    [1_000_000, 1100],
  ])('leave a circle of %d m a rim of at most %d m to the geodesic', (radiusM, rimM) => {
    const { sureIn2, sureOut2 } = chordBounds(radiusM)
    expect(Math.sqrt(sureOut2) - Math.sqrt(sureIn2)).toBeLessThan(rimM)
  })
})

describe('createCircleTest', () => {
  it.each(RADII)('answers as the geodesic does, within %d m', (radiusM) => {
    const next = random(23)
    for (let i = 0; i < 150; i++) {
      const circle = { lon: next() * 360 - 180, lat: LATITUDES[i % LATITUDES.length]!, radiusM }
      const holds = createCircleTest(circle)
      for (let k = 0; k < 6; k++) {
        const { lon, lat } = direct(
          circle.lon,
          circle.lat,
          next() * 360,
          radiusM * (1 + (next() - 0.5) * 10 ** -(2 * k)),
        )
        expect(holds(lon, lat)).toBe(geodesicDistanceM(circle.lon, circle.lat, lon, lat) <= radiusM)
      }
    }
  })
})

describe('circleBox', () => {
  it.each(RADII)('holds every point of circles of %d m', (radiusM) => {
    for (const lat of LATITUDES) {
      const box = circleBox({ kind: 'circle', lon: 100, lat, radiusM })
      for (let azimuth = 0; azimuth < 360; azimuth += 1.5) {
        const end = direct(100, lat, azimuth, radiusM)
        expect(end.lat).toBeGreaterThanOrEqual(box.minLat)
        expect(end.lat).toBeLessThanOrEqual(box.maxLat)
        const inside = [end.lon - 360, end.lon, end.lon + 360].some((lon) => lon >= box.minLon && lon <= box.maxLon)
        expect([lat, azimuth, inside]).toEqual([lat, azimuth, true])
      }
    }
  })

  it('is tight away from the poles, and spans all longitudes with a pole in reach', () => {
    const { minLon, maxLon, minLat, maxLat } = circleBox({ kind: 'circle', lon: 100, lat: 45, radiusM: 1000 })
    expect(maxLon - minLon).toBeCloseTo(2000 / 78_847, 3)
    expect(maxLat - minLat).toBeCloseTo(2000 / 111_132, 3)
    expect(circleBox({ kind: 'circle', lon: 5, lat: 89.99, radiusM: 1200 })).toMatchObject({
      minLon: -180,
      maxLon: 180,
      maxLat: 90,
    })
    expect(circleBox({ kind: 'circle', lon: 5, lat: -90, radiusM: 1 })).toMatchObject({
      minLon: -180,
      maxLon: 180,
      minLat: -90,
    })
  })

  it('runs past ±180 rather than wrap', () => {
    expect(circleBox({ kind: 'circle', lon: 179.999, lat: 0, radiusM: 1000 }).maxLon).toBeGreaterThan(180)
  })
})

describe('side', () => {
  it('is positive on the left, negative on the right, zero on the line to the last bit', () => {
    expect(side(0, 0, 1, 0, 0, 1)).toBeGreaterThan(0)
    expect(side(0, 0, 1, 0, 0, -1)).toBeLessThan(0)
    expect(side(0, 0, 3, 1, 1.5, 0.5) === 0).toBe(true)
    expect(side(12, 12, 24, 24, 0.5, 0.5 + 2 ** -53)).toBeGreaterThan(0)
    expect(side(12, 12, 24, 24, 0.5, 0.5 - 2 ** -54)).toBeLessThan(0)
  })
})
