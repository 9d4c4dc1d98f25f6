// The two servers of a load run, each a child process: a standalone node with its own data folder, and the floor.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Child } from './child.ts'
import { type CpuMeter, probedCpu, probedRss } from './cpu.ts'

/** Where requests go. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly key: string
}

/** `threads` is the node once more, with several serving threads. */
export type ServerName = 'node' | 'threads' | 'floor'

export interface Server {
  readonly name: ServerName
  readonly target: Target
  /** null where nobody told the process id. */
  readonly cpu: CpuMeter | null
  /** Resident memory in bytes; null where it cannot be asked. */
  readonly rss: (() => Promise<number>) | null
  stop(): Promise<void>
}

export interface NodeServerOptions {
  readonly name: 'node' | 'threads'
  readonly threads: number
  readonly folder: string
  readonly fences: unknown
  readonly core: number | null
  readonly sink: { readonly kind: 'journal' } | { readonly kind: 'kafka'; readonly brokers: string }
  /** Flags for node itself, such as --cpu-prof. */
  readonly nodeArgs: readonly string[]
}

const KEY = 'bench-key-for-this-machine-only'
const HOST = '127.0.0.1'
const START_DEADLINE_MS = 60_000

/** Topics that a single broker can hold. */
const ONE_BROKER = { FENCEPOST_KAFKA_REPLICATION: '1', FENCEPOST_KAFKA_MIN_INSYNC: '1' }

const NODE_ENTRY = fileURLToPath(new URL('../../../services/standalone/dist/main.js', import.meta.url))
const FLOOR_ENTRY = fileURLToPath(new URL('../floor.js', import.meta.url))
const PROBE = new URL('./probe.js', import.meta.url).href

/** Starts a node on any free port; resolves when it listens. */
export async function startNode(options: NodeServerOptions): Promise<Server> {
  const { name, threads, folder, fences, core, sink, nodeArgs } = options
  const fenceFile = join(folder, 'fences.geojson')
  writeFileSync(fenceFile, JSON.stringify(fences))
  const child = new Child({
    name: threads === 1 ? 'the node' : `the node with ${threads} threads`,
    entry: NODE_ENTRY,
    nodeArgs: ['--import', PROBE, ...nodeArgs],
    core,
    env: {
      FENCEPOST_HOST: HOST,
      FENCEPOST_PORT: '0',
      FENCEPOST_ADMIN_PORT: '0',
      FENCEPOST_DATA_DIR: join(folder, `data-${threads}`),
      FENCEPOST_FENCES: fenceFile,
      FENCEPOST_FENCES_INVALID: 'fail',
      FENCEPOST_SDK_KEYS: `bench:${KEY}`,
      FENCEPOST_THREADS: String(threads),
      FENCEPOST_SINK: sink.kind,
      // The floor does nothing of the kind; what presence costs is another question.
      FENCEPOST_PRESENCE: 'off',
      ...(sink.kind === 'kafka' ? { FENCEPOST_KAFKA_BROKERS: sink.brokers, ...ONE_BROKER } : {}),
    },
  })
  try {
    let output = ''
    const port = await child.next((message) => {
      if (message.kind !== 'output') return undefined
      output += String(message['text'])
      const line = output.split('\n').find((text) => text.includes('"msg":"listening"') && text.endsWith('}'))
      return line === undefined ? undefined : Number((JSON.parse(line) as { port: unknown }).port)
    }, START_DEADLINE_MS)
    const target = { host: HOST, port, key: KEY }
    return { name, target, cpu: probedCpu(child), rss: probedRss(child), stop: () => child.stop() }
  } catch (error) {
    await child.stop()
    throw error
  }
}

export interface FloorServer extends Server {
  /** What it answers from now on. */
  answer(contentType: string, body: Uint8Array): Promise<void>
}

export async function startFloor(core: number | null): Promise<FloorServer> {
  const child = new Child({ name: 'the floor', entry: FLOOR_ENTRY, nodeArgs: ['--import', PROBE], core })
  try {
    const port = await child.next(
      (message) => (message.kind === 'listening' ? Number(message['port']) : undefined),
      START_DEADLINE_MS,
    )
    return {
      name: 'floor',
      target: { host: HOST, port, key: KEY },
      cpu: probedCpu(child),
      rss: probedRss(child),
      stop: () => child.stop(),
      async answer(contentType, body) {
        await child.ask({ kind: 'answer', answer: { contentType, body } }, 'answering')
      },
    }
  } catch (error) {
    await child.stop()
    throw error
  }
}
