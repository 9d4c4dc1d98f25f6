// Fences from a GeoJSON file: read, normalised and indexed where no request waits for it.
import { Worker } from 'node:worker_threads'
import type { FenceProblem } from '@fencepost/geo'
import { type PackedFences, packFences } from '@fencepost/match'
import type { Logger } from '@fencepost/model'

export type InvalidFences = 'skip' | 'repair' | 'fail'

/** What the thread is told. */
export interface FenceFileOrder {
  readonly path: string
  readonly invalid: InvalidFences
  /** Where the index of the file is kept from one start to the next. */
  readonly indexPath: string | null
  /** Bound of the heap that reads and indexes. */
  readonly heapMb: number
  /** Shortest time between two messages of progress. */
  readonly progressMs: number
  /** See FenceFileOptions. */
  readonly cpuPercent: number
}

/** How far the thread is. */
export interface FenceFileProgress {
  readonly features: number
  readonly bytes: number
  /** Size of the file when it was opened; 0 for a pipe. */
  readonly totalBytes: number
}

/** What it says once: small whatever the file, because the index lies in memory that threads share. */
export type FenceFileAnswer =
  | {
      readonly packed: PackedFences
      /** It is the one that was kept. */
      readonly isKept: boolean
      readonly problems: readonly FenceProblem[]
      readonly moreProblems: number
    }
  | { readonly error: string }

/** What it says before and after that, any number of times. */
export type FenceFileNews =
  | { readonly progress: FenceFileProgress }
  /** Share of the index that is made. */
  | { readonly indexed: number }
  /** The index that was kept is of no use, or could not be kept: why. */
  | { readonly notKept: string }
  | { readonly kept: { readonly bytes: number } }

export type FenceFileMessage = FenceFileNews | FenceFileAnswer

/** To the thread. */
export interface FenceFileRequest {
  readonly id: number
  readonly order: FenceFileOrder
}

/** From it; the last of a request is null. */
export interface FenceFileReply {
  readonly id: number
  readonly message: FenceFileMessage | null
}

export interface FenceFileOptions {
  /**
   * Keeps the index in this file and takes it from there when it is of the very same fences. What is wrong with it is logged, and it is
   * written anew once other fences are in force.
   */
  readonly indexPath?: string | undefined
  /** Shortest time between two log lines of progress. */
  readonly progressMs?: number
  /** Bound of the heap that reads and indexes. A file that needs more is refused, and the node lives on. */
  readonly heapMb?: number
  /** Of the time that it takes so much is spent on it, the rest left to others: for a load while requests are served. */
  readonly cpuPercent?: number
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
  const { progressMs = PROGRESS_MS, heapMb = HEAP_MB, indexPath = null, cpuPercent = 100 } = options
  const order = { path, invalid, indexPath, heapMb, progressMs, cpuPercent }
  const answer = await inThread(order, (news) => logNews(news, indexPath, logger))
  if ('error' in answer) throw new Error(answer.error)
  if (answer.isKept) logger.info({ index: indexPath }, 'fences taken from the index that was kept')
  for (const { id, position, code, message, repaired } of answer.problems)
    logger.warn({ fence: id, position, code, problem: message }, repaired ? 'fence repaired' : 'fence left out')
  if (answer.moreProblems > 0) logger.warn({ more: answer.moreProblems }, 'more fences with problems')
  return answer.packed
}

function logNews(news: FenceFileNews, index: string | null, logger: Logger): void {
  if ('progress' in news) {
    const { features, bytes, totalBytes } = news.progress
    logger.info({ features, bytes, total_bytes: totalBytes }, 'reading fences')
  } else if ('indexed' in news) logger.info({ share: Math.round(news.indexed * 100) / 100 }, 'indexing fences')
  else if ('kept' in news) logger.info({ index, bytes: news.kept.bytes }, 'index kept for the next start')
  else logger.warn({ index, reason: news.notKept }, 'index not kept')
}

interface Asked {
  readonly order: FenceFileOrder
  readonly onNews: (news: FenceFileNews) => void
  readonly resolve: (answer: FenceFileAnswer) => void
  readonly reject: (error: Error) => void
}

/** One thread for all loads: to start one takes as long as twenty requests, on the cores that serve them. */
let thread: Worker | null = null
const asked = new Map<number, Asked>()
let lastId = 0

/** Resolves with the answer; the thread may go on for a while, to keep the index. */
function inThread(order: FenceFileOrder, onNews: (news: FenceFileNews) => void): Promise<FenceFileAnswer> {
  return new Promise((resolve, reject) => {
    thread ??= startThread()
    const id = ++lastId
    asked.set(id, { order, onNews, resolve, reject })
    thread.ref()
    thread.postMessage({ id, order } satisfies FenceFileRequest)
  })
}

function startThread(): Worker {
  const worker = new Worker(new URL('./fence-file-thread.js', import.meta.url), {
    execArgv: [], // what the process was given to resolve or profile its own code is not the thread's
  })
  worker.on('message', ({ id, message }: FenceFileReply) => {
    const load = asked.get(id)
    if (load === undefined) return
    if (message === null) {
      asked.delete(id)
      if (asked.size === 0) worker.unref()
    } else if ('packed' in message || 'error' in message) load.resolve(message)
    else load.onNews(message)
  })
  const end = (error: Error): void => {
    if (thread === worker) thread = null
    for (const { order, reject } of asked.values())
      reject(new Error(`${order.path}: ${error.message}`, { cause: error }))
    asked.clear()
  }
  worker.once('error', end)
  worker.once('exit', (code) => end(new Error(`the thread that reads it ended with code ${code}`)))
  return worker
}
