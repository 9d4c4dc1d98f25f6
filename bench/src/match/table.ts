// What the match bench prints: a table of arms, and the ratios that were aimed at beside what came out.
import { timesOf } from '../measure.ts'
import { brief, renderTable, withQuartiles } from '../report.ts'
import type { Quartiles } from '../statistics.ts'
import type { ArmName } from './arms.ts'
import type { ComparisonResult, MatchArmResult } from './comparison.ts'

/** What the others are compared with. */
const BASE: ArmName = 'batches of 1,000'

export function renderComparisons(results: readonly ComparisonResult[]): string {
  const rows = results.flatMap((result) => {
    const base = armOf(result, BASE)
    return result.arms.map((arm, i) => [
      i === 0 ? result.name : '',
      i === 0 ? `${brief(result.hitsPerPing)}` : '',
      arm.name,
      brief(arm.cpuNs.median),
      base === null || arm === base ? '' : withQuartiles(timesOf(arm, base)),
      arm.candidatesPerPing === null ? '-' : brief(arm.candidatesPerPing),
      brief(arm.indexBytes / result.fences),
      brief(arm.geometryBytes / result.fences),
      brief(arm.buildWallMs / 1000),
    ])
  })
  const head = [
    'row',
    'hits/ping',
    'arm',
    'CPU ns/ping',
    `times ${BASE}`,
    'candidates',
    'index B/fence',
    'geometry',
    'build s',
  ]
  return renderTable(head, rows)
}

export interface Verdict {
  readonly row: string
  readonly what: string
  readonly times: Quartiles
  readonly wanted: string
  readonly met: boolean
}

interface Aim {
  readonly row: string
  readonly of: ArmName
  readonly over: ArmName
  readonly least: number
  readonly most: number
}

const atLeast = (row: string, of: ArmName, over: ArmName, least: number): Aim => ({
  row,
  of,
  over,
  least,
  most: Number.POSITIVE_INFINITY,
})
/** The peers' own ratio as it was measured elsewhere, and how far from it this machine may be. */
const PEERS_TOLERANCE = 0.3
const peers = (row: string, ratio: number): Aim => ({
  row,
  of: 'rbush + turf',
  over: 'flatbush + typed',
  least: ratio * (1 - PEERS_TOLERANCE),
  most: ratio * (1 + PEERS_TOLERANCE),
})

const AIMS: readonly Aim[] = [
  atLeast('10k', 'rbush + turf', 'batches of 1,000', 6),
  atLeast('100k', 'rbush + turf', 'batches of 1,000', 8),
  atLeast('1M', 'rbush + turf', 'batches of 1,000', 15),
  atLeast('10k', 'flatbush + typed', 'one by one', 3),
  atLeast('100k', 'flatbush + typed', 'one by one', 2.5),
  atLeast('1M', 'flatbush + typed', 'one by one', 2.5),
  peers('10k', 0.93),
  peers('100k', 1.88),
  peers('1M', 3.68),
]

/** The aims whose two arms were both measured. */
export function verdicts(results: readonly ComparisonResult[]): Verdict[] {
  return AIMS.flatMap(({ row, of, over, least, most }) => {
    const result = results.find(({ name }) => name === row)
    const a = result && armOf(result, of)
    const b = result && armOf(result, over)
    if (!a || !b) return []
    const times = timesOf(a, b)
    const wanted = most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least.toFixed(2)} to ${most.toFixed(2)}`
    return [{ row, what: `${of} over ${over}`, times, wanted, met: times.median >= least && times.median <= most }]
  })
}

export function renderVerdicts(all: readonly Verdict[]): string {
  const rows = all.map(({ row, what, times, wanted, met }) => [
    row,
    what,
    withQuartiles(times),
    wanted,
    met ? 'met' : 'NOT MET',
  ])
  return renderTable(['row', 'ratio', 'is', 'wanted', ''], rows)
}

function armOf(result: ComparisonResult, name: ArmName): MatchArmResult | null {
  return result.arms.find((arm) => arm.name === name) ?? null
}
