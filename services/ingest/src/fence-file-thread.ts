// The thread behind fence-file.ts: one file in, normalised fences out.
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { loadFences } from '@fencepost/geo'

const { path, invalid } = workerData as { path: string; invalid: 'skip' | 'repair' | 'fail' }
try {
  parentPort?.postMessage({ load: loadFences(parse(readFileSync(path, 'utf8')), { invalid }) })
} catch (error) {
  parentPort?.postMessage({ error: `${path}: ${error instanceof Error ? error.message : String(error)}` })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error('is not JSON', { cause: error })
  }
}
