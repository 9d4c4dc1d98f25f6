// What is known of each fence but its shape, in memory that threads share. What many fences have in common is written once.
import type { FenceFacts } from '@fencepost/model'
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

type Common = Pick<FenceFacts, 'tags' | 'campaigns' | 'dwellS'>

/** The sections for `count` fences by slot: by id in UTF-16 code units, then tenant. `tenants` ascend. */
export function packFacts(
  count: number,
  factsOf: (slot: number) => FenceFacts,
  tenants: readonly string[],
): SectionSource[] {
  const numbers = new Map(tenants.map((tenant, i): [string | null, number] => [tenant, i + 1]))
  const words = new Uint32Array(count * WORDS)
  const commons = new Map<string, number>()
  for (let slot = 0; slot < count; slot++) {
    const { tenant, version, tags, campaigns, dwellS } = factsOf(slot)
    const common = JSON.stringify({ tags, campaigns, dwellS } satisfies Common)
    let number = commons.get(common)
    if (number === undefined) {
      number = commons.size
      commons.set(common, number)
    }
    words[slot * WORDS] = numbers.get(tenant) ?? EVERY_TENANT
    words[slot * WORDS + 1] = number
    words[slot * WORDS + 2] = version % HALF
    words[slot * WORDS + 3] = version / HALF
  }
  const commonTexts = [...commons.keys()]
  return [
    arraySource(words),
    ...packTexts(count, (slot) => factsOf(slot).id),
    // An empty text is no name; a name has a mark before it.
    ...packTexts(count, (slot) => {
      const { name } = factsOf(slot)
      return name === null ? '' : `=${name}`
    }),
    ...packTexts(commonTexts.length, (i) => commonTexts[i]),
    ...packTexts(tenants.length, (i) => tenants[i]),
  ]
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
