// The rules of PROTOCOL.md once more, the slow way: over the objects that msgpackr or JSON.parse make.
import { Buffer } from 'node:buffer'
import { LIMITS, type PingReason, type RequestReason } from '@fencepost/model'
import { OPTIONS, type PlainBatch, type PlainPing, RECEIVED } from './support.ts'

type Tree = Map<unknown, unknown>

/** Nil, undefined and absent are one. */
function get(map: Tree, key: string): unknown {
  return map.get(key) ?? null
}

/** `isUtf8` says whether a string came from well-formed bytes. */
export function judge(root: unknown, isUtf8: (text: string) => boolean): PlainBatch | RequestReason {
  const fault = structure(root)
  if (fault) return fault
  const body = root as Tree
  const isText = (value: unknown, max: number): value is string =>
    typeof value === 'string' && value !== '' && isUtf8(value) && Buffer.byteLength(value) <= max
  if (get(body, 'v') !== 1) return 'bad_version'
  const device = get(body, 'device')
  if (!isText(device, 128)) return 'bad_device'
  const sent = get(body, 'sent')
  if (!isInteger(sent) || sent < 1 || sent > 8.64e15) return 'bad_sent'
  const consent = get(body, 'consent')
  const flags = consent instanceof Map ? consent : new Map<unknown, unknown>([['location', consent]])
  const said = [get(flags, 'location'), get(flags, 'minor'), get(body, 'minor')]
  if (said.some((flag) => flag !== null && typeof flag !== 'boolean')) return 'bad_consent'
  const batch = get(body, 'batch')
  if (batch !== null && !isText(batch, 64)) return 'bad_batch'
  const pings = get(body, 'pings')
  if (!Array.isArray(pings)) return 'bad_pings'
  return {
    device,
    batch,
    sent,
    consent: said[0] === true,
    minor: said[1] === true || said[2] === true,
    pings: pings.map((ping) => judgePing(ping, sent, isText)),
  }
}

type IsText = (value: unknown, max: number) => value is string

const LOCATION_ITEMS = ['type', 'age', 'lat', 'lon', 'accuracy', 'altitude', 'speed', 'heading', 'battery']
const BEACON_ITEMS = ['type', 'age', 'kind', 'id', 'rssi', 'tx_power']

function judgePing(ping: unknown, sent: number, isText: IsText): PlainPing {
  let field: (name: string) => unknown
  const isPacked = Array.isArray(ping)
  let type: unknown
  if (isPacked) {
    type = ping[0] === 0 ? 'location' : ping[0] === 1 ? 'beacon' : null
    if (type === null || ping.length < 5) return 'bad_ping'
    const names = type === 'location' ? LOCATION_ITEMS : BEACON_ITEMS
    field = (name) => (names.includes(name) ? (ping[names.indexOf(name)] ?? null) : null)
  } else if (ping instanceof Map) {
    type = get(ping, 'type')
    field = (name) => get(ping, name)
  } else return 'bad_ping'
  if (type !== 'location' && type !== 'beacon') return 'bad_ping'

  const [givenAt, age] = [field('at'), field('age')]
  if ((givenAt === null) === (age === null)) return 'bad_time'
  if (age !== null && !(isInteger(age) && age >= 0)) return 'bad_time'
  if (givenAt !== null && !isInteger(givenAt)) return 'bad_time'
  const observed = age === null ? (givenAt as number) : sent - (age as number)
  const at = age === null ? (givenAt as number) : RECEIVED - (age as number)
  if (observed < 1 || observed > 8.64e15) return 'bad_time'

  const judged = type === 'location' ? judgeLocation(field, isPacked) : judgeBeacon(field, isPacked)
  if (typeof judged === 'string') return judged
  const ref = isPacked ? null : field('ref')
  if (ref !== null && !isText(ref, 64)) return 'bad_ref'
  if (RECEIVED - at > OPTIONS.maxAgeMs) return 'stale'
  if (at - RECEIVED > OPTIONS.maxFutureMs) return 'future'
  return { ...judged, observed, at, ref } as PlainPing
}

function judgeLocation(field: (name: string) => unknown, isPacked: boolean): PingReason | object {
  const scale = isPacked ? 1e7 : 1
  const degrees = (name: string, max: number) => {
    const value = field(name)
    if (typeof value !== 'number' || !(Math.abs(value) <= max * scale)) return null
    return isPacked && !Number.isInteger(value) ? null : value / scale
  }
  const lat = degrees('lat', 90)
  const lon = degrees('lon', 180)
  if (lat === null || lon === null) return 'bad_coords'
  let bad = false
  const optional = (name: string, low: number, high: number, unit: number, hasMinusOne: boolean) => {
    const value = field(name)
    if (value === null || (hasMinusOne && value === -1)) return null
    if (typeof value !== 'number' || !(value >= low && value / unit <= high)) bad = true
    return bad ? null : (value as number) / unit
  }
  const accuracy = field('accuracy')
  const metres = optional('accuracy', 0, 1e6, isPacked ? 10 : 1, true)
  const result = {
    type: 'location',
    lat,
    lon,
    latE7: isPacked ? field('lat') : Math.round(lat * 1e7) | 0,
    lonE7: isPacked ? field('lon') : Math.round(lon * 1e7) | 0,
    accuracyDm: metres === null ? null : Math.round(isPacked ? (accuracy as number) : metres * 10) | 0,
    altitude: optional('altitude', -100_000, 100_000, 1, false),
    speed: optional('speed', 0, 20_000, isPacked ? 100 : 1, true),
    heading: optional('heading', 0, 360, 1, true),
    battery: optional('battery', 0, 100, 1, true),
  }
  return bad ? 'bad_field' : result
}

function judgeBeacon(field: (name: string) => unknown, isPacked: boolean): PingReason | object {
  const kinds = ['ibeacon', 'eddystone-uid', 'altbeacon']
  const sizes = [20, 16, 20]
  const kind = isPacked ? field('kind') : kinds.indexOf(field('kind') as string)
  if (typeof kind !== 'number' || sizes[kind] === undefined) return 'bad_beacon'
  const hex = (value: unknown, size: number) => {
    const digits = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
    return typeof digits === 'string' && /^[0-9a-f]*$/i.test(digits) && digits.length === size * 2
      ? digits.toLowerCase()
      : null
  }
  let parts: (string | null)[]
  if (isPacked || kind === 2) parts = [hex(field('id'), sizes[kind])]
  else if (kind === 1) parts = [hex(field('namespace'), 10), hex(field('instance'), 6)]
  else {
    const short = (value: unknown) =>
      isInteger(value) && value >= 0 && value <= 65_535 ? value.toString(16).padStart(4, '0') : null
    const uuid = field('uuid')
    const dashed = typeof uuid === 'string' && /^.{8}-.{4}-.{4}-.{4}-.{12}$/.test(uuid)
    parts = [hex(dashed ? uuid.replaceAll('-', '') : uuid, 16), short(field('major')), short(field('minor'))]
  }
  const rssi = field('rssi')
  if (parts.includes(null) || !isInteger(rssi) || rssi < -127 || rssi > 20) return 'bad_beacon'
  const txPower = field('tx_power')
  if (txPower !== null && !(isInteger(txPower) && Math.abs(txPower) <= 127)) return 'bad_field'
  return { type: 'beacon', kind: kinds[kind], id: parts.join('').padEnd(40, '0'), rssi, txPower }
}

function isInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value)
}

/** Limits of containers and of strings that have no limit of their own. */
function structure(root: unknown): RequestReason | null {
  if (!(root instanceof Map)) return 'malformed_body'
  const pings = root.get('pings')
  if (Array.isArray(pings) && pings.length > OPTIONS.maxPings) return 'too_many_pings'
  if (depthOf(root) > LIMITS.depth) return 'too_deep'
  const ownLimit = (owner: 'root' | 'ping', key: unknown) =>
    (owner === 'root' ? ['device', 'batch'] : ['type', 'kind', 'uuid', 'namespace', 'instance', 'id', 'ref']).includes(
      key as string,
    )
  const mapFits = (map: Tree, owner: 'root' | 'ping') =>
    map.size <= LIMITS.containerItems &&
    [...map].every(
      ([key, value]) =>
        fits(key) &&
        ((owner === 'root' && value === pings && Array.isArray(pings)) ||
          (ownLimit(owner, key) && (typeof value === 'string' || value instanceof Uint8Array)) ||
          fits(value)),
    )
  const pingFits = (ping: unknown) =>
    ping instanceof Map
      ? mapFits(ping, 'ping')
      : Array.isArray(ping) && ping[0] === 1
        ? ping.length <= LIMITS.containerItems &&
          ping.every((item, i) => (i === 3 && (typeof item === 'string' || item instanceof Uint8Array)) || fits(item))
        : fits(ping)
  if (!mapFits(root, 'root') || (Array.isArray(pings) && !pings.every(pingFits))) return 'malformed_body'
  return null
}

function depthOf(value: unknown): number {
  if (Array.isArray(value)) return 1 + Math.max(0, ...value.map(depthOf))
  if (value instanceof Map) return 1 + Math.max(0, ...[...value].flat().map(depthOf))
  return 0
}

function fits(value: unknown): boolean {
  if (typeof value === 'string') return Buffer.byteLength(value) <= LIMITS.stringBytes
  if (value instanceof Uint8Array) return value.length <= LIMITS.stringBytes
  if (Array.isArray(value)) return value.length <= LIMITS.containerItems && value.every(fits)
  if (value instanceof Map) return value.size <= LIMITS.containerItems && [...value].flat().every(fits)
  return true
}

/** JSON's objects as maps, as deep as they go. */
export function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([key, item]) => [key, asMaps(item)]))
}
