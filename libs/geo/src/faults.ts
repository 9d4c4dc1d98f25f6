// Everything that can be wrong with a fence: one row per fault. Messages name places by index, never by coordinate.

/** What a fence can be refused for, with the line that its owner reads. */
export const FENCE_FAULTS = {
  bad_collection: 'expected a GeoJSON FeatureCollection or Feature',
  not_json: 'is not JSON',
  truncated: 'is not JSON: the text ends too early',
  too_deep: 'at most 256 brackets may be open at once',
  too_large: 'a feature may have at most 67108864 bytes of JSON',
  bad_feature: 'expected a GeoJSON Feature with a properties object or null',
  bad_id: 'an id is a string of 1..128 bytes of UTF-8, or a finite number',
  duplicate_id: 'the id is taken by an earlier feature that the same tenant sees',
  bad_tenant: 'properties.tenant must be a string of 1..64 bytes of UTF-8, or absent for every tenant',
  bad_name: 'properties.name must be a string of at most 256 bytes of UTF-8, or a number',
  bad_tags: 'properties.tags must be a list of at most 64 strings of 1..64 bytes of UTF-8',
  bad_campaigns: 'properties.campaigns must be a list of at most 256 strings of 1..128 bytes of UTF-8',
  bad_dwell: 'properties.dwell_s must be an integer number of seconds, 1..604800',
  bad_exit_margin: 'properties.exit_margin_m must be a number of metres, 0..10000',
  bad_min_accuracy: 'properties.min_accuracy_m must be a number of metres, above 0 and at most 100000',
  bad_exit_after: 'properties.exit_after_s must be an integer number of seconds, 1..86400',
  bad_expires_at: 'properties.expires_at must be an instant with its offset, as 2030-01-31T00:00:00Z, or epoch ms',
  bad_antimeridian: 'properties.antimeridian must be "planar", or absent',
  bad_radius: 'a Point needs properties.radius_m, metres, above 0 and at most 1000000',
  bad_beacon:
    'properties.beacon needs null geometry and one of {kind: "ibeacon", uuid, major?, minor?}, {kind: "eddystone-uid", namespace, instance?} and {kind: "altbeacon", id}',
  unsupported_type: 'the geometry must be a Polygon, a MultiPolygon, a Point with radius_m, or null with a beacon',
  empty: 'the geometry has no area left to be inside of',
  bad_position: 'a position is a list of two or three numbers: longitude, latitude, altitude',
  not_finite: 'a coordinate is not a finite number',
  out_of_range: 'longitude must be within -180..180 and latitude within -90..90',
  too_many_vertices: 'a fence may have at most 100000 vertices',
  too_few_corners: 'a ring needs at least three distinct corners',
  no_area: 'all corners of the ring lie on one line',
  unclosed_ring: 'the first and the last position of a ring must be the same',
  winds_too_far: 'the ring goes round the globe more than once, or spans more than 720 degrees of longitude',
  self_crossing: 'the ring crosses itself or runs along itself',
  self_touching: 'the ring touches itself at a point',
  rings_cross: 'two rings cross each other or share a stretch',
  hole_outside: 'a hole lies outside its outer ring',
  nested_rings: 'a hole lies in another hole, or a polygon in another polygon',
  split_interior: 'holes touch so that they cut the inside in two',
  too_complex: 'the edges overlap too much to be checked in bounded time',
} as const

export type FenceFault = keyof typeof FENCE_FAULTS

/** One feature that was left out, or that had to be repaired. */
export interface FenceProblem {
  /** Index of the feature in the collection, from 0. */
  readonly position: number
  /** The fence's id, or null where none could be read. */
  readonly id: string | null
  readonly code: FenceFault
  readonly message: string
  /** Where in the geometry, by index from 0: `polygon 2, ring 0, vertex 17`. */
  readonly place?: string
  /** True: kept, after repair. False: left out. */
  readonly repaired: boolean
}

/** A fence, or a whole collection, is refused. `problems` lists the faults of a collection that was loaded with `fail`. */
export class FenceError extends Error {
  readonly code: FenceFault
  readonly place?: string
  readonly problems: readonly FenceProblem[]

  constructor(code: FenceFault, details: FaultDetails = {}) {
    super(details.message ?? faultMessage(code, details))
    this.name = 'FenceError'
    this.code = code
    if (details.place !== undefined) this.place = details.place
    this.problems = details.problems ?? []
  }
}

export interface FaultDetails {
  readonly place?: string
  /** A fact to add to the table's line. */
  readonly detail?: string
  /** Instead of the table's line. */
  readonly message?: string
  readonly problems?: readonly FenceProblem[]
}

/** The table's line with the place before it and the detail behind it. */
export function faultMessage(code: FenceFault, details: Pick<FaultDetails, 'place' | 'detail'> = {}): string {
  const where = details.place === undefined ? '' : `${details.place}: `
  const detail = details.detail === undefined ? '' : ` (${details.detail})`
  return `${where}${FENCE_FAULTS[code]}${detail}`
}
