// Which fences end, and when, by slot: two doubles each, in memory that threads share. Most have no end, and then there is nothing to ask.
import type { BatchHits, PingColumns } from '@fencepost/model'

/** Slots and ends of fences as they lie in memory. `entries` in any order. */
export function packExpiries(entries: readonly (readonly [slot: number, expiresAt: number])[]): Float64Array {
  return Float64Array.from([...entries].sort(([a], [b]) => a - b).flat())
}

export class ExpiryTable {
  /** Fences that end. */
  readonly size: number
  readonly #pairs: Float64Array

  constructor(pairs: Float64Array) {
    this.#pairs = pairs
    this.size = pairs.length / 2
  }

  /** Epoch ms from which on the fence is no longer there. */
  endOf(slot: number): number {
    const pairs = this.#pairs
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (pairs[2 * middle] < slot) low = middle + 1
      else high = middle
    }
    return low < this.size && pairs[2 * low] === slot ? pairs[2 * low + 1] : Number.POSITIVE_INFINITY
  }
}

/** Takes out of `hits` the fences that have ended at a ping's own `at`. Slots from `size` on are the delta's. */
export function dropExpired(
  { count, at }: PingColumns,
  hits: BatchHits,
  { base, delta, size }: { readonly base: ExpiryTable; readonly delta: ExpiryTable | null; readonly size: number },
): void {
  const { list, starts } = hits
  const { slots } = list
  let kept = 0
  let from = 0
  hits.matched = 0
  for (let i = 0; i < count; i++) {
    const to = starts[i + 1]
    starts[i] = kept
    for (; from < to; from++) {
      const slot = slots[from]
      const end = slot < size || delta === null ? base.endOf(slot) : delta.endOf(slot - size)
      if (at[i] < end) slots[kept++] = slot
    }
    if (kept > starts[i]) hits.matched++
  }
  starts[count] = kept
  list.length = kept
}
