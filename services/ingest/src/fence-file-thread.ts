// The thread behind fence-file.ts: one file in, an index out, in memory that threads share. The file is read in chunks and never
// held whole.
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { createFeatureSplitter, createFenceLoader } from '@fencepost/geo'
import { createPacker } from '@fencepost/match'
import { type FenceFileMessage, type FenceFileOrder, LOGGED_PROBLEMS } from './fence-file.ts'
import { readIndexFile, stampOfSource, writeIndexFile } from './index-file.ts'
import { createPacer } from './pacer.ts'

const CHUNK_BYTES = 1024 * 1024

const { path, invalid, indexPath, progressMs } = workerData as FenceFileOrder
const isProgressDue = createPacer(progressMs, Date.now)
// Threads that serve go first where cores are few. On Linux, and only there, a priority is that of the thread which sets it.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
try {
  // What comes through a pipe can be read once.
  if (indexPath === null || !statSync(path).isFile()) readFences()
  else readThroughIndex(indexPath)
} catch (error) {
  tell({ error: `${path}: ${messageOf(error)}` })
}

/** The index that was kept if it is of these fences; else it is made, and kept when it is in force. */
function readThroughIndex(indexPath: string): void {
  const stamp = stampOfSource(path, invalid)
  const kept = readIndexFile(indexPath, stamp)
  if (kept !== null && typeof kept !== 'string') {
    tell({ packed: { base: kept, delta: null }, isKept: true, problems: [], moreProblems: 0 })
    return
  }
  if (kept !== null) tell({ notKept: kept })
  const base = readFences()
  try {
    if (stampOfSource(path, invalid) !== stamp) tell({ notKept: `${path} changed while it was read` })
    else {
      writeIndexFile(indexPath, base, stamp)
      tell({ kept: { bytes: base.byteLength } })
    }
  } catch (error) {
    tell({ notKept: messageOf(error) })
  }
}

function readFences(): SharedArrayBuffer {
  const packer = createPacker({
    onProgress(share) {
      if (isProgressDue()) tell({ indexed: share })
    },
  })
  const loader = createFenceLoader({ invalid, maxProblems: LOGGED_PROBLEMS, onFence: (fence) => packer.add(fence) })
  const splitter = createFeatureSplitter({
    feature: (value, position) => loader.add(value, position),
    oversized: (position) => loader.leaveOut(position, 'too_large'),
  })
  const file = openSync(path, 'r')
  try {
    const totalBytes = fstatSync(file).size
    const chunk = Buffer.alloc(CHUNK_BYTES)
    let bytes = 0
    for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk)) {
      splitter.push(chunk.subarray(0, length))
      bytes += length
      if (isProgressDue()) tell({ progress: { features: splitter.features, bytes, totalBytes } })
    }
  } finally {
    closeSync(file)
  }
  splitter.finish()
  const problems = loader.finish()
  const base = packer.finish()
  tell({ packed: { base, delta: null }, isKept: false, ...problems })
  return base
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function tell(message: FenceFileMessage): void {
  parentPort?.postMessage(message)
}
