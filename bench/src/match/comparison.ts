// One row of the match bench: builds its arms, holds their pairs against each other, then measures them in turns.
import type { Fence } from '@fencepost/model'
import { type ArmResult, measure } from '../measure.ts'
import { type ArmCost, type ArmName, createArms } from './arms.ts'
import type { Places } from './city-fences.ts'
import { comparePairs, Pairs } from './pairs.ts'

export interface Comparison {
  readonly name: string
  readonly fences: () => Iterable<Fence>
  readonly tenant: string
  readonly places: Places
  readonly arms: readonly ArmName[]
}

export interface ComparisonOptions {
  readonly seconds: number
  readonly rounds: number
  readonly say: (line: string) => void
}

export interface ComparisonResult {
  readonly name: string
  readonly fences: number
  readonly pings: number
  readonly hitsPerPing: number
  /** SHA-256 of the sorted (ping, fence) pairs, the same in every arm. */
  readonly pairs: string
  readonly arms: readonly MatchArmResult[]
}

export interface MatchArmResult extends ArmResult, ArmCost {
  readonly name: ArmName
  readonly candidatesPerPing: number | null
}

/**
 * Runs one row.
 *
 * @throws PairsError or ChecksumError when two arms disagree
 */
export async function compare(subject: Comparison, options: ComparisonOptions): Promise<ComparisonResult> {
  const { name, places, tenant } = subject
  const { say, seconds, rounds } = options
  let fences = 0
  const counted = function* (): Generator<Fence> {
    fences = 0
    for (const fence of subject.fences()) {
      fences++
      yield fence
    }
  }
  const arms = createArms({ names: subject.arms, fences: counted, tenant, places, say })
  const [first] = arms
  if (first === undefined) throw new RangeError(`${name} has no arm`)
  const pings = places.lon.length
  const expected = new Pairs()
  first.pass(expected)
  const candidates = [first.candidates()]
  for (const arm of arms.slice(1)) {
    say(`comparing the pairs of ${arm.name}`)
    const got = new Pairs()
    arm.pass(got)
    candidates.push(arm.candidates())
    comparePairs(`${name}, ${arm.name} against ${first.name}`, expected, got)
  }
  say('measuring')
  const [head, ...rest] = arms.map((arm) => ({ name: arm.name, pass: () => arm.pass(null) }))
  const result = await measure(
    { name, unit: 'ping', operations: pings, arms: [head as NonNullable<typeof head>, ...rest] },
    { seconds, rounds },
  )
  return {
    name,
    fences,
    pings,
    hitsPerPing: expected.length / pings,
    pairs: expected.digest(),
    arms: arms.map(({ name, cost }, i) => {
      const looked = candidates[i] ?? null
      return {
        ...(result.arms[i] as ArmResult),
        ...cost,
        name,
        candidatesPerPing: looked === null ? null : looked / pings,
      }
    }),
  }
}
