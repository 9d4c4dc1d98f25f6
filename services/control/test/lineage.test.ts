// Whether a copy of another epoch has something that an epoch must not lose: every case is a row.
import { expect, it } from 'vitest'
import { type Lineage, lacksCopy, YOUNG_MS } from '../src/lineage.ts'

const NOW = 1_742_040_000_000

const CASES: readonly [string, Lineage['origins'], { epoch: string; seq: number } | null, number, boolean][] = [
  ['began with nothing a moment ago', [], { epoch: 'old', seq: 5 }, 1000, true],
  ['began with nothing, beside a copy of nobody knows what', [], null, 1000, true],
  ['began with nothing just not too long ago', [], { epoch: 'old', seq: 5 }, YOUNG_MS - 1, true],
  ['began with nothing too long ago', [], { epoch: 'old', seq: 5 }, YOUNG_MS, false],
  ['filled from an older copy', [{ epoch: 'old', seq: 4 }], { epoch: 'old', seq: 5 }, 1000, true],
  ['filled from an older copy long ago', [{ epoch: 'old', seq: 4 }], { epoch: 'old', seq: 5 }, 9 * YOUNG_MS, true],
  ['filled from as much', [{ epoch: 'old', seq: 5 }], { epoch: 'old', seq: 5 }, 1000, false],
  ['filled from more', [{ epoch: 'old', seq: 6 }], { epoch: 'old', seq: 5 }, 1000, false],
  [
    'filled from less, then from more',
    [4, 6].map((seq) => ({ epoch: 'old', seq })),
    { epoch: 'old', seq: 5 },
    1,
    false,
  ],
  ['filled from an epoch that is not known here', [{ epoch: 'other', seq: 1 }], { epoch: 'old', seq: 5 }, 1000, false],
  ['filled, beside a copy of nobody knows what', [{ epoch: 'old', seq: 1 }], null, 1000, false],
]

it.each(CASES)('%s', (_, origins, place, age, lacks) => {
  const lineage = { origins, filled: new Set<number>(), gone: new Set<string>(), begunAt: NOW - age }
  expect(lacksCopy(lineage, place === null ? null : { ...place, hash: '' }, NOW)).toBe(lacks)
})
