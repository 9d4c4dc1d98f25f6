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
import { EVERY_TENANT } from './facts-table.ts'
import { cellEast, GRID_LEVELS, gridX, gridY } from './grid.ts'
import { CIRCLE_UNITS, KIND_MASK, RING_E7 } from './records.ts'

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

/** Of a circle's record. A ring reaches further, but its box does not. */
const LAST_WORD = 2 * CIRCLE_UNITS - 1

/** In place of a slot: a ping that is to be matched by itself. */
export const ALONE = ~1
/** In place of a slot: there are no further hits of this ping. */
export const LAST = ~2

export class BatchStages {
  readonly #base: BaseIndex
  /** Column and row at the last level, by ping. */
  readonly #x = new Int32Array(BLOCK)
  readonly #y = new Int32Array(BLOCK)
  readonly #every = new BlockCells()
  readonly #own = new BlockCells()
  readonly #active = new Uint8Array(BLOCK)
  readonly #next = new Uint8Array(BLOCK)
  /** 1 = to be matched by itself: a beacon, a place at a pole, a cell with a long list; by ping. */
  readonly #alone = new Uint8Array(BLOCK)
  /** The pings that have items, ascending. */
  readonly #busy = new Uint8Array(BLOCK)
  #room = 0
  /** What the cells say, ping by ping, its tenants one after the other. */
  #items = new Uint32Array(0)
  /** By hit, ping by ping: its ping, from the start of the block, and its slot, or ALONE or LAST. */
  ping: Uint8Array = new Uint8Array(0)
  slots: Int32Array = new Int32Array(0)
  /** What was loaded ahead, kept so that it is not left out. */
  ahead = 0
  /** Are hits of two tenants among them? Those of each ascend. */
  isMixed = false
  /** Of a NEAR item: where in the lists its edges are. */
  #near = new Uint32Array(0)
  /** 1 = the item is a hit or a mark. */
  #holds: Uint8Array = new Uint8Array(0)
  /** Items by the test they need. */
  #circles = new Uint32Array(0)
  #rings = new Uint32Array(0)
  #others = new Uint32Array(0)
  /** 1 = a NEAR item's cell is of its ping's own tenant. */
  #isOwn = new Uint8Array(0)

  constructor(base: BaseIndex) {
    this.#base = base
    this.#grow(1024)
  }

  /**
   * Takes pings `from` to `to - 1` from their places to what their cells say, and returns how many hits there are: `ping` and `slots` tell
   * which. With `marksAll` those of every location end with LAST.
   */
  walk(columns: PingColumns, from: number, to: number, own: number, marksAll: boolean): number {
    const { heads } = this.#base
    const locations = this.#place(columns, from, to)
    const hasEvery = heads[EVERY_TENANT * HEAD_WORDS + HEAD_WIDTH] > 0
    const hasOwn = own > 0 && heads[own * HEAD_WORDS + HEAD_WIDTH] > 0
    if (hasEvery) this.#descend(EVERY_TENANT * HEAD_WORDS, locations, this.#every)
    if (hasOwn) this.#descend(own * HEAD_WORDS, locations, this.#own)
    const every = hasEvery ? this.#every.entry : NOTHING
    const owns = hasOwn ? this.#own.entry : NOTHING
    const busy = this.#gather(columns, from, to, every, owns, marksAll)
    const items = this.#expand(busy, every, owns, marksAll)
    this.isMixed = hasEvery && hasOwn
    return items === 0 ? 0 : this.#test(items, from, columns.lon, columns.lat)
  }

  /** Columns and rows of the locations; returns how many there are. */
  #place({ lon, lat, type, reason }: PingColumns, from: number, to: number): number {
    const alone = this.#alone
    const xs = this.#x
    const ys = this.#y
    const active = this.#active
    const count = to - from
    let locations = 0
    for (let k = 0; k < count; k++) {
      const i = from + k
      const y = lat[i]
      alone[k] = 0
      if (reason[i] !== 0 || type[i] !== LOCATION || y >= 90 || y <= -90) {
        this.#every.entry[k] = 0
        this.#own.entry[k] = 0
        alone[k] = reason[i] === 0 ? 1 : 0
        continue
      }
      xs[k] = gridX(lon[i])
      ys[k] = gridY(y)
      active[locations++] = k
    }
    return locations
  }

  /** Notes which pings are busy, and looks into their lists ahead: no load waits there for what another list says. Returns how many. */
  #gather(
    { reason }: PingColumns,
    from: number,
    to: number,
    every: Uint32Array,
    own: Uint32Array,
    all: boolean,
  ): number {
    const alone = this.#alone
    const busy = this.#busy
    const { lists } = this.#base
    const count = to - from
    let kept = 0
    for (let k = 0; k < count; k++) {
      const some = every[k] | own[k]
      busy[kept] = k
      kept += ((some | -some) >>> 31) | alone[k] | (all && reason[from + k] === 0 ? 1 : 0)
    }
    for (let j = 0; j < kept; j++) {
      const k = busy[j]
      let most = 0
      if (every[k] >>> TAG_SHIFT === LIST) most = lists[every[k] & VALUE_MASK]
      if (own[k] >>> TAG_SHIFT === LIST) most |= lists[own[k] & VALUE_MASK]
      if (most >= LONG) alone[k] = 1
    }
    return kept
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

  /** Writes the items of the busy pings one behind the other; returns how many. */
  #expand(busyCount: number, every: Uint32Array, own: Uint32Array, marksAll: boolean): number {
    const alone = this.#alone
    const busy = this.#busy
    let items = 0
    for (let j = 0; j < busyCount; j++) {
      const k = busy[j]
      if (alone[k] === 1) {
        items = this.#append(~ALONE, k, items)
        continue
      }
      if (every[k] !== 0) items = this.#expandEntry(every[k], k, 0, items)
      if (own[k] !== 0) items = this.#expandEntry(own[k], k, 1, items)
      if (marksAll) items = this.#append(~LAST, k, items)
    }
    return items
  }

  #append(item: number, k: number, items: number): number {
    if (items === this.#room) this.#grow(items + 1)
    this.#items[items] = item
    this.ping[items] = k
    return items + 1
  }

  #expandEntry(entry: number, k: number, isOwn: number, items: number): number {
    if (entry >>> TAG_SHIFT !== LIST) return this.#append(entry, k, items)
    const { lists } = this.#base
    let at = entry & VALUE_MASK
    const end = items + lists[at++]
    if (end > this.#room) this.#grow(end)
    for (let i = items; i < end; i++) {
      const item = lists[at++]
      this.#items[i] = item
      this.ping[i] = k
      if (item >>> TAG_SHIFT !== NEAR) continue
      this.#near[i] = at
      this.#isOwn[i] = isOwn
      at += 1 + (lists[at] >>> 1)
    }
    return end
  }

  /** Sorts the items by the test they need, so that each kind is one loop whose branches go the same way; returns the number of hits. */
  #test(count: number, from: number, lon: Float64Array, lat: Float64Array): number {
    const { tests } = this.#base
    const { u32 } = this.#base.records
    const { ping, slots } = this
    const holds = this.#holds
    const items = this.#items
    const circles = this.#circles
    const rings = this.#rings
    const others = this.#others
    // Loads and nothing else, so that many of them are under way at once: what comes next need not wait.
    const end = u32.length - LAST_WORD
    let sum = 0
    for (let i = 0; i < count; i++) {
      const item = items[i]
      const header = ((item & VALUE_MASK) << 1) & -(item >>> 31)
      sum ^= u32[header]
      if (header < end) sum ^= u32[header + LAST_WORD]
    }
    this.ahead = sum
    let circleCount = 0
    let ringCount = 0
    let otherCount = 0
    for (let i = 0; i < count; i++) {
      const item = items[i]
      const tag = item >>> TAG_SHIFT
      const value = item & VALUE_MASK
      const isRecord = tag >>> 1
      // What names no record reads the header of record 0 and makes nothing of it.
      const header = (value << 1) & -isRecord
      const kind = u32[header] & KIND_MASK
      const isWhole = (tag + 1) >>> 2
      const isCircle = isWhole & ((kind - 1) >>> 31)
      const isRing = isWhole & (((kind ^ RING_E7) - 1) >>> 31)
      holds[i] = 1 - isRecord
      slots[i] = ((u32[header + 1] & -isRecord) | (value & (isRecord - 1))) ^ ((tag - 1) >> 31)
      circles[circleCount] = i
      circleCount += isCircle
      rings[ringCount] = i
      ringCount += isRing
      others[otherCount] = i
      otherCount += isRecord & ~(isCircle | isRing)
    }
    tests.circlesInto(circles, circleCount, items, ping, from, lon, lat, holds)
    tests.ringsInto(rings, ringCount, items, ping, from, lon, lat, holds)
    for (let o = 0; o < otherCount; o++) {
      const i = others[o]
      const k = ping[i]
      holds[i] = this.#holdsOther(i, k, lon[from + k], lat[from + k]) ? 1 : 0
    }
    let found = 0
    for (let i = 0; i < count; i++) {
      slots[found] = slots[i]
      ping[found] = ping[i]
      found += holds[i]
    }
    return found
  }

  #holdsOther(i: number, k: number, lon: number, lat: number): boolean {
    const { tests, lists } = this.#base
    const value = this.#items[i] & VALUE_MASK
    if (this.#items[i] >>> TAG_SHIFT === WHOLE) return tests.holds(value, lon, lat)
    const { down } = this.#isOwn[i] === 1 ? this.#own : this.#every
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
    this.ping = grown(this.ping, new Uint8Array(room))
    this.#near = grown(this.#near, new Uint32Array(room))
    this.#holds = new Uint8Array(room)
    this.slots = new Int32Array(room)
    this.#circles = new Uint32Array(room)
    this.#rings = new Uint32Array(room)
    this.#others = new Uint32Array(room)
    this.#isOwn = grown(this.#isOwn, new Uint8Array(room))
    this.#room = room
  }
}
