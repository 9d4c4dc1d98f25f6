// What several benches begin with: an index of synthetic fences, batches of places, a batch that is decoded already.
import { createFenceIndex } from '@fencepost/match'
import { type Batch, BatchHits, type FenceIndex } from '@fencepost/model'
import { createDecoder } from '@fencepost/wire'
import { encodeBatch } from '../bodies.ts'
import { type Position, positionsWithHits, syntheticFences } from '../synthetic.ts'

export const FENCES = 10_000
export const FENCE_SEED = 11
export const SENT = 1_742_040_000_000
export const RECEIVED = SENT + 40
export const TENANT = 'bench'
export const DECODER_OPTIONS = { maxPings: 1000, maxAgeMs: 72 * 3_600_000, maxFutureMs: 300_000 }

let index: FenceIndex | null = null

/** The index that all benches but `match` use; built once. */
export function sharedIndex(): FenceIndex {
  index ??= createFenceIndex(syntheticFences({ count: FENCES, seed: FENCE_SEED }))
  return index
}

/** Places that lie in exactly `hits` of the shared index's fences, in walks of `walk`. */
export function placesWithHits(count: number, hits: number, seed: number, walk: number): Position[] {
  return positionsWithHits(sharedIndex(), hits, { count, seed, fences: FENCES, fenceSeed: FENCE_SEED, walk })
}

/** The body of one batch of these places. */
export function packedBody(places: readonly Position[], device = 'bench-device-000001'): Uint8Array {
  return encodeBatch({ device, sent: SENT, places, firstAgeMs: 300, everyMs: 1000 }, 'packed', 'msgpack')
}

/**
 * One batch, decoded and matched.
 *
 * @throws Error when the body is refused
 */
export function matchedBatch(body: Uint8Array): { batch: Batch; hits: BatchHits; index: FenceIndex } {
  const decoder = createDecoder(DECODER_OPTIONS)
  const refusal = decoder.decode(body, 'msgpack', RECEIVED)
  if (refusal !== null) throw new Error(`the bench's own body was refused: ${refusal}`)
  const hits = new BatchHits(DECODER_OPTIONS.maxPings)
  sharedIndex().matchBatchInto(TENANT, decoder.batch.columns, hits)
  return { batch: decoder.batch, hits, index: sharedIndex() }
}
