// One setting: its environment name, kind, default, unit and reason. A schema is a plain object of these.

/** What every setting says of itself. */
interface Common {
  /** `FENCEPOST_…` */
  readonly env: string
  /** One line: what it does and why one would change it. */
  readonly help: string
  readonly unit?: string
}

/** A setting that yields a `T`. `parse` returns a problem as `{ problem }`, worded to follow the name. */
export interface Setting<T> extends Common {
  readonly kind: 'int' | 'string' | 'choice' | 'bool' | 'list' | 'secret'
  /** What help and messages call its values: `1..65535`, `skip | repair | fail`. */
  readonly values: string
  readonly fallback: { readonly value: T } | null
  /** Redacted when printed, may be given as a file by `<env>_FILE`, never repeated in a message. */
  readonly secret: boolean
  parse(text: string): { readonly value: T } | { readonly problem: string }
  print(value: NonNullable<T>): string
}

export type Schema = Readonly<Record<string, Setting<unknown>>>

/** The typed object that a schema yields. */
export type ConfigOf<S extends Schema> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never
}

type Optional = { readonly optional: true; readonly default?: undefined }
type Defaulted<T> = { readonly default: T; readonly optional?: false }
type Required = { readonly default?: undefined; readonly optional?: false }

function fallbackOf<T>(options: { default?: T | undefined; optional?: boolean | undefined }): { value: T } | null {
  if (options.default !== undefined) return { value: options.default }
  return options.optional === true ? { value: undefined as T } : null
}

function int(
  options: Common & {
    default: number
    min: number
    max: number
    /** Words that stand for a number found out when the setting is read; it is brought into the range. */
    words?: Readonly<Record<string, () => number>>
  },
): Setting<number> {
  const { min, max, words = {}, ...common } = options
  const names = Object.keys(words)
  return {
    ...common,
    kind: 'int',
    values: [`${min}..${max}`, ...names].join(' | '),
    fallback: fallbackOf(options),
    secret: false,
    parse: (text) => {
      if (Object.hasOwn(words, text)) return { value: Math.min(max, Math.max(min, (words[text] as () => number)())) }
      const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
      if (value >= min && value <= max) return { value }
      return { problem: [`must be a whole number ${min}..${max}`, ...names].join(' or ') }
    },
    print: String,
  }
}

function string(options: Common & Optional): Setting<string | undefined>
function string(options: Common & (Defaulted<string> | Required)): Setting<string>
function string(
  options: Common & { default?: string | undefined; optional?: boolean | undefined },
): Setting<string | undefined> {
  return text(options, 'string', 'text')
}

function secret(options: Common & Optional): Setting<string | undefined>
function secret(options: Common & Required): Setting<string>
function secret(
  options: Common & { default?: undefined; optional?: boolean | undefined },
): Setting<string | undefined> {
  return text(options, 'secret', 'text, or a path in its _FILE form')
}

function text(
  options: Common & { default?: string | undefined; optional?: boolean | undefined },
  kind: 'string' | 'secret',
  values: string,
): Setting<string | undefined> {
  return {
    env: options.env,
    help: options.help,
    ...(options.unit === undefined ? {} : { unit: options.unit }),
    kind,
    values,
    fallback: fallbackOf(options),
    secret: kind === 'secret',
    parse: (value) => ({ value }),
    print: String,
  }
}

function choice<const C extends string>(options: Common & { choices: readonly C[]; default: C }): Setting<C> {
  const { choices } = options
  return {
    ...options,
    kind: 'choice',
    values: choices.join(' | '),
    fallback: fallbackOf(options),
    secret: false,
    parse: (value) =>
      choices.includes(value as C) ? { value: value as C } : { problem: `must be one of ${choices.join(', ')}` },
    print: String,
  }
}

function bool(options: Common & { default: boolean }): Setting<boolean> {
  return {
    ...options,
    kind: 'bool',
    values: 'true | false',
    fallback: fallbackOf(options),
    secret: false,
    parse: (value) => {
      if (value === 'true' || value === '1') return { value: true }
      return value === 'false' || value === '0' ? { value: false } : { problem: 'must be true or false' }
    },
    print: String,
  }
}

function list(options: Common & { default: readonly string[] }): Setting<readonly string[]>
function list(options: Common & { required: true }): Setting<readonly string[]>
function list(options: Common & { default?: readonly string[]; required?: true }): Setting<readonly string[]> {
  return {
    ...options,
    kind: 'list',
    values: 'a,b,…',
    fallback: fallbackOf<readonly string[]>({ default: options.default }),
    secret: false,
    parse: (value) => {
      const items = value.split(',').map((item) => item.trim())
      return items.includes('') ? { problem: 'must be a comma-separated list without empty items' } : { value: items }
    },
    print: (items) => items.join(','),
  }
}

/** Makers of settings. One without `default` that is not `optional` has to be given. */
export const setting = { int, string, secret, choice, bool, list } as const
