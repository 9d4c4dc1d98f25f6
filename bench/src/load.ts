// `make load`: a node of its own (or one that runs already) under load, beside an empty handler in the same run.
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createFenceIndex } from '@fencepost/match'
import { removeFolder, startKafka, tempFolder } from '@fencepost/testbed'
import { Child, canPin } from './load/child.ts'
import { procCpu } from './load/cpu.ts'
import { driveRow, type RowResult, type Servers } from './load/drive.ts'
import { type NodeServerOptions, type Server, startFloor, startNode } from './load/servers.ts'
import { type LoadSettings, readLoadSettings, USAGE, UsageError } from './load/settings.ts'
import { renderSummaries, summarise } from './load/summary.ts'
import { LoadClient } from './load/window.ts'
import { endProgress, progress, writeJson } from './report.ts'
import { syntheticCollection, syntheticFences } from './synthetic.ts'

const FENCE_SEED = 11
const SERVER_CORE = 0
const CLIENT_CORE = 1
const CLIENT_ENTRY = fileURLToPath(new URL('./load/client.js', import.meta.url))
const DEFAULT_JSON = join(fileURLToPath(new URL('../out', import.meta.url)), 'load.json')

let settings: LoadSettings | null = null
try {
  settings = readLoadSettings(process.argv.slice(2), { json: DEFAULT_JSON })
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}\n\n${USAGE}`)
  process.exit(2)
}
if (settings === null) {
  console.log(USAGE)
  process.exit(0)
}
try {
  process.exitCode = (await main(settings)) ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

/** True when there is nothing to say against the figures. */
async function main(settings: LoadSettings): Promise<boolean> {
  const pinned = settings.pin && cpus().length > 1 && canPin()
  const sharing = describeCores(pinned, settings)
  console.log(sharing)
  const cores = pinned ? { server: SERVER_CORE, client: CLIENT_CORE } : { server: null, client: null }
  const fenceOptions = { count: settings.fences, seed: FENCE_SEED }
  const index = createFenceIndex(syntheticFences(fenceOptions))
  const kafka = settings.sink === 'kafka' && settings.target === null ? await startKafka({ brokers: 1 }) : null
  const client = new LoadClient(new Child({ name: 'the client', entry: CLIENT_ENTRY, core: cores.client }))
  const results: RowResult[] = []
  const began = performance.now()
  try {
    for (const [i, row] of settings.rows.entries()) {
      const say = (line: string): void =>
        progress(
          `[${Math.round((performance.now() - began) / 1000)} s, row ${i + 1} of ${settings.rows.length}] ${line}`,
        )
      say(`${row.name}: starting the servers`)
      // A fresh node and an empty journal for every row, so that a row alone gives the figures it gives among others.
      await withServers(
        settings,
        cores.server,
        kafka === null ? { kind: 'journal' } : { kind: 'kafka', brokers: kafka.bootstrap },
        async (servers) => {
          results.push(...(await driveRow({ settings, client, index, fenceSeed: FENCE_SEED, say }, row, servers)))
        },
      )
    }
  } finally {
    endProgress()
    await client.stop()
    await kafka?.stop()
  }

  const summaries = results.map(summarise)
  for (const [load, title] of [
    ['fixed', `At a fixed rate, ${settings.connections} connections`],
    ['flat', `Flat out, ${settings.connections} connections`],
  ] as const) {
    const shown = summaries.filter((summary) => summary.load === load)
    if (shown.length > 0) console.log(`\n${title}\n\n${renderSummaries(shown)}`)
  }
  const faults = summaries.flatMap((summary) =>
    // Flat out a node may well say 503: that is an answer, not a fault of the run.
    summary.load === 'flat' ? [] : summary.faults.map((fault) => `${summary.row}: ${fault}`),
  )
  for (const fault of faults) console.log(`\nNot to be believed: ${fault}`)
  const busiest = Math.max(...summaries.map((summary) => summary.node.clientLoad))
  console.log(`\nThe client used up to ${Math.round(busiest * 100)} % of a core.`)
  writeJson(settings.json, {
    sharing,
    settings: { ...settings, target: settings.target !== null },
    summaries,
    windows: results,
  })
  console.log(`JSON: ${settings.json}`)
  return faults.length === 0
}

function describeCores(pinned: boolean, { target }: LoadSettings): string {
  const count = cpus().length
  const who = target === null ? 'node and floor' : 'the client'
  if (!pinned) return `Client and servers share the same ${count} core(s) of this machine: wall times are worth little.`
  const where = target === null ? `core ${SERVER_CORE}, client on core ${CLIENT_CORE}` : `core ${CLIENT_CORE}`
  return `Client and servers share this machine (${count} cores): ${who} on ${where}.`
}

async function withServers(
  settings: LoadSettings,
  core: number | null,
  sink: NodeServerOptions['sink'],
  use: (servers: Servers) => Promise<void>,
): Promise<void> {
  const { target, cpuProfile } = settings
  if (target !== null) {
    const { pid, ...where } = target
    const cpu = pid === null ? null : procCpu(pid)
    const node: Server = { name: 'node', target: where, cpu, rss: null, stop: async () => {} }
    return use({ node, threads: null, floor: null })
  }
  const folder = tempFolder('load')
  const fences = syntheticCollection({ count: settings.fences, seed: FENCE_SEED })
  const nodeArgs = cpuProfile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfile}`]
  const started: Server[] = []
  const keep = <S extends Server>(server: S): S => {
    started.push(server)
    return server
  }
  try {
    const common = { folder, fences, sink, nodeArgs }
    const node = keep(await startNode({ ...common, name: 'node', threads: 1, core }))
    // Threads are for several cores.
    const threads =
      settings.threads === 1
        ? null
        : keep(await startNode({ ...common, name: 'threads', threads: settings.threads, core: null }))
    const floor = keep(await startFloor(core))
    await use({ node, threads, floor })
  } finally {
    for (const server of started.reverse()) await server.stop()
    removeFolder(folder)
  }
}
