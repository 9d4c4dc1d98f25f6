// What a matched batch says about presence, as objects of its own: the columns are reused while the record is read and written.
import {
  type Batch,
  type BatchHits,
  type FenceFacts,
  type FenceIndex,
  LIMITS,
  LOCATION,
  UNKNOWN,
} from '@fencepost/model'
import type { Observation } from '@fencepost/presence'

const NONE: readonly FenceFacts[] = []

/** One for each ping that was not refused. */
export function observationsOf(batch: Batch, hits: BatchHits, index: FenceIndex, tenant: string): Observation[] {
  const { columns } = batch
  const observations: Observation[] = []
  for (let i = 0; i < columns.count; i++) {
    if (columns.reason[i] !== 0) continue
    const isLocation = columns.type[i] === LOCATION
    const accuracyDm = columns.accuracyDm[i] as number
    const lon = columns.lon[i] as number
    const lat = columns.lat[i] as number
    observations.push({
      observed: columns.observed[i] as number,
      at: columns.at[i] as number,
      beacon: !isLocation,
      accuracyM: isLocation && accuracyDm !== UNKNOWN ? accuracyDm / 10 : null,
      tie: isLocation ? [columns.latE7[i] as number, columns.lonE7[i] as number] : beaconTie(batch, i),
      hits: factsOf(hits, index, i),
      distanceM: (fence) => (isLocation ? index.distanceM(tenant, fence, lon, lat) : Number.POSITIVE_INFINITY),
    })
  }
  return observations
}

function beaconTie({ columns }: Batch, i: number): number[] {
  const at = i * LIMITS.beaconIdBytes
  return [columns.beaconKind[i] as number, ...columns.beaconId.subarray(at, at + LIMITS.beaconIdBytes)]
}

function factsOf({ starts, list }: BatchHits, index: FenceIndex, i: number): readonly FenceFacts[] {
  const from = starts[i] as number
  const to = starts[i + 1] as number
  if (from === to) return NONE
  const facts: FenceFacts[] = []
  for (let k = from; k < to; k++) facts.push(index.fence(list.slots[k] as number))
  return facts
}
