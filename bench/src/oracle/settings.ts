// The command line of `make oracle`.
import { parseArgs } from 'node:util'

export interface OracleSettings {
  readonly only: string
  /** Points of each set; null = all. */
  readonly sample: number | null
  readonly json: string
}

export const ORACLE_USAGE = `make oracle ARGS="…"    (node bench/dist/oracle.js …)

Posts every point of ../shared/data that has ground truth through POST /v1/pings of a standalone that it starts, reads the events
back from /v1/events, and compares the fences they name with those of GEOS (polygons) and of geodesics on WGS84 (circles).
Exits with 1 when one differs. Two minutes on an idle machine.

  --only <text>   only sets whose name contains it: nyc/, austin/, world/antimeridian …
  --sample <n>    at most n points of each set, spread over the whole of it
  --json <file>   where the result goes (bench/out/oracle.json)
  --help
`

/** A command line that cannot be obeyed; the message says why. */
export class OracleUsageError extends Error {}

/**
 * Reads the words after the command; null = help is asked for.
 *
 * @throws OracleUsageError
 */
export function readOracleSettings(words: readonly string[], defaults: { json: string }): OracleSettings | null {
  let values: { only?: string; sample?: string; json?: string; help?: boolean }
  try {
    const options = {
      only: { type: 'string' },
      sample: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean' },
    } as const
    values = parseArgs({ args: [...words], options, strict: true }).values
  } catch (error) {
    throw new OracleUsageError(error instanceof Error ? error.message : String(error))
  }
  if (values.help === true) return null
  const { only = '', sample, json = defaults.json } = values
  if (sample !== undefined && !/^[1-9]\d{0,8}$/.test(sample))
    throw new OracleUsageError(`--sample must be a number of points, 1 or more, got "${sample}"`)
  return { only, sample: sample === undefined ? null : Number(sample), json }
}
