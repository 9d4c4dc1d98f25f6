// The immutable base of an index, opened on its block of memory: look-ups in cells, one ping or a whole batch, and exact tests.
import type { SlotList } from '@fencepost/model'
import { BEACON_SECTIONS, BeaconTable, beaconsFrom } from './beacon-table.ts'
import {
  HEAD_HEIGHT,
  HEAD_LEVEL,
  HEAD_NORTH,
  HEAD_ROOTS,
  HEAD_SOUTH,
  HEAD_WIDTH,
  HEAD_WORDS,
  HEAD_X,
  HEAD_Y,
  INSIDE,
  LIST,
  NEAR,
  NODE,
  NODE_BITS,
  NODE_MASK,
  NODE_SHIFT,
  PAGE_SHIFT,
  TAG_SHIFT,
  VALUE_MASK,
  WHOLE,
} from './cells.ts'
import { ExpiryTable } from './expiry-table.ts'
import { FACTS_SECTIONS, FactsTable } from './facts-table.ts'
import { cellEast, GRID_LEVELS, gridX, gridY } from './grid.ts'
import { doublesOf, sectionsOf, wordsOf } from './image.ts'
import { type RecordViews, viewsOf } from './records.ts'
import { ShapeTests } from './shape-tests.ts'

/** Sections before those of the facts. */
const CELL_SECTIONS = 8

/** What a cell says of one shape: INSIDE and a slot, or WHOLE or NEAR and a record; the cell's level; and does it hold the point? */
export interface CellItem {
  readonly tag: number
  readonly value: number
  readonly level: number
  readonly holds: boolean
}

export class BaseIndex {
  /** Number of fences. */
  readonly size: number
  readonly facts: FactsTable
  readonly beacons: BeaconTable
  readonly records: RecordViews
  /** Units of all records. */
  readonly recordUnits: number
  readonly geometryBytes: number
  readonly factsBytes: number
  readonly tests: ShapeTests
  readonly heads: Uint32Array
  readonly roots: Uint32Array
  readonly nodes: Uint32Array
  readonly lists: Uint32Array
  /** Slot and record of each shape of a fence whose border has a margin, by slot. */
  readonly margins: Uint32Array
  /** A bit for each slot about whose fence nothing is told, or null: there is none. */
  readonly sensitive: Uint8Array | null
  readonly expiries: ExpiryTable
  /** Set by `#cellAt`. */
  #down = 0

  constructor(image: SharedArrayBuffer) {
    const sections = sectionsOf(image)
    this.heads = wordsOf(sections[0])
    this.roots = wordsOf(sections[1])
    this.nodes = wordsOf(sections[2])
    this.lists = wordsOf(sections[3])
    const { buffer, byteOffset, byteLength } = sections[4]
    this.records = viewsOf(buffer, byteOffset, byteLength)
    this.recordUnits = byteLength / 8
    this.margins = wordsOf(sections[5])
    this.expiries = new ExpiryTable(doublesOf(sections[7]))
    this.geometryBytes = byteLength
    this.tests = new ShapeTests(this.records)
    const facts = sections.slice(CELL_SECTIONS, CELL_SECTIONS + FACTS_SECTIONS)
    this.facts = new FactsTable(facts)
    this.factsBytes = facts.reduce((sum, { byteLength }) => sum + byteLength, 0)
    this.size = this.facts.size
    const from = CELL_SECTIONS + FACTS_SECTIONS
    this.sensitive = bitsOf(wordsOf(sections[6]), this.size)
    this.beacons = new BeaconTable(beaconsFrom(sections.slice(from, from + BEACON_SECTIONS)))
  }

  /** Appends the slots of the fences of tenant `number` that hold the point, ascending, a fence of several parts perhaps twice in a row. */
  collect(number: number, lon: number, lat: number, out: SlotList): void {
    const head = number * HEAD_WORDS
    const { heads } = this
    if (lat >= 90 || lat <= -90) {
      this.#collectPole(heads[head + (lat > 0 ? HEAD_NORTH : HEAD_SOUTH)], lat, out)
      return
    }
    const x = gridX(lon)
    const entry = this.#cellAt(head, x, gridY(lat))
    if (entry !== 0) this.take(entry, x, this.#down, lon, lat, out)
  }

  /** The entry of the cell of a column and row of the last level; `#down` says how many levels above that the cell is. */
  #cellAt(head: number, x: number, y: number): number {
    const { heads, nodes } = this
    let down = GRID_LEVELS - heads[head + HEAD_LEVEL]
    const column = (x >>> down) - heads[head + HEAD_X]
    const row = (y >>> down) - heads[head + HEAD_Y]
    const width = heads[head + HEAD_WIDTH]
    if (column < 0 || row < 0 || column >= width || row >= heads[head + HEAD_HEIGHT]) return 0
    let entry = this.roots[heads[head + HEAD_ROOTS] + row * width + column]
    while (entry !== 0 && entry >>> TAG_SHIFT === NODE) {
      const bits = NODE_BITS + (entry >>> PAGE_SHIFT) * NODE_BITS
      const mask = (1 << bits) - 1
      down -= bits
      entry = nodes[((entry & NODE_MASK) << NODE_SHIFT) + ((((y >>> down) & mask) << bits) | ((x >>> down) & mask))]
    }
    this.#down = down
    return entry
  }

  /** Appends what the entry of a cell `down` levels above the last says of the point, which lies in column `x` of that. */
  take(entry: number, x: number, down: number, lon: number, lat: number, out: SlotList): void {
    const tag = entry >>> TAG_SHIFT
    const value = entry & VALUE_MASK
    if (tag === INSIDE) out.push(value)
    else if (tag === WHOLE) {
      if (this.tests.holds(value, lon, lat)) out.push(this.records.u32[2 * value + 1])
    } else this.#takeList(value, x, down, lon, lat, out)
  }

  #takeList(list: number, x: number, down: number, lon: number, lat: number, out: SlotList): void {
    const { lists, tests } = this
    const { u32 } = this.records
    let at = list + 1
    for (let items = lists[list]; items > 0; items--) {
      const item = lists[at++]
      const tag = item >>> TAG_SHIFT
      const value = item & VALUE_MASK
      if (tag === INSIDE) out.push(value)
      else if (tag === WHOLE) {
        if (tests.holds(value, lon, lat)) out.push(u32[2 * value + 1])
      } else {
        const east = cellEast(x >>> down, GRID_LEVELS - down)
        if (tests.holdsNear(value, lists, at, east, lon, lat)) out.push(u32[2 * value + 1])
        at += 1 + (lists[at] >>> 1)
      }
    }
  }

  /** Visits what `collect` looks at, with what it finds. */
  forEachItem(number: number, lon: number, lat: number, visit: (item: CellItem) => void): void {
    const { lists } = this
    if (lat >= 90 || lat <= -90) {
      const list = this.heads[number * HEAD_WORDS + (lat > 0 ? HEAD_NORTH : HEAD_SOUTH)]
      const end = list === 0 ? 0 : list + lists[list - 1]
      for (let at = list; at < end; at++) {
        const record = lists[at]
        visit({ tag: WHOLE, value: record, level: 0, holds: this.tests.holdsPole(record, lat) })
      }
      return
    }
    const entry = this.#cellAt(number * HEAD_WORDS, gridX(lon), gridY(lat))
    if (entry === 0) return
    const level = GRID_LEVELS - this.#down
    const x = gridX(lon) >>> this.#down
    const tagOf = (word: number): number => word >>> TAG_SHIFT
    const say = (word: number, near: number): void => {
      const tag = tagOf(word)
      const value = word & VALUE_MASK
      const holds =
        tag === INSIDE ||
        (tag === WHOLE
          ? this.tests.holds(value, lon, lat)
          : this.tests.holdsNear(value, lists, near, cellEast(x, level), lon, lat))
      visit({ tag, value, level, holds })
    }
    if (tagOf(entry) !== LIST) {
      say(entry, -1)
      return
    }
    let at = entry & VALUE_MASK
    for (let left = lists[at++]; left > 0; left--) {
      const item = lists[at++]
      say(item, at)
      if (tagOf(item) === NEAR) at += 1 + (lists[at] >>> 1)
    }
  }

  /** At a pole every longitude is the same point: what reaches it is in a list of its own. */
  #collectPole(list: number, lat: number, out: SlotList): void {
    if (list === 0) return
    const { lists } = this
    const end = list + lists[list - 1]
    const start = out.length
    for (let at = list; at < end; at++) {
      if (this.tests.holdsPole(lists[at], lat)) out.push(this.records.u32[2 * lists[at] + 1])
    }
    out.slots.subarray(start, out.length).sort()
  }
}

function bitsOf(slots: Uint32Array, size: number): Uint8Array | null {
  if (slots.length === 0) return null
  const bits = new Uint8Array((size + 7) >>> 3)
  for (const slot of slots) bits[slot >>> 3] |= 1 << (slot & 7)
  return bits
}
