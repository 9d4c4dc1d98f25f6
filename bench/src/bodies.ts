// Prebuilt request bodies: one batch in each of the two shapes and two encodings of protocol v1.
import { Packr } from 'msgpackr'
import type { Position } from './synthetic.ts'

export type PingShape = 'packed' | 'named'
export type BodyEncoding = 'msgpack' | 'json'

export interface BatchOptions {
  readonly device: string
  /** Epoch ms. */
  readonly sent: number
  readonly places: readonly Position[]
  /** Age of the newest ping and the time between two, in ms. */
  readonly firstAgeMs: number
  readonly everyMs: number
}

// Plain maps with all their keys, as any client writes them: no record extension.
const packr = new Packr({ useRecords: false, variableMapSize: true })

/** The bytes of one batch. Both shapes and encodings of the same options say the same. */
export function encodeBatch(options: BatchOptions, shape: PingShape, encoding: BodyEncoding): Uint8Array {
  const { device, sent, places, firstAgeMs, everyMs } = options
  const pings = places.map(({ lon, lat }, i) => {
    const age = firstAgeMs + i * everyMs
    const accuracy = 3 + ((i * 7) % 60)
    return shape === 'packed'
      ? [0, age, Math.round(lat * 1e7), Math.round(lon * 1e7), accuracy * 10]
      : { type: 'location', age, lat, lon, accuracy }
  })
  const body = { v: 1, device, sent, consent: { location: true }, pings }
  return encoding === 'json' ? new TextEncoder().encode(JSON.stringify(body)) : new Uint8Array(packr.pack(body))
}
