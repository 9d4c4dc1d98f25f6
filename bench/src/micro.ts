// `make bench`: what the parts of the ping path cost, each beside another way to do it.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Case, type CaseResult, ChecksumError, measure } from './measure.ts'
import { admitCases } from './micro/admit.ts'
import { decodeCases } from './micro/decode.ts'
import { eligibleCases } from './micro/eligible.ts'
import { idCases, identityCases } from './micro/identity.ts'
import { matchCases } from './micro/match.ts'
import { publishCases } from './micro/publish.ts'
import { endProgress, progress, renderCases, writeJson } from './report.ts'

const USAGE = `make bench ARGS="…"    (node bench/dist/micro.js …)

CPU an operation of the parts of the ping path, each beside another way to do the same; about a minute. Arms take turns in
one process and must give equal checksums, else the run fails. The ratio is the median of the rounds, with quartiles.

  --only <text>    only cases whose name contains it: decode, match, eligible, encode, publish, id, identity, admit
  --seconds <n>    time for one case (1.8)
  --rounds <n>     rounds a case (15)
  --json <file>    where the result goes (bench/out/micro.json)
  --help
`

const DEFAULT_JSON = join(fileURLToPath(new URL('../out', import.meta.url)), 'micro.json')

/** What a bench needs before it runs, and what it leaves behind. */
type Bench = () => Promise<{ cases: readonly Case[]; close?: () => Promise<void> }>

const BENCHES: Readonly<Record<string, Bench>> = {
  decode: async () => ({ cases: decodeCases() }),
  match: async () => ({ cases: matchCases() }),
  eligible: async () => ({ cases: eligibleCases() }),
  'encode publish': publishCases,
  'event id': async () => ({ cases: idCases() }),
  identity: async () => ({ cases: identityCases() }),
  admit: async () => ({ cases: admitCases() }),
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '1.8' },
    rounds: { type: 'string', default: '15' },
    json: { type: 'string', default: DEFAULT_JSON },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
if (!(seconds > 0 && seconds <= 3600) || !(Number.isInteger(rounds) && rounds > 0)) {
  console.error(
    `--seconds must be 0..3600, got "${values.seconds}"; --rounds a positive integer, got "${values.rounds}"`,
  )
  process.exit(2)
}

const results: CaseResult[] = []
try {
  for (const [group, bench] of chosenBenches(values.only)) {
    progress(`preparing ${group}`)
    const { cases, close } = await bench()
    try {
      for (const subject of cases) {
        if (!subject.name.includes(values.only)) continue
        progress(`[${results.length + 1}] ${subject.name}`)
        results.push(await measure(subject, { seconds, rounds }))
      }
    } finally {
      await close?.()
    }
  }
} catch (error) {
  endProgress()
  if (!(error instanceof ChecksumError)) throw error
  console.error(`The arms did not do the same work. ${error.message}`)
  process.exit(1)
}
endProgress()
if (results.length === 0) {
  console.error(`--only "${values.only}" names no case`)
  process.exit(2)
}
console.log(renderCases(results))
writeJson(values.json, results)
console.log(`\nJSON: ${values.json}`)

/** The groups that `only` names; all of them when it names none, because it may be part of a case's name all the same. */
function chosenBenches(only: string): [string, Bench][] {
  const all = Object.entries(BENCHES)
  const named = all.filter(
    ([group]) => only !== '' && group.split(' ').some((word) => only.includes(word) || word.includes(only)),
  )
  return named.length === 0 ? all : named
}
