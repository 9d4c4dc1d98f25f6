import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  ConfigError,
  type Environment,
  foreignNames,
  parseConfig,
  renderConfig,
  renderHelp,
  setting,
} from '../src/index.ts'

const schema = {
  port: setting.int({ env: 'FENCEPOST_PORT', default: 8080, min: 0, max: 65_535, help: 'public port' }),
  maxBatch: setting.int({
    env: 'FENCEPOST_MAX_BATCH',
    default: 1000,
    min: 1,
    max: 10_000,
    unit: 'pings',
    help: 'most pings of one batch',
  }),
  host: setting.string({ env: 'FENCEPOST_HOST', default: '0.0.0.0', help: 'address to listen on' }),
  fences: setting.string({ env: 'FENCEPOST_FENCES', optional: true, help: 'file of the fences' }),
  dataDir: setting.string({ env: 'FENCEPOST_DATA_DIR', help: 'where data lies' }),
  sink: setting.choice({ env: 'FENCEPOST_SINK', choices: ['journal', 'kafka'], default: 'journal', help: 'sink' }),
  tls: setting.bool({ env: 'FENCEPOST_TLS', default: false, help: 'TLS' }),
  origins: setting.list({ env: 'FENCEPOST_ORIGINS', default: [], help: 'origins' }),
  rootKey: setting.secret({ env: 'FENCEPOST_ROOT_KEY', help: 'the root key' }),
  token: setting.secret({ env: 'FENCEPOST_TOKEN', optional: true, help: 'the token' }),
}
const GIVEN = { FENCEPOST_DATA_DIR: '/data', FENCEPOST_ROOT_KEY: 'hush-hush' }
const DEFAULTS = {
  port: 8080,
  maxBatch: 1000,
  host: '0.0.0.0',
  fences: undefined,
  dataDir: '/data',
  sink: 'journal',
  tls: false,
  origins: [],
  rootKey: 'hush-hush',
  token: undefined,
}

const folder = mkdtempSync(join(tmpdir(), 'fencepost-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

function problemsOf(env: Environment): readonly string[] {
  try {
    parseConfig(schema, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('parseConfig', () => {
  test('gives defaults to what is not set or empty, and minds no other variable', () => {
    expect(
      parseConfig(schema, { ...GIVEN, FENCEPOST_PORT: '', PATH: '/bin', FENCEPOST_TEST_REQUIRE: 'kafka' }),
    ).toEqual(DEFAULTS)
  })

  test.each<[Environment, Partial<Record<keyof typeof schema, unknown>>]>([
    [{ FENCEPOST_PORT: '0' }, { port: 0 }],
    [{ FENCEPOST_PORT: '65535' }, { port: 65_535 }],
    [
      { FENCEPOST_HOST: '::1', FENCEPOST_FENCES: 'a=b,c.json' },
      { host: '::1', fences: 'a=b,c.json' },
    ],
    [{ FENCEPOST_SINK: 'kafka' }, { sink: 'kafka' }],
    [{ FENCEPOST_TLS: 'true' }, { tls: true }],
    [{ FENCEPOST_TLS: '1' }, { tls: true }],
    [{ FENCEPOST_TLS: '0' }, { tls: false }],
    [{ FENCEPOST_ORIGINS: 'a, b ,c' }, { origins: ['a', 'b', 'c'] }],
    [{ FENCEPOST_TOKEN: ' t ' }, { token: ' t ' }],
  ])('reads %j', (env, expected) => {
    expect(parseConfig(schema, { ...GIVEN, ...env })).toEqual({ ...DEFAULTS, ...expected })
  })

  test.each([
    ['FENCEPOST_PORT', '-1', 'must be a whole number 0..65535, got "-1"'],
    ['FENCEPOST_PORT', '65536', 'must be a whole number 0..65535, got "65536"'],
    ['FENCEPOST_PORT', '80.5', 'must be a whole number 0..65535, got "80.5"'],
    ['FENCEPOST_PORT', '1e3', 'must be a whole number 0..65535, got "1e3"'],
    ['FENCEPOST_PORT', '0x50', 'must be a whole number 0..65535, got "0x50"'],
    ['FENCEPOST_PORT', ' 80', 'must be a whole number 0..65535, got " 80"'],
    ['FENCEPOST_MAX_BATCH', '0', 'must be a whole number 1..10000, got "0"'],
    ['FENCEPOST_MAX_BATCH', '10001', 'must be a whole number 1..10000, got "10001"'],
    ['FENCEPOST_SINK', 'Kafka', 'must be one of journal, kafka, got "Kafka"'],
    ['FENCEPOST_TLS', 'yes', 'must be true or false, got "yes"'],
    ['FENCEPOST_ORIGINS', 'a,,b', 'must be a comma-separated list without empty items, got "a,,b"'],
    ['FENCEPOST_TLS', 'x'.repeat(101), `must be true or false, got "${'x'.repeat(100)}…"`],
  ])('refuses %s=%j', (name, value, problem) => {
    expect(problemsOf({ ...GIVEN, [name]: value })).toEqual([`${name} ${problem}`])
  })

  test.each([
    ['FENCEPOST_PROT', '; did you mean FENCEPOST_PORT?'],
    ['FENCEPOST_MAXBATCH', '; did you mean FENCEPOST_MAX_BATCH?'],
    ['FENCEPOST_TOKEN_FIEL', '; did you mean FENCEPOST_TOKEN_FILE?'],
    ['FENCEPOST_HOST_FILE', ': only a secret may be given as a file'],
  ])('refuses the misspelled name %s and never shows its value', (name, hint) => {
    expect(problemsOf({ ...GIVEN, [name]: 'hush' })).toEqual([`${name} is not a setting${hint}`])
  })

  test('leaves settings of other services alone, and names them', () => {
    const env = { ...GIVEN, FENCEPOST_SOMETHING_ELSE: 'hush', FENCEPOST_PROT: '1', OTHER: '', FENCEPOST_TEST_X: '' }
    expect(foreignNames(schema, env)).toEqual(['FENCEPOST_SOMETHING_ELSE'])
    expect(() => parseConfig(schema, { ...GIVEN, FENCEPOST_SOMETHING_ELSE: 'hush' })).not.toThrow()
  })

  test('tells every problem at once', () => {
    expect(problemsOf({ FENCEPOST_PORT: 'x', FENCEPOST_SINK: 'y', FENCEPOST_TSL: '' })).toEqual([
      'FENCEPOST_PORT must be a whole number 0..65535, got "x"',
      'FENCEPOST_DATA_DIR is missing: where data lies',
      'FENCEPOST_SINK must be one of journal, kafka, got "y"',
      'FENCEPOST_ROOT_KEY is missing: the root key',
      'FENCEPOST_TSL is not a setting; did you mean FENCEPOST_TLS?',
    ])
  })
})

describe('a secret', () => {
  test('may be given as a file, without the line end', () => {
    const path = file('key', 'from a file\n')
    expect(parseConfig(schema, { FENCEPOST_DATA_DIR: '/data', FENCEPOST_ROOT_KEY_FILE: path }).rootKey).toBe(
      'from a file',
    )
  })

  test.each([
    [
      'that is given twice',
      { FENCEPOST_ROOT_KEY: 'hush' },
      'key',
      'FENCEPOST_ROOT_KEY and FENCEPOST_ROOT_KEY_FILE are both set',
    ],
    ['whose file is missing', {}, 'nowhere', 'FENCEPOST_ROOT_KEY_FILE: cannot read '],
    ['whose file is empty', {}, 'empty', 'is empty'],
  ])('%s is a problem, and the problem holds no secret', (_, env, name, problem) => {
    file('key', 'hush')
    file('empty', '\n')
    const [text, ...others] = problemsOf({
      FENCEPOST_DATA_DIR: '/data',
      FENCEPOST_ROOT_KEY_FILE: join(folder, name),
      ...env,
    })
    expect(others).toEqual([])
    expect(text).toContain(problem)
    expect(text).not.toContain('hush')
  })

  test.each([
    [0o400, true],
    [0o600, true],
    [0o640, true],
    [0o644, false],
    [0o660, false],
    [0o602, false],
  ])('in a file of mode %o is taken: %s', (mode, taken) => {
    const path = file('key', 'hush', mode)
    const env = { FENCEPOST_DATA_DIR: '/data', FENCEPOST_ROOT_KEY_FILE: path }
    if (taken) expect(parseConfig(schema, env).rootKey).toBe('hush')
    else
      expect(problemsOf(env)).toEqual([
        `FENCEPOST_ROOT_KEY_FILE: others may read or write ${path} (mode 0${mode.toString(8)}); run: chmod 600 ${path}, or mount it with mode 0400`,
      ])
  })

  test('may lie behind a link, as orchestrators mount it: the mode of what it leads to counts', () => {
    const path = file('key', 'hush', 0o400)
    symlinkSync(path, join(folder, 'link'))
    const env = { FENCEPOST_DATA_DIR: '/data', FENCEPOST_ROOT_KEY_FILE: join(folder, 'link') }
    expect(parseConfig(schema, env).rootKey).toBe('hush')
  })

  test('only a secret may be a file', () => {
    expect(problemsOf({ ...GIVEN, FENCEPOST_HOST_FILE: file('host', 'x') })).toEqual([
      'FENCEPOST_HOST_FILE is not a setting: only a secret may be given as a file',
    ])
  })
})

describe('what is printed', () => {
  const env = { ...GIVEN, FENCEPOST_PORT: '0', FENCEPOST_ORIGINS: 'a,b', FENCEPOST_TLS: '1', FENCEPOST_TOKEN: 'hush' }
  const config = parseConfig(schema, env)

  test('parses back to the same, secrets apart, and holds no secret', () => {
    const printed = renderConfig(schema, config)
    expect(printed).not.toContain('hush')
    const back = Object.fromEntries(
      printed
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    expect(parseConfig(schema, back)).toEqual({ ...config, rootKey: '<redacted>', token: '<redacted>' })
    expect(printed).toContain('# FENCEPOST_FENCES is not set\n')
  })

  test('help names every setting with its values, unit, default and reason', () => {
    const help = renderHelp(schema, { about: 'A service.', usage: 'serve' })
    for (const { env: name, help: reason } of Object.values(schema)) {
      expect(help).toContain(`  ${name}  (`)
      expect(help).toContain(`      ${reason}\n`)
    }
    expect(help).toContain('FENCEPOST_MAX_BATCH  (1..10000 pings; default 1000)')
    expect(help).toContain('FENCEPOST_SINK  (journal | kafka; default journal)')
    expect(help).toContain('FENCEPOST_DATA_DIR  (text; required)')
    expect(help).toContain('FENCEPOST_FENCES  (text; not set)')
    expect(help).toContain('FENCEPOST_ORIGINS  (a,b,…; default: none)')
  })
})

describe('a word for a number', () => {
  const found = { count: 3 }
  const worded = {
    threads: setting.int({
      env: 'FENCEPOST_THREADS',
      default: 1,
      min: 2,
      max: 4,
      words: { auto: () => found.count },
      help: 'threads',
    }),
  }
  const threads = (text: string): number => parseConfig(worded, { FENCEPOST_THREADS: text }).threads

  test.each([
    [3, 3],
    [1, 2],
    [9, 4],
  ])('is found out when it is read, %d, and brought into the range, %d', (count, expected) => {
    found.count = count
    expect(threads('auto')).toBe(expected)
  })

  test('is told with the numbers that may be given, and printed as the number that it was', () => {
    expect(() => threads('toString')).toThrow('FENCEPOST_THREADS must be a whole number 2..4 or auto, got "toString"')
    expect(renderHelp(worded, { about: '', usage: '' })).toContain('FENCEPOST_THREADS  (2..4 | auto; default 1)')
    expect(renderConfig(worded, { threads: 4 })).toBe('FENCEPOST_THREADS=4\n')
  })
})
