// Reads the positions of one ring: checks them, unwraps longitudes, closes and cleans where repair is asked for.
import { FenceError, type FenceFault } from './faults.ts'
import { side } from './orientation.ts'

/** A ring as read: closed, without repeated vertices, its longitudes running on where it crosses the antimeridian. */
export interface Ring {
  readonly lon: number[]
  readonly lat: number[]
  /** Whole turns to add to each longitude. */
  readonly turn: number[]
  /** Index of each vertex in the list of positions it came from. */
  readonly source: number[]
  /** Turns between the first and the last vertex: 0, or ±1 for a ring round a pole. */
  readonly net: number
}

/** What reading a feature shares: how to read, the vertices it may still have, and what had to be repaired. */
export interface Reading {
  readonly repair: boolean
  readonly planar: boolean
  verticesLeft: number
  readonly repairs: Repair[]
}

export interface Repair {
  readonly code: FenceFault
  readonly place: string
  readonly detail?: string
}

/**
 * Reads one ring. Returns null for a degenerate ring that repair drops.
 * Throws a FenceError with the place of the first fault that cannot be repaired, or any fault without `repair`.
 */
export function readRing(raw: unknown, place: string, reading: Reading): Ring | null {
  if (!Array.isArray(raw)) throw new FenceError('bad_position', { place })
  const ring = unwrap(raw, place, reading)
  if (reading.repair) dropSpikes(ring, place, reading)
  const net = ring.lon.length === 0 ? 0 : (unwrappedLon(ring, ring.lon.length - 1) - unwrappedLon(ring, 0)) / 360
  // A parallel is a straight line and still goes round a pole.
  const fault = ring.lon.length < 4 ? 'too_few_corners' : net === 0 && onOneLine(ring) ? 'no_area' : null
  if (fault !== null) {
    if (!reading.repair) throw new FenceError(fault, { place, ...hintPlanar(ring) })
    reading.repairs.push({ code: fault, place, detail: 'ring dropped' })
    return null
  }
  if (Math.abs(net) > 1 || span(ring) > 720) throw new FenceError('winds_too_far', { place })
  return { ...ring, net }
}

/** Longitude of vertex i with its turns. */
export function unwrappedLon(ring: Pick<Ring, 'lon' | 'turn'>, i: number): number {
  const turn = ring.turn[i] as number
  return turn === 0 ? (ring.lon[i] as number) : (ring.lon[i] as number) + 360 * turn
}

type OpenRing = Omit<Ring, 'net'>

function unwrap(raw: readonly unknown[], place: string, reading: Reading): OpenRing {
  reading.verticesLeft -= raw.length
  if (reading.verticesLeft < 0) throw new FenceError('too_many_vertices', { place })
  const ring: OpenRing = { lon: [], lat: [], turn: [], source: [] }
  for (let i = 0; i < raw.length; i++) append(ring, raw[i], i, place, reading)
  if (raw.length === 0 || isClosed(raw)) return ring
  if (!reading.repair) throw new FenceError('unclosed_ring', { place: `${place}, vertex ${raw.length - 1}` })
  reading.repairs.push({ code: 'unclosed_ring', place, detail: 'closed' })
  append(ring, raw[0], 0, place, reading)
  return ring
}

/** Adds a position unless it repeats the vertex before it. */
function append(ring: OpenRing, position: unknown, index: number, place: string, reading: Reading): void {
  const { lon, lat } = readPosition(position, `${place}, vertex ${index}`)
  const last = ring.lon.length - 1
  let turn = 0
  if (last >= 0) {
    const lastLat = ring.lat[last] as number
    turn = ring.turn[last] as number
    if (!reading.planar) turn += crossing(ring.lon[last] as number, lastLat, lon, lat)
    if (lat === lastLat && lon + 360 * turn === unwrappedLon(ring, last)) return
  }
  ring.lon.push(lon)
  ring.lat.push(lat)
  ring.turn.push(turn)
  ring.source.push(index)
}

/**
 * Turns that an edge adds: an edge longer than 180 degrees goes the short way round, over the antimeridian. An edge of exactly
 * 360 along a pole would be nothing at all that way; it is the lower or upper side of a map that was cut at ±180.
 */
function crossing(lonA: number, latA: number, lonB: number, latB: number): number {
  const delta = lonB - lonA
  if (delta > 180) return delta === 360 && latA === latB && Math.abs(latA) === 90 ? 0 : -1
  if (delta < -180) return delta === -360 && latA === latB && Math.abs(latA) === 90 ? 0 : 1
  return 0
}

/** Checks one GeoJSON position; altitude is ignored. Never returns -0. */
export function readPosition(position: unknown, place: string): { lon: number; lat: number } {
  if (!Array.isArray(position) || position.length < 2) throw new FenceError('bad_position', { place })
  const [lon, lat] = position as unknown[]
  if (typeof lon !== 'number' || typeof lat !== 'number') throw new FenceError('bad_position', { place })
  if (!Number.isFinite(lon) || !Number.isFinite(lat)) throw new FenceError('not_finite', { place })
  if (lon < -180 || lon > 180 || lat < -90 || lat > 90) throw new FenceError('out_of_range', { place })
  return { lon: lon + 0, lat: lat + 0 }
}

function isClosed(raw: readonly unknown[]): boolean {
  const first = readPosition(raw[0], '')
  const last = readPosition(raw[raw.length - 1], '')
  return first.lon === last.lon && first.lat === last.lat
}

/** Drops vertices where the ring turns back on itself exactly: a line there and back has no inside. */
function dropSpikes(ring: OpenRing, place: string, reading: Reading): void {
  const { length } = ring.lon
  const kept: number[] = []
  for (let i = 0; i < length; i++) {
    while (kept.length > 1 && turnsBack(ring, kept[kept.length - 2] as number, kept[kept.length - 1] as number, i)) {
      kept.pop()
    }
    if (kept.length === 0 || !samePlace(ring, kept[kept.length - 1] as number, i)) kept.push(i)
  }
  if (kept.length === length) return
  reading.repairs.push({ code: 'self_crossing', place, detail: 'spikes dropped' })
  for (const column of [ring.lon, ring.lat, ring.turn, ring.source]) {
    for (let i = 0; i < kept.length; i++) column[i] = column[kept[i] as number] as number
    column.length = kept.length
  }
}

/** Does the way a, b, c go back along a, b? */
function turnsBack(ring: OpenRing, a: number, b: number, c: number): boolean {
  const ax = unwrappedLon(ring, a)
  const ay = ring.lat[a] as number
  const bx = unwrappedLon(ring, b)
  const by = ring.lat[b] as number
  const cx = unwrappedLon(ring, c)
  const cy = ring.lat[c] as number
  if (side(ax, ay, bx, by, cx, cy) !== 0) return false
  return ax === bx ? ay < by === cy < by : ax < bx === cx < bx
}

function samePlace(ring: OpenRing, a: number, b: number): boolean {
  return ring.lat[a] === ring.lat[b] && unwrappedLon(ring, a) === unwrappedLon(ring, b)
}

function onOneLine(ring: OpenRing): boolean {
  const ax = unwrappedLon(ring, 0)
  const ay = ring.lat[0] as number
  const bx = unwrappedLon(ring, 1)
  const by = ring.lat[1] as number
  for (let i = 2; i < ring.lon.length; i++) {
    if (side(ax, ay, bx, by, unwrappedLon(ring, i), ring.lat[i] as number) !== 0) return false
  }
  return true
}

function span(ring: OpenRing): number {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < ring.lon.length; i++) {
    const lon = unwrappedLon(ring, i)
    if (lon < min) min = lon
    if (lon > max) max = lon
  }
  return max - min
}

/** A ring that only collapsed because its long edges were read the short way gets told how to say otherwise. */
function hintPlanar(ring: OpenRing): { detail?: string } {
  if (!ring.turn.some((turn) => turn !== 0)) return {}
  return {
    detail: 'edges longer than 180 degrees are read across the antimeridian unless properties.antimeridian is "planar"',
  }
}
