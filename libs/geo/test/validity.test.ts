// What counts as a valid polygon: small cases that each show one rule, and real layers against GEOS.
import type { Fence, PolygonShape } from '@fencepost/model'
import { type LayerName, layerFences, NO_SHARED_DATA, readCsv, sharedData } from '@fencepost/testbed'
import { kinks } from '@turf/turf'
import { describe, expect, it } from 'vitest'
import { FenceError, loadFences, normaliseFeature } from '../src/index.ts'

type Corners = readonly (readonly [number, number])[]

/** A ring written as `0 0, 4 0, 4 4`, without the closing corner; `box w s e n` is a rectangle. */
function corners(text: string): Corners {
  if (text.startsWith('box ')) {
    const [w, s, e, n] = text.slice(4).split(' ')
    return corners(`${w} ${s}, ${e} ${s}, ${e} ${n}, ${w} ${n}`)
  }
  return text.split(', ').map((pair) => pair.split(' ').map(Number) as [number, number])
}

/** What the door says to a multipolygon: `valid`, or the fault and its place. */
function verdict(polygons: readonly (readonly Corners[])[]): string {
  const coordinates = polygons.map((rings) => rings.map((ring) => [...ring, ring[0]]))
  const feature = { type: 'Feature', properties: {}, geometry: { type: 'MultiPolygon', coordinates } }
  try {
    normaliseFeature(feature, { position: 0, repair: false })
    return 'valid'
  } catch (error) {
    if (!(error instanceof FenceError)) throw error
    return error.place === undefined ? error.code : `${error.code} at ${error.place}`
  }
}

function verdictOf(...polygons: readonly (readonly string[])[]): string {
  return verdict(polygons.map((rings) => rings.map(corners)))
}

const SHELL = 'box 0 0 10 10'

/** Out along one spiral and back along another, in steps of 18 degrees: 40 steps are two turns. */
function spiral(steps: number): string {
  const along = Array.from({ length: steps + 1 }, (_, i): [number, number] => [((i * 18 + 180) % 360) - 180, i / 10])
  const out = along.map(([lon, lat]) => `${lon} ${lat}`)
  const back = along.map(([lon, lat]) => `${lon} ${lat + 1}`).toReversed()
  return [...out, ...back].join(', ')
}

type Case = readonly [title: string, expected: string, polygons: readonly (readonly string[])[]]

const CASES: readonly Case[] = [
  ['a square', 'valid', [[SHELL]]],
  ['a square with corners on its edges', 'valid', [['0 0, 5 0, 10 0, 10 10, 0 10, 0 5']]],
  ['a bow tie', 'self_crossing at polygon 0, ring 0, vertex 0', [['0 0, 2 2, 2 0, 0 2']]],
  ['a corner used twice', 'self_touching at polygon 0, ring 0, vertex 1', [['0 0, 4 0, 2 2, 4 4, 0 4, 2 2']]],
  ['a corner on an edge', 'self_touching at polygon 0, ring 0, vertex 0', [['0 0, 4 0, 4 4, 2 0, 0 4']]],
  ['an edge back on the one before', 'self_crossing at polygon 0, ring 0, vertex 0', [['0 0, 6 0, 4 0, 4 4, 0 4']]],
  ['edges on one line', 'self_crossing at polygon 0, ring 0, vertex 0', [['0 0, 6 0, 6 4, 7 0, 3 0, 3 4, 0 4']]],
  ['a hole inside', 'valid', [[SHELL, 'box 2 2 4 4']]],
  ['a hole with a corner on its shell', 'valid', [[SHELL, '0 5, 2 4, 2 6']]],
  ['a hole with its shell’s corner', 'valid', [[SHELL, '0 0, 3 1, 1 3']]],
  ['a hole across its shell', 'rings_cross at polygon 0, ring 0, vertex 1', [[SHELL, 'box 8 2 12 4']]],
  ['a hole across a corner', 'rings_cross at polygon 0, ring 0, vertex 1', [[SHELL, '8 4, 12 2, 10 5, 12 8, 8 6']]],
  [
    'a hole across its shell at corners',
    'rings_cross at polygon 0, ring 0, vertex 1',
    [[SHELL, '12 5, 10 6, 8 5, 10 4']],
  ],
  ['a hole that only touches from outside', 'hole_outside at polygon 0, ring 1', [[SHELL, '10 5, 12 4, 12 6']]],
  ['a hole along its shell', 'rings_cross at polygon 0, ring 0, vertex 3', [[SHELL, 'box 0 4 2 6']]],
  ['a hole outside', 'hole_outside at polygon 0, ring 1', [[SHELL, 'box 12 2 14 4']]],
  ['a hole round its shell', 'hole_outside at polygon 0, ring 1', [['box 2 2 3 3', SHELL]]],
  ['a hole in a hole', 'nested_rings at polygon 0, ring 2', [[SHELL, 'box 2 2 8 8', 'box 4 4 6 6']]],
  ['holes that touch at a point', 'valid', [[SHELL, 'box 2 2 4 4', 'box 4 4 6 6']]],
  ['holes that share a side', 'rings_cross at polygon 0, ring 1, vertex 1', [[SHELL, 'box 2 2 4 4', 'box 4 2 6 4']]],
  ['a hole from side to side', 'split_interior at polygon 0, ring 1', [[SHELL, '0 5, 5 4, 10 5, 5 6']]],
  [
    'three holes in a circle',
    'split_interior at polygon 0, ring 3',
    [[SHELL, '2 2, 4 2, 2 4', '4 2, 6 2, 6 4', '2 4, 6 4, 4 6']],
  ],
  ['parts side by side', 'valid', [['box 0 0 1 1'], ['box 2 0 3 1']]],
  ['parts that touch at a corner', 'valid', [['box 0 0 1 1'], ['box 1 1 2 2']]],
  ['parts that share a side', 'rings_cross at polygon 0, ring 0, vertex 1', [['box 0 0 1 1'], ['box 1 0 2 1']]],
  ['parts that overlap', 'rings_cross at polygon 0, ring 0, vertex 1', [['box 0 0 2 2'], ['box 1 1 3 3']]],
  ['parts that cross at corners', 'rings_cross at polygon 0, ring 0, vertex 1', [[SHELL], ['12 5, 10 6, 8 5, 10 4']]],
  ['a part inside a part', 'nested_rings at polygon 1, ring 0', [[SHELL], ['box 2 2 4 4']]],
  ['an island in a hole', 'valid', [[SHELL, 'box 2 2 8 8'], ['box 4 4 6 6']]],
  ['an island that touches its hole all round', 'valid', [[SHELL, 'box 2 2 8 8'], ['5 2, 8 5, 5 8, 2 5']]],
  ['the same part twice', 'rings_cross at polygon 0, ring 0, vertex 0', [[SHELL], [SHELL]]],
]

describe('a polygon is valid as OGC has it', () => {
  it.each(CASES)('%s: %s', (_, expected, polygons) => {
    expect(verdictOf(...polygons)).toBe(expected)
  })

  it('whichever way its rings wind and wherever they start', () => {
    for (const [title, expected, polygons] of CASES) {
      for (let start = 1; start < 4; start++) {
        const turned = polygons.map((rings) =>
          rings.map(corners).map((ring) => [...ring.slice(start), ...ring.slice(0, start)].toReversed()),
        )
        expect([title, verdict(turned) === 'valid']).toEqual([title, expected === 'valid'])
      }
    }
  })

  it('to the last bit', () => {
    // (1/3, 1/3) rounds to a point on the diagonal; a notch that ends there touches it, one bit further it does not.
    const third = 1 / 3
    const notch = (x: number): string => verdictOf([`0 0, 1 1, 1 0, 0.5 0, ${x} ${third}, 0.25 0`])
    expect(notch(third)).toBe('self_touching at polygon 0, ring 0, vertex 0')
    expect(notch(third + 2 ** -54)).toBe('valid')
    expect(notch(third - 2 ** -54)).toContain('self_crossing')
  })

  it('round a pole, and across the antimeridian', () => {
    const cap = (lat: number): string => `-180 ${lat}, -90 ${lat}, 0 ${lat}, 90 ${lat}`
    expect(verdictOf([cap(60)])).toBe('valid')
    expect(verdictOf([cap(60), cap(80)])).toBe('valid')
    expect(verdictOf([cap(60), 'box 170 70 179 75'])).toBe('valid')
    expect(verdictOf([cap(60), 'box 175 70 -175 75'])).toBe('valid')
    // A cap that starts at -179 is closed at 181, where this hole sticks out.
    expect(verdictOf(['-179 60, -90 60, 0 60, 90 60', '-175 70, 175 70, 180 75'])).toBe('valid')
    expect(verdictOf([cap(60), 'box 10 50 20 55'])).toBe('hole_outside at polygon 0, ring 1')
    expect(verdictOf([cap(60), 'box 10 55 20 75'])).toContain('rings_cross')
    expect(verdictOf([cap(60), '10 60, 20 70, 30 60, 20 80'])).toBe('split_interior at polygon 0, ring 1')
    expect(verdictOf([cap(60), '0 60, 120 70, -120 70'])).toBe('valid')
    expect(verdictOf(['0 60, 100 60, 50 70, 50 50, 140 60, -120 60'])).toContain('self_crossing')
    expect(verdictOf(['box 170 0 -170 10', '175 4, -175 4, 180 6'])).toBe('valid')
    expect(verdictOf(['170 0, -170 10, -170 0, 170 10'])).toContain('self_crossing')
  })

  it('refuses a ring that goes round twice, or that spans more than 720 degrees', () => {
    expect(verdictOf(['0 50, 120 51, -120 52, 0 53, 120 54, -120 55'])).toBe('winds_too_far at polygon 0, ring 0')
    expect(verdictOf([spiral(40)])).toBe('valid')
    expect(verdictOf([spiral(41)])).toBe('winds_too_far at polygon 0, ring 0')
  })

  it('takes a hole for the turn of a spiral that it lies in', () => {
    expect(verdictOf([spiral(40), '-145 3.5, -140 3.5, -142 3.8'])).toBe('valid')
    expect(verdictOf([spiral(40), '-145 1.5, -140 1.5, -142 1.8'])).toBe('valid')
    expect(verdictOf([spiral(40), '-145 2.5, -140 2.5, -142 2.8'])).toBe('hole_outside at polygon 0, ring 1')
  })

  it('gives up on edges that overlap too much, rather than take minutes', () => {
    // A comb of long slanted teeth: every box meets every other, no edge does.
    const teeth = 20_000
    const comb: [number, number][] = [[0, 0]]
    for (let i = 0; i < teeth; i++) comb.push([80 + i / teeth, 80 - i / teeth], [(i + 0.5) / teeth, -(i + 0.5) / teeth])
    comb.push([1, -1.5], [90, 70], [90, 90], [-1, 85])
    expect(verdict([[comb]])).toBe('too_complex at geometry')
  })
})

describe('repair', () => {
  const sizes = ({ shape }: Fence): number[][] =>
    (shape as PolygonShape).polygons.map(({ rings }) => rings.map((ring) => ring.length / 2))
  const closed = (text: string): Corners => [...corners(text), ...corners(text).slice(0, 1)]
  const load = (...polygons: unknown[][]) => {
    const geometry = { type: 'MultiPolygon', coordinates: polygons }
    return loadFences({ type: 'Feature', properties: {}, geometry }, { invalid: 'repair' })
  }

  it('keeps crossed rings as they are, to be read even-odd, and says so', () => {
    const { fences, problems } = load([closed('0 0, 2 2, 2 0, 0 2')])
    expect(sizes(fences[0]!)).toEqual([[5]])
    expect(problems).toEqual([
      {
        position: 0,
        id: '#0',
        code: 'self_crossing',
        message: 'polygon 0, ring 0, vertex 0: the ring crosses itself or runs along itself (read even-odd)',
        place: 'polygon 0, ring 0, vertex 0',
        repaired: true,
      },
    ])
  })

  it('closes an unclosed ring', () => {
    const { fences, problems } = load([corners(SHELL)])
    expect(sizes(fences[0]!)).toEqual([[5]])
    expect(problems.map(({ code, repaired }) => [code, repaired])).toEqual([['unclosed_ring', true]])
  })

  it('drops spikes, out and back along the same line', () => {
    const { fences, problems } = load([closed('0 0, 5 0, 5 -3, 5 -1, 5 -4, 5 0, 10 0, 10 10, 0 10')])
    expect(sizes(fences[0]!)).toEqual([[6]])
    expect(problems.map(({ message }) => message)).toEqual([
      'polygon 0, ring 0: the ring crosses itself or runs along itself (spikes dropped)',
    ])
  })

  it('drops degenerate holes, and a polygon whose outer ring is degenerate with its holes', () => {
    const { fences, problems } = load(
      [closed(SHELL), closed('20 0, 30 0')],
      [closed('20 0, 30 0, 25 0'), closed(SHELL)],
      [],
    )
    expect(sizes(fences[0]!)).toEqual([[5]])
    expect(problems.filter(({ message }) => message.includes('dropped)')).map(({ place }) => place)).toEqual([
      'polygon 0, ring 1',
      'polygon 0, ring 1',
      'polygon 1, ring 0',
      'polygon 1, ring 0',
      'polygon 2',
    ])
  })

  it.each<[string, unknown[]]>([
    ['empty', [closed('0 0, 1 0')]],
    ['empty', []],
    ['not_finite', [closed('0 0, 1 NaN, 1 1')]],
    ['out_of_range', [closed('0 0, 181 0, 1 1')]],
    ['bad_position', [[[0, 0], null]]],
  ])('leaves out what it cannot help: %s', (code, rings) => {
    expect(load(rings)).toMatchObject({ fences: [], problems: [{ code, repaired: false }] })
  })

  it('reports nothing for a valid fence', () => {
    expect(load([closed(SHELL)]).problems).toEqual([])
  })
})

const present = sharedData() !== null
if (!present) process.stdout.write(`libs/geo validity tests of real layers ${NO_SHARED_DATA}\n`)

describe.skipIf(!present)('real layers are valid or not, feature by feature, as GEOS says', () => {
  const NYC = 'nyc/oracle/layers/'
  it.each<[LayerName, string, number]>([
    ['taxi', `${NYC}taxi.csv`, 0],
    ['boro', `${NYC}boro.csv`, 0],
    ['cd', `${NYC}cd.csv`, 0],
    ['pct', `${NYC}pct.csv`, 1],
    ['council', `${NYC}council.csv`, 4],
    ['hood', `${NYC}hood.csv`, 3],
    ['ed', `${NYC}ed.csv.gz`, 42],
    ['tract', `${NYC}tract.csv`, 99],
    ['austin-hood', 'austin/oracle/layer-hood.csv', 0],
    ['qne', 'world/oracle/layer-qne.csv', 0],
    ['wa10m', 'world/oracle/layer-wa10m.csv', 54],
  ])('%s', (layer, path, invalid) => {
    const features = layerFences(layer, { antimeridian: 'planar' })
    const { problems } = loadFences({ type: 'FeatureCollection', features }, { invalid: 'skip' })
    const expected = readCsv(path).filter(({ valid }) => valid === 'False')
    expect(problems.map(({ position }) => String(position))).toEqual(expected.map(({ index }) => index))
    expect(problems).toHaveLength(invalid)
  })

  it('where turf’s kinks disagrees on 53 election districts: why it is not asked', () => {
    const valid = readCsv(`${NYC}ed.csv.gz`).map((row) => row['valid'] === 'True')
    const wrong = layerFences('ed').map(({ geometry }, i) => {
      const clean = kinks(geometry as Parameters<typeof kinks>[0]).features.length === 0
      return clean === valid[i] ? '' : clean ? 'passed' : 'refused'
    })
    expect([wrong.filter((w) => w === 'passed').length, wrong.filter((w) => w === 'refused').length]).toEqual([3, 50])
  })
})
