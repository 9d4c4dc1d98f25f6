// `make oracle`: every real ping with a known answer through the public door, its events against GEOS and geodesics.
import { fileURLToPath } from 'node:url'
import { type OracleReport, oracleGroups, runOracle, sharedData } from '@fencepost/testbed'
import { ORACLE_USAGE, type OracleSettings, OracleUsageError, readOracleSettings } from './oracle/settings.ts'
import { endProgress, progress, renderTable, writeJson } from './report.ts'

const ENTRY = fileURLToPath(new URL('../../services/standalone/dist/main.js', import.meta.url))
const DEFAULT_JSON = fileURLToPath(new URL('../out/oracle.json', import.meta.url))
const BAR = 30
const EVERY_MS = 100

let settings: OracleSettings | null = null
try {
  settings = readOracleSettings(process.argv.slice(2), { json: DEFAULT_JSON })
} catch (error) {
  if (!(error instanceof OracleUsageError)) throw error
  console.error(`${error.message}\n\n${ORACLE_USAGE}`)
  process.exit(2)
}
if (settings === null) {
  console.log(ORACLE_USAGE)
  process.exit(0)
}
if (sharedData() === null) {
  console.log(
    'make oracle needs the real pings and fences of ../shared/data beside the repository; there are none here.',
  )
  process.exit(0)
}
process.exitCode = (await main(settings)) ? 0 : 1

/** True when nothing differs. */
async function main({ only, sample, json }: OracleSettings): Promise<boolean> {
  const began = performance.now()
  const groups = oracleGroups()
  const names = groups.flatMap(({ sets }) => sets.map(({ name }) => name)).filter((name) => name.includes(only))
  if (names.length === 0) {
    console.error(`no set has "${only}" in its name`)
    return false
  }
  const reports = await runOracle(groups, {
    entry: ENTRY,
    only,
    ...(sample === null ? {} : { sample }),
    onGroup: (group) => progress(`${group}: loading the fences`),
    onProgress: showBar(names),
  })
  endProgress()
  console.log(renderReports(reports))
  for (const { set, examples } of reports) for (const example of examples) console.log(`  ${set} ${example}`)
  const mismatches = sum(reports, 'mismatches')
  const seconds = (performance.now() - began) / 1000
  console.log(
    `\n${sum(reports, 'compared')} answers of ${sum(reports, 'posted')} pings compared, ${mismatches} differ, ${seconds.toFixed(0)} s`,
  )
  writeJson(json, { sets: reports, mismatches, seconds })
  console.log(`written to ${json}`)
  return mismatches === 0
}

/** A bar over all sets on a terminal; elsewhere a line a set. */
function showBar(names: readonly string[]): (set: string, done: number, total: number) => void {
  let shownAt = 0
  return (set, done, total) => {
    const now = performance.now()
    if (done < total && (!process.stderr.isTTY || now - shownAt < EVERY_MS)) return
    shownAt = now
    const share = (names.indexOf(set) + done / total) / names.length
    const filled = Math.round(BAR * share)
    const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}`
    progress(`[${bar}] ${Math.floor(100 * share)} %  ${set}  ${done} of ${total} pings`)
  }
}

function renderReports(reports: readonly OracleReport[]): string {
  const rows = reports.map(({ set, points, posted, named, comparable, compared, events, mismatches, seconds }) => [
    set,
    ...[points, posted, named, comparable, compared, events, mismatches].map(String),
    seconds.toFixed(1),
  ])
  const head = ['set', 'rows', 'posted', 'named', 'comparable', 'compared', 'events', 'mismatches', 'seconds']
  return renderTable(head, rows)
}

function sum(reports: readonly OracleReport[], what: 'posted' | 'compared' | 'mismatches'): number {
  return reports.reduce((all, report) => all + report[what], 0)
}
