// The order of hits: by slot, each once.
import type { SlotList } from '@fencepost/model'
import type { DeltaIndex } from './delta-index.ts'

/** Hits in one go are few; beyond this many an insertion sort is the slower one. */
const INSERTION_SORT_MAX = 32

/** Drops repeats from slots that ascend from `start` on: two parts of a fence may both hold a point. */
export function dropRepeats(list: SlotList, start: number): void {
  const { slots, length } = list
  let kept = start + 1
  for (let i = start + 1; i < length; i++) if (slots[i] !== slots[i - 1]) slots[kept++] = slots[i]
  if (kept < length) list.length = kept
}

/** Sorts the slots from `start` on and drops repeats. */
export function sortHits(list: SlotList, start: number): void {
  const { slots, length } = list
  if (length - start > INSERTION_SORT_MAX) slots.subarray(start, length).sort()
  else {
    for (let i = start + 1; i < length; i++) {
      const slot = slots[i]
      let j = i - 1
      for (; j >= start && slots[j] > slot; j--) slots[j + 1] = slots[j]
      slots[j + 1] = slot
    }
  }
  dropRepeats(list, start)
}

/** The same where some slots, from `size` on, are of the delta, whose fences stand between those of the base. */
export function sortMixedHits(list: SlotList, start: number, size: number, delta: DeltaIndex): void {
  const rank = (slot: number): number => (slot < size ? slot : delta.rank(slot - size))
  const hits = list.slots.subarray(start, list.length)
  hits.set(Array.from(hits).sort((a, b) => rank(a) - rank(b)))
  dropRepeats(list, start)
}
