// Fences from a GeoJSON file: read, normalised and indexed in a thread of its own, so that no request waits for it.
import { Worker } from 'node:worker_threads'
import type { FenceProblem } from '@fencepost/geo'
import { createFenceIndex, openFenceIndex, type PackedFences } from '@fencepost/match'
import type { FenceIndex, Logger } from '@fencepost/model'

export type InvalidFences = 'skip' | 'repair' | 'fail'

/** What the thread is told. */
export interface FenceFileOrder {
  readonly path: string
  readonly invalid: InvalidFences
}

/** What it says, in one message: small whatever the file, but for the arrays, which are not copied. */
export type FenceFileAnswer =
  | { readonly packed: PackedFences; readonly problems: readonly FenceProblem[]; readonly moreProblems: number }
  | { readonly error: string }

/** At most this many lines about single fences in the log; the rest is counted in one. */
export const LOGGED_PROBLEMS = 100

/**
 * The index of a FeatureCollection; of no fences without a path. What `invalid` lets pass is logged, one line a fence.
 *
 * @throws Error when the file cannot be read, is not a FeatureCollection, or (with `fail`) holds an invalid fence
 */
export async function loadFenceFile(
  path: string | undefined,
  invalid: InvalidFences,
  logger: Logger,
): Promise<FenceIndex> {
  if (path === undefined) return createFenceIndex([])
  const answer = await inThread({ path, invalid })
  if ('error' in answer) throw new Error(answer.error)
  for (const { id, position, code, message, repaired } of answer.problems)
    logger.warn({ fence: id, position, code, problem: message }, repaired ? 'fence repaired' : 'fence left out')
  if (answer.moreProblems > 0) logger.warn({ more: answer.moreProblems }, 'more fences with problems')
  return openFenceIndex(answer.packed)
}

function inThread(order: FenceFileOrder): Promise<FenceFileAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./fence-file-thread.js', import.meta.url), { workerData: order })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the thread that reads ${order.path} ended with code ${code}`)))
  })
}
