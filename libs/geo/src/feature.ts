// One GeoJSON feature to one fence: the door that everything ugly stops at.
import type { Border, CircleShape, Fence, PolygonShape, Shape } from '@fencepost/model'
import { readBeacon } from './beacon-region.ts'
import { FenceError, type FenceFault } from './faults.ts'
import { FENCE_LIMITS } from './limits.ts'
import { type PlacedPolygon, placePolygon, toPolygon } from './polygons.ts'
import { type Reading, type Repair, type Ring, readPosition, readRing } from './rings.ts'
import { findFault } from './validity.ts'
import { fenceVersion } from './version.ts'

export interface NormaliseOptions {
  /** Index of the feature in its collection: without an id of its own the fence is called `#<position>`. */
  readonly position: number
  /** Keep what can be read even-odd instead of refusing it. */
  readonly repair: boolean
}

/**
 * Makes a fence of a GeoJSON feature: a Polygon or MultiPolygon, a Point with `properties.radius_m`, or null geometry with
 * `properties.beacon`. Throws a FenceError with a code of FENCE_FAULTS and, for geometry, the place of the fault.
 */
export function normaliseFeature(feature: unknown, options: NormaliseOptions): Fence {
  return readFeature(feature, options).fence
}

/** The same, with what had to be repaired. */
export function readFeature(feature: unknown, options: NormaliseOptions): { fence: Fence; repairs: readonly Repair[] } {
  const { properties, geometry } = readParts(feature)
  const id = readId(feature as object, properties, options.position)
  const repairs: Repair[] = []
  const content = {
    id,
    tenant: readTenant(properties['tenant']),
    tags: readStrings(properties['tags'], FENCE_LIMITS.tags, FENCE_LIMITS.tagBytes, 'bad_tags'),
    campaigns: readStrings(
      properties['campaigns'],
      FENCE_LIMITS.campaigns,
      FENCE_LIMITS.campaignBytes,
      'bad_campaigns',
    ),
    dwellS: readDwell(properties['dwell_s']),
    ...readBorder(properties),
    ...readExpiry(properties['expires_at']),
    shape: readShape(geometry, properties, options.repair, repairs),
  }
  const name = readName(properties['name'])
  const { version: given } = properties
  const version = Number.isSafeInteger(given) && (given as number) >= 0 ? (given as number) : fenceVersion(content)
  return { fence: { ...content, name, version }, repairs }
}

/** The id that a feature goes by, or null where it has none that can be read. For reports about a feature that was refused. */
export function idOf(feature: unknown, position: number): string | null {
  try {
    return readId(feature as object, readParts(feature).properties, position)
  } catch {
    return null
  }
}

type Properties = Readonly<Record<string, unknown>>

function readParts(feature: unknown): { properties: Properties; geometry: unknown } {
  if (!isObject(feature) || feature['type'] !== 'Feature') throw new FenceError('bad_feature')
  const properties = feature['properties'] ?? {}
  if (!isObject(properties)) throw new FenceError('bad_feature')
  return { properties, geometry: feature['geometry'] ?? null }
}

function readId(feature: object, properties: Properties, position: number): string {
  const own = (feature as Properties)['id'] ?? properties['id'] ?? null
  if (own === null) return `#${position}`
  if (typeof own === 'number' && Number.isFinite(own)) return String(own)
  if (!isText(own, FENCE_LIMITS.idBytes)) throw new FenceError('bad_id')
  return own
}

function readTenant(value: unknown): string | null {
  if (value === undefined || value === null) return null
  if (!isText(value, FENCE_LIMITS.tenantBytes)) throw new FenceError('bad_tenant')
  return value
}

function readName(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null
  if (typeof value === 'number') return String(value)
  if (!isText(value, FENCE_LIMITS.nameBytes)) throw new FenceError('bad_name')
  return value
}

function readStrings(value: unknown, maxItems: number, maxBytes: number, code: FenceFault): readonly string[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.length > maxItems) throw new FenceError(code)
  for (const item of value) if (!isText(item, maxBytes)) throw new FenceError(code)
  return [...new Set(value as string[])]
}

function readDwell(value: unknown): number | null {
  if (value === undefined || value === null) return null
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > FENCE_LIMITS.dwellS) {
    throw new FenceError('bad_dwell')
  }
  return value as number
}

function readBorder(properties: Properties): { border?: Border } {
  const { exit_margin_m: margin, min_accuracy_m: accuracy, exit_after_s: after } = properties
  const { exitMarginM, minAccuracyM, exitAfterS } = FENCE_LIMITS
  const border = {
    ...(isAbsent(margin) ? {} : { exitMarginM: readNumber(margin, 0, exitMarginM, 'bad_exit_margin') }),
    ...(isAbsent(accuracy)
      ? {}
      : { minAccuracyM: readNumber(accuracy, Number.MIN_VALUE, minAccuracyM, 'bad_min_accuracy') }),
    ...(isAbsent(after) ? {} : { exitAfterS: readNumber(after, 1, exitAfterS, 'bad_exit_after') }),
  }
  if (border.exitAfterS !== undefined && !Number.isInteger(border.exitAfterS)) throw new FenceError('bad_exit_after')
  return Object.keys(border).length === 0 ? {} : { border }
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

function readExpiry(value: unknown): { expiresAt?: number } {
  if (isAbsent(value)) return {}
  const expiresAt = typeof value === 'string' && INSTANT.test(value) ? Date.parse(value) : value
  if (!Number.isSafeInteger(expiresAt) || (expiresAt as number) < 0) throw new FenceError('bad_expires_at')
  return { expiresAt: expiresAt as number }
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function readNumber(value: unknown, min: number, max: number, code: FenceFault): number {
  if (typeof value !== 'number' || !(value >= min && value <= max)) throw new FenceError(code)
  return value
}

function readShape(geometry: unknown, properties: Properties, repair: boolean, repairs: Repair[]): Shape {
  const beacon = properties['beacon'] ?? null
  if (geometry === null) {
    if (beacon === null) throw new FenceError('unsupported_type')
    return readBeacon(beacon)
  }
  if (beacon !== null) throw new FenceError('bad_beacon', { detail: 'the geometry is not null' })
  if (!isObject(geometry)) throw new FenceError('unsupported_type')
  const { type, coordinates } = geometry
  if (type === 'Point') return readCircle(coordinates, properties['radius_m'])
  if (type !== 'Polygon' && type !== 'MultiPolygon') throw new FenceError('unsupported_type')
  const { antimeridian } = properties
  if (antimeridian !== undefined && antimeridian !== null && antimeridian !== 'planar') {
    throw new FenceError('bad_antimeridian')
  }
  const planar = antimeridian === 'planar'
  const reading: Reading = { repair, planar, verticesLeft: FENCE_LIMITS.vertices, repairs }
  return readPolygons(type === 'Polygon' ? [coordinates] : coordinates, reading)
}

function readCircle(coordinates: unknown, radius: unknown): CircleShape {
  const { lon, lat } = readPosition(coordinates, 'centre')
  if (typeof radius !== 'number' || !(radius > 0 && radius <= FENCE_LIMITS.radiusM)) throw new FenceError('bad_radius')
  return { kind: 'circle', lon, lat, radiusM: radius }
}

function readPolygons(raw: unknown, reading: Reading): PolygonShape {
  if (!Array.isArray(raw)) throw new FenceError('bad_position', { place: 'coordinates' })
  const placed: PlacedPolygon[] = []
  const indexes: number[] = []
  raw.forEach((polygon: unknown, index) => {
    const read = readPolygon(polygon, index, reading)
    if (read === null) return
    placed.push(read)
    indexes.push(index)
  })
  if (placed.length === 0) throw new FenceError('empty')
  const fault = findFault(placed, indexes)
  if (fault !== null) {
    if (!reading.repair) throw new FenceError(fault.code, fault)
    reading.repairs.push({ ...fault, detail: 'read even-odd' })
  }
  return { kind: 'polygon', polygons: placed.map(toPolygon) }
}

/** A polygon whose outer ring is degenerate has nothing to be inside of: repair drops it with its holes. */
function readPolygon(raw: unknown, index: number, reading: Reading): PlacedPolygon | null {
  const place = `polygon ${index}`
  if (!Array.isArray(raw)) throw new FenceError('bad_position', { place })
  if (raw.length === 0) {
    if (!reading.repair) throw new FenceError('empty', { place })
    reading.repairs.push({ code: 'empty', place, detail: 'polygon dropped' })
  }
  const rings: Ring[] = []
  const indexes: number[] = []
  for (let i = 0; i < raw.length; i++) {
    const ring = readRing(raw[i], `${place}, ring ${i}`, reading)
    if (ring === null && i === 0) return null
    if (ring === null) continue
    rings.push(ring)
    indexes.push(i)
  }
  return rings.length === 0 ? null : placePolygon(rings, indexes)
}

/** Well-formed text of 1..maxBytes bytes of UTF-8. */
function isText(value: unknown, maxBytes: number): value is string {
  if (typeof value !== 'string' || value === '' || value.length > maxBytes) return false
  return Buffer.byteLength(value) <= maxBytes && !/\p{Surrogate}/u.test(value)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
