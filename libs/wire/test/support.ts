// What the tests share: a decoded batch as plain objects, and a second decoder, written plainly over objects, as its oracle.
import { Buffer } from 'node:buffer'
import {
  type Batch,
  BEACON_KINDS,
  LIMITS,
  LOCATION,
  PING_REASON_CODES,
  type PingReason,
  type RequestReason,
  UNKNOWN,
} from '@fencepost/model'
import { Packr } from 'msgpackr'
import { createDecoder, type Decoder, type Encoding } from '../src/index.ts'

export const RECEIVED = 1_742_040_000_500
export const SENT = 1_742_040_000_000
export const OPTIONS = { maxPings: 1000, maxAgeMs: 72 * 3_600_000, maxFutureMs: 300_000 }

const packr = new Packr({ useRecords: false, int64AsType: 'number' })

export function encode(value: unknown, encoding: Encoding): Uint8Array {
  return encoding === 'json' ? Buffer.from(JSON.stringify(value)) : Uint8Array.from(packr.pack(value))
}

export interface PlainLocation {
  type: 'location'
  observed: number
  at: number
  lat: number
  lon: number
  latE7: number
  lonE7: number
  accuracyDm: number | null
  altitude: number | null
  speed: number | null
  heading: number | null
  battery: number | null
  ref: string | null
}
export interface PlainBeacon {
  type: 'beacon'
  observed: number
  at: number
  kind: string
  id: string
  rssi: number
  txPower: number | null
  ref: string | null
}
export type PlainPing = PingReason | PlainLocation | PlainBeacon
export interface PlainBatch {
  device: string
  batch: string | null
  sent: number
  consent: boolean
  minor: boolean
  pings: PlainPing[]
}

export function text(batch: Batch, start: number, length: number): string {
  return Buffer.from(batch.text.subarray(start, start + length)).toString('utf8')
}

/** What a decoder left, as plain objects; unknown = null. */
export function plain(batch: Batch): PlainBatch {
  const { columns: c } = batch
  const orNull = (value: number) => (Number.isNaN(value) || value === UNKNOWN ? null : value)
  const pings: PlainPing[] = []
  for (let i = 0; i < c.count; i++) {
    const reason = PING_REASON_CODES[c.reason[i]]
    const ref = c.refLength[i] > 0 ? text(batch, c.refStart[i], c.refLength[i]) : null
    const times = { observed: c.observed[i], at: c.at[i] }
    if (reason !== 'ok') pings.push(reason)
    else if (c.type[i] === LOCATION) {
      pings.push({
        type: 'location',
        ...times,
        lat: c.lat[i],
        lon: c.lon[i],
        latE7: c.latE7[i],
        lonE7: c.lonE7[i],
        accuracyDm: orNull(c.accuracyDm[i]),
        altitude: orNull(c.altitudeM[i]),
        speed: orNull(c.speedMs[i]),
        heading: orNull(c.headingDeg[i]),
        battery: orNull(c.batteryPct[i]),
        ref,
      })
    } else {
      const id = c.beaconId.subarray(i * LIMITS.beaconIdBytes, (i + 1) * LIMITS.beaconIdBytes)
      pings.push({
        type: 'beacon',
        ...times,
        kind: BEACON_KINDS[c.beaconKind[i]],
        id: Buffer.from(id).toString('hex'),
        rssi: c.rssi[i],
        txPower: orNull(c.txPower[i]),
        ref,
      })
    }
  }
  return {
    device: text(batch, batch.deviceStart, batch.deviceLength),
    batch: batch.batchIdLength > 0 ? text(batch, batch.batchIdStart, batch.batchIdLength) : null,
    sent: batch.sent,
    consent: batch.consent,
    minor: batch.minor,
    pings,
  }
}

/** Decodes with a decoder of its own, or the one given. A string = refused for that reason. */
export function decode(
  body: Uint8Array,
  encoding: Encoding,
  decoder: Decoder = createDecoder(OPTIONS),
): PlainBatch | RequestReason {
  return decoder.decode(body, encoding, RECEIVED) ?? plain(decoder.batch)
}
