// From environment to one typed object. Every problem is found and told at once, before anything listens.
import { readFileSync, statSync } from 'node:fs'
import type { ConfigOf, Schema, Setting } from './setting.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The prefix of every setting. */
const PREFIX = 'FENCEPOST_'
/** How much of a value a problem repeats. */
const MAX_QUOTED = 100
/** Names with this prefix belong to the tests. */
const TEST_PREFIX = 'FENCEPOST_TEST_'

/** All that is wrong with an environment. */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/**
 * Reads a schema's settings from an environment. An empty variable counts as not set.
 *
 * @throws ConfigError with every problem, misspelled names included; the value of a secret is in none of them
 */
export function parseConfig<S extends Schema>(schema: S, env: Environment): ConfigOf<S> {
  const problems: string[] = []
  const config: Record<string, unknown> = {}
  for (const [key, one] of Object.entries(schema)) {
    const read = readSetting(one, env)
    if ('problem' in read) problems.push(read.problem)
    else config[key] = read.value
  }
  problems.push(...misspelled(schema, env))
  if (problems.length > 0) throw new ConfigError(problems)
  return config as ConfigOf<S>
}

function readSetting(one: Setting<unknown>, env: Environment): { value: unknown } | { problem: string } {
  const given = textOf(one, env)
  if (given !== null && 'problem' in given) return given
  if (given === null) return one.fallback ?? { problem: `${one.env} is missing: ${one.help}` }
  const parsed = one.parse(given.value)
  if ('value' in parsed) return parsed
  return {
    problem: `${one.env} ${parsed.problem}${one.secret ? '' : `, got ${JSON.stringify(shortened(given.value))}`}`,
  }
}

function shortened(text: string): string {
  return text.length <= MAX_QUOTED ? text : `${text.slice(0, MAX_QUOTED)}…`
}

function textOf(one: Setting<unknown>, env: Environment): { value: string } | { problem: string } | null {
  const direct = env[one.env]
  const path = one.secret ? env[`${one.env}_FILE`] : undefined
  if (path === undefined || path === '') return direct === undefined || direct === '' ? null : { value: direct }
  if (direct !== undefined && direct !== '') return { problem: `${one.env} and ${one.env}_FILE are both set; keep one` }
  let value: string
  try {
    // Of what a link leads to: orchestrators mount secrets as links.
    const { mode } = statSync(path)
    if ((mode & 0o027) !== 0)
      return {
        problem: `${one.env}_FILE: others may read or write ${path} (mode ${octal(mode)}); run: chmod 600 ${path}, or mount it with mode 0400`,
      }
    value = readFileSync(path, 'utf8').trim()
  } catch {
    return { problem: `${one.env}_FILE: cannot read ${path}` }
  }
  // A mounted secret that is still empty must not become an empty key.
  return value === '' ? { problem: `${one.env}_FILE: ${path} is empty` } : { value }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}

/** Edits that may lie between a name and the one that was meant. */
const TYPO_EDITS = 2

/** Names that look like a slip of the finger; they are problems, because the setting that was meant is not in force. */
function misspelled(schema: Schema, env: Environment): string[] {
  const names = Object.values(schema).map(({ env: name }) => name)
  return unknownNames(schema, env).flatMap(({ name, nearest, edits }) => {
    const plain = name.replace(/_FILE$/, '')
    if (plain !== name && names.includes(plain))
      return [`${name} is not a setting: only a secret may be given as a file`]
    return edits <= TYPO_EDITS ? [`${name} is not a setting; did you mean ${nearest}?`] : []
  })
}

/**
 * `FENCEPOST_*` names that mean nothing to this schema and are nobody's misspelling: settings of another service, where one
 * environment serves several. They are ignored, and worth a line.
 */
export function foreignNames(schema: Schema, env: Environment): string[] {
  return unknownNames(schema, env).flatMap(({ name, edits }) => (edits <= TYPO_EDITS ? [] : [name]))
}

function unknownNames(schema: Schema, env: Environment): { name: string; nearest: string; edits: number }[] {
  const known = new Set(Object.values(schema).flatMap((one) => (one.secret ? [one.env, `${one.env}_FILE`] : [one.env])))
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !name.startsWith(TEST_PREFIX) && !known.has(name))
    .map((name) => {
      let nearest = ''
      let edits = Number.POSITIVE_INFINITY
      for (const other of known) {
        const away = distance(name, other)
        if (away < edits) [nearest, edits] = [other, away]
      }
      return { name, nearest, edits }
    })
}

/** Edits from one name to the other (Levenshtein 1966). */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++)
      row[j] = Math.min(
        (row[j - 1] as number) + 1,
        (previous[j] as number) + 1,
        (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
      )
    previous = row
  }
  return previous[b.length] as number
}

/** The settings as people read them: name, values, default and help of each. */
export function renderHelp(schema: Schema, text: { about: string; usage: string }): string {
  const rows = Object.values(schema).map((one) => {
    const values = one.unit === undefined ? one.values : `${one.values} ${one.unit}`
    return `  ${one.env}  (${values}; ${defaultOf(one)})\n      ${one.help}`
  })
  return [
    text.about,
    '',
    `Usage: ${text.usage}`,
    '  --help          this text',
    '  --print-config  the settings in force, secrets left out, and ends',
    '',
    'Settings, by environment; a secret NAME may be given as a file by NAME_FILE:',
    ...rows,
    '',
  ].join('\n')
}

function defaultOf(one: Setting<unknown>): string {
  if (one.fallback === null) return 'required'
  const { value } = one.fallback
  if (value === undefined || value === null) return 'not set'
  const printed = one.print(value)
  return printed === '' ? 'default: none' : `default ${printed}`
}

/** `NAME=value` lines that parse back to the same config; secrets are `NAME=<redacted>`, what is not set is a comment. */
export function renderConfig<S extends Schema>(schema: S, config: ConfigOf<S>): string {
  const lines = Object.entries(schema).map(([key, one]) => {
    const value = config[key as keyof S]
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return `# ${one.env} is not set`
    return `${one.env}=${one.secret ? '<redacted>' : one.print(value as NonNullable<unknown>)}`
  })
  return `${lines.join('\n')}\n`
}

/**
 * Config for a `main.ts`: answers `--help` and `--print-config`, tells every problem on stderr, and ends the process for
 * each of these. Returns only when the service should go on.
 */
export function configFromCommandLine<S extends Schema>(
  schema: S,
  text: { about: string; usage: string; flags?: readonly string[] },
  { argv = process.argv.slice(2), env = process.env as Environment } = {},
): ConfigOf<S> {
  const flags = ['--help', '--print-config', ...(text.flags ?? [])]
  const stray = argv.find((word) => !flags.includes(word))
  if (stray !== undefined) end(2, process.stderr, `${stray} is not an option; --help lists them\n`)
  if (argv.includes('--help')) end(0, process.stdout, renderHelp(schema, text))
  let config: ConfigOf<S>
  try {
    config = parseConfig(schema, env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    end(2, process.stderr, `${error.problems.join('\n')}\n--help explains every setting\n`)
  }
  if (argv.includes('--print-config')) end(0, process.stdout, renderConfig(schema, config))
  for (const name of foreignNames(schema, env))
    process.stderr.write(`${name} is not a setting of this service; ignored\n`)
  return config
}

function end(code: number, stream: NodeJS.WriteStream, text: string): never {
  stream.write(text)
  process.exit(code)
}
