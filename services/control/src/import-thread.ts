// The thread behind import.ts: reads the text of an import, checks every feature as the door does, hands on what is to be kept in pieces.
import { parentPort, workerData } from 'node:worker_threads'
import { createFeatureSplitter, FenceError, type FenceFault, faultMessage, normaliseFeature } from '@fencepost/geo'
import { withAddress } from './fences.ts'
import type { ImportMessage, ImportOrder } from './import.ts'

const { text, tenant } = workerData as ImportOrder
/** Features in one message. */
const PIECE = 500
const CHUNK_BYTES = 1024 * 1024

let kept: { id: string; body: string }[] = []
let rows = 0
const seen = new Map<string, number>()

function tell(message: ImportMessage): void {
  parentPort?.postMessage(message)
}

function flush(): void {
  if (kept.length > 0) tell({ kept })
  kept = []
}

function refuse(position: number, id: string | null, code: FenceFault, message: string, place?: string): void {
  tell({ fault: { row: position, id, code, message, ...(place === undefined ? {} : { place }) } })
}

function take(value: unknown, position: number): void {
  rows++
  let id: string | null = null
  try {
    if (typeof value !== 'object' || value === null) throw new FenceError('bad_feature')
    const feature = withAddress(value as Record<string, unknown>, tenant)
    id = feature['id'] as string
    if (/\p{Cc}/u.test(id)) throw new FenceError('bad_id', { detail: 'it has control characters' })
    const first = seen.get(id)
    if (first !== undefined) throw new FenceError('duplicate_id', { detail: `rows ${first} and ${position}` })
    normaliseFeature(feature, { position, repair: false })
    seen.set(id, position)
    kept.push({ id, body: JSON.stringify(feature) })
    if (kept.length === PIECE) flush()
  } catch (error) {
    if (!(error instanceof FenceError)) throw error
    refuse(position, id, error.code, error.message, error.place)
  }
}

const splitter = createFeatureSplitter({
  feature: take,
  oversized: (position) => {
    rows++
    refuse(position, null, 'too_large', faultMessage('too_large'))
  },
})
try {
  for (let at = 0; at < text.length; at += CHUNK_BYTES) splitter.push(text.subarray(at, at + CHUNK_BYTES))
  splitter.finish()
  flush()
  tell({ end: { rows } })
} catch (error) {
  // What has passed is forgotten: the text is none.
  tell({ broken: error instanceof Error ? error.message : String(error) })
}
