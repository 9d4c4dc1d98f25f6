// What is known of each fence but its shape, in memory that threads share. What many fences have in common is written once.
import { type FenceFacts, isSensitive } from '@fencepost/model'
import { DoubleList, IntList } from './growing.ts'
import { arraySource, type Section, type SectionSource, wordsOf } from './image.ts'
import { packTexts, TEXT_SECTIONS, TextColumn } from './text-column.ts'

/** Words a fence: number of its tenant, of what it has in common with others, low and high half of its version. */
const WORDS = 4
const HALF = 2 ** 32
/** Facts kept as objects: who asks for a fence asks again. Beyond it all are let go together. */
const REMEMBERED = 8192

/** Number of every tenant's fences; the i-th of the tenants that have their own has i + 1. */
export const EVERY_TENANT = 0

/** Sections of a FactsTable. */
export const FACTS_SECTIONS = 1 + 4 * TEXT_SECTIONS

type Common = Pick<FenceFacts, 'tags' | 'campaigns' | 'dwellS' | 'border' | 'expiresAt'>

/** Gathers the facts of fences, in columns: a million of them are a few arrays and their ids. */
export class FactsWriter {
  readonly ids: string[] = []
  readonly #names: (string | null)[] = []
  readonly #versions = new DoubleList()
  /** Numbers of its tenant and of what it has in common, in the order they were first met. */
  readonly #tenantOf = new IntList()
  readonly #commonOf = new IntList()
  /** Every tenant's, null, is the first. */
  readonly tenants: (string | null)[] = [null]
  readonly #tenantNumbers = new Map<string | null, number>([[null, 0]])
  readonly #commons: string[] = []
  readonly #commonNumbers = new Map<string, number>()
  /** Fences whose edge presence measures its distance from. */
  readonly #margins = new Set<number>()
  readonly #sensitive = new Set<number>()
  /** Numbers of the fences that end, and when. */
  readonly expiries: [number: number, expiresAt: number][] = []

  get size(): number {
    return this.ids.length
  }

  /** Returns the number of the fence. */
  add(fence: FenceFacts): number {
    const { id, name, tenant, version, tags, campaigns, dwellS, border, expiresAt } = fence
    const plain =
      tags.length === 0 && campaigns.length === 0 && dwellS === null && border === undefined && expiresAt === undefined
    // What is absent leaves no trace in JSON either.
    const common = plain ? PLAIN : JSON.stringify({ tags, campaigns, dwellS, border, expiresAt })
    if (border?.exitMarginM !== undefined) this.#margins.add(this.ids.length)
    if (isSensitive(fence)) this.#sensitive.add(this.ids.length)
    if (expiresAt !== undefined) this.expiries.push([this.ids.length, expiresAt])
    this.#names.push(name)
    this.#versions.push(version)
    this.#tenantOf.push(numberOf(tenant, this.tenants, this.#tenantNumbers))
    this.#commonOf.push(numberOf(common, this.#commons, this.#commonNumbers))
    return this.ids.push(id) - 1
  }

  /** Has the border of fence `number` a margin? */
  hasMargin(number: number): boolean {
    return this.#margins.has(number)
  }

  /** Numbers of the fences about which nothing is told. */
  get sensitive(): ReadonlySet<number> {
    return this.#sensitive
  }

  /** Position in `tenants` of whose pings it is looked for: its tenant's, or everybody's. */
  seenBy(number: number): number {
    return this.#sensitive.has(number) ? EVERY_TENANT : this.tenantOf(number)
  }

  /** Position in `tenants` of the tenant of fence `number`. */
  tenantOf(number: number): number {
    return this.#tenantOf.data[number]
  }

  /** Numbers of the fences in the order of slots. Files and bases are mostly in it already. */
  slotOrder(): Uint32Array {
    const compare = (a: number, b: number): number => {
      if (this.ids[a] !== this.ids[b]) return this.ids[a] < this.ids[b] ? -1 : 1
      const [x, y] = [this.tenants[this.tenantOf(a)], this.tenants[this.tenantOf(b)]]
      return x === y ? 0 : comesBefore(x, y) ? -1 : 1
    }
    const order = Uint32Array.from(this.ids, (_, i) => i)
    for (let i = 1; i < order.length; i++) if (compare(i - 1, i) > 0) return order.sort(compare)
    return order
  }

  /** Positions in `tenants` in the order of their names, every tenant's first: the i-th has number i from now on. */
  tenantOrder(): number[] {
    const order = this.tenants.map((_, i) => i)
    return order.sort((a, b) => (comesBefore(this.tenants[a], this.tenants[b]) ? -1 : 1))
  }

  /** The sections of a FactsTable, given the orders above. */
  sections(slotOrder: Uint32Array, tenantOrder: readonly number[]): SectionSource[] {
    const count = this.size
    const ranks = new Uint32Array(this.tenants.length)
    tenantOrder.forEach((position, number) => {
      ranks[position] = number
    })
    const words = new Uint32Array(count * WORDS)
    for (let slot = 0; slot < count; slot++) {
      const number = slotOrder[slot]
      const version = this.#versions.data[number]
      words[slot * WORDS] = ranks[this.#tenantOf.data[number]]
      words[slot * WORDS + 1] = this.#commonOf.data[number]
      words[slot * WORDS + 2] = version % HALF
      words[slot * WORDS + 3] = version / HALF
    }
    const tenants = tenantOrder.slice(1).map((position) => this.tenants[position] as string)
    return [
      arraySource(words),
      ...packTexts(count, (slot) => this.ids[slotOrder[slot]]),
      // An empty text is no name; a name has a mark before it.
      ...packTexts(count, (slot) => {
        const name = this.#names[slotOrder[slot]]
        return name === null ? '' : `=${name}`
      }),
      ...packTexts(this.#commons.length, (i) => this.#commons[i]),
      ...packTexts(tenants.length, (i) => tenants[i]),
    ]
  }
}

const PLAIN = JSON.stringify({ tags: [], campaigns: [], dwellS: null } satisfies Common)

/** The position of a value in a list that grows by those not met before. */
function numberOf<T>(value: T, list: T[], numbers: Map<T, number>): number {
  const known = numbers.get(value)
  if (known !== undefined) return known
  numbers.set(value, list.length)
  return list.push(value) - 1
}

export class FactsTable {
  readonly size: number
  readonly #words: Uint32Array
  readonly #ids: TextColumn
  readonly #names: TextColumn
  readonly #commons: TextColumn
  readonly #tenants: TextColumn
  readonly #remembered = new Map<number, FenceFacts>()
  readonly #numbers = new Map<string, number>()

  constructor(sections: readonly Section[]) {
    const column = (i: number): TextColumn => new TextColumn(sections.slice(1 + i * TEXT_SECTIONS))
    this.#words = wordsOf(sections[0])
    this.#ids = column(0)
    this.#names = column(1)
    this.#commons = column(2)
    this.#tenants = column(3)
    this.size = this.#ids.size
  }

  /** @throws RangeError for a slot that is none */
  of(slot: number): FenceFacts {
    const known = this.#remembered.get(slot)
    if (known !== undefined) return known
    if (!(slot >= 0 && slot < this.size)) throw new RangeError(`Slot ${slot} of an index of ${this.size} fences.`)
    const facts = this.#read(slot)
    if (this.#remembered.size >= REMEMBERED) this.#remembered.clear()
    this.#remembered.set(slot, facts)
    return facts
  }

  /** Number of a tenant's own fences, or -1 where it has none. */
  tenant(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const at = lowerBound(this.#tenants.size, (i) => this.#tenants.at(i) < name)
    const number = at < this.#tenants.size && this.#tenants.at(at) === name ? at + 1 : -1
    if (this.#numbers.size >= REMEMBERED) this.#numbers.clear()
    this.#numbers.set(name, number)
    return number
  }

  get tenants(): number {
    return this.#tenants.size
  }

  /** Slot of the first fence that does not come before this one. */
  place(id: string, tenant: string | null): number {
    return lowerBound(this.size, (slot) => {
      const other = this.#ids.at(slot)
      return other === id ? comesBefore(this.#tenantOf(slot), tenant) : other < id
    })
  }

  /** Slot of a fence, or -1. */
  find(id: string, tenant: string | null): number {
    const slot = this.place(id, tenant)
    return slot < this.size && this.#ids.at(slot) === id && this.#tenantOf(slot) === tenant ? slot : -1
  }

  #read(slot: number): FenceFacts {
    const at = slot * WORDS
    const name = this.#names.at(slot)
    const common = JSON.parse(this.#commons.at(this.#words[at + 1])) as Common
    return {
      id: this.#ids.at(slot),
      version: this.#words[at + 2] + this.#words[at + 3] * HALF,
      tenant: this.#tenantOf(slot),
      name: name === '' ? null : name.slice(1),
      ...common,
    }
  }

  #tenantOf(slot: number): string | null {
    const number = this.#words[slot * WORDS]
    return number === EVERY_TENANT ? null : this.#tenants.at(number - 1)
  }
}

/** The order of slots: by id, then tenant, every tenant's first; plain comparison is by UTF-16 code units. */
export function inSlotOrder(
  a: { readonly id: string; readonly tenant: string | null },
  b: { readonly id: string; readonly tenant: string | null },
): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1
  if (a.tenant === b.tenant) return 0
  return comesBefore(a.tenant, b.tenant) ? -1 : 1
}

function comesBefore(a: string | null, b: string | null): boolean {
  return b !== null && (a === null || a < b)
}

function lowerBound(count: number, isBelow: (i: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBelow(middle)) low = middle + 1
    else high = middle
  }
  return low
}
