// The packed index against its contract, and what only this index promises.
import { serialize } from 'node:v8'
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
import { buffersOf, createFenceIndex, openFenceIndex, packFences } from '../src/index.ts'

fenceIndexContract('createFenceIndex', createFenceIndex)
fenceIndexContract('an index packed elsewhere', (fences) => {
  const packed = packFences(fences)
  return openFenceIndex(structuredClone(packed, { transfer: buffersOf(packed) }))
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

describe('packFences', () => {
  const SHAPES = [
    circleShape(10, 20, 300),
    polygonShape(makePolygon(Array.from({ length: 40 }, (_, i) => [Math.cos(i / 7), Math.sin(i / 7)]))),
    beaconShape('ibeacon', new Array(16).fill(1)),
  ]

  /** Bytes of the message that carries so many fences, the buffers that change hands left out. */
  function messageBytes(count: number): number {
    const packed = packFences(
      Array.from({ length: count }, (_, i) =>
        makeFence(`fence-${i}`, SHAPES[i % SHAPES.length]!, ['acme', null][i % 2]),
      ),
    )
    const buffers = buffersOf(packed)
    const copied = serialize(packed).length
    return copied - buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  it('leaves nothing to copy that grows with the fences', () => {
    // Lengths are written with up to four bytes more.
    expect(messageBytes(10_000) - messageBytes(100)).toBeLessThan(200)
  })

  it('gives every buffer once, none shared with anything else', () => {
    const packed = packFences(SHAPES.map((shape, i) => makeFence(`fence-${i}`, shape)))
    const buffers = buffersOf(packed)
    expect(new Set(buffers).size).toBe(buffers.length)
    structuredClone(packed, { transfer: buffers })
    const views = [packed.circles, ...Object.values(packed).flatMap((table): unknown[] => Object.values(table))]
    const left = views.filter((view) => ArrayBuffer.isView(view)).filter(({ byteLength }) => byteLength > 0)
    expect(left).toEqual([])
  })
})
