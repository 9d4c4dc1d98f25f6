// The optional folder of real pings, real fences and ground truth beside the repository, `../shared/data`. Its README says what is
// in it. Tests that need it ask `sharedData()` first and skip, with a printed reason, where it is absent.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

/** The folder, or null where there is none. `FENCEPOST_SHARED_DATA` points elsewhere. */
export function sharedData(): string | null {
  const folder =
    process.env['FENCEPOST_SHARED_DATA'] ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url))
  return existsSync(`${folder}/README.md`) ? folder : null
}

/** What a test prints when it skips for want of the folder. */
export const NO_SHARED_DATA = 'skipped: no ../shared/data beside the repository'

/** Text of a file of the folder, unzipped where its name ends in .gz. Throws where there is no folder. */
export function readShared(path: string): string {
  const folder = sharedData()
  if (folder === null) throw new Error(NO_SHARED_DATA)
  const bytes = readFileSync(`${folder}/${path}`)
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
}

export type CsvRow = Readonly<Record<string, string>>

/** Records of a CSV file by the names in its first line (or in `header`, for files without one); RFC 4180 quoting. */
export function readCsv(path: string, header?: readonly string[]): CsvRow[] {
  const records = parseCsv(readShared(path))
  const names = header ?? records.shift() ?? []
  return records.map((fields) => Object.fromEntries(names.map((name, i) => [name, fields[i] ?? ''])))
}

function parseCsv(text: string): string[][] {
  const records: string[][] = []
  let at = 0
  while (at < text.length) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(at, end)
    if (!line.includes('"')) {
      records.push(line.replace(/\r$/, '').split(','))
      at = end + 1
      continue
    }
    const { fields, next } = parseQuoted(text, at)
    records.push(fields)
    at = next
  }
  return records
}

function parseQuoted(text: string, from: number): { fields: string[]; next: number } {
  const fields: string[] = []
  let at = from
  for (;;) {
    let field = ''
    if (text[at] === '"') {
      for (at++; at < text.length; at++) {
        if (text[at] !== '"') field += text[at]
        else if (text[at + 1] === '"') field += text[at++]
        else break
      }
      at++
    }
    while (at < text.length && text[at] !== ',' && text[at] !== '\n') field += text[at++]
    fields.push(field.replace(/\r$/, ''))
    if (text[at++] !== ',') return { fields, next: at }
  }
}

export interface GeoFeature {
  readonly type: 'Feature'
  readonly id?: string | number
  readonly properties: Readonly<Record<string, unknown>>
  readonly geometry: { readonly type: string; readonly coordinates: unknown } | null
}

export interface FeatureCollection {
  readonly type: 'FeatureCollection'
  readonly features: readonly GeoFeature[]
}

const NYC = 'nyc/zones/'

/** Files of each layer, by the name that the oracle's columns have. */
const LAYER_FILES = {
  taxi: [`${NYC}taxi_zones`],
  boro: [`${NYC}boroughs`],
  cd: [`${NYC}community_districts`],
  pct: [`${NYC}police_precincts`],
  council: [`${NYC}city_council`],
  hood: ['manhattan', 'brooklyn', 'queens', 'bronx', 'staten-island'].map((name) => `${NYC}hood-${name}`),
  ed: [`${NYC}election_districts`],
  tract: [`${NYC}census_tracts_2010`],
  school: [`${NYC}school_districts`],
  fire: [`${NYC}fire_battalions`],
  'austin-hood': ['austin/zones/hood-austin'],
  qne: ['world/polygons/qgis-naturalearth-countries'],
  wa10m: ['world/polygons/world-atlas-countries-10m'],
} as const satisfies Record<string, readonly string[]>

export type LayerName = keyof typeof LAYER_FILES

/** The eight layers that the NYC oracles answer for. */
export const NYC_LAYERS = ['taxi', 'boro', 'cd', 'pct', 'council', 'hood', 'ed', 'tract'] as const

/** A layer as its files have it, several files one after the other, so that positions are the oracle's zone indexes. */
export function readLayer(name: LayerName): FeatureCollection {
  const features = LAYER_FILES[name].flatMap(
    (file) => (JSON.parse(readShared(`${file}.geojson.gz`)) as FeatureCollection).features,
  )
  return { type: 'FeatureCollection', features }
}

/** A layer's shapes as fences called `taxi/0`, `taxi/1` … after the oracle's zone indexes, other properties as given. */
export function layerFences(name: LayerName, properties: GeoFeature['properties'] = {}): GeoFeature[] {
  return readLayer(name).features.map(({ geometry }, i) => ({
    type: 'Feature',
    id: `${name}/${i}`,
    properties,
    geometry,
  }))
}

/** What the oracle says about one point and one layer. */
export interface OracleAnswer {
  /** Zone indexes that hold the point, boundary included, ascending. */
  readonly inside: readonly number[]
  /** Those among them that have it exactly on their boundary. */
  readonly on: readonly number[]
  /** Metres to the nearest edge, or null when that is far. */
  readonly edgeM: number | null
  /** Invalid zones that different readings disagree on: leave them out of comparisons. */
  readonly ambiguous: readonly number[]
}

export interface OracleRow {
  /** The file's own first column: a source, a vehicle, an airport. */
  readonly id: string
  /** 0-based record of the points file. */
  readonly row: number
  readonly lon: number
  readonly lat: number
  readonly layers: Readonly<Record<string, OracleAnswer>>
}

/**
 * Rows of an oracle file. Layers are named as the file's columns are; every `every`-th row only, from the `every`-th on.
 */
export function oracleRows(path: string, layers: readonly string[], every = 1): OracleRow[] {
  const rows = sampled(readCsv(path), every)
  return rows.map((row) => ({
    id: Object.values(row)[0] ?? '',
    row: Number(row['row'] ?? row['seg']),
    lon: Number(row['lon']),
    lat: Number(row['lat']),
    layers: Object.fromEntries(layers.map((layer) => [layer, answerOf(row, layer)])),
  }))
}

function answerOf(row: CsvRow, layer: string): OracleAnswer {
  const edge = row[`${layer}_edge_m`] ?? ''
  return {
    inside: zoneList(row[layer]),
    on: zoneList(row[`${layer}_on`]),
    edgeM: edge === '' ? null : Number(edge),
    ambiguous: zoneList(row[`${layer}_amb`]),
  }
}

/** Is this far enough from every edge (1 mm), and undisputed, so that any exact planar answer must agree? */
export function isComparable({ edgeM, ambiguous }: OracleAnswer): boolean {
  return ambiguous.length === 0 && (edgeM === null || edgeM > 0.001)
}

/** What the oracle says about one point and a set of circles. */
export interface CircleRow {
  readonly id: string
  readonly row: number
  readonly lon: number
  readonly lat: number
  /** Ids of the circles that hold the point in geodesic metres on WGS84, in the file's order. */
  readonly inside: readonly string[]
}

export function circleRows(path: string, every = 1): CircleRow[] {
  return sampled(readCsv(path), every).map((row) => ({
    id: Object.values(row)[0] ?? '',
    row: Number(row['row']),
    lon: Number(row['lon']),
    lat: Number(row['lat']),
    inside: (row['inside_geodesic'] ?? '').split(';').filter((id) => id !== ''),
  }))
}

/** A point whose answer in layer wa10m depends on reading rings across the antimeridian and round the pole. */
export interface AntimeridianRow {
  /** `airports`, `cities-50k` or `icebergs-50k`. */
  readonly set: string
  readonly id: string
  readonly row: number
  readonly lon: number
  readonly lat: number
  readonly planar: readonly number[]
  readonly aware: readonly number[]
}

export function antimeridianRows(): AntimeridianRow[] {
  return readCsv('world/oracle/antimeridian-aware.wa10m.csv.gz').map((row) => ({
    set: row['set'] ?? '',
    id: row['id'] ?? '',
    row: Number(row['row']),
    lon: Number(row['lon']),
    lat: Number(row['lat']),
    planar: zoneList(row['wa10m_planar']),
    aware: zoneList(row['wa10m_antimeridian_aware']),
  }))
}

/** The bus stops as circles of 50 m called by their stop_id. */
export function stopFences(): GeoFeature[] {
  return readCsv('austin/poi/stops_20160821_20170121.csv.gz').map((row) =>
    circle(row['stop_id'] ?? '', row['stop_lon'], row['stop_lat'], 50),
  )
}

const AIRPORT_COLUMNS = ['id', 'name', 'city', 'country', 'iata', 'icao', 'lat', 'lon']

/** The airports as circles of 25 km called by their OpenFlights id. */
export function airportFences(): GeoFeature[] {
  return readCsv('world/points/openflights-airports.dat.gz', AIRPORT_COLUMNS).map((row) =>
    circle(row['id'] ?? '', row['lon'], row['lat'], 25_000),
  )
}

function circle(id: string, lon: string | undefined, lat: string | undefined, radiusM: number): GeoFeature {
  const geometry = { type: 'Point', coordinates: [Number(lon), Number(lat)] }
  return { type: 'Feature', id, properties: { radius_m: radiusM }, geometry }
}

function zoneList(field: string | undefined): number[] {
  return field === undefined || field === '' ? [] : field.split(';').map(Number)
}

function sampled<T>(rows: readonly T[], every: number): T[] {
  return rows.filter((_, i) => (i + 1) % every === 0)
}
