// How polygons are laid out: over the antimeridian, round the poles, holes with their shells.
import type { Fence, PolygonShape } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { normaliseFeature } from '../src/index.ts'

type Position = readonly number[]
type Properties = Record<string, unknown>

function feature(geometry: unknown, properties: Properties = {}): unknown {
  return { type: 'Feature', properties, geometry }
}

function polygon(...rings: unknown[]): unknown {
  return { type: 'Polygon', coordinates: rings }
}

function ring(corners: readonly Position[]): Position[] {
  return [...corners, corners[0]!]
}

function read(input: unknown): Fence {
  return normaliseFeature(input, { position: 0, repair: false })
}

/** The rings as lists of positions. */
function ringsOf(fence: Fence): number[][][][] {
  return (fence.shape as PolygonShape).polygons.map(({ rings }) =>
    rings.map((ring) => Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i]!, ring[2 * i + 1]!])),
  )
}

describe('a polygon over the antimeridian and round the poles', () => {
  it('reads an edge longer than 180 degrees as crossing the antimeridian', () => {
    const box = ring([
      [170, 0],
      [-170, 0],
      [-170, 10],
      [170, 10],
    ])
    expect(ringsOf(read(feature(polygon(box))))).toEqual([
      [
        [
          [170, 0],
          [190, 0],
          [190, 10],
          [170, 10],
          [170, 0],
        ],
      ],
    ])
    expect(ringsOf(read(feature(polygon(box), { antimeridian: 'planar' })))).toEqual([[box]])
  })

  it('reads an edge of exactly 180 degrees as it stands', () => {
    const wide = ring([
      [-90, 0],
      [90, 0],
      [0, 10],
    ])
    expect(ringsOf(read(feature(polygon(wide))))).toEqual([[wide]])
  })

  it('moves a hole to where its shell is', () => {
    const shell = ring([
      [160, 0],
      [-160, 0],
      [-160, 10],
      [160, 10],
    ])
    const hole = ring([
      [-175, 4],
      [-165, 4],
      [-170, 6],
    ])
    const [polygonRings] = ringsOf(read(feature(polygon(shell, hole))))
    expect(polygonRings![1]!.map(([lon]) => lon)).toEqual([185, 195, 190, 185])
  })

  it('sees no corner twice where a ring changes from 180 to -180', () => {
    const box = ring([
      [170, 0],
      [180, 0],
      [-180, 0],
      [-170, 0],
      [-170, 10],
      [170, 10],
    ])
    expect(ringsOf(read(feature(polygon(box))))[0]![0]).toHaveLength(6)
  })

  it.each<[string, Position[]]>([
    [
      'as it comes',
      [
        [0, 60],
        [120, 70],
        [-120, 60],
      ],
    ],
    [
      'wound westward',
      [
        [0, 60],
        [-120, 70],
        [120, 60],
      ],
    ],
    [
      'that starts at -180',
      [
        [-180, 60],
        [-60, 70],
        [60, 60],
      ],
    ],
    [
      'that starts at 180',
      [
        [180, 60],
        [-60, 70],
        [60, 60],
      ],
    ],
    [
      'that reaches back over its start',
      [
        [0, 60],
        [-100, 65],
        [-170, 50],
        [-90, 45],
        [30, 50],
        [150, 50],
        [-90, 70],
      ],
    ],
  ])('unrolls a ring round a pole past ±180 and closes it beyond the pole: %s', (_, corners) => {
    const fence = read(feature(polygon(ring(corners))))
    expect((fence.shape as PolygonShape).polygons[0]!.polar).toBe(true)
    const unrolled = ringsOf(fence)[0]![0]!
    const seams = [unrolled[0]![0]!, unrolled.at(-3)![0]!].sort((a, b) => a - b)
    expect(seams[0]).toBeLessThan(-180)
    expect(seams[1]).toBeGreaterThan(180)
    expect(unrolled.slice(-3, -1).map(([, lat]) => lat)).toEqual([91, 91])
  })

  it.each([
    ['the northern hemisphere', [60, 70, 65], 91],
    ['the southern hemisphere', [-60, -70, -65], -91],
    ['neither, wound eastward', [5, -5, 0], 91],
  ])('closes a ring in %s at its own pole', (_, lats, beyond) => {
    const round = ring(lats.map((lat, i) => [[0, 120, -120][i]!, lat]))
    const [unrolled] = ringsOf(read(feature(polygon(round))))[0]!
    expect(unrolled!.at(-2)![1]).toBe(beyond)
    // The other way round, a ring in a hemisphere of its own means the same.
    const [back] = ringsOf(read(feature(polygon(round.toReversed()))))[0]!
    expect(back!.at(-2)![1]).toBe(lats[0] === 5 ? -beyond : beyond)
  })

  it('reads a map cut at ±180 along a pole as it stands', () => {
    const cut = ring([
      [-180, -90],
      [180, -90],
      [180, -70],
      [0, -65],
      [-180, -70],
    ])
    expect(ringsOf(read(feature(polygon(cut))))).toEqual([[cut]])
    const world = ring([
      [-180, -90],
      [180, -90],
      [180, 90],
      [-180, 90],
    ])
    expect(ringsOf(read(feature(polygon(world))))).toEqual([[world]])
  })

  it('says what to do about a box as wide as the world', () => {
    const wide = ring([
      [-180, -85],
      [180, -85],
      [180, 85],
      [-180, 85],
    ])
    expect(() => read(feature(polygon(wide)))).toThrow('unless properties.antimeridian is "planar"')
    expect(ringsOf(read(feature(polygon(wide), { antimeridian: 'planar' })))).toEqual([[wide]])
  })
})
