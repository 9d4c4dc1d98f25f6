// Fences that can be in one of two places, and batches whose answer tells in which: a mixture of both would be another number.
import type { Fence } from '@fencepost/model'
import { encodeBatch } from '../bodies.ts'
import { round7 } from '../synthetic.ts'

export const SWAP_TENANT = 'bench'
export type Side = 'old' | 'new'

/** Pings of a batch in the old places of fences, and in the new ones of others beside them. */
const OLD_PINGS = 3
const NEW_PINGS = 2
/** Pings of a batch; most lie nowhere, as most pings do. */
const PINGS = 20
/** Pings of each batch that lie in the fence that they ask about, by where the fences are. */
export const MATCHED: Readonly<Record<Side, number>> = { old: OLD_PINGS, new: NEW_PINGS }
const RADIUS_M = 100
/** Degrees between neighbours: far more than a fence is wide. */
const STEP = 0.004
const PER_ROW = 4000

/** Old places are south of the equator, new ones north of it. */
function place(i: number, side: Side): { lon: number; lat: number } {
  const row = 1 + Math.floor(i / PER_ROW)
  return { lon: round7(-8 + (i % PER_ROW) * STEP), lat: round7((side === 'old' ? -1 : 1) * row * STEP) }
}

export function fenceAt(i: number, side: Side): Fence {
  const { lon, lat } = place(i, side)
  const shape = { kind: 'circle', lon, lat, radiusM: RADIUS_M } as const
  const id = `fence-${String(i).padStart(7, '0')}`
  return {
    id,
    version: side === 'old' ? 1 : 2,
    tenant: SWAP_TENANT,
    name: null,
    tags: [],
    campaigns: [],
    dwellS: null,
    shape,
  }
}

/** The lines of a file of fences, in chunks of text. */
export function* featureLines(count: number, side: Side): Generator<string> {
  let text = ''
  for (let i = 0; i < count; i++) {
    const { lon, lat } = place(i, side)
    const properties = { radius_m: RADIUS_M, tenant: SWAP_TENANT }
    const { id } = fenceAt(i, side)
    text += `${JSON.stringify({ type: 'Feature', id, properties, geometry: { type: 'Point', coordinates: [lon, lat] } })}\n`
    if (text.length < 1 << 20) continue
    yield text
    text = ''
  }
  yield text
}

/** A batch about the 20 fences from `first` on. */
export function swapBody(first: number, device: string): Uint8Array {
  const places = Array.from({ length: PINGS }, (_, k) => {
    const { lon, lat } = place(first + k, k < OLD_PINGS ? 'old' : 'new')
    return { lon, lat: k < OLD_PINGS + NEW_PINGS ? lat : round7(lat + STEP / 2) }
  })
  return encodeBatch({ device, sent: Date.now(), places, firstAgeMs: 0, everyMs: 1000 }, 'packed', 'msgpack')
}

/** How many fences a batch is about. */
export const FENCES_A_BODY: number = PINGS
