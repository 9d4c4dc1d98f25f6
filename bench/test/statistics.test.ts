import { describe, expect, it } from 'vitest'
import { brief, renderTable } from '../src/report.ts'
import { percentile, quartiles } from '../src/statistics.ts'

describe('statistics', () => {
  it.each([
    [[7], { q1: 7, median: 7, q3: 7 }],
    [[2, 1], { q1: 1.25, median: 1.5, q3: 1.75 }],
    [[9, 1, 5], { q1: 3, median: 5, q3: 7 }],
    [[10, 2, 4, 8, 6], { q1: 4, median: 6, q3: 8 }],
  ])('quartiles of %j', (values, expected) => {
    expect(quartiles(values)).toEqual(expected)
  })

  it('has no quartiles of nothing', () => {
    expect(() => quartiles([])).toThrow(RangeError)
  })

  it.each([
    [50, 50],
    [99, 99],
    [99.9, 100],
    [100, 100],
    [0, 1],
  ])('percentile %d of 1..100 is %d', (percent, expected) => {
    const sorted = Float64Array.from({ length: 100 }, (_, i) => i + 1)
    expect(percentile(sorted, percent)).toBe(expected)
  })

  it('has no percentile of nothing', () => {
    expect(percentile(new Float64Array(0), 50)).toBeNaN()
  })
})

describe('report', () => {
  it.each([
    [0, '0'],
    [1234.4, '1234'],
    [12.345, '12.3'],
    [1.2345, '1.23'],
    [0.012345, '0.0123'],
    [Number.NaN, '-'],
  ])('writes %d as %s', (value, text) => {
    expect(brief(value)).toBe(text)
  })

  it('lines columns up', () => {
    expect(
      renderTable(
        ['name', 'ns'],
        [
          ['a', '1'],
          ['long name', '1000'],
        ],
      ),
    ).toBe('name         ns\na             1\nlong name  1000')
  })
})
