import { geodesicDistanceM } from '@fencepost/geo'
import { createFenceIndex } from '@fencepost/match'
import { LOCATION, SlotList } from '@fencepost/model'
import { createDecoder } from '@fencepost/wire'
import { describe, expect, it } from 'vitest'
import { type BodyEncoding, encodeBatch, type PingShape } from '../src/bodies.ts'
import { positionsWithHits, syntheticCollection, syntheticFences, syntheticPositions } from '../src/synthetic.ts'

const OPTIONS = { count: 600, seed: 3 }

describe('synthetic fences', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(syntheticCollection(OPTIONS)).toEqual(syntheticCollection(OPTIONS))
    expect(syntheticCollection({ ...OPTIONS, seed: 4 })).not.toEqual(syntheticCollection(OPTIONS))
  })

  it('pass the door, half circles, half polygons', () => {
    const kinds = syntheticFences(OPTIONS).map((fence) => fence.shape.kind)
    expect(kinds.filter((kind) => kind === 'circle')).toHaveLength(300)
    expect(kinds.filter((kind) => kind === 'polygon')).toHaveLength(300)
  })
})

describe('places with hits', () => {
  const index = createFenceIndex(syntheticFences(OPTIONS))
  const options = { count: 200, seed: 9, fences: OPTIONS.count, fenceSeed: OPTIONS.seed, walk: 20 }

  it.each([0, 1])('lie in exactly %d fences, most of them a few steps from the one before', (hits) => {
    const places = positionsWithHits(index, hits, options)
    const out = new SlotList()
    let near = 0
    for (const [i, { lon, lat }] of places.entries()) {
      index.matchInto('', lon, lat, out)
      expect(out.length).toBe(hits)
      const before = places[i - 1]
      if (before !== undefined && geodesicDistanceM(before.lon, before.lat, lon, lat) < 60) near++
    }
    expect(places).toHaveLength(200)
    expect(near).toBeGreaterThanOrEqual(180)
  })

  it('are the same for the same seed', () => {
    expect(positionsWithHits(index, 1, options)).toEqual(positionsWithHits(index, 1, options))
  })

  it('are refused when there are none', () => {
    expect(() => positionsWithHits(index, 500, { ...options, count: 1 })).toThrow('found 0 places with 500 hits')
  })
})

describe('synthetic bodies', () => {
  const places = syntheticPositions({ count: 20, seed: 5, fences: 600, fenceSeed: 3 })
  const shapes: [PingShape, BodyEncoding][] = [
    ['packed', 'msgpack'],
    ['named', 'msgpack'],
    ['packed', 'json'],
    ['named', 'json'],
  ]

  it.each(shapes)('%s %s decodes to the places it was made of', (shape, encoding) => {
    const sent = 1_742_040_000_000
    const body = encodeBatch({ device: 'device-1', sent, places, firstAgeMs: 500, everyMs: 1000 }, shape, encoding)
    const decoder = createDecoder({ maxPings: 100, maxAgeMs: 3_600_000, maxFutureMs: 1000 })
    expect(decoder.decode(body, encoding, sent + 20)).toBeNull()
    const { columns } = decoder.batch
    expect(columns.count).toBe(20)
    for (const [i, { lon, lat }] of places.entries()) {
      expect(columns.reason[i]).toBe(0)
      expect(columns.type[i]).toBe(LOCATION)
      expect(columns.lonE7[i]).toBe(Math.round(lon * 1e7))
      expect(columns.latE7[i]).toBe(Math.round(lat * 1e7))
      expect(columns.observed[i]).toBe(sent - 500 - i * 1000)
    }
  })
})
