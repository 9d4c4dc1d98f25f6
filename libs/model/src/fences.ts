// What a fence is once it has passed the door: normalised, valid, ready to be indexed. libs/geo makes these.
import type { BeaconKind } from './columns.ts'

/** One polygon: an outer ring and its holes, planar in lon/lat degrees. */
export interface Polygon {
  /**
   * Closed rings as `[lon0, lat0, lon1, lat1, …]`, first = last vertex, the outer ring first. A polygon across the antimeridian
   * is unwrapped: its longitudes run on past 180 or below -180, within [-540, 540].
   */
  readonly rings: readonly Float64Array[]
  /**
   * A ring goes round a pole: all rings are repeated past ±180 on both sides and that one is closed beyond the pole, at latitude
   * ±91. A longitude is then tried only as it is, never ±360.
   */
  readonly polar?: true
}

/** Inside = in any of the polygons, boundary included. A longitude is tried as it is, and ±360 where a polygon leaves ±180. */
export interface PolygonShape {
  readonly kind: 'polygon'
  readonly polygons: readonly Polygon[]
}

/** Inside = at most `radiusM` geodesic metres (WGS84) from the centre. */
export interface CircleShape {
  readonly kind: 'circle'
  readonly lon: number
  readonly lat: number
  readonly radiusM: number
}

/** Inside = a sighting of this kind whose id begins with `prefix` (a whole id is its own prefix). */
export interface BeaconShape {
  readonly kind: 'beacon'
  readonly beacon: BeaconKind
  /** iBeacon 16, 18 or 20 bytes; Eddystone-UID 10 or 16; AltBeacon 20. */
  readonly prefix: Uint8Array
}

export type Shape = PolygonShape | CircleShape | BeaconShape

/** All of a fence but where it is: what is known of a hit. */
export interface FenceFacts {
  readonly id: string
  /** Another number after every change; the same on every node. */
  readonly version: number
  /** Whose it is; null = every tenant's. */
  readonly tenant: string | null
  readonly name: string | null
  readonly tags: readonly string[]
  /** Ids of the campaigns that run on it. */
  readonly campaigns: readonly string[]
  /** Seconds inside until a dwell, or null. */
  readonly dwellS: number | null
  /** How its border is crossed, where that is not just by being inside and outside. */
  readonly border?: Border
  /** Epoch ms from which on it is no longer there; absent = it stays. */
  readonly expiresAt?: number
}

/** What keeps noise at a border from making transitions. Each is absent where it was not asked for. */
export interface Border {
  /** Metres: a location is outside only where its circle of uncertainty is clear of the edge by more than this. */
  readonly exitMarginM?: number
  /** Metres: a location whose accuracy is worse, or unknown, makes no transition. */
  readonly minAccuracyM?: number
  /** Seconds outside before it is an exit. */
  readonly exitAfterS?: number
}

/** A named area or beacon region. Immutable; a change is a new object with another version. */
export interface Fence extends FenceFacts {
  readonly shape: Shape
}

/** The tag of places about which nothing is told: `sensitive`, or `sensitive:` and what it is (`sensitive:health`). */
const SENSITIVE = 'sensitive'

/** Is it a place about which nothing is told or kept, whosever the ping? */
export function isSensitive({ tags }: Pick<FenceFacts, 'tags'>): boolean {
  return tags.some((tag) => tag === SENSITIVE || tag.startsWith(`${SENSITIVE}:`))
}
