// The process behind fence-file-thread.ts: one file in, an index out, written to the standard output. A process because what it does makes
// garbage by the gigabyte: collectors of one process share helpers, and requests of another wait for none of them. The file is read in
// chunks and never held whole.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { createFeatureSplitter, createFenceLoader } from '@fencepost/geo'
import { createPacker } from '@fencepost/match'
import { type FenceFileNews, type FenceFileOrder, LOGGED_PROBLEMS } from './fence-file.ts'
import type { ReaderMessage } from './fence-file-thread.ts'
import { createPacer } from './pacer.ts'
import { createThrottle } from './throttle.ts'

const CHUNK_BYTES = 1024 * 1024
/** What a pipe holds on Linux: between two of them it may rest. */
const PIPE_BYTES = 64 * 1024
const STDOUT = 1

const { path, invalid, progressMs, cpuPercent } = JSON.parse(process.argv[2] ?? '{}') as FenceFileOrder
const isProgressDue = createPacer(progressMs, Date.now)
const throttle = createThrottle(cpuPercent)
const parent = process.ppid

try {
  readFences()
} catch (error) {
  tell({ error: `${path}: ${error instanceof Error ? error.message : String(error)}` })
}
// Not to be disconnected: it ends by itself once all that it has said is written.

function readFences(): void {
  const packer = createPacker({
    onProgress(indexed) {
      throttle()
      tellWhenDue(() => ({ indexed }))
    },
  })
  const loader = createFenceLoader({ invalid, maxProblems: LOGGED_PROBLEMS, onFence: (fence) => packer.add(fence) })
  const splitter = createFeatureSplitter({
    feature(value, position) {
      loader.add(value, position)
      throttle()
    },
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
      tellWhenDue(() => ({ progress: { features: splitter.features, bytes, totalBytes } }))
    }
  } finally {
    closeSync(file)
  }
  splitter.finish()
  const problems = loader.finish()
  const image = new Uint8Array(packer.finish())
  tell({ made: { bytes: image.length, ...problems } })
  for (let at = 0; at < image.length; throttle())
    at += writeSync(STDOUT, image, at, Math.min(PIPE_BYTES, image.length - at))
}

function tellWhenDue(news: () => FenceFileNews): void {
  if (process.ppid !== parent) process.exit(1) // nobody is left to tell
  if (isProgressDue()) tell(news())
}

function tell(message: ReaderMessage): void {
  process.send?.(message)
}
