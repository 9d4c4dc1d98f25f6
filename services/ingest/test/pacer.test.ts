import { expect, it } from 'vitest'
import { createPacer } from '../src/pacer.ts'

it('lets one through in the time given, the first no sooner than that after the start', () => {
  let now = 1000
  const isDue = createPacer(5000, () => now)
  const at = (ms: number): boolean => {
    now = ms
    return isDue()
  }
  expect([1000, 5999, 6000, 6000, 6001, 10_999, 11_000, 40_000, 44_999, 45_000].map(at)).toEqual([
    ...[false, false, true, false, false, false, true, true, false, true],
  ])
})

it('lets all through where no time is given', () => {
  const isDue = createPacer(0, () => 7)
  expect([isDue(), isDue()]).toEqual([true, true])
})
