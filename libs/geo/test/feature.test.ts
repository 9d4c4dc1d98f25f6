// The door, feature by feature: what is read, how, and what is refused with which words.
import type { Fence, PolygonShape } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { FENCE_FAULTS, FENCE_LIMITS, FenceError, normaliseFeature } from '../src/index.ts'

type Position = readonly number[]
type Properties = Record<string, unknown>

const TRIANGLE: Position[] = [
  [0, 0],
  [4, 0],
  [0, 4],
  [0, 0],
]

function feature(geometry: unknown, properties: Properties = {}, more: Properties = {}): unknown {
  return { type: 'Feature', ...more, properties, geometry }
}

function polygon(...rings: unknown[]): unknown {
  return { type: 'Polygon', coordinates: rings }
}

function read(input: unknown, repair = false): Fence {
  return normaliseFeature(input, { position: 3, repair })
}

/** The rings as lists of positions. */
function ringsOf(fence: Fence): number[][][][] {
  return (fence.shape as PolygonShape).polygons.map(({ rings }) =>
    rings.map((ring) => Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i]!, ring[2 * i + 1]!])),
  )
}

function faultOf(input: unknown, repair = false): string {
  try {
    read(input, repair)
  } catch (error) {
    if (!(error instanceof FenceError)) throw error
    return error.place === undefined ? error.code : `${error.code} at ${error.place}`
  }
  return 'none'
}

function ring(corners: readonly Position[]): Position[] {
  return [...corners, corners[0]!]
}

function regular(corners: number): Position[] {
  return Array.from({ length: corners }, (_, i) => {
    const angle = (i / corners) * 2 * Math.PI
    return [Math.cos(angle), Math.sin(angle)]
  })
}

describe('normaliseFeature', () => {
  it('reads everything a fence may say about itself', () => {
    const properties = {
      tenant: 'acme',
      name: 'Corner shop',
      tags: ['food', 'late', 'food'],
      campaigns: ['summer'],
      dwell_s: 60,
    }
    const fence = read(feature(polygon(TRIANGLE), properties, { id: 'shop' }))
    expect(fence).toMatchObject({
      id: 'shop',
      tenant: 'acme',
      name: 'Corner shop',
      tags: ['food', 'late'],
      campaigns: ['summer'],
      dwellS: 60,
    })
    expect(ringsOf(fence)).toEqual([[TRIANGLE]])
  })

  it('defaults to every tenant’s fence without name, tags, campaigns or dwell', () => {
    const fence = read({ type: 'Feature', properties: null, geometry: polygon(TRIANGLE) })
    expect(fence).toMatchObject({ id: '#3', tenant: null, name: null, tags: [], campaigns: [], dwellS: null })
  })

  it.each([
    [{ id: 'own' }, { id: 'property' }, 'own'],
    [{ id: 7 }, { id: 'property' }, '7'],
    [{ id: null }, { id: 'property' }, 'property'],
    [{}, { id: 8 }, '8'],
    [{}, {}, '#3'],
    [{ id: 'x'.repeat(128) }, {}, 'x'.repeat(128)],
  ])('takes the id from %j and %j', (more, properties, id) => {
    expect(read(feature(polygon(TRIANGLE), properties, more)).id).toBe(id)
  })

  it('ignores altitude and drops repeated positions', () => {
    const positions = [
      [0, 0, 12],
      [0, 0],
      [4, 0, 1],
      [4, 0],
      [0, 4],
      [0, 0, 3],
    ]
    expect(ringsOf(read(feature(polygon(positions))))).toEqual([[TRIANGLE]])
  })

  it('does not care which way a ring winds', () => {
    expect(ringsOf(read(feature(polygon(TRIANGLE.toReversed()))))).toEqual([[TRIANGLE.toReversed()]])
  })

  it('reads a circle', () => {
    const { shape } = read(feature({ type: 'Point', coordinates: [10, -20, 5] }, { radius_m: 1_000_000 }))
    expect(shape).toEqual({ kind: 'circle', lon: 10, lat: -20, radiusM: 1_000_000 })
  })

  it.each<[string, unknown]>([
    ['bad_feature', null],
    ['bad_feature', { type: 'Polygon', coordinates: [TRIANGLE] }],
    ['bad_feature', { type: 'Feature', properties: [], geometry: null }],
    ['bad_id', feature(polygon(TRIANGLE), {}, { id: '' })],
    ['bad_id', feature(polygon(TRIANGLE), {}, { id: 'x'.repeat(129) })],
    ['bad_id', feature(polygon(TRIANGLE), {}, { id: '\ud800' })],
    ['bad_id', feature(polygon(TRIANGLE), {}, { id: Number.NaN })],
    ['bad_id', feature(polygon(TRIANGLE), {}, { id: true })],
    ['bad_tenant', feature(polygon(TRIANGLE), { tenant: '' })],
    ['bad_tenant', feature(polygon(TRIANGLE), { tenant: 'é'.repeat(33) })],
    ['bad_name', feature(polygon(TRIANGLE), { name: 'x'.repeat(257) })],
    ['bad_name', feature(polygon(TRIANGLE), { name: {} })],
    ['bad_tags', feature(polygon(TRIANGLE), { tags: 'food' })],
    ['bad_tags', feature(polygon(TRIANGLE), { tags: [1] })],
    ['bad_tags', feature(polygon(TRIANGLE), { tags: ['x'.repeat(65)] })],
    ['bad_tags', feature(polygon(TRIANGLE), { tags: new Array(65).fill('x') })],
    ['bad_campaigns', feature(polygon(TRIANGLE), { campaigns: [''] })],
    ['bad_campaigns', feature(polygon(TRIANGLE), { campaigns: ['x'.repeat(129)] })],
    ['bad_campaigns', feature(polygon(TRIANGLE), { campaigns: new Array(257).fill('x') })],
    ['bad_dwell', feature(polygon(TRIANGLE), { dwell_s: 0 })],
    ['bad_dwell', feature(polygon(TRIANGLE), { dwell_s: 1.5 })],
    ['bad_dwell', feature(polygon(TRIANGLE), { dwell_s: 604_801 })],
    ['bad_antimeridian', feature(polygon(TRIANGLE), { antimeridian: 'flat' })],
    ['bad_radius', feature({ type: 'Point', coordinates: [0, 0] })],
    ['bad_radius', feature({ type: 'Point', coordinates: [0, 0] }, { radius_m: 0 })],
    ['bad_radius', feature({ type: 'Point', coordinates: [0, 0] }, { radius_m: '50' })],
    ['bad_radius', feature({ type: 'Point', coordinates: [0, 0] }, { radius_m: Number.NaN })],
    ['bad_radius', feature({ type: 'Point', coordinates: [0, 0] }, { radius_m: 1_000_000.1 })],
    ['out_of_range at centre', feature({ type: 'Point', coordinates: [0, 90.1] }, { radius_m: 1 })],
    ['unsupported_type', feature(null)],
    ['unsupported_type', feature('Polygon')],
    ['unsupported_type', feature({ type: 'LineString', coordinates: TRIANGLE })],
    ['unsupported_type', feature({ type: 'MultiPoint', coordinates: TRIANGLE })],
    ['unsupported_type', feature({ type: 'GeometryCollection', geometries: [polygon(TRIANGLE)] })],
    ['empty', feature({ type: 'MultiPolygon', coordinates: [] })],
    ['empty at polygon 0', feature(polygon())],
    ['bad_position at coordinates', feature({ type: 'MultiPolygon', coordinates: 5 })],
    ['bad_position at polygon 0', feature({ type: 'MultiPolygon', coordinates: [5] })],
    ['bad_position at polygon 0, ring 1', feature(polygon(TRIANGLE, null))],
    ['bad_position at polygon 0, ring 0, vertex 1', feature(polygon([[0, 0], [1], [1, 1], [0, 0]]))],
    [
      'bad_position at polygon 0, ring 0, vertex 2',
      feature(
        polygon([
          [0, 0],
          [1, 0],
          ['1', 1],
          [0, 0],
        ]),
      ),
    ],
    [
      'not_finite at polygon 0, ring 0, vertex 1',
      feature(
        polygon([
          [0, 0],
          [Number.NaN, 0],
          [1, 1],
          [0, 0],
        ]),
      ),
    ],
    [
      'not_finite at polygon 0, ring 0, vertex 1',
      feature(
        polygon([
          [0, 0],
          [0, Infinity],
          [1, 1],
          [0, 0],
        ]),
      ),
    ],
    [
      'out_of_range at polygon 0, ring 0, vertex 1',
      feature(
        polygon([
          [0, 0],
          [180.0001, 0],
          [1, 1],
          [0, 0],
        ]),
      ),
    ],
    [
      'out_of_range at polygon 0, ring 0, vertex 2',
      feature(
        polygon([
          [0, 0],
          [1, 0],
          [1, -90.0001],
          [0, 0],
        ]),
      ),
    ],
    ['too_few_corners at polygon 0, ring 0', feature(polygon([]))],
    [
      'too_few_corners at polygon 0, ring 0',
      feature(
        polygon([
          [0, 0],
          [1, 0],
          [0, 0],
        ]),
      ),
    ],
    [
      'too_few_corners at polygon 0, ring 0',
      feature(
        polygon([
          [0, 0],
          [1, 0],
          [1, 0],
          [0, 0],
        ]),
      ),
    ],
    [
      'no_area at polygon 0, ring 0',
      feature(
        polygon([
          [0, 0],
          [1, 1],
          [3, 3],
          [2, 2],
          [0, 0],
        ]),
      ),
    ],
    ['unclosed_ring at polygon 0, ring 0, vertex 2', feature(polygon(TRIANGLE.slice(0, 3)))],
  ])('refuses with %s', (fault, input) => {
    expect(faultOf(input)).toBe(fault)
  })

  it('takes every list and number at its limit', () => {
    const properties = {
      tenant: 'x'.repeat(64),
      name: 'x'.repeat(256),
      tags: Array.from({ length: 64 }, (_, i) => String(i).padStart(64, 'x')),
      campaigns: Array.from({ length: 256 }, (_, i) => String(i).padStart(128, 'x')),
      dwell_s: 604_800,
    }
    const fence = read(feature(polygon(TRIANGLE), properties))
    expect([fence.tags.length, fence.campaigns.length, fence.dwellS]).toEqual([64, 256, 604_800])
  })

  it('takes 100,000 vertices, over all rings, and not one more', () => {
    const outline = ring(regular(FENCE_LIMITS.vertices - 1 - 4))
    const hole = TRIANGLE.map(([x, y]) => [x! / 10, y! / 10])
    expect(ringsOf(read(feature(polygon(outline, hole))))[0]![0]).toHaveLength(99_996)
    const larger = ring(regular(FENCE_LIMITS.vertices - 4))
    expect(faultOf(feature(polygon(larger, hole)))).toBe('too_many_vertices at polygon 0, ring 1')
    expect(faultOf(feature(polygon(larger, hole)), true)).toBe('too_many_vertices at polygon 0, ring 1')
  })

  it('never names a coordinate', () => {
    const messages: string[] = []
    for (const bad of [
      [
        [12.345, 0],
        [99.5, 99.5],
        [1, 1],
        [12.345, 0],
      ],
      [
        [12.345, 0],
        [23.456, 1],
        [0, 2],
      ],
    ]) {
      try {
        read(feature(polygon(bad)))
      } catch (error) {
        messages.push((error as Error).message)
      }
    }
    expect(messages).toHaveLength(2)
    expect(messages.join()).not.toMatch(/12\.3|23\.4|99\.5/)
  })
})

describe('FENCE_FAULTS', () => {
  it('repeats the numbers of FENCE_LIMITS', () => {
    const { idBytes, tenantBytes, nameBytes, tags, tagBytes, campaigns, campaignBytes, dwellS, radiusM, vertices } =
      FENCE_LIMITS
    const { featureBytes, depth } = FENCE_LIMITS
    const numbers = (fault: keyof typeof FENCE_FAULTS): string[] => FENCE_FAULTS[fault].match(/\d+/g) ?? []
    expect(numbers('bad_id')).toContain(String(idBytes))
    expect(numbers('bad_tenant')).toContain(String(tenantBytes))
    expect(numbers('bad_name')).toContain(String(nameBytes))
    expect(numbers('bad_tags')).toEqual([String(tags), '1', String(tagBytes), '8'])
    expect(numbers('bad_campaigns')).toEqual([String(campaigns), '1', String(campaignBytes), '8'])
    expect(numbers('bad_dwell')).toEqual(['1', String(dwellS)])
    expect(numbers('bad_radius')).toEqual(['0', String(radiusM)])
    expect(numbers('too_many_vertices')).toEqual([String(vertices)])
    expect(numbers('too_large')).toEqual([String(featureBytes)])
    expect(numbers('too_deep')).toEqual([String(depth)])
  })
})
