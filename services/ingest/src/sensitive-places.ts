// Pings from places about which nothing is told: refused one by one, and taken out of the hits.
import { type BatchHits, type FenceIndex, type PingColumns, pingReasonCode } from '@fencepost/model'

const SENSITIVE_PLACE = pingReasonCode('sensitive_place')

/** Call it only for an index that `hasSensitive`. Nothing is allocated. */
export function dropSensitive(columns: PingColumns, hits: BatchHits, index: FenceIndex): void {
  const { starts, list } = hits
  const { slots } = list
  const { count } = columns
  let kept = 0
  let from = 0
  for (let i = 0; i < count; i++) {
    const to = starts[i + 1] as number
    starts[i] = kept
    if (from !== to && isSensitive(slots, from, to, index)) {
      columns.reason[i] = SENSITIVE_PLACE
      hits.matched--
    } else {
      for (let k = from; k < to; k++) slots[kept++] = slots[k] as number
    }
    from = to
  }
  starts[count] = kept
  list.length = kept
}

function isSensitive(slots: Uint32Array, from: number, to: number, index: FenceIndex): boolean {
  for (let k = from; k < to; k++) if (index.isSensitive(slots[k] as number)) return true
  return false
}
