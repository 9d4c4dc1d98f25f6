// A block of pings in stages: each is a short loop whose loads do not wait for one another, so that the processor has many of them
// under way at once. One ping by itself waits for memory at every step.
import { LOCATION, type PingColumns } from '@fencepost/model'
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
  NODE_BITS,
  NODE_MASK,
  NODE_SHIFT,
  PAGE_SHIFT,
  TAG_SHIFT,
  VALUE_MASK,
  WHOLE,
} from './cells.ts'
import { cellEast, GRID_LEVELS, gridX, gridY } from './grid.ts'
import { KIND_MASK, RING_E7 } from './records.ts'

/** Pings in one go: what they touch stays in the nearest cache from stage to stage. */
export const BLOCK = 128

/** A list of so many items is better taken by itself: its loads are in a row as they are. A power of two. */
const LONG = 16

/** The entries of a tenant without cells. */
const NOTHING = new Uint32Array(BLOCK)

/** The cells of one tenant that the pings of a block lie in, by ping. */
class BlockCells {
  /** Entry of the cell as cells.ts has it; 0 = nothing there. */
  readonly entry = new Uint32Array(BLOCK)
  /** Levels below that of the cell. */
  readonly down = new Uint8Array(BLOCK)
}

export class BatchStages {
  readonly #base: BaseIndex
  /** Column and row at the last level, by ping. */
  readonly #x = new Int32Array(BLOCK)
  readonly #y = new Int32Array(BLOCK)
  /** 1 = a location away from the poles with lists that are not long, which the stages are for; by ping. */
  readonly staged: Uint8Array = new Uint8Array(BLOCK)
  readonly #every = new BlockCells()
  readonly #own = new BlockCells()
  readonly #active = new Uint8Array(BLOCK)
  readonly #next = new Uint8Array(BLOCK)
  /** Items of all cells, ping by ping: those of ping k are `first[k]` to `first[k + 1] - 1`, of its own tenant from `middle[k]` on. */
  readonly first: Uint32Array = new Uint32Array(BLOCK + 1)
  readonly middle: Uint32Array = new Uint32Array(BLOCK)
  #room = 0
  #items = new Uint32Array(0)
  #ping = new Uint8Array(0)
  /** Of a NEAR item: where in the lists its edges are. */
  #near = new Uint32Array(0)
  /** 1 = the item is a hit. */
  holds: Uint8Array = new Uint8Array(0)
  /** Items by the test they need. */
  #circles = new Uint32Array(0)
  #rings = new Uint32Array(0)
  #others = new Uint32Array(0)

  constructor(base: BaseIndex) {
    this.#base = base
    this.#grow(1024)
  }

  /** The slot that an item stands for. */
  slot(i: number): number {
    const item = this.#items[i]
    const value = item & VALUE_MASK
    return item >>> TAG_SHIFT === INSIDE ? value : this.#base.records.u32[2 * value + 1]
  }

  /** Takes pings `from` to `to - 1` from their places to what their cells say: afterwards `first`, `middle` and `holds` tell the hits. */
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
    const hasEvery = heads[every * HEAD_WORDS + HEAD_WIDTH] > 0
    const hasOwn = own > 0 && heads[own * HEAD_WORDS + HEAD_WIDTH] > 0
    if (hasEvery) this.#descend(every * HEAD_WORDS, locations, this.#every)
    if (hasOwn) this.#descend(own * HEAD_WORDS, locations, this.#own)
    const items = this.#expand(count, hasEvery ? this.#every.entry : NOTHING, hasOwn ? this.#own.entry : NOTHING)
    if (items > 0) this.#test(items, from, lon, lat)
  }

  #descend(head: number, locations: number, found: BlockCells): void {
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
    const shift = GRID_LEVELS - heads[head + HEAD_LEVEL]
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
      let still = 0
      for (let a = 0; a < more; a++) {
        const k = next[a]
        const node = entry[k]
        const bits = NODE_BITS + (node >>> PAGE_SHIFT) * NODE_BITS
        const below = down[k] - bits
        const mask = (1 << bits) - 1
        const cell = (((ys[k] >>> below) & mask) << bits) | ((xs[k] >>> below) & mask)
        const e = nodes[((node & NODE_MASK) << NODE_SHIFT) + cell]
        entry[k] = e
        down[k] = below
        next[still] = k
        still += (((e >>> TAG_SHIFT) - 1) & (e | -e)) >>> 31
      }
      more = still
    }
  }

  /** Writes the items of all cells one behind the other; returns how many. */
  #expand(count: number, every: Uint32Array, own: Uint32Array): number {
    const { staged, first, middle } = this
    const { lists } = this.#base
    for (let k = 0; k < count; k++) {
      // The lists first: no load waits for what another list says.
      let most = 0
      if (every[k] >>> TAG_SHIFT === LIST) most = lists[every[k] & VALUE_MASK]
      if (own[k] >>> TAG_SHIFT === LIST) most |= lists[own[k] & VALUE_MASK]
      if (most >= LONG) staged[k] = 0
    }
    let items = 0
    for (let k = 0; k < count; k++) {
      first[k] = items
      if (staged[k] === 1) items = this.#expandEntry(every[k], k, items)
      middle[k] = items
      if (staged[k] === 1) items = this.#expandEntry(own[k], k, items)
    }
    first[count] = items
    return items
  }

  #expandEntry(entry: number, k: number, items: number): number {
    if (items === this.#room) this.#grow(items + 1)
    if (entry >>> TAG_SHIFT !== LIST) {
      // Written in any case, kept if it is something: which it is nobody can foretell.
      this.#items[items] = entry
      this.#ping[items] = k
      return items + ((entry | -entry) >>> 31)
    }
    const { lists } = this.#base
    let at = entry & VALUE_MASK
    const end = items + lists[at++]
    if (end > this.#room) this.#grow(end)
    for (let i = items; i < end; i++) {
      const item = lists[at++]
      this.#items[i] = item
      this.#ping[i] = k
      if (item >>> TAG_SHIFT !== NEAR) continue
      this.#near[i] = at
      at += 1 + (lists[at] >>> 1)
    }
    return end
  }

  /** Sorts the items by the test they need, so that each kind is one loop whose branches go the same way; fills `holds`. */
  #test(count: number, from: number, lon: Float64Array, lat: Float64Array): void {
    const { tests } = this.#base
    const { u32 } = this.#base.records
    const { holds } = this
    const items = this.#items
    const ping = this.#ping
    const circles = this.#circles
    const rings = this.#rings
    const others = this.#others
    let circleCount = 0
    let ringCount = 0
    let otherCount = 0
    for (let i = 0; i < count; i++) {
      const item = items[i]
      const tag = item >>> TAG_SHIFT
      // An INSIDE item reads the header of record 0 and makes nothing of it.
      const kind = u32[2 * (item & VALUE_MASK) * (tag >>> 1)] & KIND_MASK
      const isWhole = (tag + 1) >>> 2
      const isCircle = isWhole & ((kind - 1) >>> 31)
      const isRing = isWhole & (((kind ^ RING_E7) - 1) >>> 31)
      holds[i] = ((tag ^ INSIDE) - 1) >>> 31
      circles[circleCount] = i
      circleCount += isCircle
      rings[ringCount] = i
      ringCount += isRing
      others[otherCount] = i
      otherCount += (tag >>> 1) & ~(isCircle | isRing)
    }
    tests.circlesInto(circles, circleCount, items, ping, from, lon, lat, holds)
    tests.ringsInto(rings, ringCount, items, ping, from, lon, lat, holds)
    for (let o = 0; o < otherCount; o++) {
      const i = others[o]
      const k = ping[i]
      holds[i] = this.#holdsOther(i, k, lon[from + k], lat[from + k]) ? 1 : 0
    }
  }

  #holdsOther(i: number, k: number, lon: number, lat: number): boolean {
    const { tests, lists } = this.#base
    const value = this.#items[i] & VALUE_MASK
    if (this.#items[i] >>> TAG_SHIFT === WHOLE) return tests.holds(value, lon, lat)
    const { down } = i < this.middle[k] ? this.#every : this.#own
    const east = cellEast(this.#x[k] >>> down[k], GRID_LEVELS - down[k])
    return tests.holdsNear(value, lists, this.#near[i], east, lon, lat)
  }

  /** Makes room for so many items. What they are stays. */
  #grow(wanted: number): void {
    const room = Math.max(wanted, 2 * this.#room)
    const grown = <T extends Uint8Array | Uint32Array>(array: T, larger: T): T => {
      larger.set(array)
      return larger
    }
    this.#items = grown(this.#items, new Uint32Array(room))
    this.#ping = grown(this.#ping, new Uint8Array(room))
    this.#near = grown(this.#near, new Uint32Array(room))
    this.holds = new Uint8Array(room)
    this.#circles = new Uint32Array(room)
    this.#rings = new Uint32Array(room)
    this.#others = new Uint32Array(room)
    this.#room = room
  }
}
