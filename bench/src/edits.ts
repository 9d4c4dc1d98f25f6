// `make bench-edits`: how long one edit among many fences takes until it is in force in every thread, and what the file of the index takes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createNode, nodeSettings, readIndexFile, writeIndexFile } from '@fencepost/ingest'
import { createPacker, type FenceChange, type PackedFences, packedSizes } from '@fencepost/match'
import type { EventSink, Fence, Logger } from '@fencepost/model'
import { parseConfig } from '@fencepost/runtime'
import { CITY_TENANT, cityFences } from './match/city-fences.ts'
import { brief, endProgress, progress, renderTable, writeJson } from './report.ts'
import { percentile } from './statistics.ts'

const USAGE = `make bench-edits ARGS="…"    (node bench/dist/edits.js …)

Time until one edit is in force in every thread of a node, from few changed fences to the most that wait for a new index, and while one
is made; then the index is written to a file and read back. About two minutes and 3 GB for a million fences.

  --fences <n>     fences (1000000)
  --threads <n>    serving threads (2)
  --edits <n>      edits a row (100)
  --json <file>    where the result goes (bench/out/bench-edits.json)
  --help
`
const DEFAULT_JSON = join(fileURLToPath(new URL('../out', import.meta.url)), 'bench-edits.json')
const CHANGED = [0, 1000, 4000, 7000] as const
/** More than any index takes as changes before a new one is made. */
const OVER = 9000
const SEED = 11

const SILENT: Logger = { info() {}, warn() {}, error() {} }
const NULL_SINK: EventSink = {
  start: async () => {},
  stop: async () => {},
  hasRoom: () => true,
  healthy: () => true,
  publish: () => Promise.resolve(),
}

const { values } = parseArgs({
  options: {
    fences: { type: 'string', default: '1000000' },
    threads: { type: 'string', default: '2' },
    edits: { type: 'string', default: '100' },
    json: { type: 'string', default: DEFAULT_JSON },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
let saidAt = 0
const count = Number(values.fences)
const edits = Number(values.edits)
const folder = mkdtempSync(join(tmpdir(), 'fencepost-edits-'))
try {
  await main()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit()

async function main(): Promise<void> {
  progress(`packing ${count} fences`)
  const packer = createPacker({ onProgress: (share) => everySecond(`packing: ${Math.round(100 * share)} %`) })
  for (const fence of cityFences({ count, seed: SEED })) packer.add(fence)
  const packed: PackedFences = { base: packer.finish(), delta: null }
  const others = [...cityFences({ count: 2 * OVER, seed: SEED + 1 })]

  const heapBefore = heapMb()
  const node = createNode({
    config: parseConfig(nodeSettings, {
      FENCEPOST_HOST: '127.0.0.1',
      FENCEPOST_PORT: '0',
      FENCEPOST_ADMIN_PORT: '0',
      FENCEPOST_THREADS: values.threads,
      FENCEPOST_SDK_KEYS: `${CITY_TENANT}:bench-key-for-this-machine-only`,
    }),
    logger: SILENT,
    sink: NULL_SINK,
    rootKey: Buffer.alloc(32, 1),
    pseudonymKey: Buffer.alloc(32, 2),
    loadFences: async () => packed,
    changesFences: true,
  })
  await node.start()
  const heapGrowth = heapMb() - heapBefore
  const put = (fence: Fence): FenceChange => ({ put: fence })
  const rows: { changed: string; p50: number; p99: number; max: number }[] = []
  const measure = async (changed: string): Promise<void> => {
    progress(`${edits} edits with ${changed}`)
    const times = new Float64Array(edits)
    for (let i = 0; i < edits; i++) {
      const began = performance.now()
      await node.applyFences([put({ ...(others[i % 50] as Fence), id: 'edited', version: i })])
      times[i] = performance.now() - began
    }
    times.sort()
    rows.push({ changed, p50: percentile(times, 50), p99: percentile(times, 99), max: percentile(times, 100) })
  }
  let done = 0
  for (const changed of CHANGED) {
    if (changed > done) await node.applyFences(others.slice(done, changed).map(put))
    done = changed
    await measure(`${changed} changed`)
  }
  await node.applyFences(others.slice(done, OVER).map(put))
  await measure(`${OVER} changed, a new index being made`)
  await node.stop(5000)

  const file = join(folder, 'fences.index')
  progress('writing the index')
  const writeS = seconds(() => writeIndexFile(file, packed.base, 'bench'))
  progress('reading the index')
  const readS = seconds(() => {
    const image = readIndexFile(file, 'bench')
    if (image === null || typeof image === 'string') throw new Error(`the index was not read back: ${image}`)
  })
  endProgress()
  console.log(
    `${count} fences, ${values.threads} serving threads; ms from the call until the edit is in force in all of them\n`,
  )
  console.log(
    renderTable(
      ['fences', 'p50', 'p99', 'max'],
      rows.map((row) => [row.changed, brief(row.p50), brief(row.p99), brief(row.max)]),
    ),
  )
  const megabytes = packedSizes(packed).totalBytes / 1e6
  console.log(
    `\nindex ${brief(megabytes)} MB: written in ${brief(writeS)} s (synced), read back and checked in ${brief(readS)} s`,
  )
  console.log(`heap of the main thread: ${brief(heapGrowth)} MB more with the fences in force`)
  writeJson(values.json, { count, threads: values.threads, rows, megabytes, writeS, readS, heapGrowth })
  console.log(`\nJSON: ${values.json}`)
}

function everySecond(line: string): void {
  if (performance.now() - saidAt < 1000) return
  saidAt = performance.now()
  progress(line)
}

function seconds(work: () => void): number {
  const began = performance.now()
  work()
  return (performance.now() - began) / 1000
}

function heapMb(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1e6
}
