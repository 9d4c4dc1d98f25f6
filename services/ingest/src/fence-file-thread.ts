// The thread behind fence-file.ts: one file in, an index out, in memory that threads share.
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { loadFences } from '@fencepost/geo'
import { packFences } from '@fencepost/match'
import { type FenceFileAnswer, type FenceFileOrder, LOGGED_PROBLEMS } from './fence-file.ts'

const { path, invalid } = workerData as FenceFileOrder
try {
  const { fences, problems } = loadFences(parse(readFileSync(path, 'utf8')), { invalid })
  const packed = packFences(fences)
  const named = problems.slice(0, LOGGED_PROBLEMS)
  answer({ packed, problems: named, moreProblems: problems.length - named.length })
} catch (error) {
  answer({ error: `${path}: ${error instanceof Error ? error.message : String(error)}` })
}

function answer(message: FenceFileAnswer): void {
  parentPort?.postMessage(message)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error('is not JSON', { cause: error })
  }
}
