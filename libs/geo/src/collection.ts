// A GeoJSON collection that is in memory already, to fences.
import type { Fence } from '@fencepost/model'
import { FenceError, type FenceProblem } from './faults.ts'
import { createFenceLoader, type FenceLoaderOptions } from './fence-loader.ts'

export type LoadOptions = Pick<FenceLoaderOptions, 'invalid'>

export interface FenceLoad {
  /** In the order of the collection. */
  readonly fences: Fence[]
  /** What was left out or repaired, in the order of the collection: all of it, as small beside the collection as it is. */
  readonly problems: FenceProblem[]
}

/**
 * Reads a FeatureCollection, or a single Feature. Throws a FenceError `bad_collection` for anything else, and with
 * `invalid: 'fail'` one that names every fault (the first 20, and how many there are). For a file see `createFeatureSplitter`.
 */
export function loadFences(collection: unknown, { invalid }: LoadOptions): FenceLoad {
  const fences: Fence[] = []
  const onFence = (fence: Fence): void => void fences.push(fence)
  const loader = createFenceLoader({ invalid, maxProblems: Number.POSITIVE_INFINITY, onFence })
  featuresOf(collection).forEach(loader.add)
  return { fences, problems: loader.finish().problems }
}

function featuresOf(collection: unknown): readonly unknown[] {
  if (typeof collection === 'object' && collection !== null) {
    const { type, features } = collection as { type?: unknown; features?: unknown }
    if (type === 'Feature') return [collection]
    if (type === 'FeatureCollection' && Array.isArray(features)) return features
  }
  throw new FenceError('bad_collection')
}
