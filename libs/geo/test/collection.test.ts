// Whole files: one bad fence never stops the others, unless it is asked to.
import { describe, expect, it } from 'vitest'
import { type FenceError, loadFences } from '../src/index.ts'

type More = { id?: unknown; tenant?: unknown; radius?: unknown }

function circle({ id, tenant, radius = 50 }: More = {}): unknown {
  return {
    type: 'Feature',
    ...(id === undefined ? {} : { id }),
    properties: { radius_m: radius, tenant },
    geometry: { type: 'Point', coordinates: [1, 2] },
  }
}

function load(features: unknown[], invalid: 'skip' | 'repair' | 'fail' = 'skip') {
  return loadFences({ type: 'FeatureCollection', features }, { invalid })
}

describe('loadFences', () => {
  it('reads a collection in its order, and a single feature', () => {
    expect(load([circle({ id: 'b' }), circle(), circle({ id: 'a' })]).fences.map(({ id }) => id)).toEqual([
      'b',
      '#1',
      'a',
    ])
    expect(loadFences(circle(), { invalid: 'fail' }).fences.map(({ id }) => id)).toEqual(['#0'])
    expect(load([])).toEqual({ fences: [], problems: [] })
  })

  it.each([
    [null],
    [5],
    ['{}'],
    [[]],
    [{}],
    [{ type: 'FeatureCollection' }],
    [{ type: 'GeometryCollection', geometries: [] }],
  ])('refuses %j as a whole, however lenient', (collection) => {
    for (const invalid of ['skip', 'repair', 'fail'] as const) {
      expect(() => loadFences(collection, { invalid })).toThrow('expected a GeoJSON FeatureCollection or Feature')
    }
  })

  it('leaves out the bad ones and tells which, why and where', () => {
    const { fences, problems } = load([circle({ id: 'good' }), null, circle({ id: 'bad', radius: -1 })])
    expect(fences.map(({ id }) => id)).toEqual(['good'])
    expect(problems).toEqual([
      {
        position: 1,
        id: null,
        code: 'bad_feature',
        message: 'expected a GeoJSON Feature with a properties object or null',
        repaired: false,
      },
      {
        position: 2,
        id: 'bad',
        code: 'bad_radius',
        message: 'a Point needs properties.radius_m, metres, above 0 and at most 1000000',
        repaired: false,
      },
    ])
  })

  it('throws for the whole file with `fail`, naming every fault', () => {
    expect(() => load([circle(), null, circle({ radius: -1 })], 'fail')).toThrow(
      '2 invalid features\nfeature 1: expected a GeoJSON Feature with a properties object or null\nfeature 2: a Point needs',
    )
  })

  it('names 20 faults and counts the rest', () => {
    const messageOf = (bad: number): string => {
      try {
        load(new Array(bad).fill(null), 'fail')
      } catch (error) {
        expect((error as FenceError).code).toBe('bad_collection')
        expect((error as FenceError).problems.length).toBe(20)
        return (error as FenceError).message
      }
      return ''
    }
    expect(messageOf(20).split('\n')).toHaveLength(21)
    expect(messageOf(21).split('\n')).toHaveLength(22)
    expect(messageOf(21)).toMatch(/… and 1 more$/)
  })

  describe('a repeated id', () => {
    it.each<[string, More, More, boolean]>([
      ['of one tenant', { id: 'a', tenant: 't' }, { id: 'a', tenant: 't' }, true],
      ['of every tenant', { id: 'a' }, { id: 'a' }, true],
      ['of every tenant, then of one', { id: 'a' }, { id: 'a', tenant: 't' }, true],
      ['of one tenant, then of every', { id: 'a', tenant: 't' }, { id: 'a' }, true],
      ['of two tenants', { id: 'a', tenant: 't' }, { id: 'a', tenant: 'u' }, false],
      ['as a number', { id: 7 }, { id: '7' }, true],
      ['by position', { id: '#1' }, {}, true],
    ])('%s', (_, first, second, repeated) => {
      const { fences, problems } = load([circle(first), circle(second)])
      expect(fences).toHaveLength(repeated ? 1 : 2)
      expect(problems.map(({ position, code, message }) => [position, code, message])).toEqual(
        repeated
          ? [[1, 'duplicate_id', 'the id is taken by an earlier feature that the same tenant sees (features 0 and 1)']]
          : [],
      )
    })

    it('counts only among fences that were kept', () => {
      const { fences } = load([circle({ id: 'a', radius: -1 }), circle({ id: 'a' })])
      expect(fences).toHaveLength(1)
    })

    it('cannot be repaired', () => {
      const { fences, problems } = load([circle({ id: 'a' }), circle({ id: 'a' })], 'repair')
      expect([fences.length, problems[0]?.repaired]).toEqual([1, false])
    })
  })
})
