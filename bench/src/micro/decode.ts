// Bytes to columns: our decoder against msgpackr or JSON.parse and a walk into the same columns.
import { LOCATION, PingColumns, UNKNOWN } from '@fencepost/model'
import { createDecoder } from '@fencepost/wire'
import { Unpackr } from 'msgpackr'
import { type BodyEncoding, encodeBatch, type PingShape } from '../bodies.ts'
import type { Arm, Case } from '../measure.ts'
import { syntheticPositions } from '../synthetic.ts'
import { DECODER_OPTIONS, FENCE_SEED, FENCES, RECEIVED, SENT } from './setup.ts'

const SHAPES: readonly (readonly [PingShape, BodyEncoding])[] = [
  ['packed', 'msgpack'],
  ['named', 'msgpack'],
  ['packed', 'json'],
  ['named', 'json'],
]
/** Different bodies that a pass goes through, so that no arm sees one body only. */
const BODIES = 64

export function decodeCases(): Case[] {
  return SHAPES.flatMap(([shape, encoding]) =>
    [1, 20, 100].map((pings) => {
      const bodies = Array.from({ length: BODIES }, (_, i) =>
        encodeBatch(
          {
            device: `bench-device-${i}`,
            sent: SENT,
            places: syntheticPositions({ count: pings, seed: 100 + i, fences: FENCES, fenceSeed: FENCE_SEED }),
            firstAgeMs: 300 + i,
            everyMs: 1000,
          },
          shape,
          encoding,
        ),
      )
      return {
        name: `decode ${shape} ${encoding}, ${pings}`,
        unit: 'ping',
        operations: BODIES * pings,
        arms: [oursArm(bodies, encoding), encoding === 'msgpack' ? msgpackrArm(bodies) : jsonArm(bodies)],
      }
    }),
  )
}

function oursArm(bodies: readonly Uint8Array[], encoding: BodyEncoding): Arm {
  const decoder = createDecoder(DECODER_OPTIONS)
  return {
    name: 'libs/wire',
    pass() {
      let sum = 0
      for (const body of bodies) {
        decoder.decode(body, encoding, RECEIVED)
        sum += checksum(decoder.batch.columns)
      }
      return sum
    },
  }
}

function msgpackrArm(bodies: readonly Uint8Array[]): Arm {
  const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' })
  const columns = new PingColumns(DECODER_OPTIONS.maxPings)
  return {
    name: 'msgpackr + walk',
    pass() {
      let sum = 0
      for (const body of bodies) {
        walk(unpackr.unpack(body), columns)
        sum += checksum(columns)
      }
      return sum
    },
  }
}

function jsonArm(bodies: readonly Uint8Array[]): Arm {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const columns = new PingColumns(DECODER_OPTIONS.maxPings)
  return {
    name: 'JSON.parse + walk',
    pass() {
      let sum = 0
      for (const body of bodies) {
        walk(JSON.parse(utf8.decode(body)), columns)
        sum += checksum(columns)
      }
      return sum
    },
  }
}

interface NamedPing {
  readonly type: string
  readonly age: number
  readonly lat: number
  readonly lon: number
  readonly accuracy?: number
}
type PackedPing = readonly [type: number, age: number, latE7: number, lonE7: number, accuracyDm: number]

/** The plain way: objects in, columns out, with no more checks than a location ping needs. */
function walk(body: unknown, columns: PingColumns): void {
  const { v, sent, pings } = body as { v: number; sent: number; pings: readonly (PackedPing | NamedPing)[] }
  if (v !== 1 || !Number.isSafeInteger(sent) || !Array.isArray(pings)) throw new Error('not a batch')
  columns.count = pings.length
  for (const [i, ping] of (pings as readonly (PackedPing | NamedPing)[]).entries()) {
    const packed = 'length' in ping
    const age = packed ? ping[1] : ping.age
    const lat = packed ? ping[2] / 1e7 : ping.lat
    const lon = packed ? ping[3] / 1e7 : ping.lon
    const accuracyDm = packed ? ping[4] : ping.accuracy === undefined ? UNKNOWN : Math.round(ping.accuracy * 10)
    const fine = Number.isInteger(age) && age >= 0 && Math.abs(lat) <= 90 && Math.abs(lon) <= 180
    columns.reason[i] = fine && age <= DECODER_OPTIONS.maxAgeMs ? 0 : 1
    columns.type[i] = LOCATION
    columns.observed[i] = sent - age
    columns.at[i] = RECEIVED - age
    columns.lat[i] = lat
    columns.lon[i] = lon
    columns.latE7[i] = Math.round(lat * 1e7)
    columns.lonE7[i] = Math.round(lon * 1e7)
    columns.accuracyDm[i] = accuracyDm
  }
}

function checksum(columns: PingColumns): number {
  const { count } = columns
  let sum = count
  for (let i = 0; i < count; i++) {
    sum +=
      (columns.latE7[i] as number) +
      3 * (columns.lonE7[i] as number) +
      5 * (columns.accuracyDm[i] as number) +
      7 * ((columns.observed[i] as number) - SENT) +
      11 * ((columns.at[i] as number) - RECEIVED) +
      13 * (columns.reason[i] as number)
  }
  return sum
}
