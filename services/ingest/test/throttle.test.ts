import { describe, expect, it } from 'vitest'
import { createThrottle } from '../src/throttle.ts'

/** A worker whose pieces take what they say, on a clock of its own. */
function work(percent: number, pieces: readonly number[]): { readonly rests: number[]; readonly took: number } {
  let now = 100
  const rests: number[] = []
  const throttle = createThrottle(
    percent,
    () => now,
    (ms) => {
      rests.push(ms)
      now += ms
    },
  )
  for (const ms of pieces) {
    now += ms
    throttle()
  }
  return { rests, took: now - 100 }
}

describe('createThrottle', () => {
  it.each([
    [1, 100],
    [10, 10],
    [50, 2],
    [80, 1.25],
  ])('at %i %% has work take %f times as long', (percent, times) => {
    const pieces = Array.from({ length: 1000 }, (_, i) => 0.25 * (i % 5))
    const worked = pieces.reduce((sum, ms) => sum + ms, 0)
    const { took } = work(percent, [...pieces, 1])
    expect(took / (worked + 1)).toBeCloseTo(times, 6)
  })

  it('works for a while before it rests, and rests after what could not be divided', () => {
    expect(work(50, [0.3, 0.3, 0.3]).rests).toEqual([])
    const { rests } = work(50, [0.25, 0.75, 40, 0.5, 0.5])
    expect(rests).toEqual([1, 40, 1])
  })

  it('never rests at 100 %', () => {
    expect(work(100, [5, 50, 500])).toEqual({ rests: [], took: 555 })
  })

  it('blocks for real', () => {
    const began = performance.now()
    const throttle = createThrottle(50)
    while (performance.now() < began + 5);
    throttle()
    expect(performance.now() - began).toBeGreaterThanOrEqual(9.9)
  })
})
