// The command line of `make bench-match`.
import { parseArgs } from 'node:util'
import { ARM_NAMES, type ArmName } from './arms.ts'
import { chosenArms, ROWS, type RowSpec } from './rows.ts'

export interface MatchSettings {
  readonly rows: readonly RowSpec[]
  readonly arms: readonly ArmName[]
  readonly rounds: number
  /** Seconds for the rounds of a row; null = what the row has. */
  readonly seconds: number | null
  readonly json: string
  /** The page whose table is written anew, or null. */
  readonly table: string | null
  /** A result of before to make the table of, without a run; or null. */
  readonly from: string | null
}

export const USAGE = `make bench-match ARGS="…"    (node bench/dist/match.js …)

CPU a ping of matching against synthetic and real fences, our index beside rbush + turf, rbush + typed point in polygon,
flatbush + typed point in polygon and which-polygon. Each row is a process of its own; its arms take turns and must find the
same pairs of ping and fence, else the run fails. All of it takes about eight minutes and 3 GB.

  --quick          10,000 fences and the real layers, short: about a minute
  --only <text>    rows whose name contains it: ${ROWS.map(({ name }) => name).join(' | ')}
                   "=10k" means exactly that row; several with commas
  --arms <text>    arms whose name contains one of the words: ours | ${ARM_NAMES.join(' | ')}
  --rounds <n>     rounds a row (7)
  --seconds <n>    time for the rounds of one row
  --json <file>    where the result goes (bench/out/bench-match.json)
  --table          write the table of libs/match/MEASURED.md anew
  --from <json>    of a result of before, without a run
  --help
`

/** A command line that cannot be obeyed; the message says why. */
export class MatchUsageError extends Error {}

const QUICK_SECONDS = 3
const QUICK_ROUNDS = 3
const QUICK_FENCES = 10_000

/**
 * Reads the command line; null = help is asked for.
 *
 * @throws MatchUsageError
 */
export function readMatchSettings(
  args: readonly string[],
  defaults: { readonly json: string; readonly page: string },
): MatchSettings | null {
  const { values } = parse(args)
  if (values.help) return null
  const { quick = false, only, arms: armWords } = values
  const number = (name: string, text: string | undefined, min: number, max: number): number | null => {
    if (text === undefined) return null
    const value = Number(text)
    if (!(value >= min && value <= max)) throw new MatchUsageError(`--${name} must be ${min}..${max}, got "${text}"`)
    return value
  }
  const words = only?.split(',') ?? ['']
  const rows = ROWS.filter(({ name, source }) => {
    if (quick && ('sweep' in source || ('count' in source && source.count > QUICK_FENCES))) return false
    return words.some((word) => (word.startsWith('=') ? word.slice(1) === name : name.includes(word)))
  })
  if (rows.length === 0) throw new MatchUsageError(`--only "${only}" names no row`)
  const arms = chosenArms(armWords?.split(/,(?!\d)/) ?? [''])
  if (arms.length === 0) throw new MatchUsageError(`--arms "${armWords}" names no arm`)
  const rounds = number('rounds', values.rounds, 1, 1000) ?? (quick ? QUICK_ROUNDS : 7)
  if (!Number.isInteger(rounds)) throw new MatchUsageError(`--rounds must be an integer, got "${values.rounds}"`)
  return {
    rows,
    arms,
    rounds,
    seconds: number('seconds', values.seconds, 0.01, 3600) ?? (quick ? QUICK_SECONDS : null),
    json: values.json ?? defaults.json,
    table: values.table ? defaults.page : null,
    from: values.from ?? null,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string' },
        arms: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        json: { type: 'string' },
        table: { type: 'boolean' },
        from: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new MatchUsageError(error instanceof Error ? error.message : String(error))
  }
}
