// The thread behind fence-file.ts: one file in, an index out, in memory that threads share. The file is read in chunks and never
// held whole.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { createFeatureSplitter, createFenceLoader } from '@fencepost/geo'
import { createPacker } from '@fencepost/match'
import { type FenceFileMessage, type FenceFileOrder, LOGGED_PROBLEMS } from './fence-file.ts'
import { createPacer } from './pacer.ts'

const CHUNK_BYTES = 1024 * 1024

const { path, invalid, progressMs } = workerData as FenceFileOrder
const isProgressDue = createPacer(progressMs, Date.now)
// Threads that serve go first where cores are few. On Linux, and only there, a priority is that of the thread which sets it.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
try {
  readFences()
} catch (error) {
  tell({ error: `${path}: ${error instanceof Error ? error.message : String(error)}` })
}

function readFences(): void {
  const packer = createPacker()
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
  tell({ packed: { base: packer.finish(), delta: null }, ...problems })
}

function tell(message: FenceFileMessage): void {
  parentPort?.postMessage(message)
}
