// Drives a load run: row by row, server by server in turns, and collects the windows.
import type { FenceIndex } from '@fencepost/model'
import { unpack } from 'msgpackr'
import { type Row, rowBodies, rowRate } from './rows.ts'
import type { FloorServer, Server, ServerName } from './servers.ts'
import type { LoadSettings } from './settings.ts'
import { type Answer, type LoadClient, postOnce, type Window, type WindowOptions } from './window.ts'

export interface RowResult {
  readonly row: Row
  readonly load: 'fixed' | 'flat'
  /** 0 = flat out. */
  readonly ratePerS: number
  /** How many serving threads the arm `threads` has, and how many times the rate. */
  readonly threadCount: number
  readonly bodyBytes: number
  /** Pings in a fence, as the node answered for one batch. */
  readonly matched: number
  readonly node: readonly Window[]
  /** Window i belongs to the same round as the node's window i; none when nobody asked for several threads. */
  readonly threads: readonly Window[]
  /** Likewise; none when there is no floor. */
  readonly floor: readonly Window[]
  /** CPU of each server without load, in microseconds a second. */
  readonly idleUsPerS: Readonly<Record<ServerName, number>>
  /** Resident memory of each server after the row, in bytes. */
  readonly rssBytes: Readonly<Record<ServerName, number>>
}

export interface Servers {
  readonly node: Server
  /** The node with several threads, where it is to be compared with. */
  readonly threads: Server | null
  readonly floor: FloorServer | null
}

export interface Driver {
  readonly settings: LoadSettings
  readonly client: LoadClient
  readonly index: FenceIndex
  readonly fenceSeed: number
  readonly say: (line: string) => void
}

const IDLE_MS = 1000
const READY_DEADLINE_MS = 30_000
const RETRY_MS = 500

/** One row: idle CPU, the node's answer for the floor to repeat, warm-up, then the rounds of each kind of load. */
export async function driveRow(driver: Driver, row: Row, servers: Servers): Promise<RowResult[]> {
  const { settings, client, index, fenceSeed, say } = driver
  const { node, threads, floor } = servers
  say(`${row.name}: preparing`)
  const { devices, fences } = settings
  const bodies = rowBodies(row, { index, fences, fenceSeed, devices, sent: Date.now() })
  await client.load(bodies)
  const { matched, idleUsPerS } = await prepare(row, servers, bodies[0] ?? new Uint8Array(0))

  const all: readonly Server[] = [node, ...(threads === null ? [] : [threads]), ...(floor === null ? [] : [floor])]
  const fixedRate = rowRate(row, settings.ratePerS, settings.maxEventsPerS)
  for (const server of all) {
    say(`${row.name}: warming up the ${server.name}`)
    await client.run(server, {
      ...windowOptions(settings, server, row.hitsPerPing === 0 ? 0 : fixedRate),
      warmUpMs: 0,
      windowMs: settings.rowWarmUpMs,
    })
  }

  const results: RowResult[] = []
  for (const load of ['fixed', 'flat'] as const) {
    if (settings.mode !== 'both' && settings.mode !== load) continue
    const ratePerS = load === 'flat' ? 0 : fixedRate
    const rounds = load === 'flat' ? settings.flatRounds : settings.rounds
    const windows: Record<ServerName, Window[]> = { node: [], threads: [], floor: [] }
    for (let round = 0; round < rounds; round++) {
      // A B, B A, A B …: whatever drifts with time weighs on both alike.
      for (const server of round % 2 === 0 ? all : [...all].reverse()) {
        say(
          `${row.name}, ${load === 'flat' ? 'flat out' : `${ratePerS}/s`}: round ${round + 1} of ${rounds}, ${server.name}`,
        )
        windows[server.name].push(await client.run(server, windowOptions(settings, server, ratePerS)))
      }
    }
    const rssBytes = await ofEach(servers, ({ rss }) => rss?.() ?? Promise.resolve(Number.NaN))
    results.push({
      row,
      load,
      ratePerS,
      threadCount: settings.threads,
      bodyBytes: bodies[0]?.length ?? 0,
      matched,
      ...windows,
      idleUsPerS,
      rssBytes,
    })
  }
  return results
}

/** A node with several threads gets so many times the load: what a wake-up costs is shared by all that came by then. */
function windowOptions(settings: LoadSettings, { name }: Server, ratePerS: number): WindowOptions {
  const { connections, warmUpMs, windowMs } = settings
  const times = name === 'threads' ? settings.threads : 1
  return { connections: connections * times, ratePerS: ratePerS * times, warmUpMs, windowMs }
}

/**
 * Sees that the node takes the row's batches, and makes the floor answer the same.
 *
 * @throws Error when the node does not answer 200
 */
async function prepare(
  row: Row,
  servers: Servers,
  body: Uint8Array,
): Promise<Pick<RowResult, 'matched' | 'idleUsPerS'>> {
  const { node, threads, floor } = servers
  const answer = await firstAnswer(node, body)
  if (threads !== null) await firstAnswer(threads, body)
  if (answer.status !== 200) throw new Error(`${row.name}: the node answered ${answer.status} to the first batch`)
  const { accepted, matched } = unpack(answer.body) as { accepted: number; matched: number }
  // A node of somebody else's has other fences; ours must do exactly what the row says.
  if (floor !== null && (accepted !== row.pings || matched !== row.pings * row.hitsPerPing))
    throw new Error(`${row.name}: the node accepted ${accepted} and matched ${matched} of ${row.pings}`)
  await floor?.answer(answer.contentType, answer.body)
  return { matched, idleUsPerS: await ofEach(servers, idle) }
}

/** The same asked of every server there is; NaN for the others. */
async function ofEach(
  { node, threads, floor }: Servers,
  ask: (server: Server) => Promise<number>,
): Promise<Record<ServerName, number>> {
  const [ofNode, ofThreads, ofFloor] = await Promise.all(
    [node, threads, floor].map(async (server) => (server === null ? Number.NaN : ask(server))),
  )
  return { node: ofNode as number, threads: ofThreads as number, floor: ofFloor as number }
}

/** The first answer that is not a 503: a node may listen before its sink is connected. */
async function firstAnswer({ target }: Server, body: Uint8Array): Promise<Answer> {
  const deadline = performance.now() + READY_DEADLINE_MS
  for (;;) {
    const answer = await postOnce(target, body)
    if (answer.status !== 503 || performance.now() > deadline) return answer
    await sleep(RETRY_MS)
  }
}

async function idle({ cpu }: Server): Promise<number> {
  if (cpu === null) return Number.NaN
  const before = await cpu()
  await sleep(IDLE_MS)
  return ((await cpu()) - before) / (IDLE_MS / 1000)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
