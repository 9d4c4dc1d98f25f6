// Fences from a GeoJSON file: read, normalised and indexed in a thread of its own, so that no request waits for it.
import { Worker } from 'node:worker_threads'
import type { FenceProblem } from '@fencepost/geo'
import { type PackedFences, packFences } from '@fencepost/match'
import type { Logger } from '@fencepost/model'

export type InvalidFences = 'skip' | 'repair' | 'fail'

/** What the thread is told. */
export interface FenceFileOrder {
  readonly path: string
  readonly invalid: InvalidFences
  /** Shortest time between two messages of progress. */
  readonly progressMs: number
}

/** How far the thread is. */
export interface FenceFileProgress {
  readonly features: number
  readonly bytes: number
  /** Size of the file when it was opened; 0 for a pipe. */
  readonly totalBytes: number
}

/** How it ends: small whatever the file, because the index lies in memory that threads share. */
export type FenceFileAnswer =
  | { readonly packed: PackedFences; readonly problems: readonly FenceProblem[]; readonly moreProblems: number }
  | { readonly error: string }

/** What it says: progress any number of times, then one answer. */
export type FenceFileMessage = { readonly progress: FenceFileProgress } | FenceFileAnswer

export interface FenceFileOptions {
  /** Shortest time between two log lines of progress. */
  readonly progressMs?: number
  /** Bound of the thread's heap. A file that needs more is refused, and the process lives on. */
  readonly heapMb?: number
}

/** At most this many lines about single fences in the log; the rest is counted in one. */
export const LOGGED_PROBLEMS = 100

const PROGRESS_MS = 5000
const HEAP_MB = 4096

/**
 * The fences of a FeatureCollection, a Feature or a sequence of Features, ready to be opened as an index; none without a path. What
 * `invalid` lets pass is logged, one line a fence.
 *
 * @throws Error when the file cannot be read, is none of these, or (with `fail`) holds an invalid fence
 */
export async function loadFenceFile(
  path: string | undefined,
  invalid: InvalidFences,
  logger: Logger,
  options: FenceFileOptions = {},
): Promise<PackedFences> {
  if (path === undefined) return packFences([])
  const { progressMs = PROGRESS_MS, heapMb = HEAP_MB } = options
  const answer = await inThread({ path, invalid, progressMs }, heapMb, ({ features, bytes, totalBytes }) =>
    logger.info({ features, bytes, total_bytes: totalBytes }, 'reading fences'),
  )
  if ('error' in answer) throw new Error(answer.error)
  for (const { id, position, code, message, repaired } of answer.problems)
    logger.warn({ fence: id, position, code, problem: message }, repaired ? 'fence repaired' : 'fence left out')
  if (answer.moreProblems > 0) logger.warn({ more: answer.moreProblems }, 'more fences with problems')
  return answer.packed
}

function inThread(
  order: FenceFileOrder,
  heapMb: number,
  onProgress: (progress: FenceFileProgress) => void,
): Promise<FenceFileAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./fence-file-thread.js', import.meta.url), {
      workerData: order,
      execArgv: [], // what the process was given to resolve or profile its own code is not the thread's
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    })
    worker.on('message', (message: FenceFileMessage) => {
      if ('progress' in message) onProgress(message.progress)
      else resolve(message)
    })
    worker.once('error', (cause) => reject(new Error(`${order.path}: ${cause.message}`, { cause })))
    worker.once('exit', (code) => reject(new Error(`the thread that reads ${order.path} ended with code ${code}`)))
  })
}
