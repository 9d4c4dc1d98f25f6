// What a command is, and how its words are read: options by parseArgs, faults of usage with what would be right.
import { parseArgs } from 'node:util'

/** The words of the command line make no command. Exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** It was understood and could not be done. Exit code 1. `lines` follow the message, one a line. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly lines: readonly string[]
  /** What the server answered, for `--json`. */
  readonly answer: unknown

  constructor(message: string, more: { readonly lines?: readonly string[]; readonly answer?: unknown } = {}) {
    super(message)
    this.lines = more.lines ?? []
    this.answer = more.answer
  }
}

export interface Option {
  /** Name of its value in the help; absent = a flag. */
  readonly value?: string
  readonly help: string
  readonly required?: boolean
}

export interface Command {
  /** As it is typed: `fences import`. */
  readonly name: string
  readonly summary: string
  /** Name of the one word that is no option. */
  readonly operand?: string
  readonly options: Readonly<Record<string, Option>>
  /** Lines of the help below the options. */
  readonly notes?: readonly string[]
  readonly run: (context: Context) => Promise<void>
}

export interface Context {
  readonly url: string
  readonly token: string | undefined
  readonly json: boolean
  readonly operand: string
  readonly values: Values
  readonly io: Io
}

export interface Io {
  /** Writes a line of the result; resolves when the reader has room for more. */
  out(line: string): Promise<void>
  /** A line of progress or trouble. */
  err(line: string): void
  /** Aborted when whoever started it wants it to end. */
  readonly ended: AbortSignal
}

export const COMMON: Readonly<Record<string, Option>> = {
  url: { value: 'URL', help: 'the admin port (FENCEPOST_URL, default http://127.0.0.1:8081)' },
  token: { value: 'TOKEN', help: 'an admin token (FENCEPOST_ADMIN_TOKEN)' },
  json: { help: 'output for programs' },
  help: { help: 'this page' },
}

export const TENANT: Option = { value: 'T', help: 'whose: the id of a tenant', required: true }

/** The options of one command, read. */
export class Values {
  readonly #given: Readonly<Record<string, string | boolean | undefined>>

  constructor(given: Readonly<Record<string, string | boolean | undefined>>) {
    this.#given = given
  }

  text(name: string): string | undefined {
    const value = this.#given[name]
    return typeof value === 'string' ? value : undefined
  }

  flag(name: string): boolean {
    return this.#given[name] === true
  }

  /** @throws UsageError */
  number(name: string, range: { readonly min: number; readonly max: number; readonly whole?: boolean }) {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = text.trim() === '' ? Number.NaN : Number(text)
    const { min, max, whole = false } = range
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      throw new UsageError(`--${name} must be ${whole ? 'a whole number' : 'a number'} within ${min}..${max}`)
    return value
  }

  /** @throws UsageError */
  choice<T extends string>(name: string, choices: readonly [T, ...T[]]): T {
    const text = this.text(name)
    const found = text === undefined ? choices[0] : choices.find((one) => one === text)
    if (found === undefined) throw new UsageError(`--${name} must be one of ${choices.join(', ')}`)
    return found
  }

  /** The path below /v1 of the tenant. @throws UsageError */
  tenantPath(): string {
    return `/v1/tenants/${this.tenant()}`
  }

  /** @throws UsageError */
  tenant(): string {
    const tenant = this.text('tenant') ?? ''
    if (!/^[\w.-]{1,64}$/.test(tenant))
      throw new UsageError('--tenant must have 1..64 letters, digits, "_", "." or "-"')
    return tenant
  }

  /** Epoch ms of an instant given as epoch ms or in ISO 8601 with a zone. @throws UsageError */
  instant(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const at = parseInstant(text)
    if (at === null) throw new UsageError(`--${name} must be epoch ms or ISO 8601 with a zone: 2026-07-01T12:00:00Z`)
    return at
  }
}

const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/

/** Epoch ms, or null. */
export function parseInstant(text: string): number | null {
  const at = /^\d{1,15}$/.test(text) ? Number(text) : ISO.test(text) ? Date.parse(text) : Number.NaN
  return Number.isSafeInteger(at) ? at : null
}

/**
 * Reads what follows the name of the command.
 *
 * @throws UsageError
 */
export function readWords(command: Command, words: readonly string[]): { operand: string; values: Values } {
  const options = { ...command.options, ...COMMON }
  const types = Object.fromEntries(
    Object.entries(options).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }]),
  ) as Record<string, { type: 'boolean' | 'string' }>
  let parsed: { values: Record<string, unknown>; positionals: string[] }
  try {
    parsed = parseArgs({ args: joinNumbers(words, types), options: types, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0] as string)
  }
  const values = parsed.values as Record<string, string | boolean | undefined>
  if (values['help'] === true) return { operand: '', values: new Values(values) }
  const [operand = '', ...more] = parsed.positionals
  if (command.operand !== undefined && operand === '') throw new UsageError(`${command.operand} is missing`)
  const extra = command.operand === undefined ? parsed.positionals[0] : more[0]
  if (extra !== undefined) throw new UsageError(`one word too many: ${JSON.stringify(extra)}`)
  for (const [name, { required }] of Object.entries(options))
    if (required === true && (values[name] ?? '') === '') throw new UsageError(`--${name} is missing`)
  return { operand, values: new Values(values) }
}

/** `--lon -73.9`: parseArgs would take the number for an option. */
function joinNumbers(words: readonly string[], types: Readonly<Record<string, { type: string }>>): string[] {
  const joined: string[] = []
  for (const word of words) {
    const before = joined.at(-1) ?? ''
    const takesValue = before.startsWith('--') && types[before.slice(2)]?.type === 'string'
    if (takesValue && /^-[\d.]/.test(word)) joined[joined.length - 1] = `${before}=${word}`
    else joined.push(word)
  }
  return joined
}
