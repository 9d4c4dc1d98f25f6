import { createFenceIndex } from '@fencepost/match'
import { SlotList } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { SWEEP_TENANT, type Sweep, sweepFences, sweepPings } from '../../src/match/sweep-fences.ts'

function hitsOf(sweep: Sweep): number[] {
  const index = createFenceIndex(sweepFences(sweep))
  const { lon, lat } = sweepPings(sweep, 300)
  const out = new SlotList()
  return Array.from(lon, (x, i) => {
    index.matchInto(SWEEP_TENANT, x, lat[i]!, out)
    return out.length
  })
}

describe('the fences of a sweep', () => {
  it.each([0, 1, 10, 100])('lie over a place as many as they should: %i', (overlap) => {
    const hits = hitsOf({ overlap, count: 600 })
    expect(Math.min(...hits)).toBeGreaterThanOrEqual(Math.floor(overlap * 0.97))
    expect(Math.max(...hits)).toBeLessThanOrEqual(overlap)
  })

  it.each([4, 16, 1000])('have as many vertices as they should and about one over a place: %i', (vertices) => {
    const sweep = { vertices, count: 200 }
    for (const { shape } of sweepFences(sweep)) {
      if (shape.kind !== 'polygon') throw new Error('not a polygon')
      expect(shape.polygons[0]!.rings[0]!.length).toBe(2 * (vertices + 1))
    }
    const hits = hitsOf(sweep)
    const mean = hits.reduce((sum, count) => sum + count, 0) / hits.length
    expect(mean).toBeGreaterThan(0.4)
    expect(mean).toBeLessThan(1.4)
  })
})
