// Fences from a GeoJSON file: read and normalised in a thread of its own, so that no request waits for it.
import { Worker } from 'node:worker_threads'
import type { FenceLoad } from '@fencepost/geo'
import type { Logger } from '@fencepost/model'

export type InvalidFences = 'skip' | 'repair' | 'fail'

/** At most this many lines about single fences in the log; the rest is counted in one. */
const LOGGED_PROBLEMS = 100

/**
 * Loads a FeatureCollection. What `invalid` lets pass is logged, one line a fence.
 *
 * @throws Error when the file cannot be read, is not a FeatureCollection, or (with `fail`) holds an invalid fence
 */
export async function loadFenceFile(path: string, invalid: InvalidFences, logger: Logger): Promise<FenceLoad> {
  const load = await inThread(path, invalid)
  for (const { id, position, code, message, repaired } of load.problems.slice(0, LOGGED_PROBLEMS))
    logger.warn({ fence: id, position, code, problem: message }, repaired ? 'fence repaired' : 'fence left out')
  if (load.problems.length > LOGGED_PROBLEMS)
    logger.warn({ more: load.problems.length - LOGGED_PROBLEMS }, 'more fences with problems')
  return load
}

function inThread(path: string, invalid: InvalidFences): Promise<FenceLoad> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./fence-file-thread.js', import.meta.url), { workerData: { path, invalid } })
    worker.once('message', (answer: { load: FenceLoad } | { error: string }) =>
      'load' in answer ? resolve(answer.load) : reject(new Error(answer.error)),
    )
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the thread that reads ${path} ended with code ${code}`)))
  })
}
