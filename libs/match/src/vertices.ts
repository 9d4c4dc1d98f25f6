// The vertices of a polygon's record, read one by one: for building and explaining, where no ping waits.
import { IntList } from './growing.ts'
import {
  ALIAS,
  E7,
  firstElementOf,
  KIND_MASK,
  type RecordViews,
  RING_E7,
  RINGS_E7,
  ringEndsOf,
  VERTICES_SHIFT,
} from './records.ts'

/** Reads the vertices of one polygon's record after the other, moved by its alias. */
export class Vertices {
  readonly #views: RecordViews
  #values: Int32Array | Float64Array = new Int32Array(0)
  #scale = 1
  #first = 0
  #shift = 0
  /** Of an open ring: its number of vertices. 0 = rings are closed. */
  #wrapsAt = 0
  #record = 0

  constructor(views: RecordViews) {
    this.#views = views
  }

  load(record: number): this {
    const { u32, i32, f64 } = this.#views
    let target = record
    this.#shift = 0
    if ((u32[2 * target] & KIND_MASK) === ALIAS) {
      this.#shift = i32[2 * target + 3]
      target = u32[2 * target + 2]
    }
    const kind = u32[2 * target] & KIND_MASK
    const isE7 = kind === RING_E7 || kind === RINGS_E7
    this.#values = isE7 ? i32 : f64
    this.#scale = isE7 ? E7 : 1
    this.#first = firstElementOf(u32, target)
    this.#wrapsAt = kind < RINGS_E7 ? u32[2 * target] >>> VERTICES_SHIFT : 0
    this.#record = target
    return this
  }

  next(v: number): number {
    return v + 1 === this.#wrapsAt ? 0 : v + 1
  }

  x(v: number): number {
    return this.#values[this.#first + 2 * v] / this.#scale + this.#shift
  }

  y(v: number): number {
    return this.#values[this.#first + 2 * v + 1] / this.#scale
  }

  edgesInto(edges: IntList): number {
    const { u32 } = this.#views
    const vertices = u32[2 * this.#record] >>> VERTICES_SHIFT
    edges.reserve(vertices)
    const before = edges.length
    if (this.#wrapsAt > 0) {
      for (let v = 0; v < vertices; v++) edges.push(v)
    } else {
      const ends = ringEndsOf(u32, this.#record)
      let ring = 0
      for (let v = 0; v < vertices; v++) {
        // The last vertex of a closed ring begins no edge.
        if (v + 1 === u32[ends + ring]) ring++
        else edges.push(v)
      }
    }
    return edges.length - before
  }

  /** Visits every edge. */
  forEachEdge(visit: (ax: number, ay: number, bx: number, by: number) => void): void {
    const edges = new IntList()
    const count = this.edgesInto(edges)
    for (let i = 0; i < count; i++) {
      const v = edges.data[i]
      visit(this.x(v), this.y(v), this.x(this.next(v)), this.y(this.next(v)))
    }
  }
}
