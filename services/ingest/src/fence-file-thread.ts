// The thread behind fence-file.ts: takes the index that was kept, or has a process make it and receives it into memory that threads
// share. It makes next to no garbage itself.
import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import type { FenceProblem } from '@fencepost/geo'
import type { FenceFileMessage, FenceFileNews, FenceFileOrder, FenceFileReply, FenceFileRequest } from './fence-file.ts'
import { readIndexFile, stampOfSource, writeIndexFile } from './index-file.ts'

/** What the process says: news, then one of the others; what is made follows on its standard output. */
export type ReaderMessage =
  | FenceFileNews
  | {
      readonly made: {
        readonly bytes: number
        readonly problems: readonly FenceProblem[]
        readonly moreProblems: number
      }
    }
  | { readonly error: string }

const READER = fileURLToPath(new URL('./fence-file-process.js', import.meta.url))
/**
 * For a process that rests in between: its one thread does everything, as no other would rest with it, and collects garbage often and little
 * at a time.
 */
const RESTING = ['--single-threaded', '--max-semi-space-size=1']
/** All of the environment that the process is given: nothing of what this one keeps secret. */
const LIBRARIES = { LD_LIBRARY_PATH: process.env['LD_LIBRARY_PATH'] }
/** Of what the process writes when it fails: enough for the reason. */
const STDERR_BYTES = 64 * 1024

// Threads that serve go first where cores are few. On Linux, and only there, a priority is that of the thread which sets it, and the
// process inherits it.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)

type Tell = (message: FenceFileMessage) => void

parentPort?.on('message', ({ id, order }: FenceFileRequest) => {
  const say = (message: FenceFileReply['message']): void =>
    parentPort?.postMessage({ id, message } satisfies FenceFileReply)
  void load(order, say).then(() => say(null))
})

async function load(order: FenceFileOrder, tell: Tell): Promise<void> {
  const { path, indexPath } = order
  try {
    // What comes through a pipe can be read once.
    if (indexPath === null || !statSync(path).isFile()) await make(order, tell)
    else await makeOrTake(order, indexPath, tell)
  } catch (error) {
    const message = messageOf(error)
    tell({ error: message.startsWith(path) ? message : `${path}: ${message}` })
  }
}

/** The index that was kept if it is of these fences; else it is made, and kept when it is in force. */
async function makeOrTake(order: FenceFileOrder, indexPath: string, tell: Tell): Promise<void> {
  const { path, invalid } = order
  const stamp = stampOfSource(path, invalid)
  const kept = readIndexFile(indexPath, stamp)
  if (kept !== null && typeof kept !== 'string') {
    tell({ packed: { base: kept, delta: null }, isKept: true, problems: [], moreProblems: 0 })
    return
  }
  if (kept !== null) tell({ notKept: kept })
  const base = await make(order, tell)
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

/** Has the index made and tells it; rejects with the reason when it was not. */
function make(order: FenceFileOrder, tell: Tell): Promise<SharedArrayBuffer> {
  return new Promise((resolve, reject) => {
    const heap = `--max-old-space-size=${order.heapMb}`
    const flags = order.cpuPercent < 100 ? RESTING : ['--single-threaded-gc']
    const reader = spawn(process.execPath, [...flags, heap, READER, JSON.stringify(order)], {
      env: LIBRARIES,
      stdio: ['inherit', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    let made: Extract<ReaderMessage, { made: unknown }>['made'] | null = null
    let failure: string | null = null
    let stderr = ''
    /** Before it is known how large the index is, nothing of it comes: but the two ways are not in step. */
    let early: Buffer[] = []
    let image: Uint8Array | null = null
    let at = 0
    const take = (chunk: Buffer): void => {
      if (image === null) early.push(chunk)
      else {
        image.set(chunk, at)
        at += chunk.length
      }
    }
    reader.on('message', (message: ReaderMessage) => {
      if ('error' in message) failure = message.error
      else if ('made' in message) {
        made = message.made
        image = new Uint8Array(new SharedArrayBuffer(made.bytes))
        for (const chunk of early.splice(0)) take(chunk)
      } else tell(message)
    })
    reader.stdout?.on('data', take)
    reader.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_BYTES)
    })
    reader.once('error', reject)
    // What it has said may still be on its way when it has ended.
    const saidAll = new Promise((said) => reader.once('disconnect', said))
    reader.once('close', async (code, signal) => {
      await saidAll
      early = []
      if (made !== null && image !== null && at === made.bytes) {
        const base = image.buffer as SharedArrayBuffer
        const { problems, moreProblems } = made
        tell({ packed: { base, delta: null }, isKept: false, problems, moreProblems })
        resolve(base)
      } else reject(new Error(failure ?? reasonOf(stderr, order.heapMb, signal ?? `code ${code}`)))
    })
  })
}

function reasonOf(stderr: string, heapMb: number, end: string): string {
  if (stderr.includes('heap out of memory')) return `reading it takes more than ${heapMb} MB of memory`
  const error = stderr.split('\n').find((line) => line.includes('Error'))
  return `the process that reads it ended with ${end}${error === undefined ? '' : `: ${error}`}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
