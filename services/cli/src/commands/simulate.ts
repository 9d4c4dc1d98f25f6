// `simulate`: phones that post to the public door: a seeded fleet that walks through a tenant's fences, or a track from a file.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { normaliseFeature } from '@fencepost/geo'
import type { Fence } from '@fencepost/model'
import { good, send, text } from '../api.ts'
import { type Command, type Context, parseInstant, Refusal, UsageError } from '../command.ts'
import { exportLines } from './fences-export.ts'

interface Position {
  readonly device: string
  /** Ms from the beginning of the simulation. */
  readonly atMs: number
  readonly lat: number
  readonly lon: number
}

/** A simulated phone looks where it is this often. */
const EVERY_MS = 10_000
/** Fences that a fleet walks through, and rows of a track that are read: what is kept in memory. */
const MAX_FENCES = 1000
const MAX_ROWS = 1_000_000
/** Metres a degree of latitude. */
const METRES_A_DEGREE = 111_195

export const simulate: Command = {
  name: 'simulate',
  summary: 'Posts pings of phones that walk through fences, or of a recorded track',
  options: {
    door: { value: 'URL', help: 'the public port (default http://127.0.0.1:8080)' },
    key: { value: 'KEY', help: 'an SDK key', required: true },
    tenant: { value: 'T', help: 'walk through the fences of this tenant' },
    csv: { value: 'FILE', help: 'or replay a track: columns device,timestamp,lat,lon' },
    devices: { value: 'N', help: 'phones of the fleet (10)' },
    seed: { value: 'S', help: 'of the fleet: the same seed walks the same way (1)' },
    speed: { value: 'X', help: 'times real speed (1)' },
    seconds: { value: 'N', help: 'how long the fleet walks, in its own time (600)' },
  },
  notes: ['Phones of a simulation have given their consent. Observed times lie in the past if --speed is above 1.'],
  async run(context) {
    const { values, json, io } = context
    const speed = values.number('speed', { min: 0.001, max: 1_000_000 }) ?? 1
    const csv = values.text('csv')
    if ((csv === undefined) === (values.text('tenant') === undefined))
      throw new UsageError('say either --tenant, whose fences to walk through, or --csv, a track to replay')
    const positions = csv === undefined ? await fleetOf(context) : await trackOf(csv)
    const lengthMs = positions.at(-1)?.atMs ?? 0
    const began = Date.now()
    // The last ping is observed when the simulation ends: none lies in the future.
    const origin = began + lengthMs / speed - lengthMs
    const total = { pings: 0, accepted: 0, matched: 0, rejected: 0 }
    let saidAt = 0
    for (const position of positions) {
      await delay(Math.max(0, began + position.atMs / speed - Date.now()), undefined, { signal: io.ended }).catch(
        () => {},
      )
      if (io.ended.aborted) break
      const answer = await post(context, position, Math.round(origin + position.atMs))
      total.pings++
      total.accepted += answer.accepted
      total.matched += answer.matched
      total.rejected += answer.rejected.length
      if (Date.now() - saidAt > 1000) io.err(`${total.pings} of ${positions.length} pings, ${total.matched} in a fence`)
      if (Date.now() - saidAt > 1000) saidAt = Date.now()
    }
    const { pings, accepted, matched, rejected } = total
    await io.out(
      json
        ? JSON.stringify(total)
        : `${pings} pings sent, ${accepted} accepted, ${matched} in a fence, ${rejected} refused`,
    )
  },
}

interface Answer {
  readonly accepted: number
  readonly matched: number
  readonly rejected: readonly unknown[]
}

async function post({ values, io }: Context, { device, lat, lon }: Position, observed: number): Promise<Answer> {
  const sent = Date.now()
  const ping = { type: 'location', age: Math.max(0, sent - observed), lat, lon, accuracy: 10 }
  const from = JSON.stringify({ v: 1, device, sent, consent: true, pings: [ping] })
  const answer = await send({
    url: values.text('door') ?? 'http://127.0.0.1:8080',
    token: values.text('key'),
    method: 'POST',
    path: '/v1/pings',
    body: { type: 'application/json', bytes: Buffer.byteLength(from), from },
    signal: io.ended,
  })
  return JSON.parse(await text(await good(answer))) as Answer
}

/** Each phone goes from a place round one fence to one round another, in a straight line, at walking pace. */
async function fleetOf(context: Context): Promise<Position[]> {
  const { values } = context
  const devices = values.number('devices', { min: 1, max: 10_000, whole: true }) ?? 10
  const seconds = values.number('seconds', { min: 1, max: 86_400, whole: true }) ?? 600
  const roll = dice(values.number('seed', { min: 0, max: 2 ** 32 - 1, whole: true }) ?? 1)
  const places: { lat: number; lon: number }[] = []
  for await (const line of exportLines(context)) {
    const place = middleOf(normaliseFeature(JSON.parse(line), { position: 0, repair: true }))
    if (place !== null) places.push(place)
    if (places.length === MAX_FENCES) break
  }
  if (places.length === 0)
    throw new Refusal('the tenant has no fence with a place', { lines: ['draw one first: fencepost fences import'] })
  const positions: Position[] = []
  for (let n = 0; n < devices; n++) {
    const goal = places[Math.floor(roll() * places.length)] as { lat: number; lon: number }
    // From 300 m on one side to 300 m on the other.
    const angle = roll() * 2 * Math.PI
    const [north, east] = [Math.sin(angle), Math.cos(angle) / Math.max(0.05, Math.cos((goal.lat * Math.PI) / 180))]
    const startMs = Math.round(roll() * EVERY_MS)
    for (let atMs = startMs; atMs <= seconds * 1000; atMs += EVERY_MS) {
      const metres = -300 + (600 * atMs) / (seconds * 1000)
      const lat = goal.lat + (north * metres) / METRES_A_DEGREE
      positions.push({ device: `simulated-${n}`, atMs, lat, lon: goal.lon + (east * metres) / METRES_A_DEGREE })
    }
  }
  return positions.sort((a, b) => a.atMs - b.atMs)
}

/** A point in the fence or near it; null for a beacon region. */
function middleOf({ shape }: Fence): { lat: number; lon: number } | null {
  if (shape.kind === 'beacon') return null
  if (shape.kind === 'circle') return { lat: shape.lat, lon: shape.lon }
  const ring = shape.polygons[0]?.rings[0] as Float64Array
  return { lat: ring[1] as number, lon: (((((ring[0] as number) + 540) % 360) + 360) % 360) - 180 }
}

/** Mulberry32: numbers in [0, 1) from a seed. */
function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** @throws Refusal for a file that is no track, with the line */
async function trackOf(path: string): Promise<Position[]> {
  const rows: { device: string; at: number; lat: number; lon: number }[] = []
  let columns: number[] | null = null
  let number = 0
  const input = createReadStream(path)
  const broken = new Promise<never>((_, reject) => {
    input.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Refusal(`cannot read ${path}: ${error.code ?? error.message}`)),
    )
  })
  broken.catch(() => {})
  const read = async (): Promise<void> => {
    for await (const line of createInterface({ input })) {
      number++
      if (line.trim() === '') continue
      const cells = line.split(',').map((cell) => cell.trim().replace(/^"|"$/g, ''))
      if (columns === null) {
        columns = ['device', 'timestamp', 'lat', 'lon'].map((name) => cells.indexOf(name))
        if (columns.includes(-1))
          throw new Refusal(`${path}: the first line must name the columns device, timestamp, lat and lon`)
        continue
      }
      const [device = '', time = '', lat = '', lon = ''] = columns.map((i) => cells[i] ?? '')
      const at = parseInstant(time)
      if (
        device === '' ||
        at === null ||
        lat === '' ||
        lon === '' ||
        !(Math.abs(Number(lat)) <= 90) ||
        !(Math.abs(Number(lon)) <= 180)
      )
        throw new Refusal(`${path}: line ${number} is no position`)
      if (rows.length === MAX_ROWS) throw new Refusal(`${path} has more than ${MAX_ROWS} positions`)
      rows.push({ device, at, lat: Number(lat), lon: Number(lon) })
    }
  }
  await Promise.race([read(), broken])
  if (rows.length === 0) throw new Refusal(`${path} has no positions`)
  rows.sort((a, b) => a.at - b.at)
  const first = (rows[0] as { at: number }).at
  return rows.map(({ device, at, lat, lon }) => ({ device, atMs: at - first, lat, lon }))
}
