// The house rule as a test: imports go down, each dependency stays in its one lib, pure libs stay pure.
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Layer of each package; an import may only lead to a lower one. */
const LAYERS: Readonly<Record<string, number>> = {
  model: 0,
  geo: 0,
  wire: 1,
  match: 1,
  presence: 1,
  policy: 1,
  server: 2,
  kafka: 2,
  redis: 2,
  embedded: 2,
  runtime: 2,
  privacy: 2,
  ingest: 3,
  control: 3,
  cli: 3,
  standalone: 4,
}
/** geo builds on the domain types, both L0; presence asks campaigns, both L1. */
const SIDEWAYS = new Set(['geo -> model', 'presence -> match', 'presence -> policy'])
/** Packages that only one lib may bring in. */
const OWNERS: Readonly<Record<string, string>> = {
  'uWebSockets.js': 'server',
  kafkajs: 'kafka',
  lmdb: 'embedded',
  ioredis: 'redis',
}
const PURE_BUILTINS = new Set(['crypto', 'zlib', 'buffer'])
/** What pure code has no business with: clocks, environment, timers, promises, chance. */
const IMPURE =
  /\bDate\.now\b|\bnew Date\(\)|\bprocess\.|\bperformance\.|\bset(Timeout|Interval|Immediate)\b|\bawait\b|\bPromise\b|\bMath\.random\b|\bconsole\./

interface Source {
  readonly path: string
  readonly owner: string
  readonly kind: 'src' | 'contract' | 'test' | 'other'
  readonly text: string
}

const packages = ['libs', 'services'].flatMap((group) =>
  readdirSync(join(root, group)).map((name) => ({ name, folder: join(root, group, name) })),
)
const sources: Source[] = [...packages, { name: 'bench', folder: join(root, 'bench') }].flatMap(({ name, folder }) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/(^|\/)(dist|node_modules)\//.test(file))
    .map((file) => ({
      path: relative(root, join(folder, file)),
      owner: name,
      kind: (['src', 'contract', 'test'] as const).find((kind) => file.startsWith(`${kind}/`)) ?? 'other',
      text: readFileSync(join(folder, file), 'utf8'),
    })),
)

function importsOf({ text }: Source): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const statement =
    /(?:^|\n)\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]|\brequire\(\s*['"]([^'"]+)['"]/g
  return [...code.matchAll(statement)].map((found) => found[1] ?? found[2] ?? found[3] ?? '')
}

/** What is wrong with one import, or null. */
function fault(source: Source, specifier: string): string | null {
  const { owner, kind, path } = source
  const says = (what: string): string => `${path} imports ${specifier}: ${what}`
  if (specifier.startsWith('.')) {
    const target = relative(root, resolve(root, dirname(path), specifier))
    const home = path
      .split('/')
      .slice(0, owner === 'bench' ? 1 : 2)
      .join('/')
    if (kind === 'src' && !target.startsWith(`${home}/src/`)) return says('leaves its own src')
    // The examples are run by a test, as they are.
    if (kind === 'test' && /^(bench|deploy)\/(?!examples\/)/.test(target) && owner !== 'bench')
      return says('nothing imports bench or deploy')
    return null
  }
  const name = specifier.startsWith('@')
    ? specifier.split('/').slice(0, 2).join('/')
    : (specifier.split('/')[0] as string)
  if (specifier.startsWith('node:') || builtinModules.includes(name)) {
    const builtin = specifier.replace('node:', '').split('/')[0] as string
    const pure = (LAYERS[owner] ?? 9) < 2 && kind === 'src' && !PURE_BUILTINS.has(builtin)
    return pure ? says('pure code does no I/O') : null
  }
  if (kind !== 'src' && kind !== 'other') return null // tests may bring in what they test with
  if (owner === 'bench' || owner === 'testbed') return null
  const manifest = readFileSync(join(root, path.split('/').slice(0, 2).join('/'), 'package.json'), 'utf8')
  const { dependencies = {} } = JSON.parse(manifest) as { dependencies?: Record<string, string> }
  if (!(name in dependencies)) return says('not in its own package.json')
  if (name in OWNERS && OWNERS[name] !== owner) return says(`only libs/${OWNERS[name]} may`)
  if (!name.startsWith('@fencepost/')) return null
  const target = name.slice('@fencepost/'.length)
  if (target === 'testbed') return says('the test bed is for tests and benches')
  if (SIDEWAYS.has(`${owner} -> ${target}`)) return null
  const [from, to] = [LAYERS[owner], LAYERS[target]]
  if (from === undefined || to === undefined) return says('a package without a layer')
  if (to >= from) return says(`L${from} may not import L${to}`)
  return null
}

describe('the house', () => {
  it('reads every package', () => {
    expect(new Set(sources.map((source) => source.owner)).size).toBeGreaterThanOrEqual(packages.length)
  })

  it('has imports that go down only, to packages that are declared, through their one lib', () => {
    const faults = sources.flatMap((source) => importsOf(source).map((specifier) => fault(source, specifier)))
    expect(faults.filter((one) => one !== null)).toEqual([])
  })

  it('keeps L0 and L1 free of clocks, environment, timers, chance and promises', () => {
    const impure = sources
      .filter(({ owner, kind }) => kind === 'src' && (LAYERS[owner] ?? 9) < 2 && owner !== 'model')
      .filter(({ text }) => IMPURE.test(text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')))
    expect(impure.map(({ path }) => path)).toEqual([])
  })

  it.each([
    ['libs/match/src/a.ts', 'match', '@fencepost/kafka', 'not in its own package.json'],
    ['libs/match/src/a.ts', 'match', 'node:fs', 'pure code does no I/O'],
    ['libs/geo/src/a.ts', 'geo', '../../match/src/index.ts', 'leaves its own src'],
    ['libs/embedded/src/a.ts', 'embedded', 'kafkajs', 'not in its own package.json'],
    ['services/standalone/src/a.ts', 'standalone', 'lmdb', 'not in its own package.json'],
  ])('refuses that %s imports %s %s', (path, owner, specifier, why) => {
    expect(fault({ path, owner, kind: 'src', text: '' }, specifier)).toContain(why)
  })
})
