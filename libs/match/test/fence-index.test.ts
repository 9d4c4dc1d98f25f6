// The packed index against its contract, and what only this index promises.
import { SlotList } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import {
  beaconShape,
  circleShape,
  fenceIndexContract,
  makeFence,
  makePolygon,
  polygonShape,
} from '../../model/contract/fence-index.ts'
import { BaseIndex, createFenceIndex, openFenceIndex, packDelta, packFences } from '../src/index.ts'

fenceIndexContract('createFenceIndex', createFenceIndex)
fenceIndexContract('an index all of whose fences are in the delta', (fences) => {
  const { base } = packFences([])
  return openFenceIndex({ base, delta: packDelta(new BaseIndex(base).facts, fences, []) })
})
fenceIndexContract('an index half of whose fences are in the delta, and some of the base gone', (fences) => {
  // Every second fence was edited since; what it was before lay everywhere.
  const everywhere = circleShape(0, 0, 1_000_000)
  const edited = fences.filter((_, i) => i % 2 === 0)
  const { base } = packFences(
    fences.map((fence, i) => (i % 2 === 0 ? { ...fence, shape: everywhere, version: 7 } : fence)),
  )
  const { facts } = new BaseIndex(base)
  const gone = edited.map(({ id, tenant }) => facts.find(id, tenant))
  return openFenceIndex({ base, delta: packDelta(facts, edited, gone) })
})

describe('createFenceIndex', () => {
  it('keeps a copy: a list or a ring changed later does not show', () => {
    const polygon = makePolygon([
      [0, 0],
      [1, 0],
      [0, 1],
    ])
    const fences = [makeFence('a', polygonShape(polygon))]
    const index = createFenceIndex(fences)
    fences.push(makeFence('b', beaconShape('altbeacon', new Array(20).fill(1))))
    polygon.rings[0]!.fill(50)
    const out = new SlotList()
    index.matchInto('acme', 0.25, 0.25, out)
    expect([index.size, out.length]).toEqual([1, 1])
  })

  // Stripes are used above 32 edges: the same outline with and without extra corners must answer alike at every point of a grid
  // that runs through its corners and along its edges.
  it.each([8, 32, 33, 40, 1000, 20_000])('answers the same for one outline cut into %i edges', (edges) => {
    const perSide = edges / 4
    const corners = Array.from({ length: edges }, (_, i): [number, number] => {
      const side = Math.floor(i / perSide)
      const along = (i - Math.ceil(side * perSide)) / Math.ceil(perSide)
      return (
        [
          [along, 0],
          [1, along],
          [1 - along, 1],
          [0, 1 - along],
        ] as [number, number][]
      )[side]!
    })
    const index = createFenceIndex([makeFence('a', polygonShape(makePolygon(corners)))])
    const out = new SlotList()
    for (let x = -2; x <= 10; x++) {
      for (let y = -2; y <= 10; y++) {
        index.matchInto('acme', x / 8, y / 8, out)
        expect([x, y, out.length]).toEqual([x, y, x >= 0 && x <= 8 && y >= 0 && y <= 8 ? 1 : 0])
      }
    }
  })

  it('stays bounded on a comb whose every tooth reaches through all stripes', () => {
    const teeth = 5000
    const corners: [number, number][] = [[0, 0]]
    for (let i = 0; i < teeth; i++) corners.push([(i + 0.25) / teeth, 1], [(i + 0.75) / teeth, 0.001])
    corners.push([1, 0])
    const index = createFenceIndex([makeFence('comb', polygonShape(makePolygon(corners)))])
    const out = new SlotList()
    index.matchInto('acme', 0.25 / teeth, 0.999, out)
    expect(out.length).toBe(1)
    index.matchInto('acme', 0.75 / teeth, 0.999, out)
    expect(out.length).toBe(0)
  })
})
