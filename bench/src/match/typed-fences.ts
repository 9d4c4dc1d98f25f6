// Fences of one case as flat arrays: the geometry that the typed arms walk, and what the other peers' objects are made from. One
// part is one polygon or one circle with its box.
import { chordBounds, circleBox, geodesicDistanceM, polygonBox, toEcefInto } from '@fencepost/geo'
import type { CircleShape, Fence, Polygon } from '@fencepost/model'

/** Doubles a circle, one cache line: centre x, y, z, bounds of the squared chord, lon, lat, radius. */
const CIRCLE_STRIDE = 8
/** No end of a ring comes near it, and it is still a small integer to the engine. */
const HOLED = 2 ** 30

interface Ring {
  readonly from: number
  readonly end: number
}

export class TypedFences {
  /** Fences. */
  count = 0
  parts = 0
  /** Has some fence more than one polygon, so that it may be a candidate twice? */
  severalParts = false
  /** By part. */
  slots = new Uint32Array(1024)
  /** minX, minY, maxX, maxY a part. */
  boxes = new Float64Array(4096)
  /** Two words a part: where its doubles begin, and where they end; the second is 0 for a circle, and HOLED + n for the n-th with holes. */
  places = new Uint32Array(2048)
  /** Vertices, closed. */
  xy = new Float64Array(16_384)
  circles = new Float64Array(8192)
  /** Rings within `xy` of the polygons that have holes. */
  readonly #holed: (readonly Ring[])[] = []
  #xyLength = 0
  #circlesLength = 0
  /** Earth-centred place of the point last given to `setPoint`. */
  readonly #point = new Float64Array(3)

  /** @throws RangeError for a beacon, and for a polygon that leaves ±180: the peers know neither */
  static of(fences: Iterable<Fence>): TypedFences {
    const typed = new TypedFences()
    for (const fence of fences) typed.#add(fence)
    typed.#trim()
    return typed
  }

  /** Bytes of the geometry: vertices, circles, and which belong to a part. */
  get geometryBytes(): number {
    return this.xy.byteLength + this.circles.byteLength + this.places.byteLength + this.slots.byteLength
  }

  get circleBytes(): number {
    return this.circles.byteLength
  }

  isCircle(part: number): boolean {
    return this.places[2 * part + 1] === 0
  }

  /** Outer ring and holes of a polygon as GeoJSON has them. */
  coordinates(part: number): [number, number][][] {
    const from = this.places[2 * part] as number
    const end = this.places[2 * part + 1] as number
    const rings = end < HOLED ? [{ from, end }] : (this.#holed[end - HOLED] as readonly Ring[])
    return rings.map(({ from, end }) =>
      Array.from({ length: (end - from) / 2 }, (_, i): [number, number] => [
        this.xy[from + 2 * i] as number,
        this.xy[from + 2 * i + 1] as number,
      ]),
    )
  }

  /** Once per point, before `inCircle`. */
  setPoint(lon: number, lat: number): void {
    toEcefInto(lon, lat, this.#point, 0)
  }

  /** Chords settle nearly every point, the geodesic the rest. `at` is the first word of the part's place. */
  inCircle(at: number, lon: number, lat: number): boolean {
    const rows = this.circles
    const point = this.#point
    const dx = (rows[at] as number) - (point[0] as number)
    const dy = (rows[at + 1] as number) - (point[1] as number)
    const dz = (rows[at + 2] as number) - (point[2] as number)
    const chord2 = dx * dx + dy * dy + dz * dz
    if (chord2 <= (rows[at + 3] as number)) return true
    if (chord2 > (rows[at + 4] as number)) return false
    return geodesicDistanceM(rows[at + 5] as number, rows[at + 6] as number, lon, lat) <= (rows[at + 7] as number)
  }

  /**
   * Crossing number; no care for the boundary: the pings are not on it, or the pairs would tell. The sums are of bits, because
   * branches on them are guessed wrongly: a third less time than with `inside = !inside`.
   */
  inPolygon(from: number, end: number, x: number, y: number): boolean {
    if (end >= HOLED) return this.#inRings(this.#holed[end - HOLED] as readonly Ring[], x, y)
    const xy = this.xy
    let crossings = 0
    let x0 = xy[from] as number
    let y0 = xy[from + 1] as number
    let above0 = Number(y0 > y)
    for (let at = from + 2; at < end; at += 2) {
      const x1 = xy[at] as number
      const y1 = xy[at + 1] as number
      const above1 = Number(y1 > y)
      if (above0 !== above1) {
        const turn = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
        crossings ^= Number(turn > 0) ^ above0
      }
      x0 = x1
      y0 = y1
      above0 = above1
    }
    return crossings === 1
  }

  #inRings(rings: readonly Ring[], x: number, y: number): boolean {
    let inside = false
    for (const { from, end } of rings) if (this.inPolygon(from, end, x, y)) inside = !inside
    return inside
  }

  #add({ id, shape }: Fence): void {
    const slot = this.count++
    if (shape.kind === 'beacon') throw new RangeError(`${id} is a beacon`)
    if (shape.kind === 'circle') return this.#addCircle(shape, slot)
    if (shape.polygons.length > 1) this.severalParts = true
    for (const polygon of shape.polygons) this.#addPolygon(id, polygon, slot)
  }

  #addCircle(circle: CircleShape, slot: number): void {
    const { lon, lat, radiusM } = circle
    const { sureIn2, sureOut2 } = chordBounds(radiusM)
    const at = this.#circlesLength
    this.#circlesLength += CIRCLE_STRIDE
    this.circles = roomFor(this.circles, this.#circlesLength)
    toEcefInto(lon, lat, this.circles, at)
    this.circles.set([sureIn2, sureOut2, lon, lat, radiusM], at + 3)
    const { minLon, minLat, maxLon, maxLat } = circleBox(circle)
    for (const shift of [0, -360, 360]) {
      if (minLon + shift > 180 || maxLon + shift < -180) continue
      if (shift !== 0 && maxLon - minLon >= 360) continue
      this.#addPart(slot, at, 0, [minLon + shift, minLat, maxLon + shift, maxLat])
    }
  }

  #addPolygon(id: string, polygon: Polygon, slot: number): void {
    const { minLon, minLat, maxLon, maxLat } = polygonBox(polygon)
    if (polygon.polar === true || minLon < -180 || maxLon > 180) throw new RangeError(`${id} leaves ±180`)
    const from = this.#xyLength
    const rings = polygon.rings.map((ring): Ring => {
      const start = this.#append(ring)
      return { from: start, end: start + ring.length }
    })
    const end = rings.length > 1 ? HOLED + this.#holed.push(rings) - 1 : this.#xyLength
    this.#addPart(slot, from, end, [minLon, minLat, maxLon, maxLat])
  }

  #append(vertices: Float64Array): number {
    const at = this.#xyLength
    this.#xyLength += vertices.length
    this.xy = roomFor(this.xy, this.#xyLength)
    this.xy.set(vertices, at)
    return at
  }

  #addPart(slot: number, from: number, end: number, box: readonly number[]): void {
    const part = this.parts++
    this.slots = roomFor(this.slots, part + 1)
    this.boxes = roomFor(this.boxes, 4 * part + 4)
    this.places = roomFor(this.places, 2 * part + 2)
    this.slots[part] = slot
    this.boxes.set(box, 4 * part)
    this.places[2 * part] = from
    this.places[2 * part + 1] = end
  }

  #trim(): void {
    this.slots = this.slots.slice(0, this.parts)
    this.boxes = this.boxes.slice(0, 4 * this.parts)
    this.places = this.places.slice(0, 2 * this.parts)
    this.xy = this.xy.slice(0, this.#xyLength)
    this.circles = this.circles.slice(0, this.#circlesLength)
  }
}

/** The array, or a copy of at least twice its length with room for `length`. */
function roomFor<T extends Uint32Array | Float64Array>(array: T, length: number): T {
  if (length <= array.length) return array
  const larger = new (array.constructor as new (length: number) => T)(Math.max(length, 2 * array.length))
  larger.set(array)
  return larger
}
