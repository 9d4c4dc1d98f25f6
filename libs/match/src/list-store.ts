// The lists of an index (cells.ts): what a cell holds, by slot. Equal lists are written once.
import { ENTRY_WORDS } from './cell-frame.ts'
import { INSIDE, LIST, NEAR, TAG_SHIFT, VALUE_MASK, WHOLE } from './cells.ts'
import { IntList, WordChunks } from './growing.ts'
import { isWholeRing, type RecordViews } from './records.ts'

/** Edges in one run: what the upper byte of a run holds, and one more. */
const MAX_RUN = 256
/** From here on sorting by a typed array is the faster way. */
const MANY = 24
/** Entries of one list: with a rank of 31 bits their number still fits into a double. */
const MOST = 2 ** 22

export class ListStore {
  readonly words = new WordChunks()
  readonly #views: RecordViews
  readonly #known = new Known(this.words)
  /** Numbers of the entries of the list at hand, by slot, and what they are sorted by. */
  #order = new Uint32Array(64)
  #ranks = new Uint32Array(64)
  readonly #list = new IntList()

  constructor(views: RecordViews) {
    this.#views = views
  }

  /** The word that stands for the entries of a cell: nothing, one item, or a list. */
  entryOf(entries: IntList, edges: IntList): number {
    const list = this.#list
    const items = this.#write(entries, edges)
    if (items === 0) return 0
    const only = list.data[1]
    if (items === 1 && only >>> TAG_SHIFT !== NEAR) return only >>> 0
    // Runs of edges are of one cell alone; everything else is worth looking for.
    const shared = list.length === items + 1
    const hash = shared ? hashOf(list) : 0
    let start = shared ? this.#known.find(list, hash) : -1
    if (start < 0) {
      start = this.words.length
      this.#append(list)
      if (shared) this.#known.add(hash, start)
    }
    if (start > VALUE_MASK) throw new RangeError(`the lists of an index take at most ${VALUE_MASK} words`)
    return (start | (LIST << TAG_SHIFT)) >>> 0
  }

  /** A plain list of records; 0 if there are none, else one more than where it begins. */
  addRecords(records: readonly number[]): number {
    if (records.length === 0) return 0
    const start = this.words.length
    this.words.push(records.length)
    for (const record of records) this.words.push(record)
    return start + 1
  }

  #append({ data, length }: IntList): void {
    for (let i = 0; i < length; i++) this.words.push(data[i])
  }

  /** Writes the list of the entries to `#list`; returns its number of items. */
  #write(entries: IntList, edges: IntList): number {
    const list = this.#list
    list.length = 0
    list.push(0)
    const count = this.#sort(entries)
    let items = 0
    let last = -1
    let lastInside = false
    for (let i = 0; i < count; i++) {
      const e = ENTRY_WORDS * this.#order[i]
      const ref = entries.data[e]
      const slot = this.#slotOf(ref)
      const tag = ref >>> TAG_SHIFT
      // A fence that holds the whole cell by one of its parts comes first among them.
      if (slot === last && lastInside) continue
      last = slot
      lastInside = tag === INSIDE
      items++
      if (tag !== NEAR) list.push(ref)
      else this.#writeNear(ref & VALUE_MASK, edges, entries.data[e + 1], entries.data[e + 2])
    }
    list.data[0] = items
    return items
  }

  #writeNear(record: number, edges: IntList, start: number, countAndOdd: number): void {
    const list = this.#list
    if (isWholeRing(this.#views.u32, record)) {
      list.push(record | (WHOLE << TAG_SHIFT))
      return
    }
    list.push(record | (NEAR << TAG_SHIFT))
    const head = list.length
    list.push(0)
    const end = start + (countAndOdd >>> 1)
    let runs = 0
    for (let e = start; e < end; ) {
      const first = edges.data[e]
      let more = 0
      while (more + 1 < MAX_RUN && e + more + 1 < end && edges.data[e + more + 1] === first + more + 1) more++
      list.push(first | (more << 24))
      runs++
      e += more + 1
    }
    list.data[head] = (runs << 1) | (countAndOdd & 1)
  }

  /** Puts the numbers of the entries into `#order`, by slot, INSIDE first; returns how many. */
  #sort(entries: IntList): number {
    const count = entries.length / ENTRY_WORDS
    if (count > this.#order.length) {
      this.#order = new Uint32Array(count * 2)
      this.#ranks = new Uint32Array(count * 2)
    }
    const order = this.#order
    const ranks = this.#ranks
    if (count > MANY) {
      this.#sortMany(entries, count)
      return count
    }
    for (let i = 0; i < count; i++) {
      const rank = this.#rankOf(entries.data[ENTRY_WORDS * i])
      let j = i - 1
      for (; j >= 0 && ranks[j] > rank; j--) {
        ranks[j + 1] = ranks[j]
        order[j + 1] = order[j]
      }
      ranks[j + 1] = rank
      order[j + 1] = i
    }
    return count
  }

  /** Rank and number side by side in one double each, which a typed array sorts without a call for every comparison. */
  #sortMany(entries: IntList, count: number): void {
    if (count > MOST) throw new RangeError(`${count} shapes in one cell: an index takes at most ${MOST}`)
    const keys = new Float64Array(count)
    for (let i = 0; i < count; i++) keys[i] = this.#rankOf(entries.data[ENTRY_WORDS * i]) * MOST + i
    keys.sort()
    for (let i = 0; i < count; i++) this.#order[i] = keys[i] - Math.floor(keys[i] / MOST) * MOST
  }

  #rankOf(ref: number): number {
    return 2 * this.#slotOf(ref) + (ref >>> TAG_SHIFT === INSIDE ? 0 : 1)
  }

  #slotOf(ref: number): number {
    const value = ref & VALUE_MASK
    return ref >>> TAG_SHIFT === INSIDE ? value : this.#views.u32[2 * value + 1]
  }
}

/** A hash table of lists that are written already, by their content. */
class Known {
  readonly #words: WordChunks
  /** Where a list begins, plus one, and its hash: most lists that are not the same are told apart without being read. */
  #table = new Uint32Array(1 << 12)
  #hashes = new Uint32Array(1 << 12)
  #count = 0

  constructor(words: WordChunks) {
    this.#words = words
  }

  /** Where a list equal to `list`, whose hash it is, begins; or -1. */
  find(list: IntList, hash: number): number {
    const mask = this.#table.length - 1
    for (let i = hash & mask; this.#table[i] !== 0; i = (i + 1) & mask) {
      const at = this.#table[i] - 1
      if (this.#hashes[i] === hash && this.#equals(list, at)) return at
    }
    return -1
  }

  add(hash: number, at: number): void {
    if (2 * this.#count >= this.#table.length) this.#grow()
    this.#place(hash, at + 1)
    this.#count++
  }

  #place(hash: number, entry: number): void {
    const mask = this.#table.length - 1
    let i = hash & mask
    while (this.#table[i] !== 0) i = (i + 1) & mask
    this.#table[i] = entry
    this.#hashes[i] = hash
  }

  #equals({ data, length }: IntList, at: number): boolean {
    for (let i = 0; i < length; i++) if (this.#words.get(at + i) !== data[i] >>> 0) return false
    return true
  }

  #grow(): void {
    const table = this.#table
    const hashes = this.#hashes
    this.#table = new Uint32Array(table.length * 4)
    this.#hashes = new Uint32Array(table.length * 4)
    for (let i = 0; i < table.length; i++) if (table[i] !== 0) this.#place(hashes[i], table[i])
  }
}

function hashOf({ data, length }: IntList): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) {
    hash = Math.imul(hash ^ data[i], 0x01000193)
    hash ^= hash >>> 15
  }
  return (hash ^ (hash >>> 13)) >>> 0
}
