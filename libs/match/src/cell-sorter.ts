// Which of the sixteen parts of a cell does a shape fill, leave empty, or cut? The geometry behind cell-builder.ts.
import { chordBounds, toEcefInto } from '@fencepost/geo'
import { appendEntry, ENTRY_WORDS, type Frame, PARTS, SIDE } from './cell-frame.ts'
import { INSIDE, TAG_SHIFT, VALUE_MASK, WHOLE } from './cells.ts'
import { ON } from './crossings.ts'
import { CELL_SLACK_DEG, CELL_WIDTHS, cellEast, cellSouth, cellWest } from './grid.ts'
import { IntList } from './growing.ts'
import { CIRCLE, isWholeRing, KIND_MASK, type RecordViews } from './records.ts'
import type { ShapeTests } from './shape-tests.ts'
import { Vertices } from './vertices.ts'

/** Edges are filed with the cells they come so near to: those a path to `cellEast` may meet, and rounding on top. */
const REACH_DEG = 3 * CELL_SLACK_DEG
/** Metres that a circle is taken smaller or larger by for the same reasons: far more than REACH_DEG is long. */
const REACH_M = 0.01
const RADIANS = Math.PI / 180
/** Degrees east for one north, up to which an edge is cut where it leaves a row: rounding then moves that by less than REACH_DEG. */
const MAX_LEVEL = 1e4
/** Points tried in a cell until one is on no edge. */
const TRIES = 32

export class CellSorter {
  readonly #views: RecordViews
  readonly #tests: ShapeTests
  readonly #vertices: Vertices
  /** Edges of the polygon at hand by part. */
  readonly #found: readonly IntList[] = Array.from({ length: PARTS }, () => new IntList(64))
  /** Corners and borders of the cell at hand on the ellipsoid. */
  readonly #corner = new Float64Array(3 * (SIDE + 1) * (SIDE + 1))
  readonly #fromAxis = new Float64Array(SIDE + 1)
  readonly #height = new Float64Array(SIDE + 1)
  readonly #centre = new Float64Array(3)
  /** Of each corner to the centre of the circle at hand. */
  readonly #chord2 = new Float64Array((SIDE + 1) * (SIDE + 1))

  constructor(views: RecordViews, tests: ShapeTests) {
    this.#views = views
    this.#tests = tests
    this.#vertices = new Vertices(views)
  }

  /** Appends every edge of a polygon's record to `edges`; returns how many. */
  allEdges(record: number, edges: IntList): number {
    return this.#vertices.load(record).edgesInto(edges)
  }

  /** Sorts the entries of a cell into the sixteen parts of `frame`. Their edges lie in `edges`. */
  split(entries: IntList, edges: IntList, x: number, y: number, level: number, frame: Frame): void {
    frame.clear()
    let laidOut = false
    for (let e = 0; e < entries.length; e += ENTRY_WORDS) {
      const ref = entries.data[e]
      const tag = ref >>> TAG_SHIFT
      if (tag === INSIDE) {
        for (const part of frame.parts) appendEntry(part, ref, 0, 0)
      } else if (tag === WHOLE && (this.#views.u32[2 * (ref & VALUE_MASK)] & KIND_MASK) !== CIRCLE) {
        for (const part of frame.parts) appendEntry(part, ref, 0, 0)
      } else if (tag === WHOLE) {
        if (!laidOut) this.#layOut(x, y, level)
        laidOut = true
        this.#splitCircle(ref, x, level, frame)
      } else this.#splitPolygon(ref, edges, entries.data[e + 1], entries.data[e + 2], x, y, level, frame)
    }
  }

  /**
   * The constant of a cell for a polygon of which `count` edges at `edges.data[start]` come near it: with it `holdsNear` answers as `holds`
   * does. `truth` answers for a point of the cell. -1 when no point off the edges was found.
   */
  constantOf(
    record: number,
    edges: IntList,
    start: number,
    count: number,
    x: number,
    y: number,
    level: number,
    truth: (lon: number, lat: number) => boolean,
  ): number {
    const east = cellEast(x, level)
    const west = cellWest(x, level)
    const south = cellSouth(y, level)
    const width = CELL_WIDTHS[level]
    const height = width / 2
    for (let i = 0; i < TRIES; i++) {
      // The middle first, then a sequence that fills the cell evenly.
      const lon = west + width * fraction(0.5 + i * 0.754877666)
      const lat = south + height * fraction(0.5 + i * 0.569840291)
      const parity = this.#tests.pathParity(record, edges.data, start, count, east, lon, lat)
      if (parity !== ON) return parity ^ (truth(lon, lat) ? 1 : 0)
    }
    return -1
  }

  #splitPolygon(
    ref: number,
    edges: IntList,
    start: number,
    countAndOdd: number,
    x: number,
    y: number,
    level: number,
    frame: Frame,
  ): void {
    const record = ref & VALUE_MASK
    const count = countAndOdd >>> 1
    const odd = countAndOdd & 1
    const below = level + 2
    const cut = this.#sortEdges(record, edges, start, count, SIDE * x, SIDE * y, below)
    const east = cellEast(x, level)
    // No point that is asked about lies on an edge: constantOf has seen to that, and where no edge is near none can.
    const isWhole = isWholeRing(this.#views.u32, record)
    const truth = isWhole
      ? (lon: number, lat: number): boolean => this.#tests.holds(record, lon, lat)
      : (lon: number, lat: number): boolean =>
          (this.#tests.pathParity(record, edges.data, start, count, east, lon, lat) ^ odd) === 1
    const slot = this.#views.u32[2 * record + 1]
    let inside = 0
    for (let part = 0; part < PARTS; part++) {
      const column = part & 3
      const row = part >>> 2
      const found = this.#found[part]
      if ((cut & (1 << part)) !== 0) {
        const at = frame.edges.length
        for (let i = 0; i < found.length; i++) frame.edges.push(found.data[i])
        const px = SIDE * x + column
        const py = SIDE * y + row
        const constant = isWhole ? 0 : this.constantOf(record, frame.edges, at, found.length, px, py, below, truth)
        appendEntry(frame.parts[part], constant < 0 ? allOf(record) : ref, at, (found.length << 1) | (constant & 1))
        continue
      }
      // No edge lies between neighbours that are both uncut.
      let holds: boolean
      if (column > 0 && (cut & (1 << (part - 1))) === 0) holds = (inside & (1 << (part - 1))) !== 0
      else if (row > 0 && (cut & (1 << (part - SIDE))) === 0) holds = (inside & (1 << (part - SIDE))) !== 0
      else {
        const lon = cellWest(SIDE * x + column, below) + CELL_WIDTHS[below] / 2
        const lat = cellSouth(SIDE * y + row, below) + CELL_WIDTHS[below] / 4
        holds = truth(lon, lat)
      }
      if (!holds) continue
      inside |= 1 << part
      appendEntry(frame.parts[part], slot | (INSIDE << TAG_SHIFT), 0, 0)
    }
  }

  /** Files each edge with the parts it comes near; returns a bit for each part that has any. */
  #sortEdges(
    record: number,
    edges: IntList,
    start: number,
    count: number,
    x: number,
    y: number,
    level: number,
  ): number {
    const vertices = this.#vertices.load(record)
    const west = cellWest(x, level)
    const south = cellSouth(y, level)
    const width = CELL_WIDTHS[level]
    const height = width / 2
    for (const list of this.#found) list.length = 0
    let cut = 0
    for (let e = start; e < start + count; e++) {
      const v = edges.data[e]
      const next = vertices.next(v)
      const ax = vertices.x(v)
      const ay = vertices.y(v)
      const bx = vertices.x(next)
      const by = vertices.y(next)
      const c0 = Math.max(0, Math.floor((Math.min(ax, bx) - REACH_DEG - west) / width))
      const c1 = Math.min(SIDE - 1, Math.floor((Math.max(ax, bx) + REACH_DEG - west) / width))
      const r0 = Math.max(0, Math.floor((Math.min(ay, by) - REACH_DEG - south) / height))
      const r1 = Math.min(SIDE - 1, Math.floor((Math.max(ay, by) + REACH_DEG - south) / height))
      // What is nearly level is filed along all its length: rounding would be felt in where it enters a row.
      const steep = Math.abs(bx - ax) < MAX_LEVEL * Math.abs(by - ay)
      for (let r = r0; r <= r1; r++) {
        let from = c0
        let to = c1
        if (from < to && r0 < r1 && steep) {
          // The stretch of the edge that lies in this row.
          const low = south + r * height - REACH_DEG
          const high = low + height + 2 * REACH_DEG
          const slope = (bx - ax) / (by - ay)
          const least = Math.min(ay, by)
          const most = Math.max(ay, by)
          const x0 = ax + (Math.max(low, least) - ay) * slope
          const x1 = ax + (Math.min(high, most) - ay) * slope
          from = Math.max(from, Math.floor((Math.min(x0, x1) - REACH_DEG - west) / width))
          to = Math.min(to, Math.floor((Math.max(x0, x1) + REACH_DEG - west) / width))
        }
        for (let c = from; c <= to; c++) {
          const part = SIDE * r + c
          this.#found[part].push(v)
          cut |= 1 << part
        }
      }
    }
    return cut
  }

  /** The corners of the sixteen parts on the ellipsoid. */
  #layOut(x: number, y: number, level: number): void {
    const corner = this.#corner
    for (let r = 0; r <= SIDE; r++) {
      const lat = cellSouth(SIDE * y + r, level + 2)
      for (let c = 0; c <= SIDE; c++) {
        toEcefInto(cellWest(SIDE * x + c, level + 2), lat, corner, 3 * (r * (SIDE + 1) + c))
      }
      const at = 3 * r * (SIDE + 1)
      this.#fromAxis[r] = Math.hypot(corner[at], corner[at + 1])
      this.#height[r] = corner[at + 2]
    }
  }

  #splitCircle(ref: number, x: number, level: number, frame: Frame): void {
    const record = ref & VALUE_MASK
    const { f64, u32 } = this.#views
    const lon = f64[record + 1]
    const lat = f64[record + 2]
    const radiusM = f64[record + 3]
    const centre = this.#centre
    toEcefInto(lon, lat, centre, 0)
    const out2 = (radiusM + REACH_M) ** 2
    const smaller = chordBounds(Math.max(0, radiusM - REACH_M)).sureIn2
    // Round a pole the farthest point of a cell need not be a corner.
    const in2 = Math.abs(lat) * RADIANS + radiusM / 6e6 < Math.PI / 2 - 0.01 ? smaller : -1
    const slot = u32[2 * record + 1]
    const chord2 = this.#chord2
    for (let c = 0; c < chord2.length; c++) chord2[c] = this.#chord2To(c)
    for (let part = 0; part < PARTS; part++) {
      const column = part & 3
      const row = part >>> 2
      const corner = row * (SIDE + 1) + column
      const a = chord2[corner]
      const b = chord2[corner + 1]
      const c = chord2[corner + SIDE + 1]
      const d = chord2[corner + SIDE + 2]
      const reaches = a <= out2 || b <= out2 || c <= out2 || d <= out2
      if (!reaches && this.#leastChord2(column, row, lon, SIDE * x + column, level + 2) > out2) continue
      const inside = a <= in2 && b <= in2 && c <= in2 && d <= in2
      appendEntry(frame.parts[part], inside ? slot | (INSIDE << TAG_SHIFT) : ref, 0, 0)
    }
  }

  /** Squared chord from the centre to a corner. */
  #chord2To(corner: number): number {
    const at = 3 * corner
    const dx = this.#corner[at] - this.#centre[0]
    const dy = this.#corner[at + 1] - this.#centre[1]
    const dz = this.#corner[at + 2] - this.#centre[2]
    return dx * dx + dy * dy + dz * dz
  }

  /** At most the squared chord from the centre to any point of a part: the least distances across and along the axis, taken apart. */
  #leastChord2(column: number, row: number, lon: number, x: number, level: number): number {
    const cx = this.#centre[0]
    const cy = this.#centre[1]
    const cz = this.#centre[2]
    const z0 = this.#height[row]
    const z1 = this.#height[row + 1]
    const p0 = this.#fromAxis[row]
    const p1 = this.#fromAxis[row + 1]
    const dz = cz < z0 ? z0 - cz : cz > z1 ? cz - z1 : 0
    const least = Math.min(p0, p1)
    const most = z0 < 0 && z1 > 0 ? Number.POSITIVE_INFINITY : Math.max(p0, p1)
    const west = cellWest(x, level) - CELL_SLACK_DEG
    const east = cellWest(x + 1, level) + CELL_SLACK_DEG
    let across: number
    if (lon >= west && lon <= east) {
      const p = Math.sqrt(cx * cx + cy * cy)
      across = p < least ? least - p : p > most ? p - most : 0
    } else {
      across = Math.min(
        this.#toRay(column, row, least, most, cx, cy),
        this.#toRay(column + 1, row, least, most, cx, cy),
      )
    }
    return across * across + dz * dz
  }

  /** Distance across the axis from the centre to a meridian's stretch between two distances from the axis. */
  #toRay(column: number, row: number, least: number, most: number, cx: number, cy: number): number {
    const from = this.#fromAxis[row] > this.#fromAxis[row + 1] ? row : row + 1
    const at = 3 * (from * (SIDE + 1) + column)
    const length = this.#fromAxis[from]
    const ux = this.#corner[at] / length
    const uy = this.#corner[at + 1] / length
    const along = Math.min(most, Math.max(least, ux * cx + uy * cy))
    const dx = ux * along - cx
    const dy = uy * along - cy
    return Math.sqrt(dx * dx + dy * dy)
  }
}

/** The polygon is to be tested as a whole: for a cell in which every point that was tried lies on an edge. */
function allOf(record: number): number {
  return record | (WHOLE << TAG_SHIFT)
}

function fraction(value: number): number {
  return value - Math.floor(value)
}
