// A whole GeoJSON file to fences: one bad fence never stops the others, unless the operator wants it to.
import type { Fence } from '@fencepost/model'
import { FenceError, type FenceProblem, faultMessage } from './faults.ts'
import { idOf, readFeature } from './feature.ts'

export interface LoadOptions {
  /** What to do about a feature that is not valid: leave it out, keep what can be read even-odd, or refuse the whole file. */
  readonly invalid: 'skip' | 'repair' | 'fail'
}

export interface FenceLoad {
  /** In the order of the collection. */
  readonly fences: Fence[]
  /** What was left out or repaired, in the order of the collection. */
  readonly problems: FenceProblem[]
}

/** Faults that the message of a refused collection names; its `problems` has as many, and the count tells of the rest. */
const NAMED_FAULTS = 20

/**
 * Reads a FeatureCollection, or a single Feature. Throws a FenceError `bad_collection` for anything else, and with
 * `invalid: 'fail'` one that names every fault (the first 20, and how many there are).
 */
export function loadFences(collection: unknown, options: LoadOptions): FenceLoad {
  const features = featuresOf(collection)
  const repair = options.invalid === 'repair'
  const fences: Fence[] = []
  const problems: FenceProblem[] = []
  const taken = new Taken()
  features.forEach((feature, position) => {
    try {
      const { fence, repairs } = readFeature(feature, { position, repair })
      taken.claim(fence, position)
      fences.push(fence)
      for (const { code, place, detail } of repairs) {
        const message = faultMessage(code, detail === undefined ? { place } : { place, detail })
        problems.push({ position, id: fence.id, code, message, place, repaired: true })
      }
    } catch (error) {
      if (!(error instanceof FenceError)) throw error
      const { code, message, place } = error
      const problem = { position, id: idOf(feature, position), code, message, repaired: false }
      problems.push(place === undefined ? problem : { ...problem, place })
    }
  })
  if (options.invalid === 'fail' && problems.length > 0) throw refusal(problems)
  return { fences, problems }
}

function featuresOf(collection: unknown): readonly unknown[] {
  if (typeof collection === 'object' && collection !== null) {
    const { type, features } = collection as { type?: unknown; features?: unknown }
    if (type === 'Feature') return [collection]
    if (type === 'FeatureCollection' && Array.isArray(features)) return features
  }
  throw new FenceError('bad_collection')
}

function refusal(problems: readonly FenceProblem[]): FenceError {
  const named = problems.slice(0, NAMED_FAULTS)
  const lines = named.map(({ position, message }) => `feature ${position}: ${message}`)
  const rest = problems.length > named.length ? `\n… and ${problems.length - named.length} more` : ''
  const message = `${problems.length} invalid features\n${lines.join('\n')}${rest}`
  return new FenceError('bad_collection', { message, problems: named })
}

/** Which ids are taken, and by which feature. A fence of every tenant takes its id for all of them. */
class Taken {
  readonly #byId = new Map<string, Map<string | null, number>>()

  claim(fence: Fence, position: number): void {
    const owners = this.#byId.get(fence.id) ?? new Map<string | null, number>()
    const [any] = owners.values()
    const first = fence.tenant === null ? any : (owners.get(fence.tenant) ?? owners.get(null))
    if (first !== undefined) {
      throw new FenceError('duplicate_id', { detail: `features ${first} and ${position}` })
    }
    owners.set(fence.tenant, position)
    this.#byId.set(fence.id, owners)
  }
}
