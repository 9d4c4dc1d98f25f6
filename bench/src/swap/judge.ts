// What the phases of the swap bench say: latencies before, during and after, and every answer that no state of the fences explains.
import { percentile, type Quartiles, quartiles } from '../statistics.ts'
import type { PhaseResult } from './protocol.ts'
import { MATCHED, type Side } from './scene.ts'

/** One swap: `from` before, either during, `to` after. With `all` the fences called staying move too. */
export interface Swap {
  readonly from: Side
  readonly to: Side
  readonly all: boolean
  readonly before: PhaseResult
  readonly during: PhaseResult
  readonly after: PhaseResult
  /** From the order to the answer that it is done. */
  readonly tookMs: number
}

export interface SwapSummary {
  readonly what: string
  readonly swaps: number
  readonly requests: number
  readonly tookMs: Quartiles
  readonly p50: Readonly<Record<'before' | 'during' | 'after', number>>
  readonly p99: Readonly<Record<'before' | 'during' | 'after', number>>
  readonly max: Readonly<Record<'before' | 'during' | 'after', number>>
  /** p99 during over p99 before, swap by swap. */
  readonly ratio: Quartiles
  /** What no state of the fences explains. */
  readonly faults: readonly string[]
}

const PHASES = ['before', 'during', 'after'] as const

export function summarise(what: string, swaps: readonly Swap[]): SwapSummary {
  const of = (percent: number, phase: (typeof PHASES)[number]): number =>
    quartiles(swaps.map((swap) => percentile(swap[phase].latencies, percent))).median
  const each = (percent: number) => ({
    before: of(percent, 'before'),
    during: of(percent, 'during'),
    after: of(percent, 'after'),
  })
  return {
    what,
    swaps: swaps.length,
    requests: swaps.reduce((sum, swap) => sum + PHASES.reduce((n, phase) => n + swap[phase].latencies.length, 0), 0),
    tookMs: quartiles(swaps.map(({ tookMs }) => tookMs)),
    p50: each(50),
    p99: each(99),
    max: each(100),
    ratio: quartiles(
      swaps.map(({ before, during }) => percentile(during.latencies, 99) / percentile(before.latencies, 99)),
    ),
    faults: swaps.flatMap((swap, i) => faultsOf(swap).map((fault) => `swap ${i + 1}, ${fault}`)),
  }
}

/** Answers that are of another state than can be, or of none, and requests that failed; a line for each kind of them. */
export function faultsOf({ from, to, all, before, during, after }: Swap): string[] {
  const [was, is] = [MATCHED[from], MATCHED[to]]
  const phase = (result: PhaseResult, name: string, allowed: readonly number[]): string[] => {
    const odd = (got: Readonly<Record<string, number>>, allowed: readonly number[], whose: string): string[] =>
      Object.entries(got)
        .filter(([matched]) => !allowed.includes(Number(matched)))
        .map(
          ([matched, n]) =>
            `${name}: ${n} answers about ${whose} fences matched ${matched}, not ${allowed.join(' or ')}`,
        )
    return [
      ...odd(result.moving, allowed, 'moving'),
      ...odd(result.staying, all ? allowed : [MATCHED.old], 'other'),
      ...(result.failed > 0 ? [`${name}: ${result.failed} requests failed`] : []),
      ...(result.backwards > 0 ? [`${name}: ${result.backwards} answers older than one before`] : []),
    ]
  }
  return [...phase(before, 'before', [was]), ...phase(during, 'during', [was, is]), ...phase(after, 'after', [is])]
}
