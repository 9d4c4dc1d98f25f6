// `make bench-swap`: what requests feel while the fences change under them, and whether any sees what it should not.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Child } from './load/child.ts'
import { brief, endProgress, progress, renderTable, withQuartiles, writeJson } from './report.ts'
import { type Swap, type SwapSummary, summarise } from './swap/judge.ts'
import type { ClientOrder, NodeOrder, PhaseResult } from './swap/protocol.ts'
import { FENCES_A_BODY, featureLines, type Side, SWAP_TENANT, swapBody } from './swap/scene.ts'

const USAGE = `make bench-swap ARGS="…"    (node bench/dist/swap.js …)

A real node whose fences are replaced while pings flow at a quarter of its maximum rate: all of them by a reload, and 1 % of them
by single changes. Latencies before, during and after; every answer must be that of the old fences or of the new, never of a
mixture, and of the new alone once the change is in force, else the run fails. About four minutes.

  --fences <n>     fences (100000)
  --threads <n>    serving threads (1)
  --swaps <n>      of each kind (8)
  --rate <n>       requests a second (a quarter of what was measured first)
  --build-cpu <n>  percent of the time that an index is made with (the node's default)
  --json <file>    where the result goes (bench/out/bench-swap.json)
  --help
`
const DEFAULT_JSON = join(fileURLToPath(new URL('../out', import.meta.url)), 'bench-swap.json')
const NODE_ENTRY = fileURLToPath(new URL('./swap/node.js', import.meta.url))
const CLIENT_ENTRY = fileURLToPath(new URL('./swap/client.js', import.meta.url))
const KEY = 'bench-key-for-this-machine-only'
const CONNECTIONS = 16
const BODIES = 400
const EDITED_SHARE = 0.01
const CALM_MS = 3000
/** What a swap leaves behind, garbage for one, still belongs to it. */
const AFTERMATH_MS = 1000
const FLAT_OUT_MS = 4000
const DEADLINE_MS = 600_000

const args = read()
if (args === null) process.exit(0)
try {
  await main(args)
} catch (error) {
  endProgress()
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

interface Args {
  readonly fences: number
  readonly threads: number
  readonly swaps: number
  readonly rate: number | null
  readonly buildCpu: number | null
  readonly json: string
}

function read(): Args | null {
  try {
    const { values } = parseArgs({
      options: {
        fences: { type: 'string', default: '100000' },
        threads: { type: 'string', default: '1' },
        swaps: { type: 'string', default: '8' },
        rate: { type: 'string' },
        'build-cpu': { type: 'string' },
        json: { type: 'string', default: DEFAULT_JSON },
        help: { type: 'boolean' },
      },
    })
    if (values.help) {
      console.log(USAGE)
      return null
    }
    const whole = (name: string, text: string, min: number, max: number): number => {
      const value = Number(text)
      if (!(Number.isInteger(value) && value >= min && value <= max))
        throw new RangeError(`--${name} must be ${min}..${max}, got "${text}"`)
      return value
    }
    const optional = (name: string, text: string | undefined, max: number): number | null =>
      text === undefined ? null : whole(name, text, 1, max)
    return {
      fences: whole('fences', values.fences, 4000, 2_000_000),
      threads: whole('threads', values.threads, 1, 64),
      swaps: whole('swaps', values.swaps, 2, 1000),
      rate: optional('rate', values.rate, 1_000_000),
      buildCpu: optional('build-cpu', values['build-cpu'], 100),
      json: values.json,
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function main(args: Args): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fencepost-swap-'))
  const children: Child[] = []
  try {
    progress('writing the fences')
    const files = { old: join(folder, 'old.jsonl'), new: join(folder, 'new.jsonl') }
    for (const side of ['old', 'new'] as const) {
      writeFileSync(files[side], '')
      for (const text of featureLines(args.fences, side)) writeFileSync(files[side], text, { flag: 'a' })
    }
    progress('starting the node')
    const node = new Child({
      name: 'the node',
      entry: NODE_ENTRY,
      core: null,
      env: environment(args, files.old),
    })
    children.push(node)
    const port = await node.next(
      (message) => (message.kind === 'listening' ? Number(message['port']) : failedOr(message)),
      DEADLINE_MS,
    )
    const most = args.rate === null ? await flatOut(port, args, children) : null
    const rate = args.rate ?? Math.max(1, Math.floor((most as number) / 4))
    const results: SwapSummary[] = []
    for (const all of [true, false]) results.push(await swapKind({ all, args, files, node, port, rate, children }))
    endProgress()
    print(args, rate, most, results)
    writeJson(args.json, { ...args, rate, most, results })
    console.log(`\nJSON: ${args.json}`)
    for (const { what, faults } of results) for (const fault of faults) console.error(`${what}: ${fault}`)
    if (results.some(({ faults }) => faults.length > 0)) process.exitCode = 1
  } finally {
    for (const child of children) await child.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function environment({ threads, buildCpu }: Args, file: string): Record<string, string> {
  return {
    FENCES_FILE: file,
    FENCEPOST_HOST: '127.0.0.1',
    FENCEPOST_PORT: '0',
    FENCEPOST_ADMIN_PORT: '0',
    FENCEPOST_THREADS: String(threads),
    FENCEPOST_SDK_KEYS: `${SWAP_TENANT}:${KEY}`,
    ...(buildCpu === null ? {} : { FENCEPOST_BUILD_CPU_PERCENT: String(buildCpu) }),
  }
}

function startClient(port: number, ratePerS: number, { fences }: Args, children: Child[]): Child {
  const client = new Child({ name: 'the client', entry: CLIENT_ENTRY, core: null })
  children.push(client)
  const edited = Math.floor(fences * EDITED_SHARE)
  const bodies = (from: number, end: number): Uint8Array[] =>
    Array.from({ length: BODIES }, (_, i) => {
      const room = end - from - FENCES_A_BODY
      return swapBody(from + Math.floor((i * room) / BODIES), `device ${from} ${i}`)
    })
  const [moving, staying] = [bodies(0, edited), bodies(edited, fences)]
  client.send({
    kind: 'start',
    port,
    key: KEY,
    connections: CONNECTIONS,
    ratePerS,
    moving,
    staying,
  } satisfies ClientOrder)
  return client
}

async function flatOut(port: number, args: Args, children: Child[]): Promise<number> {
  progress('as fast as it goes')
  const client = startClient(port, 0, args, children)
  await sleep(CALM_MS)
  phase(client, 'flat out')
  await sleep(FLAT_OUT_MS)
  const [, flat] = await finish(client)
  return flat === undefined ? 0 : flat.latencies.length / flat.seconds
}

interface KindOptions {
  readonly all: boolean
  readonly args: Args
  readonly files: Readonly<Record<Side, string>>
  readonly node: Child
  readonly port: number
  readonly rate: number
  readonly children: Child[]
}

async function swapKind({ all, args, files, node, port, rate, children }: KindOptions): Promise<SwapSummary> {
  const what = all ? 'all fences, by a reload' : '1 % of them, by single changes'
  const client = startClient(port, rate, args, children)
  await sleep(CALM_MS)
  const took: number[] = []
  const sides: Side[] = []
  for (let swap = 0; swap < args.swaps; swap++) {
    progress(`${what}: ${swap + 1} of ${args.swaps}`)
    const to: Side = swap % 2 === 0 ? 'new' : 'old'
    sides.push(to)
    phase(client, 'before')
    await sleep(CALM_MS)
    phase(client, `during, to ${to}`)
    const began = performance.now()
    const order: NodeOrder = all
      ? { kind: 'reload', file: files[to] }
      : { kind: 'edit', count: Math.floor(args.fences * EDITED_SHARE), side: to }
    const done = node.next((message) => (message.kind === 'changed' ? true : failedOr(message)), DEADLINE_MS)
    node.send(order)
    await done
    took.push(performance.now() - began)
    await sleep(AFTERMATH_MS)
    phase(client, 'after')
    await sleep(CALM_MS)
    phase(client, 'between')
  }
  // The next kind begins with the old fences.
  if (args.swaps % 2 === 1) await node.ask({ kind: 'reload', file: files.old }, 'changed', DEADLINE_MS)
  const phases = (await finish(client)).filter(({ phase }) => phase !== 'warm-up' && phase !== 'between')
  const swaps = sides.map((to, i): Swap => {
    const [before, during, after] = phases.slice(3 * i, 3 * i + 3) as [PhaseResult, PhaseResult, PhaseResult]
    return { from: to === 'new' ? 'old' : 'new', to, all, before, during, after, tookMs: took[i] as number }
  })
  return summarise(what, swaps)
}

function phase(client: Child, name: string): void {
  client.send({ kind: 'phase', phase: name } satisfies ClientOrder)
}

async function finish(client: Child): Promise<readonly PhaseResult[]> {
  const { phases } = await client.ask({ kind: 'finish' } satisfies ClientOrder, 'result', DEADLINE_MS)
  await client.stop()
  return phases as readonly PhaseResult[]
}

function failedOr(message: { readonly kind: string; readonly error?: unknown }): undefined {
  if (message.kind === 'failed') throw new Error(`the node failed: ${String(message.error)}`)
  return undefined
}

function print({ fences, threads }: Args, rate: number, most: number | null, results: readonly SwapSummary[]): void {
  const of = most === null ? '' : `, of at most ${Math.round(most)}`
  console.log(
    `${fences} fences, ${threads} serving thread${threads === 1 ? '' : 's'}, ${rate} requests a second${of}; ms\n`,
  )
  const triple = ({ before, during, after }: SwapSummary['p99']): string =>
    [before, during, after].map(brief).join(' / ')
  const rows = results.map((result) => [
    result.what,
    String(result.requests),
    withQuartiles(result.tookMs),
    triple(result.p50),
    triple(result.p99),
    triple(result.max),
    withQuartiles(result.ratio),
    String(result.faults.length),
  ])
  const head = [
    'changed',
    'requests',
    'took',
    'p50 before / during / after',
    'p99',
    'max',
    'p99 during / before',
    'faults',
  ]
  console.log(renderTable(head, rows))
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
