// The command line of `make load`.
import { parseArgs } from 'node:util'
import { ROWS, type Row } from './rows.ts'

export interface LoadSettings {
  readonly mode: 'fixed' | 'flat' | 'both'
  readonly rows: readonly Row[]
  readonly rounds: number
  readonly flatRounds: number
  readonly ratePerS: number
  readonly maxEventsPerS: number
  readonly connections: number
  readonly windowMs: number
  readonly warmUpMs: number
  /** Once a row, both servers flat out before the first round: their code is compiled by then. */
  readonly rowWarmUpMs: number
  readonly devices: number
  readonly fences: number
  readonly sink: 'journal' | 'kafka'
  /** Above 1: the node once more with so many threads, in the same rounds. */
  readonly threads: number
  readonly pin: boolean
  readonly json: string
  readonly cpuProfile: string | null
  /** A node that runs already; null = start one. */
  readonly target: {
    readonly host: string
    readonly port: number
    readonly key: string
    readonly pid: number | null
  } | null
}

export const USAGE = `make load ARGS="…"    (node bench/dist/load.js …)

Sends prebuilt packed batches to a node on 127.0.0.1 and, in turns, to an empty uWebSockets.js handler that reads the same
bodies and answers the same bytes. Prints server CPU per request and its ratio to that floor. About six minutes.

  --quick              three short rounds a row instead of nine: a look in about a minute
  --only <text>        only rows whose name contains it, e.g. "20 pings"
  --mode <m>           fixed (one rate), flat (as fast as it goes) or both (default)
  --rate <n>           requests a second at the fixed rate, for node and floor alike (4000)
  --max-events <n>     lowers the rate of rows that would make more events a second (100000)
  --connections <n>    keep-alive connections (32)
  --rounds <n>         rounds a row at the fixed rate (9)
  --seconds <n>        length of one window (2.5)
  --devices <n>        bodies a row, each of a device of its own (500)
  --fences <n>         synthetic fences (10000)
  --sink <s>           journal (default) or kafka (starts a broker)
  --threads <n>        the node once more with so many threads, beside the one with one: CPU a request and memory, at n times the rate and connections
  --no-pin             leave it to the system which core runs what
  --target <url>       a node that runs already, e.g. http://127.0.0.1:8080; no floor then
  --key <key>          its SDK key
  --pid <n>            its process, for CPU per request
  --cpu-prof <folder>  write a CPU profile of the node there (makes it slower)
  --json <file>        where the result goes (bench/out/load.json)
  --help
`

/** A command line that cannot be obeyed; the message says why. */
export class UsageError extends Error {}

/**
 * Reads the command line; null = help is asked for.
 *
 * @throws UsageError
 */
export function readLoadSettings(args: readonly string[], defaults: { readonly json: string }): LoadSettings | null {
  const { values } = parse(args)
  if (values.help) return null
  const number = (name: string, text: string | undefined, otherwise: number, min: number, max: number): number => {
    const value = text === undefined ? otherwise : Number(text)
    if (!(value >= min && value <= max)) throw new UsageError(`--${name} must be ${min}..${max}, got "${text}"`)
    return value
  }
  const whole = (name: string, value: number): number => {
    if (!Number.isInteger(value)) throw new UsageError(`--${name} must be a whole number, got "${value}"`)
    return value
  }
  const oneOf = <T extends string>(name: string, text: string | undefined, choices: readonly [T, ...T[]]): T => {
    const value = text === undefined ? choices[0] : choices.find((choice) => choice === text)
    if (value === undefined) throw new UsageError(`--${name} must be one of ${choices.join(', ')}, got "${text}"`)
    return value
  }
  const { quick = false, only = '' } = values
  const rows = ROWS.filter((row) => row.name.includes(only))
  if (rows.length === 0)
    throw new UsageError(`--only "${only}" names no row; there are: ${ROWS.map((row) => row.name).join(' | ')}`)
  return {
    mode: oneOf('mode', values.mode, ['both', 'fixed', 'flat']),
    rows,
    rounds: number('rounds', values.rounds, quick ? 3 : 9, 1, 1000),
    flatRounds: quick ? 1 : 2,
    ratePerS: number('rate', values.rate, 4000, 1, 1_000_000),
    maxEventsPerS: number('max-events', values['max-events'], 100_000, 1, 100_000_000),
    connections: number('connections', values.connections, 32, 1, 10_000),
    windowMs: 1000 * number('seconds', values.seconds, quick ? 1 : 2.5, 0.1, 3600),
    warmUpMs: quick ? 200 : 300,
    rowWarmUpMs: quick ? 1000 : 5000,
    devices: number('devices', values.devices, 500, 1, 100_000),
    fences: number('fences', values.fences, 10_000, 1, 1_000_000),
    sink: oneOf('sink', values.sink, ['journal', 'kafka']),
    threads: whole('threads', number('threads', values.threads, 1, 1, 64)),
    pin: !values['no-pin'],
    json: values.json ?? defaults.json,
    cpuProfile: values['cpu-prof'] ?? null,
    target: readTarget(values),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string' },
        mode: { type: 'string' },
        rate: { type: 'string' },
        'max-events': { type: 'string' },
        connections: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        devices: { type: 'string' },
        fences: { type: 'string' },
        sink: { type: 'string' },
        threads: { type: 'string' },
        'no-pin': { type: 'boolean' },
        target: { type: 'string' },
        key: { type: 'string' },
        pid: { type: 'string' },
        'cpu-prof': { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function readTarget(values: { target?: string; key?: string; pid?: string }): LoadSettings['target'] {
  const { target, key = '', pid } = values
  if (target === undefined) {
    if (pid !== undefined || key !== '') throw new UsageError('--key and --pid go with --target')
    return null
  }
  const url = URL.canParse(target) ? new URL(target) : null
  // A load generator that can be pointed at the world is a weapon.
  if (url?.protocol !== 'http:' || !['127.0.0.1', 'localhost'].includes(url.hostname))
    throw new UsageError('--target must be http:// on 127.0.0.1')
  if (key === '') throw new UsageError('--target needs --key')
  if (pid !== undefined && !/^[1-9]\d{0,9}$/.test(pid)) throw new UsageError('--pid must be a process id')
  return {
    host: '127.0.0.1',
    port: Number(url.port || 80),
    key,
    pid: pid === undefined ? null : Number(pid),
  }
}
