// The table of the match bench as libs/match/MEASURED.md has it: made from a result, never by hand.
import { timesOf } from '../measure.ts'
import { brief } from '../report.ts'
import type { ArmName } from './arms.ts'
import type { ComparisonResult } from './comparison.ts'
import { ROWS } from './rows.ts'

const BEGIN = '<!-- bench-match: made by `make bench-match ARGS=--table` -->'
const END = '<!-- bench-match: end -->'
const PEERS: readonly ArmName[] = ['rbush + turf', 'rbush + typed', 'flatbush + typed', 'which-polygon']
const BATCHED: ArmName = 'batches of 1,000'

/** CPU a ping of our two ways, how many times that each peer takes (of the batched way), and what the index takes. */
export function tableOf(results: readonly ComparisonResult[]): string {
  const head = ['fences and pings', 'hits', 'batched', 'one by one', ...PEERS, 'index + geometry', 'made in']
  const rows = results.map((result) => {
    const arm = (name: ArmName) => result.arms.find((other) => other.name === name)
    const own = arm(BATCHED)
    const single = arm('one by one')
    if (own === undefined || single === undefined) throw new Error(`${result.name} was run without our own arms`)
    const perFence = (bytes: number): string => brief(bytes / result.fences)
    return [
      ROWS.find(({ name }) => name === result.name)?.title ?? result.name,
      brief(result.hitsPerPing),
      `${brief(own.cpuNs.median)} ns`,
      `${brief(single.cpuNs.median)} ns`,
      ...PEERS.map((name) => {
        const peer = arm(name)
        return peer === undefined ? '' : `${brief(timesOf(peer, own).median)} ×`
      }),
      `${perFence(own.indexBytes)} + ${perFence(own.geometryBytes)} B`,
      `${brief(own.buildWallMs / 1000)} s`,
    ]
  })
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

/**
 * The page with another table between its marks.
 *
 * @throws Error when it has none
 */
export function replaceTable(page: string, table: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`the page has no lines "${BEGIN}" and "${END}" for the table`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`
}
