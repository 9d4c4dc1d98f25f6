// The index of a fence file, kept on disk from one start to the next: a million fences are read in a second instead of half a minute.
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { threadId } from 'node:worker_threads'
import { faultOfImage, sealImage, stampOf } from '@fencepost/match'

const CHUNK_BYTES = 8 * 1024 * 1024

/** What an index is of: two files of fences with one stamp have one index. */
export function stampOfSource(path: string, invalid: string): string {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  const file = openSync(path, 'r')
  try {
    for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk)) {
      hash.update(chunk.subarray(0, length))
    }
  } finally {
    closeSync(file)
  }
  return JSON.stringify({ sha256: hash.digest('hex'), invalid })
}

/** The index, null when there is none or it is of other fences, or why it cannot be used. */
export function readIndexFile(path: string, stamp: string): SharedArrayBuffer | string | null {
  let image: SharedArrayBuffer
  try {
    image = readWhole(path)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : `the file cannot be read: ${messageOf(error)}`
  }
  const fault = faultOfImage(image)
  if (fault !== null) return `the file ${fault}`
  return stampOf(image) === stamp ? image : null
}

/**
 * Writes the index beside the file, then puts it in its place: after a crash there is the old one or the new one.
 *
 * @throws Error of the file system
 */
export function writeIndexFile(path: string, image: SharedArrayBuffer, stamp: string): void {
  sealImage(image, stamp)
  // A thread of the same number, in the next process, writes over what a crash may leave.
  const temporary = `${path}.${threadId}.tmp`
  try {
    const file = openSync(temporary, 'w', 0o600)
    try {
      const bytes = new Uint8Array(image)
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, Math.min(CHUNK_BYTES, bytes.length - at))
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function readWhole(path: string): SharedArrayBuffer {
  const file = openSync(path, 'r')
  try {
    const image = new SharedArrayBuffer(fstatSync(file).size)
    const bytes = new Uint8Array(image)
    for (let at = 0; at < bytes.length; ) {
      const length = readSync(file, bytes, at, Math.min(CHUNK_BYTES, bytes.length - at), null)
      if (length === 0) throw new Error(`ends after ${at} of ${bytes.length} bytes`)
      at += length
    }
    return image
  } finally {
    closeSync(file)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
