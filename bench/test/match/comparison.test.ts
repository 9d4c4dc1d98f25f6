import { normaliseFeature } from '@fencepost/geo'
import type { Fence } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { ARM_NAMES, type ArmName, createArms } from '../../src/match/arms.ts'
import { CITY_TENANT, cityFences, cityPings } from '../../src/match/city-fences.ts'
import { type ComparisonResult, compare } from '../../src/match/comparison.ts'
import { comparePairs, Pairs, PairsError } from '../../src/match/pairs.ts'
import { chosenArms, prepareRow, ROWS } from '../../src/match/rows.ts'
import { MatchUsageError, readMatchSettings } from '../../src/match/settings.ts'
import { renderComparisons, renderVerdicts, verdicts } from '../../src/match/table.ts'
import { TypedFences } from '../../src/match/typed-fences.ts'

const say = (): void => {}

describe('arms', () => {
  const places = cityPings({ count: 3000, seed: 11 })

  it.each([
    ['circles and polygons', false],
    ['polygons', true],
  ])('all find the same pairs: %s', (_, polygonsOnly) => {
    const names = ARM_NAMES.filter((name) => polygonsOnly || name !== 'which-polygon')
    const fences = (): Iterable<Fence> => cityFences({ count: 50_000, seed: 11, polygonsOnly })
    const arms = createArms({ names, fences, tenant: CITY_TENANT, places, say })
    const [first, ...rest] = arms.map((arm) => {
      const pairs = new Pairs()
      return { name: arm.name, sum: arm.pass(pairs), pairs }
    })
    expect(first!.pairs.length).toBeGreaterThan(100)
    for (const { name, sum, pairs } of rest) {
      comparePairs(name, first!.pairs, pairs)
      expect(sum).toBe(first!.sum)
    }
    expect(arms.map(({ name }) => name)).toEqual(names)
  })

  it('agree on holes, on several polygons that overlap, and on circles across the antimeridian', () => {
    const square = (x: number, y: number, r: number): number[][] => [
      [x - r, y - r],
      [x + r, y - r],
      [x + r, y + r],
      [x - r, y + r],
      [x - r, y - r],
    ]
    const features = [
      {
        type: 'MultiPolygon',
        coordinates: [[square(0, 0, 5), square(1, 1, 2), square(-3, -3, 1)], [square(20, 0, 3)]],
      },
      { type: 'Polygon', coordinates: [square(1, 1, 0.9)] },
      { type: 'MultiPolygon', coordinates: [[square(-20, 0, 4)], [square(-18, 0, 4)]] },
      { type: 'Point', coordinates: [179.9, 0] },
    ]
    const fences = features.map((geometry, position) =>
      normaliseFeature({ type: 'Feature', properties: { radius_m: 50_000 }, geometry }, { position, repair: true }),
    )
    const points: [number, number][] = [
      [0, 0],
      [-4, 0],
      [1, 1],
      [-3, -3],
      [21, 1],
      [-19, 1],
      [-179.9, 0.1],
      [179.7, -0.1],
      [90, 10],
    ]
    const [lon, lat] = [Float64Array.from(points, ([x]) => x), Float64Array.from(points, ([, y]) => y)]
    const names = ARM_NAMES.filter((name) => name !== 'which-polygon')
    for (const arm of createArms({ names, fences: () => fences, tenant: 'x', places: { lon, lat }, say })) {
      const pairs = new Pairs()
      arm.pass(pairs)
      const found = Array.from(pairs.keys(), (key) => [Math.floor(key / 2 ** 22), key % 2 ** 22])
      expect(found, arm.name).toEqual([
        [1, 0],
        [2, 1],
        [4, 0],
        [5, 2],
        [6, 3],
        [7, 3],
      ])
    }
  })

  it('know no beacons and no polygons across the antimeridian', () => {
    const beacon = { kind: 'ibeacon', uuid: '00000000-0000-0000-0000-000000000001' }
    const fence = (feature: object): Fence => normaliseFeature(feature, { position: 0, repair: false })
    const wide = [
      [170, 0],
      [-170, 0],
      [-170, 5],
      [170, 0],
    ]
    expect(() => TypedFences.of([fence({ type: 'Feature', properties: { beacon }, geometry: null })])).toThrow(
      '#0 is a beacon',
    )
    expect(() =>
      TypedFences.of([fence({ type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: [wide] } })]),
    ).toThrow('#0 leaves ±180')
  })
})

describe('a comparison', () => {
  it('says what was found and what it cost', async () => {
    const row = ROWS.find(({ name }) => name === '10k polygons only')!
    const subject = prepareRow({ ...row, source: { count: 400 }, pings: 500 }, ARM_NAMES)
    const result = await compare(subject, { seconds: 0.01, rounds: 2, say })
    expect(result).toMatchObject({ fences: 200, pings: 500 })
    expect(result.arms.map(({ name }) => name)).toEqual(ARM_NAMES)
    const [turf, , flat] = result.arms
    expect(turf!.candidatesPerPing).toBe(flat!.candidatesPerPing)
    expect(flat!.indexBytes).toBeGreaterThanOrEqual(200 * 36)
  })

  it('fails where an arm has a pair too few and another too many', () => {
    const pairs = (...all: [number, number][]): Pairs => {
      const made = new Pairs()
      for (const [ping, slot] of all) made.push(ping, slot)
      return made
    }
    expect(() => comparePairs('x', pairs([1, 2], [3, 4]), pairs([3, 4], [1, 2]))).not.toThrow()
    const run = (): void => comparePairs('x', pairs([1, 2], [3, 4], [3, 5]), pairs([1, 2], [7, 1]))
    expect(run).toThrow(PairsError)
    expect(run).toThrow(
      'x: of 3 pairs 2 missing, the first is ping 3 in fence 4; 1 too much, the first is ping 7 in fence 1',
    )
    expect(() => comparePairs('x', pairs([1, 2]), pairs([1, 2], [1, 2]))).toThrow('none missing; 1 too much')
  })
})

describe('the table', () => {
  const arm = (name: ArmName, cpu: number): ComparisonResult['arms'][number] => ({
    name,
    cpuNs: { q1: cpu, median: cpu, q3: cpu },
    wallNs: { q1: cpu, median: cpu, q3: cpu },
    ratio: null,
    cpuNsByRound: [cpu, cpu],
    candidatesPerPing: name === 'one by one' ? null : 2,
    buildCpuMs: 100,
    buildWallMs: 200,
    indexBytes: 38_000,
    geometryBytes: 212_000,
    factsBytes: 0,
    heapBytes: 0,
  })
  const result: ComparisonResult = {
    name: '10k',
    fences: 1000,
    pings: 10,
    hitsPerPing: 0.5,
    pairs: 'x',
    arms: [arm('rbush + turf', 500), arm('flatbush + typed', 240), arm('one by one', 90), arm('batches of 1,000', 80)],
  }

  it('sets every arm beside our batches', () => {
    const lines = renderComparisons([result]).split('\n')
    expect(lines).toHaveLength(5)
    expect(lines[1]).toMatch(/^10k +0\.500 +rbush \+ turf +500 +6\.25 \(6\.25\.\.6\.25\) +2\.00 +38\.0 +212 +0\.200$/)
  })

  it('says which aims are met', () => {
    expect(verdicts([result]).map(({ what, met }) => [what, met])).toEqual([
      ['rbush + turf over batches of 1,000', true],
      ['flatbush + typed over one by one', false],
      ['rbush + turf over flatbush + typed', false],
    ])
    expect(renderVerdicts(verdicts([result]))).toContain('2.67 (2.67..2.67)    at least 3  NOT MET')
    expect(verdicts([{ ...result, arms: result.arms.slice(0, 1) }])).toEqual([])
  })
})

describe('the command line', () => {
  const defaults = { json: 'out.json', page: 'page.md' }

  it('runs every row and arm unless told otherwise', () => {
    expect(readMatchSettings([], defaults)).toEqual({
      rows: ROWS,
      arms: ARM_NAMES,
      rounds: 7,
      seconds: null,
      json: 'out.json',
      table: null,
      from: null,
    })
    expect(readMatchSettings(['--table', '--from', 'x.json'], defaults)).toMatchObject({
      table: 'page.md',
      from: 'x.json',
    })
  })

  it('takes part of a name, or a whole one after an equals sign, several with commas', () => {
    const names = (only: string): string[] =>
      readMatchSettings(['--only', only], defaults)!.rows.map(({ name }) => name)
    expect(names('10k')).toEqual(['10k', '10k polygons only'])
    expect(names('=10k,taxi')).toEqual(['10k', 'taxi zones'])
    expect(chosenArms(['ours', 'flatbush'])).toEqual([
      'flatbush + typed',
      'one by one',
      'batches of 1,000',
      'batches of 100',
    ])
    expect(readMatchSettings(['--arms', 'batches of 1,000,turf'], defaults)!.arms).toEqual([
      'rbush + turf',
      'batches of 1,000',
    ])
  })

  it.each([
    [['--only', 'nothing'], '--only "nothing" names no row'],
    [['--arms', 'magic'], '--arms "magic" names no arm'],
    [['--rounds', '0'], '--rounds must be 1..1000, got "0"'],
    [['--rounds', '1.5'], '--rounds must be an integer, got "1.5"'],
    [['--seconds', '3601'], '--seconds must be 0.01..3600, got "3601"'],
    [['--what'], "Unknown option '--what'"],
  ])('refuses %j', (args, message) => {
    expect(() => readMatchSettings(args, defaults)).toThrow(MatchUsageError)
    expect(() => readMatchSettings(args, defaults)).toThrow(message)
  })

  it('leaves out what is large when quick, and asks for nothing but help', () => {
    const { rows, rounds } = readMatchSettings(['--quick'], defaults)!
    expect(rows.map(({ name }) => name)).toEqual([
      '10k',
      '10k polygons only',
      'taxi zones',
      'districts',
      'countries',
      'airports',
    ])
    expect(rounds).toBe(3)
    expect(readMatchSettings(['--help'], defaults)).toBeNull()
  })
})
