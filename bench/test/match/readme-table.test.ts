import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { ComparisonResult } from '../../src/match/comparison.ts'
import { replaceTable, tableOf } from '../../src/match/readme-table.ts'

const page = readFileSync(fileURLToPath(new URL('../../../libs/match/MEASURED.md', import.meta.url)), 'utf8')

function arm(name: string, ns: number): object {
  return {
    name,
    cpuNs: { q1: ns, median: ns, q3: ns },
    cpuNsByRound: [ns, ns],
    indexBytes: 10_000,
    geometryBytes: 20_000,
    buildWallMs: 1500,
  }
}

function resultOf(arms: readonly object[]): ComparisonResult {
  return { name: '10k', fences: 100, pings: 10, hitsPerPing: 1.5, pairs: '', arms } as unknown as ComparisonResult
}

describe('the table of the page', () => {
  it('stands between its marks, and only there', () => {
    const changed = replaceTable(page, 'TABLE')
    expect(changed).toContain('\n\nTABLE\n\n')
    expect(replaceTable(changed, 'OTHER')).toBe(replaceTable(page, 'OTHER'))
    expect(() => replaceTable('no marks', 'TABLE')).toThrow('the page has no lines')
  })

  it('has a line a row: our times, the peers in times of ours, what it takes', () => {
    const arms = [
      arm('rbush + turf', 500),
      arm('flatbush + typed', 300),
      arm('one by one', 80),
      arm('batches of 1,000', 50),
    ]
    expect(tableOf([resultOf(arms)]).split('\n')[2]).toBe(
      '| 10k fences | 1.50 | 50.0 ns | 80.0 ns | 10.0 × |  | 6.00 × |  | 100 + 200 B | 1.50 s |',
    )
  })

  it('needs our own arms', () => {
    expect(() => tableOf([resultOf([arm('rbush + turf', 5)])])).toThrow('10k was run without our own arms')
  })
})
