import { describe, expect, it } from 'vitest'
import { advance, decodeRecord, dueAt, encodeRecord, NOWHERE, sweep } from '../src/index.ts'
import { CASES } from './cases.ts'
import { batchOf, lineOf, partsOf, rulesOf } from './support.ts'

describe('presence', () => {
  it.each(CASES)('$title', ({ fences, campaigns, settings, steps }) => {
    let state = NOWHERE
    let rules = rulesOf(fences, campaigns)
    for (const [i, step] of steps.entries()) {
      if (step.fences !== undefined) rules = rulesOf(step.fences, campaigns)
      const parts = partsOf(rules, settings)
      const due = dueAt(state, parts)
      const moved =
        'sweepS' in step
          ? sweep(state, step.sweepS * 1000, parts)
          : advance(state, batchOf(rules, step.pings, step.receivedS, step.skewS), parts)
      expect({ step: i, makes: moved.transitions.map(lineOf) }).toEqual({ step: i, makes: step.makes })
      // A sweep has something to do exactly when `dueAt` said so.
      if ('sweepS' in step && step.makes.length > 0) expect(due).toBeLessThanOrEqual(step.sweepS * 1000)
      // What a store keeps of it is all of it.
      const record = { tenant: 'acme', feed: { epoch: 'e', seq: i }, state: moved.state, privacy: null, pending: null }
      expect(decodeRecord(encodeRecord(record))).toEqual(record)
      state = moved.state
    }
  })

  it('stops before another ping once so many transitions are made, and goes on where it stopped', () => {
    const rules = rulesOf({ a: {} })
    const parts = partsOf(rules, { maxTransitions: 2 })
    const pings = [1, 2, 3, 4, 5].map((seconds) => [seconds, seconds % 2 === 1 ? 'a' : ''] as const)
    const batch = batchOf(rules, pings)
    const lines: string[][] = []
    let state = NOWHERE
    for (let more = true; more; ) {
      const moved = advance(state, batch, parts)
      lines.push(moved.transitions.map(lineOf))
      state = moved.state
      more = moved.more
    }
    expect(lines).toEqual([['enter a @1', 'exit a @2'], ['enter a @3', 'exit a @4'], ['enter a @5']])
  })

  it('counts what was late and what was crowded', () => {
    const rules = rulesOf({ a: {}, b: {} })
    const parts = partsOf(rules, { maxVisits: 1 })
    const first = advance(
      NOWHERE,
      batchOf(rules, [
        [10, 'a b'],
        [10, 'b', { tie: [5] }],
      ]),
      parts,
    )
    expect([first.late, first.crowded]).toEqual([1, 1])
    const second = advance(
      first.state,
      batchOf(
        rules,
        [
          [9, ''],
          [10, ''],
        ],
        11,
      ),
      parts,
    )
    expect([second.late, second.crowded]).toEqual([2, 0])
  })

  it('refuses bytes that are no record of its making', () => {
    for (const bytes of [[], [0xc0], [0x91, 2], [0x98, 1, 2, 3, 4, 5, 6, 7, 8], [0xff, 0xff]])
      expect(() => decodeRecord(Uint8Array.from(bytes))).toThrow(RangeError)
  })
})
