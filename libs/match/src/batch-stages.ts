// A block of pings in stages: each is a short loop whose loads do not wait for one another, so that the processor has many of them
// under way at once. One ping by itself waits for memory at every step.
import { LOCATION, type PingColumns, type SlotList } from '@fencepost/model'
import type { BaseIndex } from './base-index.ts'
import {
  HEAD_HEIGHT,
  HEAD_LEVEL,
  HEAD_ROOTS,
  HEAD_WIDTH,
  HEAD_WORDS,
  HEAD_X,
  HEAD_Y,
  INSIDE,
  LIST,
  NEAR,
  NODE_SHIFT,
  TAG_SHIFT,
  VALUE_MASK,
  WHOLE,
} from './cells.ts'
import { cellEast, GRID_LEVELS, gridX, gridY } from './grid.ts'
import { IntList } from './growing.ts'

/** Pings in one go: what they touch stays in the nearest cache from stage to stage. */
export const BLOCK = 128

/** Entries of one tenant's cells, by ping of the block. */
class Entries {
  readonly entry = new Uint32Array(BLOCK)
  /** Bits below the level of the entry's cell. */
  readonly down = new Uint8Array(BLOCK)
}

/** The entries of a tenant without cells. */
const NOTHING = new Uint32Array(BLOCK)

export class BatchStages {
  readonly #base: BaseIndex
  readonly #x = new Int32Array(BLOCK)
  readonly #y = new Int32Array(BLOCK)
  /** 1 = a location away from the poles, which the stages are for. */
  readonly staged: Uint8Array = new Uint8Array(BLOCK)
  readonly #every = new Entries()
  readonly #own = new Entries()
  readonly #active = new Uint8Array(BLOCK)
  readonly #next = new Uint8Array(BLOCK)
  /** Items of the cells, ping by ping: those of ping k are `first[k]` to `first[k + 1] - 1`, of its own tenant from `#middle[k]` on. */
  readonly #items = new IntList(1024)
  /** Where in the lists the runs of an item begin. */
  readonly #runs = new IntList(1024)
  readonly first: Uint32Array = new Uint32Array(BLOCK + 1)
  readonly #middle = new Uint32Array(BLOCK)
  /** What was loaded ahead; summed up so that it is not left out. */
  ahead = 0

  constructor(base: BaseIndex) {
    this.#base = base
  }

  /** Takes pings `from` to `to - 1` down to their cells and loads what those name. */
  walk(columns: PingColumns, from: number, to: number, every: number, own: number): void {
    const { lon, lat, type, reason } = columns
    const { heads } = this.#base
    const { staged } = this
    const xs = this.#x
    const ys = this.#y
    const active = this.#active
    const count = to - from
    let locations = 0
    for (let k = 0; k < count; k++) {
      const i = from + k
      const y = lat[i]
      if (reason[i] !== 0 || type[i] !== LOCATION || y >= 90 || y <= -90) {
        staged[k] = 0
        continue
      }
      staged[k] = 1
      xs[k] = gridX(lon[i])
      ys[k] = gridY(y)
      active[locations++] = k
    }
    const everyHead = every * HEAD_WORDS
    const ownHead = own * HEAD_WORDS
    const hasEvery = heads[everyHead + HEAD_WIDTH] > 0
    const hasOwn = own > 0 && heads[ownHead + HEAD_WIDTH] > 0
    if (hasEvery) this.#descend(everyHead, locations, this.#every)
    if (hasOwn) this.#descend(ownHead, locations, this.#own)
    this.#expand(count, hasEvery ? this.#every.entry : NOTHING, hasOwn ? this.#own.entry : NOTHING)
    this.#loadAhead()
  }

  /** Appends the hits of ping k; returns how long the list was after those of every tenant's fences. */
  take(k: number, lon: number, lat: number, out: SlotList): number {
    const middle = this.#middle[k]
    if (this.first[k] < middle) this.#test(this.first[k], middle, k, this.#every, lon, lat, out)
    const sorted = out.length
    if (middle < this.first[k + 1]) this.#test(middle, this.first[k + 1], k, this.#own, lon, lat, out)
    return sorted
  }

  #descend(head: number, locations: number, found: Entries): void {
    const { heads, roots, nodes } = this.#base
    const xs = this.#x
    const ys = this.#y
    const active = this.#active
    const next = this.#next
    const { entry, down } = found
    const left = heads[head + HEAD_X]
    const bottom = heads[head + HEAD_Y]
    const width = heads[head + HEAD_WIDTH]
    const height = heads[head + HEAD_HEIGHT]
    const first = heads[head + HEAD_ROOTS]
    let shift = GRID_LEVELS - heads[head + HEAD_LEVEL]
    let more = 0
    for (let a = 0; a < locations; a++) {
      const k = active[a]
      const column = (xs[k] >>> shift) - left
      const row = (ys[k] >>> shift) - bottom
      const e = column >>> 0 < width && row >>> 0 < height ? roots[first + row * width + column] : 0
      entry[k] = e
      down[k] = shift
      next[more] = k
      more += (((e >>> TAG_SHIFT) - 1) & (e | -e)) >>> 31 // 1 for a node: its tag is 0 and it is not 0 itself
    }
    while (more > 0) {
      shift -= 2
      let still = 0
      for (let a = 0; a < more; a++) {
        const k = next[a]
        const e = nodes[(entry[k] << NODE_SHIFT) | (((ys[k] >>> shift) & 3) << 2) | ((xs[k] >>> shift) & 3)]
        entry[k] = e
        down[k] = shift
        next[still] = k
        still += (((e >>> TAG_SHIFT) - 1) & (e | -e)) >>> 31
      }
      more = still
    }
  }

  /** Writes the items of all cells one behind the other. */
  #expand(count: number, every: Uint32Array, own: Uint32Array): void {
    const { staged, first } = this
    const middle = this.#middle
    const items = this.#items
    items.length = 0
    this.#runs.length = 0
    let sum = 0
    const { lists } = this.#base
    for (let k = 0; k < count; k++) {
      // The lists first: no load waits for what another list says.
      if (every[k] >>> TAG_SHIFT === LIST) sum += lists[every[k] & VALUE_MASK]
      if (own[k] >>> TAG_SHIFT === LIST) sum += lists[own[k] & VALUE_MASK]
    }
    this.ahead = sum | 0
    for (let k = 0; k < count; k++) {
      first[k] = items.length
      if (staged[k] === 1 && every[k] !== 0) this.#expandEntry(every[k])
      middle[k] = items.length
      if (staged[k] === 1 && own[k] !== 0) this.#expandEntry(own[k])
    }
    first[count] = items.length
  }

  #expandEntry(entry: number): void {
    const items = this.#items
    const runs = this.#runs
    if (entry >>> TAG_SHIFT !== LIST) {
      items.push(entry)
      runs.push(0)
      return
    }
    const { lists } = this.#base
    let at = entry & VALUE_MASK
    for (let left = lists[at++]; left > 0; left--) {
      const item = lists[at++]
      items.push(item)
      runs.push(at)
      if (item >>> TAG_SHIFT === NEAR) at += 1 + (lists[at] >>> 1)
    }
  }

  /** Touches the records that will be tested. */
  #loadAhead(): void {
    const { u32 } = this.#base.records
    const { data, length } = this.#items
    let sum = 0
    for (let i = 0; i < length; i++) {
      const item = data[i]
      if (item >>> TAG_SHIFT === WHOLE) sum += u32[2 * (item & VALUE_MASK) + 1]
    }
    this.ahead = sum | 0
  }

  #test(from: number, to: number, k: number, { down }: Entries, lon: number, lat: number, out: SlotList): void {
    const { lists, tests } = this.#base
    const { u32 } = this.#base.records
    const { data } = this.#items
    for (let i = from; i < to; i++) {
      const item = data[i]
      const tag = item >>> TAG_SHIFT
      const value = item & VALUE_MASK
      if (tag === INSIDE) out.push(value)
      else if (tag === WHOLE) {
        if (tests.holds(value, lon, lat)) out.push(u32[2 * value + 1])
      } else {
        const at = this.#runs.data[i]
        const east = cellEast(this.#x[k] >>> down[k], GRID_LEVELS - down[k])
        if (tests.holdsNear(value, lists, at, east, lon, lat)) out.push(u32[2 * value + 1])
      }
    }
  }
}
