// Random walks against a plain reading of them, in whatever batches they come.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { advance, NOWHERE } from '../src/index.ts'
import { batchOf, lineOf, type PingRow, partsOf, rulesOf } from './support.ts'

const FENCES = ['a', 'b', 'c', 'd']
const rules = rulesOf(Object.fromEntries(FENCES.map((id) => [id, {}])))

const walk = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.subarray(FENCES), fc.integer({ min: 0, max: 3 })), {
  minLength: 1,
  maxLength: 40,
})

/** Exits and enters between neighbouring pings, of one instant the one with the lowest tie. */
function plain(pings: readonly PingRow[]): string[] {
  const inOrder = [...pings].sort((a, b) => a[0] - b[0] || (a[2]?.tie?.[0] ?? 0) - (b[2]?.tie?.[0] ?? 0))
  const lines: string[] = []
  let before: string[] = []
  let last = 0
  for (const [seconds, fences] of inOrder) {
    if (seconds === last) continue
    last = seconds
    const now = fences === '' ? [] : fences.split(' ')
    for (const id of before) if (!now.includes(id)) lines.push(`exit ${id} @${seconds}`)
    for (const id of now) if (!before.includes(id)) lines.push(`enter ${id} @${seconds}`)
    before = now
  }
  return lines
}

it('makes of a walk what a plain reading of it gives, however it is cut into batches and shuffled within one', () => {
  fc.assert(
    fc.property(walk, fc.integer({ min: 1, max: 10 }), fc.infiniteStream(fc.nat()), (steps, size, dice) => {
      // Ties are told apart, so that there is one right answer.
      const pings = steps.map(
        ([seconds, fences, tie], i): PingRow => [seconds, fences.join(' '), { tie: [tie * 100 + i] }],
      )
      const inOrder = [...pings].sort((a, b) => a[0] - b[0])
      let state = NOWHERE
      const lines: string[] = []
      const visits = new Set<number>()
      for (let at = 0; at < inOrder.length; ) {
        // No instant is cut in two: its first location would be another one.
        let end = Math.min(inOrder.length, at + size)
        while (end < inOrder.length && inOrder[end]?.[0] === inOrder[end - 1]?.[0]) end++
        const batch = inOrder.slice(at, end).sort(() => ((dice.next().value as number) % 2) - 0.5)
        for (let round = 0; round < 2; round++) {
          const moved = advance(state, batchOf(rules, batch), partsOf(rules))
          if (round === 1) expect(moved.transitions).toEqual([])
          for (const one of moved.transitions) {
            lines.push(lineOf(one))
            if (one.kind === 'enter') {
              expect(visits.has(one.visit)).toBe(false)
              visits.add(one.visit)
            } else expect(visits.has(one.visit)).toBe(true)
          }
          state = moved.state
        }
        at = end
      }
      expect(lines).toEqual(plain(pings))
    }),
    { numRuns: 500, seed: 10 },
  )
})
