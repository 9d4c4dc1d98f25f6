// Posts points with known answers through the public door of a standalone, reads the events back, and compares the fences they
// name with the oracle's.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Packr } from 'msgpackr'
import { type ServiceProcess, startService } from './child.ts'
import { readEvents } from './events-reader.ts'
import { HttpConnection } from './http-client.ts'
import type { OracleGroup, OraclePoint } from './oracle-cases.ts'
import { removeFolder, tempFolder } from './temp.ts'

export interface OracleOptions {
  /** Path of services/standalone/dist/main.js. */
  readonly entry: string
  /** Only sets whose name contains this. */
  readonly only?: string
  /** At most so many points of a set, spread over the whole of it. */
  readonly sample?: number
  /** Called when a group's fences begin to be loaded, which takes seconds. */
  readonly onGroup?: (group: string) => void
  /** Called as a set gets on. */
  readonly onProgress?: (set: string, done: number, total: number) => void
}

/** How one set fared. */
export interface OracleReport {
  readonly set: string
  /** Points of the set, and of those that were posted, with all digits or packed. */
  readonly points: number
  readonly posted: number
  readonly named: number
  /** Answers (points times layers) that there is only one right one for. */
  readonly comparable: number
  /** Those of the posted points: each was held against an event, or the lack of one. */
  readonly compared: number
  readonly mismatches: number
  /** The first hundred, each `point, layer: expected …, got …`. */
  readonly examples: readonly string[]
  readonly events: number
  readonly seconds: number
}

const CONNECTIONS = 8
const PINGS_PER_BATCH = 250
const EXAMPLES = 100
const KEY = 'oracle-key'
const START_DEADLINE_MS = 180_000
const CENTURY_S = 100 * 365 * 86_400

const packr = new Packr({ useRecords: false, int64AsType: 'number' })

/** Runs every chosen set, each group on a standalone of its own. Throws when the service refuses what it must take. */
export async function runOracle(groups: readonly OracleGroup[], options: OracleOptions): Promise<OracleReport[]> {
  const { only = '' } = options
  const reports: OracleReport[] = []
  for (const { name, fences, sets } of groups) {
    const chosen = sets.filter((set) => set.name.includes(only))
    if (chosen.length === 0) continue
    options.onGroup?.(name)
    const folder = tempFolder(`oracle-${name}`)
    let service: ServiceProcess | undefined
    try {
      const file = join(folder, 'fences.geojson')
      writeFileSync(file, JSON.stringify({ type: 'FeatureCollection', features: fences() }))
      service = await startService({ entry: options.entry, env: environment(folder, file) })
      const ports = await service.listening(START_DEADLINE_MS)
      let cursor: string | null = null
      for (const set of chosen) {
        const began = performance.now()
        const all = set.points()
        const points = sampled(all, options.sample)
        const onProgress = (done: number): void => options.onProgress?.(set.name, done, points.length)
        const matched = await postAll(ports.port, points, onProgress)
        const { found, next } = await collect(ports.adminPort, cursor, points)
        cursor = next
        const events = found.reduce((sum, fences) => sum + (fences === undefined ? 0 : 1), 0)
        if (events !== matched) throw new Error(`${set.name}: answers promised ${matched} events, ${events} were read`)
        const comparable = all.reduce((sum, point) => sum + comparableAnswers(point), 0)
        const seconds = (performance.now() - began) / 1000
        reports.push({ set: set.name, points: all.length, comparable, ...compare(points, found), events, seconds })
      }
    } finally {
      await service?.kill9()
      removeFolder(folder)
    }
  }
  return reports
}

function environment(folder: string, fences: string): Record<string, string> {
  return {
    FENCEPOST_HOST: '127.0.0.1',
    FENCEPOST_PORT: '0',
    FENCEPOST_ADMIN_PORT: '0',
    FENCEPOST_DATA_DIR: join(folder, 'data'),
    FENCEPOST_FENCES: fences,
    FENCEPOST_FENCES_INVALID: 'repair',
    FENCEPOST_SDK_KEYS: `oracle:${KEY}`,
    FENCEPOST_EVENT_COORDINATES: 'none',
    FENCEPOST_MAX_PING_AGE_S: String(CENTURY_S),
    FENCEPOST_LOG_LEVEL: 'info',
  }
}

/** `count` of the items, evenly spread; all where there are no more. */
function sampled<T>(items: readonly T[], count: number | undefined): readonly T[] {
  if (count === undefined || items.length <= count) return items
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)] as T)
}

/** Posts every point and returns how many of them the answers say were matched. */
async function postAll(
  port: number,
  points: readonly OraclePoint[],
  onProgress: (done: number) => void,
): Promise<number> {
  const now = Date.now()
  let next = 0
  let done = 0
  let matched = 0
  const work = async (): Promise<void> => {
    const connection = new HttpConnection(port)
    try {
      while (next < points.length) {
        const from = next
        const { device } = points[from] as OraclePoint
        while (next < points.length && next - from < PINGS_PER_BATCH && points[next]?.device === device) next++
        const batch = points.slice(from, next)
        const inBatch = await post(connection, batch, from, now)
        matched += inBatch
        done += batch.length
        onProgress(done)
      }
    } finally {
      connection.close()
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
  return matched
}

async function post(
  connection: HttpConnection,
  points: readonly OraclePoint[],
  from: number,
  sent: number,
): Promise<number> {
  const body = packr.pack({
    v: 1,
    device: points[0]?.device,
    sent,
    consent: { location: true },
    batch: String(from),
    pings: points.map((point, i) => pingOf(point, from + i, sent)),
  })
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/msgpack' }
  const { status, body: bytes } = await connection.post('/v1/pings', headers, body)
  const answer = packr.unpack(bytes) as { accepted?: number; matched?: number; rejected?: unknown[] }
  if (status !== 200 || answer.accepted !== points.length || answer.matched === undefined)
    throw new Error(`a batch of ${points.length} points was answered ${status} ${JSON.stringify(answer).slice(0, 200)}`)
  return answer.matched
}

/** Named with all digits where the point is near an edge, else packed: what SDKs send. */
function pingOf({ lon, lat, observedMs, nearEdge }: OraclePoint, row: number, sent: number): unknown {
  const age = observedMs === undefined ? row % 60_000 : sent - observedMs
  return nearEdge
    ? { type: 'location', age, lat, lon, ref: String(row) }
    : [0, age, Math.round(lat * 1e7), Math.round(lon * 1e7), -1]
}

/** Fence ids by point, from the events after `after`. */
async function collect(
  adminPort: number,
  after: string | null,
  points: readonly OraclePoint[],
): Promise<{ found: (readonly string[] | undefined)[]; next: string | null }> {
  const found = new Array<readonly string[] | undefined>(points.length).fill(undefined)
  const next = await readEvents(adminPort, after, ({ value }) => {
    const { batch, index, ref, fences } = value
    const row = Number(batch) + index
    if (!(row < points.length) || found[row] !== undefined) throw new Error(`event ${batch}/${index} was not expected`)
    if (ref !== (points[row]?.nearEdge ? String(row) : undefined)) throw new Error(`event ${row} has ref ${ref}`)
    found[row] = fences.map((fence) => fence.id)
  })
  return { found, next }
}

type Comparison = Pick<OracleReport, 'posted' | 'named' | 'compared' | 'mismatches' | 'examples'>

function compare(points: readonly OraclePoint[], found: readonly (readonly string[] | undefined)[]): Comparison {
  const examples: string[] = []
  let compared = 0
  let mismatches = 0
  points.forEach((point, row) => {
    for (const { layer, fences } of point.answers) {
      if (fences === null) continue
      compared++
      const expected = fences.join(' ')
      const got = (found[row] ?? []).filter((id) => id.startsWith(`${layer}/`)).sort()
      if (got.join(' ') === expected) continue
      mismatches++
      if (examples.length < EXAMPLES)
        examples.push(`${point.name}, ${layer}: expected ${expected || 'none'}, got ${got.join(' ') || 'none'}`)
    }
  })
  const named = points.filter((point) => point.nearEdge).length
  return { posted: points.length, named, compared, mismatches, examples }
}

function comparableAnswers({ answers }: OraclePoint): number {
  return answers.reduce((count, { fences }) => count + (fences === null ? 0 : 1), 0)
}
