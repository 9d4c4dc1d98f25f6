// The example settings in deploy/ are settings that exist, with the defaults that they claim.
import { readFileSync } from 'node:fs'
import { type Environment, parseConfig, type Schema } from '@fencepost/runtime'
import { describe, expect, it } from 'vitest'
import { ingestSettings } from '../src/config.ts'

interface Example {
  /** Lines `NAME=value`. */
  readonly set: Environment
  /** Names of lines `# NAME=`: settings without a default that may stay unset. */
  readonly unset: readonly string[]
  /** Names in order, set or not. */
  readonly names: readonly string[]
  readonly text: string
}

function deployFile(name: string): string {
  return readFileSync(new URL(`../../../deploy/${name}`, import.meta.url), 'utf8')
}

/** Reads a file as `docker compose` and a shell both do: no quotes, no blanks around the name, whole-line comments. */
function readExample(name: string): Example {
  const text = deployFile(name)
  const set: Record<string, string> = {}
  const unset: string[] = []
  const names: string[] = []
  for (const line of text.split('\n')) {
    const found = /^(# )?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line)
    if (found === null) {
      expect(line).toMatch(/^(#.*)?$/)
      continue
    }
    const [, comment, key = '', value = ''] = found
    names.push(key)
    if (comment !== undefined) unset.push(key)
    else {
      expect(value, key).toMatch(/^[^\s"'$]*$/)
      set[key] = value
    }
  }
  return { set, unset, names, text }
}

const SETTINGS = Object.entries(ingestSettings as Schema)
const full = readExample('full.env')

/** Settings that have no default, and those whose default is “none”: the file shows an example or leaves them commented. */
const hasDefault = ([, { fallback }]: (typeof SETTINGS)[number]): boolean =>
  fallback !== null && fallback.value !== undefined && String(fallback.value) !== ''

describe('deploy/full.env', () => {
  it('names every setting of the node once, in the order of --help', () => {
    expect(full.names).toEqual(SETTINGS.map(([, { env }]) => env))
  })

  it('explains each one in the words of --help', () => {
    for (const [, { env, help }] of SETTINGS) expect(full.text, env).toContain(`# ${help}\n`)
  })

  it.each(SETTINGS.filter(hasDefault).map(([key, { env }]) => ({ key, env })))(
    '$env has its default',
    ({ key, env }) => {
      const config = parseConfig(ingestSettings as Schema, full.set) as Readonly<Record<string, unknown>>
      expect(full.set).toHaveProperty(env)
      expect(config[key]).toEqual((ingestSettings as Schema)[key]?.fallback?.value)
    },
  )

  it('sets what is required, and leaves what has no default for whoever needs it', () => {
    const required = SETTINGS.filter(([, { fallback }]) => fallback === null).map(([, { env }]) => env)
    for (const name of required) expect(full.set).toHaveProperty(name)
    for (const name of full.unset) expect(required).not.toContain(name)
  })
})

describe.each(['minimal.env', 'full.env'])('deploy/%s', (name) => {
  it('is a configuration that a node starts with once its secrets are replaced', () => {
    const { set } = readExample(name)
    const secrets = Object.fromEntries(
      ['FENCEPOST_ROOT_KEY', 'FENCEPOST_PSEUDONYM_KEY'].map((key, i) => [key, String(i).repeat(64)]),
    )
    const config = parseConfig(ingestSettings, { ...set, ...secrets })
    expect(config.kafkaBrokers.length).toBeGreaterThan(0)
    expect(config.sdkKeys).toMatch(/^[\w.-]+:\S+$/)
  })

  it('does not look as if its placeholders were secrets', () => {
    const { set } = readExample(name)
    for (const key of ['FENCEPOST_ROOT_KEY', 'FENCEPOST_PSEUDONYM_KEY'])
      expect(set[key], key).not.toMatch(/^([0-9a-f]{64}|[A-Za-z0-9+/]{43}=)$/)
  })
})

describe('deploy/compose.yaml', () => {
  it('sets nothing that is no setting', () => {
    const known = new Set(SETTINGS.flatMap(([, { env, secret }]) => (secret ? [env, `${env}_FILE`] : [env])))
    const used = deployFile('compose.yaml').match(/FENCEPOST_[A-Z0-9_]+/g) ?? []
    expect(used.length).toBeGreaterThan(0)
    expect(used.filter((one) => !known.has(one))).toEqual([])
  })
})
