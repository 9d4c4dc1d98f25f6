import { describe, expect, it } from 'vitest'
import { type Arm, ChecksumError, measure, type Stopwatch, timesOf } from '../src/measure.ts'

/** A clock that only the arms move: each pass costs its arm a fixed number of ns. */
function fakeTime(): { stopwatch: Stopwatch; arm: (name: string, costNs: number, checksum?: number) => Arm } {
  let now = 0
  return {
    stopwatch: { cpuNs: () => now, wallNs: () => now * 2 },
    arm: (name, costNs, checksum = 42) => ({
      name,
      pass() {
        order.push(name)
        now += costNs
        return checksum
      },
    }),
  }
}

let order: string[] = []

describe('measure', () => {
  it('divides by passes and operations, and sets the arms in proportion', async () => {
    const { stopwatch, arm } = fakeTime()
    const result = await measure(
      { name: 'c', unit: 'ping', operations: 10, arms: [arm('ours', 1000), arm('theirs', 3000)] },
      { seconds: 0.001, rounds: 5 },
      stopwatch,
    )
    expect(result.arms).toEqual([
      { name: 'ours', cpuNs: same(100), wallNs: same(200), ratio: null, cpuNsByRound: rounds(100) },
      { name: 'theirs', cpuNs: same(300), wallNs: same(600), ratio: same(3), cpuNsByRound: rounds(300) },
    ])
    const [ours, theirs] = result.arms
    expect(timesOf(ours!, theirs!)).toEqual(same(1 / 3))
  })

  it('takes turns there and back in every round', async () => {
    const { stopwatch, arm } = fakeTime()
    order = []
    await measure(
      { name: 'c', unit: 'ping', operations: 1, arms: [arm('a', 5e8), arm('b', 5e8)] },
      { seconds: 1, rounds: 2 },
      stopwatch,
    )
    expect(order.slice(-8).join('')).toBe('abbaabba')
  })

  it.each([
    ['the second arm', [42, 43]],
    ['the first arm itself, later', [Number.NaN, 42]],
  ])('refuses checksums that differ: %s', async (_, [first, second]) => {
    const { stopwatch, arm } = fakeTime()
    const run = measure(
      { name: 'c', unit: 'ping', operations: 1, arms: [arm('a', 1000, first), arm('b', 1000, second)] },
      { seconds: 0.001, rounds: 2 },
      stopwatch,
    )
    await expect(run).rejects.toBeInstanceOf(ChecksumError)
  })

  it('awaits passes that are promises, and their checksums count too', async () => {
    const { stopwatch, arm } = fakeTime()
    const wrong: Arm = { name: 'late', pass: () => Promise.resolve(7) }
    const run = measure(
      { name: 'c', unit: 'ping', operations: 1, arms: [arm('a', 1000), wrong] },
      { seconds: 0.001, rounds: 1 },
      stopwatch,
    )
    await expect(run).rejects.toThrow('c, late: checksum 7, expected 42')
  })
})

function same(value: number): { q1: number; median: number; q3: number } {
  return { q1: expect.closeTo(value, 6), median: expect.closeTo(value, 6), q3: expect.closeTo(value, 6) }
}

function rounds(value: number): number[] {
  return Array.from({ length: 5 }, () => expect.closeTo(value, 6))
}
