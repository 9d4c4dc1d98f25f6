// What is known of each fence but its shape, as JSON in one array: a hundred thousand fences are two buffers, not as many objects.
import type { Fence, FenceFacts } from '@fencepost/model'
import { inSlotOrder } from './facts-table.ts'

export interface PackedFacts {
  /** UTF-8. The JSON of slot s is `json[first[s]] … json[first[s + 1] - 1]`. */
  readonly json: Uint8Array
  readonly first: Float64Array
}

export function packFacts(fences: readonly Fence[]): PackedFacts {
  const texts = fences.map(({ shape: _, ...facts }) => JSON.stringify(facts satisfies FenceFacts))
  const first = new Float64Array(texts.length + 1)
  texts.forEach((text, slot) => {
    first[slot + 1] = (first[slot] as number) + Buffer.byteLength(text)
  })
  const json = new Uint8Array(first[texts.length] as number)
  const encoder = new TextEncoder()
  texts.forEach((text, slot) => {
    encoder.encodeInto(text, json.subarray(first[slot]))
  })
  return { json, first }
}

export class FactsTable {
  readonly size: number
  readonly #json: Buffer
  readonly #first: Float64Array
  /** Fences that were asked for: most never are, and who asks for one asks again. */
  readonly #read = new Map<number, FenceFacts>()

  constructor({ json, first }: PackedFacts) {
    this.size = first.length - 1
    this.#json = Buffer.from(json.buffer, json.byteOffset, json.byteLength)
    this.#first = first
  }

  /** Slot of a fence, or -1. Fences lie in the order of slots. */
  find(id: string, tenant: string | null): number {
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (inSlotOrder(this.of(middle), { id, tenant }) < 0) low = middle + 1
      else high = middle
    }
    if (low === this.size) return -1
    const fence = this.of(low)
    return fence.id === id && fence.tenant === tenant ? low : -1
  }

  /** @throws RangeError for a slot that is none */
  of(slot: number): FenceFacts {
    const known = this.#read.get(slot)
    if (known !== undefined) return known
    const start = this.#first[slot]
    const end = this.#first[slot + 1]
    if (start === undefined || end === undefined)
      throw new RangeError(`Slot ${slot} of an index of ${this.size} fences.`)
    const facts = JSON.parse(this.#json.toString('utf8', start, end)) as FenceFacts
    this.#read.set(slot, facts)
    return facts
  }
}
