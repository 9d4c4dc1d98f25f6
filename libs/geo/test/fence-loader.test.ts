// Features one by one: what collection.test.ts says of whole collections holds for them too; here is what is theirs alone.
import type { Fence } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { createFenceLoader, type FenceError, type FenceLoader, type FenceLoaderOptions } from '../src/index.ts'

function start(more: Partial<FenceLoaderOptions> = {}): { loader: FenceLoader; fences: Fence[] } {
  const fences: Fence[] = []
  const loader = createFenceLoader({
    invalid: 'skip',
    maxProblems: 100,
    onFence: (fence) => fences.push(fence),
    ...more,
  })
  return { loader, fences }
}

function circle(id: string, tenant?: string): unknown {
  return { type: 'Feature', id, properties: { radius_m: 5, tenant }, geometry: { type: 'Point', coordinates: [1, 2] } }
}

/** Crosses itself twice: two repairs at the most, one at the least. */
const CROSSED = {
  type: 'Feature',
  id: 'crossed',
  properties: {},
  geometry: {
    type: 'Polygon',
    coordinates: [
      [
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 1],
      ],
    ],
  },
}

describe('createFenceLoader', () => {
  it('hands over each fence at once, in the order of the features', () => {
    const { loader, fences } = start()
    loader.add(circle('b'), 0)
    expect(fences.map(({ id }) => id)).toEqual(['b'])
    loader.add(null, 1)
    loader.add(circle('a'), 2)
    expect(fences.map(({ id }) => id)).toEqual(['b', 'a'])
    expect(loader.finish().problems.map(({ position, code }) => [position, code])).toEqual([[1, 'bad_feature']])
  })

  it('keeps as many problems as it may, repairs among them, and counts the others', () => {
    const { loader } = start({ invalid: 'repair', maxProblems: 3 })
    loader.add(CROSSED, 0)
    loader.add(null, 1)
    const { problems, moreProblems } = loader.finish()
    expect(problems.map(({ position, code, repaired }) => [position, code, repaired])).toEqual([
      [0, 'unclosed_ring', true],
      [0, 'self_crossing', true],
      [1, 'bad_feature', false],
    ])
    expect(moreProblems).toBe(0)
    loader.add(null, 2)
    expect(loader.finish()).toMatchObject({ problems: problems.slice(0, 3), moreProblems: 1 })
  })

  it('leaves out what could not be read, as a problem like others', () => {
    const { loader } = start()
    loader.leaveOut(7, 'too_large')
    expect(loader.finish().problems).toEqual([
      {
        position: 7,
        id: null,
        code: 'too_large',
        message: 'a feature may have at most 67108864 bytes of JSON',
        repaired: false,
      },
    ])
    const strict = start({ invalid: 'fail' }).loader
    strict.leaveOut(7, 'too_large')
    expect(() => strict.finish()).toThrow('1 invalid features\nfeature 7: a feature may have')
  })

  it('counts every fault for a refusal, and names as many as it kept', () => {
    const { loader } = start({ invalid: 'fail', maxProblems: 20 })
    for (let position = 0; position < 1000; position++) loader.add(null, position)
    let refusal: FenceError | undefined
    try {
      loader.finish()
    } catch (error) {
      refusal = error as FenceError
    }
    expect(refusal?.problems).toHaveLength(20)
    expect(refusal?.message).toMatch(/^1000 invalid features\nfeature 0: /)
    expect(refusal?.message).toMatch(/\n… and 980 more$/)
  })

  it.each<[string, (string | undefined)[], number[]]>([
    ['several tenants, then every', ['t', 'u', undefined], [0, 2]],
    ['several tenants, then one of them', ['t', 'u', 'u'], [1, 2]],
    ['every tenant, then two', [undefined, 't', 'u'], [0, 1]],
    ['tenants that would read alike', ['1', '1 a', '0 1'], []],
  ])('names the first that has an id: %s', (_, tenants, [first, second]) => {
    const { loader } = start()
    tenants.forEach((tenant, position) => {
      loader.add(circle('a', tenant), position)
    })
    const { problems } = loader.finish()
    expect(problems[0]?.message ?? 'none').toContain(first === undefined ? 'none' : `(features ${first} and ${second})`)
  })

  it('tells ids of tenants apart whatever they begin with', () => {
    const { loader, fences } = start()
    for (const [position, [tenant, id]] of [
      ['t', '1 a'],
      ['u', 'a'],
      ['t', 'a'],
      ['u', '1 a'],
      ['u', '0 1 a'],
    ].entries())
      loader.add(circle(id as string, tenant), position)
    expect(fences).toHaveLength(5)
  })
})
