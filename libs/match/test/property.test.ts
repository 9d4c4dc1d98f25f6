// Random fences and points against slow, independent answers: integer geometry for exactness, turf and Karney for sense.
import { geodesicDistanceM, normaliseFeature } from '@fencepost/geo'
import { type Fence, SlotList } from '@fencepost/model'
import { booleanPointInPolygon } from '@turf/turf'
import geodesic from 'geographiclib-geodesic'
import { describe, expect, it } from 'vitest'
import { circleShape, makeFence, polygonShape } from '../../model/contract/fence-index.ts'
import { createFenceIndex } from '../src/index.ts'

/** Mulberry32: a fixed sequence for a fixed seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Point = readonly [number, number]

/** Even-odd with integers only, boundary inside, by a ray to the north: nothing is shared with the code under test. */
function holdsExactly(rings: readonly (readonly Point[])[], [x, y]: Point, scale: number): boolean {
  const whole = (value: number): bigint => BigInt(value * scale)
  const [px, py] = [whole(x), whole(y)]
  let odd = false
  for (const ring of rings) {
    for (let i = 0; i + 1 < ring.length; i++) {
      const [ax, ay] = [whole(ring[i]![0]), whole(ring[i]![1])]
      const [bx, by] = [whole(ring[i + 1]![0]), whole(ring[i + 1]![1])]
      const cross = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
      const dot = (px - ax) * (px - bx) + (py - ay) * (py - by)
      if (cross === 0n && dot <= 0n) return true
      if (ax <= px === bx <= px) continue
      // Above the edge or below it: the sign of cross, turned by the edge's direction.
      if (bx > ax === cross < 0n) odd = !odd
    }
  }
  return odd
}

function hits(fences: readonly Fence[], points: readonly Point[]): string[][] {
  const index = createFenceIndex(fences)
  const out = new SlotList()
  return points.map(([x, y]) => {
    index.matchInto('acme', x, y, out)
    return Array.from(out.slots.subarray(0, out.length), (slot) => index.fence(slot).id)
  })
}

function closed(corners: readonly Point[]): Point[] {
  return [...corners, corners[0]!]
}

function shapeOf(rings: readonly (readonly Point[])[]): Fence['shape'] {
  return polygonShape({ rings: rings.map((ring) => Float64Array.from(ring.flat())) })
}

describe('the index against brute force', () => {
  it.each([1, 2, 3, 4])('on a coarse grid, where points fall on edges and corners all the time (seed %i)', (seed) => {
    const next = random(seed)
    const cell = (): number => Math.floor(next() * 17) / 8 - 1
    const polygons = Array.from({ length: 40 }, () =>
      Array.from({ length: 1 + Math.floor(next() * 3) }, () =>
        closed(Array.from({ length: 3 + Math.floor(next() * (next() < 0.2 ? 80 : 6)) }, (): Point => [cell(), cell()])),
      ),
    )
    const fences = polygons.map((rings, i) => makeFence(String(i).padStart(2, '0'), shapeOf(rings)))
    const points: Point[] = []
    for (let x = -18; x <= 18; x++) for (let y = -18; y <= 18; y++) points.push([x / 16, y / 16])
    const expected = points.map((point) =>
      fences.filter((_, i) => holdsExactly(polygons[i]!, point, 16)).map(({ id }) => id),
    )
    expect(hits(fences, points)).toEqual(expected)
  })

  it.each([5, 6])('on points a last bit beside long edges (seed %i)', (seed) => {
    const next = random(seed)
    // Multiples of 2^-44 below 2^8: exact as doubles, and as integers when scaled.
    const scale = 2 ** 44
    const fine = (value: number): number => Math.round(value * scale) / scale
    const polygons = Array.from({ length: 12 }, (_, i) => [
      closed(
        Array.from({ length: i % 2 === 0 ? 5 : 45 }, (): Point => [fine(next() * 200 - 100), fine(next() * 160 - 80)]),
      ),
    ])
    const points = polygons.flatMap(([ring]) =>
      ring!.slice(1).flatMap((b, i): Point[] => {
        const a = ring![i]!
        const t = next()
        const x = fine(a[0] + t * (b[0] - a[0]))
        const y = fine(a[1] + t * (b[1] - a[1]))
        const bit = 1 / scale
        return [a, [x, y], [fine(x + bit), y], [fine(x - bit), y], [x, fine(y + bit)], [x, fine(y - bit)]]
      }),
    )
    const fences = polygons.map((rings, i) => makeFence(String(i).padStart(2, '0'), shapeOf(rings)))
    const expected = points.map((point) =>
      fences.filter((_, i) => holdsExactly(polygons[i]!, point, scale)).map(({ id }) => id),
    )
    expect(hits(fences, points)).toEqual(expected)
  })

  it('agrees with turf on stars with holes, away from their edges', () => {
    const next = random(7)
    const star = (x: number, y: number, radius: number, corners: number): Point[] =>
      closed(
        Array.from({ length: corners }, (_, i): Point => {
          const angle = (i / corners) * 2 * Math.PI
          const reach = radius * (0.6 + 0.4 * next())
          return [x + reach * Math.cos(angle), y + reach * Math.sin(angle)]
        }),
      )
    const features = Array.from({ length: 60 }, (_, i) => {
      const [x, y] = [next() * 20, next() * 20]
      const coordinates = [star(x, y, 3, 5 + Math.floor(next() * 200)), star(x, y, 1, 5)].map((ring) =>
        ring.map(([a, b]) => [a, b]),
      )
      return {
        type: 'Feature' as const,
        id: String(i).padStart(2, '0'),
        properties: {},
        geometry: { type: 'Polygon' as const, coordinates },
      }
    })
    const fences = features.map((feature, position) => normaliseFeature(feature, { position, repair: false }))
    const points = Array.from({ length: 4000 }, (): Point => [next() * 20, next() * 20])
    const expected = points.map(([x, y]) =>
      features.filter((feature) => booleanPointInPolygon([x, y], feature.geometry)).map(({ id }) => id),
    )
    expect(hits(fences, points)).toEqual(expected)
  })

  it('finds every circle by its exact distance, wherever on earth', () => {
    const next = random(8)
    const lats = [0, 45, -80, 89, 90, -90, -89.99]
    const circles = Array.from({ length: 100 }, (_, i) => ({
      id: String(i).padStart(3, '0'),
      lon: i % 4 === 0 ? 180 - next() / 10 : next() * 360 - 180,
      lat: i % 3 === 0 ? lats[i % lats.length]! : next() * 180 - 90,
      radiusM: 10 ** (next() * 5 + 1),
    }))
    // Around each circle's rim: a micron to a per cent off, inside and outside, in all directions.
    const points = circles.flatMap(({ lon, lat, radiusM }) =>
      Array.from({ length: 12 }, (_, k): Point => {
        const off = radiusM * (1 + (k % 2 === 0 ? 1 : -1) * 10 ** (-2 - (k % 3) * 2))
        const end = geodesic.Geodesic.WGS84.Direct(lat, lon, next() * 360, off)
        return [Math.min(180, Math.max(-180, end.lon2!)), end.lat2!]
      }),
    )
    const fences = circles.map(({ id, lon, lat, radiusM }) => makeFence(id, circleShape(lon, lat, radiusM)))
    const expected = points.map(([x, y]) =>
      circles.filter(({ lon, lat, radiusM }) => geodesicDistanceM(lon, lat, x, y) <= radiusM).map(({ id }) => id),
    )
    expect(hits(fences, points)).toEqual(expected)
  })

  it('gives the same answer east and west: fences moved over the antimeridian', () => {
    const next = random(9)
    // Multiples of 1/64: exact when moved by 180.
    const cell = (width: number): number => (Math.floor(next() * width * 64) - (width * 64) / 2) / 64
    const rings = Array.from({ length: 50 }, () => {
      const [x, y, w, h] = [cell(20), cell(20), 1 / 64 + Math.abs(cell(8)), 1 / 64 + Math.abs(cell(8))]
      return closed([
        [x, y],
        [x + w, y + h / 2],
        [x + w / 2, y + h],
      ])
    })
    const moved = (lon: number): number => (lon < 0 ? lon + 180 : lon - 180)
    const at = (move: (lon: number) => number): Fence[] =>
      rings.map((ring, position) =>
        normaliseFeature(
          {
            type: 'Feature',
            id: String(position).padStart(2, '0'),
            properties: {},
            geometry: { type: 'Polygon', coordinates: [ring.map(([x, y]) => [move(x), y])] },
          },
          { position, repair: false },
        ),
      )
    const points = Array.from({ length: 5000 }, (): Point => [cell(24), cell(24)])
    const here = hits(
      at((lon) => lon),
      points,
    )
    expect(here.flat().length).toBeGreaterThan(500)
    expect(
      hits(
        at(moved),
        points.map(([x, y]): Point => [moved(x), y]),
      ),
    ).toEqual(here)
  })
})
