// How shapes lie in an index: one record a circle or polygon, in units of eight bytes, header and vertices side by side.
//
//   all          u32 kind | finest level << 3 | vertices << 8, u32 slot
//   CIRCLE       f64 lon, lat, radius in metres; f32 metres a degree east, metres a degree north, gradient, slack
//   RING_E7      i32 box (minX, minY, maxX, maxY), then vertices as i32 pairs: one ring, not closed
//   RING_F64     f64 box, then vertices as f64 pairs: one ring, not closed
//   RINGS_E7     i32 box, u32 rings, u32 poles, u32 end of each ring in vertices, vertices as i32 pairs: rings closed
//   RINGS_F64    f64 box, the same, vertices as f64 pairs
//   ALIAS        u32 record, i32 degrees: a polygon seen from a longitude moved by a whole turn
//
// E7 = degrees times 1e7 as whole numbers, where that loses nothing: a coordinate c is kept so if round(c · 1e7) / 1e7 is c again,
// and then that quotient is how it is read back. Half the bytes, and whole numbers compare without rounding.

export const CIRCLE = 0
export const RING_E7 = 1
export const RING_F64 = 2
export const RINGS_E7 = 3
export const RINGS_F64 = 4
export const ALIAS = 5

export const KIND_MASK = 7
/** The level of the cells that a shape wants at its edge. */
export const FINEST_SHIFT = 3
export const FINEST_MASK = 31
export const VERTICES_SHIFT = 8

/** Bits of `poles`: a vertex lies at the pole. */
export const NORTH = 1
export const SOUTH = 2

/** A polygon of one ring and at most so many vertices is tested as a whole; larger ones cell by cell. */
export const WHOLE_RING_MAX = 32

export const E7 = 1e7

/** Units of a circle's record. */
export const CIRCLE_UNITS = 6
export const ALIAS_UNITS = 2
/** Units before the vertices. */
export const RING_E7_VERTICES = 3
export const RING_F64_VERTICES = 5
/** Units before the list of ring ends, whose last is followed by the vertices. */
export const RINGS_E7_ENDS = 4
export const RINGS_F64_ENDS = 6

/** The several views of one buffer of records. */
export interface RecordViews {
  readonly u32: Uint32Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly f64: Float64Array
}

export function viewsOf(
  buffer: ArrayBufferLike,
  byteOffset = 0,
  byteLength = buffer.byteLength - byteOffset,
): RecordViews {
  return {
    u32: new Uint32Array(buffer, byteOffset, byteLength / 4),
    i32: new Int32Array(buffer, byteOffset, byteLength / 4),
    f32: new Float32Array(buffer, byteOffset, byteLength / 4),
    f64: new Float64Array(buffer, byteOffset, byteLength / 8),
  }
}

/** Is the record a polygon that is tested as a whole, so that cells keep no edges of it? */
export function isWholeRing(u32: Uint32Array, record: number): boolean {
  const kind = u32[2 * record] & KIND_MASK
  return kind === RING_E7 || kind === RING_F64
}

/** Length of the record at unit `at`, in units. */
export function recordUnits({ u32 }: RecordViews, at: number): number {
  const header = u32[2 * at]
  const vertices = header >>> VERTICES_SHIFT
  switch (header & KIND_MASK) {
    case CIRCLE:
      return CIRCLE_UNITS
    case RING_E7:
      return RING_E7_VERTICES + vertices
    case RING_F64:
      return RING_F64_VERTICES + 2 * vertices
    case RINGS_E7:
      return RINGS_E7_ENDS + ((u32[2 * at + 2 * (RINGS_E7_ENDS - 1)] + 1) >>> 1) + vertices
    case RINGS_F64:
      return RINGS_F64_ENDS + ((u32[2 * at + 2 * (RINGS_F64_ENDS - 1)] + 1) >>> 1) + 2 * vertices
    default:
      return ALIAS_UNITS
  }
}

/** Is the degree value exactly `round(v · 1e7) / 1e7`, within what 32 bits hold? */
export function fitsE7(degrees: number): boolean {
  const whole = Math.round(degrees * E7)
  return whole / E7 === degrees && whole <= 0x7fffffff && whole >= -0x7fffffff
}

/** Where the ends of the rings begin in `u32`, for RINGS_E7 and RINGS_F64; before them stand number of rings and poles. */
export function ringEndsOf(u32: Uint32Array, record: number): number {
  return 2 * (record + ((u32[2 * record] & KIND_MASK) === RINGS_E7 ? RINGS_E7_ENDS : RINGS_F64_ENDS))
}

/** Where the vertices of a polygon's record begin: in `i32` for the E7 kinds, else in `f64`. */
export function firstElementOf(u32: Uint32Array, record: number): number {
  const kind = u32[2 * record] & KIND_MASK
  if (kind === RING_E7) return 2 * (record + RING_E7_VERTICES)
  if (kind === RING_F64) return record + RING_F64_VERTICES
  const ends = ringEndsOf(u32, record)
  const first = ends / 2 + ((u32[ends - 2] + 1) >>> 1)
  return kind === RINGS_E7 ? 2 * first : first
}
