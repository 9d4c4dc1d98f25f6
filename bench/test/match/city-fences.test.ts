import { normaliseFeature } from '@fencepost/geo'
import { createFenceIndex } from '@fencepost/match'
import type { Fence } from '@fencepost/model'
import { SlotList } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { CITY_TENANT, cityFences, cityPings } from '../../src/match/city-fences.ts'

const SEED = 11

describe('city fences', () => {
  it('are the same for the same seed, and others for another', () => {
    const fences = [...cityFences({ count: 200, seed: SEED })]
    expect([...cityFences({ count: 200, seed: SEED })]).toEqual(fences)
    expect([...cityFences({ count: 200, seed: SEED + 1 })]).not.toEqual(fences)
  })

  it('begin alike however many there are, so that more of them are more in one place', () => {
    expect([...cityFences({ count: 500, seed: SEED })].slice(0, 200)).toEqual([
      ...cityFences({ count: 200, seed: SEED }),
    ])
  })

  it('are half circles and half rings of 8 to 32 corners, with ids that ascend', () => {
    const fences = [...cityFences({ count: 2000, seed: SEED })]
    const corners = fences.flatMap(({ shape }) =>
      shape.kind === 'polygon' ? [shape.polygons[0]!.rings[0]!.length / 2 - 1] : [],
    )
    expect(corners).toHaveLength(1000)
    expect([Math.min(...corners), Math.max(...corners)]).toEqual([8, 32])
    expect(fences.map(({ id }) => id)).toEqual(fences.map(({ id }) => id).sort())
  })

  it('without circles are the polygons that they would be among them', () => {
    const polygons = [...cityFences({ count: 300, seed: SEED })].filter(({ shape }) => shape.kind === 'polygon')
    expect([...cityFences({ count: 300, seed: SEED, polygonsOnly: true })]).toEqual(polygons)
  })

  it('are what the door makes of their GeoJSON, to the bit', () => {
    for (const fence of cityFences({ count: 2000, seed: SEED }))
      expect(normaliseFeature(featureOf(fence), { position: 0, repair: false }).shape).toEqual(fence.shape)
  })

  it.each([
    [10_000, 0.065],
    [100_000, 0.65],
  ])('%d of them give about %d hits a ping', (count, wanted) => {
    const index = createFenceIndex([...cityFences({ count, seed: SEED })])
    const { lon, lat } = cityPings({ count: 20_000, seed: SEED })
    const out = new SlotList()
    let hits = 0
    for (let i = 0; i < lon.length; i++) {
      index.matchInto(CITY_TENANT, lon[i]!, lat[i]!, out)
      hits += out.length
    }
    expect(hits / lon.length / wanted).toBeGreaterThan(0.9)
    expect(hits / lon.length / wanted).toBeLessThan(1.1)
  })
})

function featureOf({ id, shape }: Fence): unknown {
  if (shape.kind === 'circle') {
    const { lon, lat, radiusM } = shape
    return {
      type: 'Feature',
      id,
      properties: { radius_m: radiusM },
      geometry: { type: 'Point', coordinates: [lon, lat] },
    }
  }
  if (shape.kind !== 'polygon') throw new Error(`a city fence is no ${shape.kind}`)
  const coordinates = shape.polygons[0]!.rings.map((ring) =>
    Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i], ring[2 * i + 1]]),
  )
  return { type: 'Feature', id, properties: {}, geometry: { type: 'Polygon', coordinates } }
}
