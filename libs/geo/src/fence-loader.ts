// Features one by one to fences one by one: one bad fence never stops the others, unless the operator wants it to. Keeps the ids
// of the fences and the first problems, nothing else of what has passed.
import type { Fence } from '@fencepost/model'
import { FenceError, type FenceFault, type FenceProblem, faultMessage } from './faults.ts'
import { idOf, readFeature } from './feature.ts'
import { TakenIds } from './taken-ids.ts'

export interface FenceLoaderOptions {
  /** What to do about a feature that is not valid: leave it out, keep what can be read even-odd, or refuse the whole file. */
  readonly invalid: 'skip' | 'repair' | 'fail'
  /** How many problems are kept; the others are counted. At least 20 to name what `fail` names. */
  readonly maxProblems: number
  /** Takes each fence that is kept, in the order of the features. */
  readonly onFence: (fence: Fence) => void
}

export interface FenceProblems {
  /** What was left out or repaired, in the order of the features. */
  readonly problems: FenceProblem[]
  /** How many more there were. */
  readonly moreProblems: number
}

export interface FenceLoader {
  /** Reads the feature at `position`. */
  add(feature: unknown, position: number): void
  /** Leaves out the feature at `position`, which could not be read. */
  leaveOut(position: number, code: FenceFault): void
  /**
   * All features were added.
   *
   * @throws FenceError `bad_collection` when `invalid` is `fail` and there was a problem: it names the first 20, and how many there are
   */
  finish(): FenceProblems
}

/** Faults that the message of a refused file names; its `problems` has as many, and the count tells of the rest. */
const NAMED_FAULTS = 20

/** Makes fences of features as they come. The same id twice among the fences that one tenant sees is a problem of the second. */
export function createFenceLoader({ invalid, maxProblems, onFence }: FenceLoaderOptions): FenceLoader {
  const repair = invalid === 'repair'
  const taken = new TakenIds()
  const problems: FenceProblem[] = []
  let count = 0

  function report(problem: FenceProblem): void {
    count++
    if (problems.length < maxProblems) problems.push(problem)
  }

  return {
    add(feature, position) {
      try {
        const { fence, repairs } = readFeature(feature, { position, repair })
        const first = taken.take(fence.tenant, fence.id, position)
        if (first !== null) throw new FenceError('duplicate_id', { detail: `features ${first} and ${position}` })
        onFence(fence)
        for (const { code, place, detail } of repairs) {
          const message = faultMessage(code, detail === undefined ? { place } : { place, detail })
          report({ position, id: fence.id, code, message, place, repaired: true })
        }
      } catch (error) {
        if (!(error instanceof FenceError)) throw error
        const { code, message, place } = error
        const problem = { position, id: idOf(feature, position), code, message, repaired: false }
        report(place === undefined ? problem : { ...problem, place })
      }
    },
    leaveOut(position, code) {
      report({ position, id: null, code, message: faultMessage(code), repaired: false })
    },
    finish() {
      if (invalid === 'fail' && count > 0) throw refusal(problems, count)
      return { problems, moreProblems: count - problems.length }
    },
  }
}

function refusal(problems: readonly FenceProblem[], count: number): FenceError {
  const named = problems.slice(0, NAMED_FAULTS)
  const lines = named.map(({ position, message }) => `feature ${position}: ${message}`)
  const rest = count > named.length ? `\n… and ${count - named.length} more` : ''
  const message = `${count} invalid features\n${lines.join('\n')}${rest}`
  return new FenceError('bad_collection', { message, problems: named })
}
