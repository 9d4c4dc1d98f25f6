// `make bench-match`: our index beside other ways to match, from ten thousand fences to a million and on real layers.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Child } from './load/child.ts'
import type { RowReply } from './match/child.ts'
import type { ComparisonResult } from './match/comparison.ts'
import { replaceTable, tableOf } from './match/readme-table.ts'
import { type RowSpec, reasonToSkip } from './match/rows.ts'
import { type MatchSettings, MatchUsageError, readMatchSettings, USAGE } from './match/settings.ts'
import { renderComparisons, renderVerdicts, verdicts } from './match/table.ts'
import { endProgress, progress, writeJson } from './report.ts'

const CHILD_ENTRY = fileURLToPath(new URL('./match/child.js', import.meta.url))
const DEFAULT_JSON = join(fileURLToPath(new URL('../out', import.meta.url)), 'bench-match.json')
const PAGE = fileURLToPath(new URL('../../libs/match/MEASURED.md', import.meta.url))
/** A row that says nothing for so long hangs. */
const SILENCE_MS = 600_000

let settings: MatchSettings | null = null
try {
  settings = readMatchSettings(process.argv.slice(2), { json: DEFAULT_JSON, page: PAGE })
} catch (error) {
  if (!(error instanceof MatchUsageError)) throw error
  console.error(`${error.message}\n\n${USAGE}`)
  process.exit(2)
}
if (settings === null) {
  console.log(USAGE)
  process.exit(0)
}
try {
  if (settings.from === null) await main(settings)
  if (settings.table !== null) writeTable(settings.from ?? settings.json, settings.table)
} catch (error) {
  endProgress()
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

function writeTable(json: string, page: string): void {
  const { result } = JSON.parse(readFileSync(json, 'utf8')) as { result: { comparisons: ComparisonResult[] } }
  writeFileSync(page, replaceTable(readFileSync(page, 'utf8'), tableOf(result.comparisons)))
  console.log(`table: ${page}`)
}

async function main(settings: MatchSettings): Promise<void> {
  const began = performance.now()
  const results: ComparisonResult[] = []
  const took: { row: string; seconds: number; peakMb: number }[] = []
  for (const [i, row] of settings.rows.entries()) {
    const reason = reasonToSkip(row)
    if (reason !== null) {
      endProgress()
      console.log(`${row.name}: ${reason}`)
      continue
    }
    const rowBegan = performance.now()
    const { result, peakMb } = await runRow(row, settings, (line) => {
      const seconds = Math.round((performance.now() - began) / 1000)
      progress(`[${seconds} s, row ${i + 1} of ${settings.rows.length}] ${row.name}: ${line}`)
    })
    results.push(result)
    took.push({ row: row.name, seconds: Math.round((performance.now() - rowBegan) / 1000), peakMb })
  }
  endProgress()
  console.log(renderComparisons(results))
  const all = verdicts(results)
  if (all.length > 0) console.log(`\n${renderVerdicts(all)}`)
  console.log(`\n${took.map(({ row, seconds, peakMb }) => `${row}: ${seconds} s, at most ${peakMb} MB`).join('\n')}`)
  writeJson(settings.json, { comparisons: results, verdicts: all, took })
  console.log(`\nJSON: ${settings.json}`)
}

async function runRow(
  row: RowSpec,
  { arms, rounds, seconds }: MatchSettings,
  say: (line: string) => void,
): Promise<{ result: ComparisonResult; peakMb: number }> {
  say(`a process with ${row.heapMb} MB of heap`)
  const nodeArgs = ['--expose-gc', `--max-old-space-size=${row.heapMb}`]
  const child = new Child({ name: `row ${row.name}`, entry: CHILD_ENTRY, nodeArgs, core: null })
  try {
    const answer = child.next((message) => {
      const reply = message as unknown as RowReply
      if (reply.kind === 'progress') say(reply.line)
      return reply.kind === 'done' || reply.kind === 'failed' ? reply : undefined
    }, SILENCE_MS)
    child.send({ kind: 'row', row, arms, rounds, seconds: seconds ?? row.seconds })
    const reply = await answer
    if (reply.kind === 'failed') throw new Error(reply.message)
    return reply
  } finally {
    await child.stop()
  }
}
