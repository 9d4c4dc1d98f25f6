// What an id is made of, and what it is not.
import { Buffer } from 'node:buffer'
import { EVENT_ID_BYTES } from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import { createDecoder, eventId } from '../src/index.ts'
import { encode, OPTIONS, RECEIVED, SENT } from './support.ts'

const KEY = Uint32Array.of(1, 2, 3, 4)

interface Attempt {
  sent?: number
  received?: number
  before?: unknown[]
  encoding?: 'msgpack' | 'json'
  key?: Uint32Array
  batch?: string
}

function idOf(ping: unknown, attempt: Attempt = {}): string {
  const { sent = SENT, received = RECEIVED, before = [], encoding = 'msgpack', key = KEY, batch = 'b' } = attempt
  const decoder = createDecoder(OPTIONS)
  const body = { v: 1, device: 'd', sent, batch, pings: [...before, ping] }
  expect(decoder.decode(encode(body, encoding), encoding, received)).toBe(null)
  expect(decoder.batch.columns.reason[before.length]).toBe(0)
  const out = new Uint8Array(EVENT_ID_BYTES)
  eventId(key, decoder.batch, before.length, out, 0)
  return Buffer.from(out).toString('hex')
}

const named = { type: 'location', age: 5000, lat: 40.7128001, lon: -74.0059999, accuracy: 12.3 }
const packed = [0, 5000, 407_128_001, -740_059_999, 123]
const uuid = 'f7826da6-4fa2-4e98-8024-bc5b71e0893e'
const beacon = { type: 'beacon', age: 5000, kind: 'ibeacon', uuid, major: 1, minor: 258, rssi: -60 }
const packedBeacon = [1, 5000, 0, Buffer.from(`${uuid.replaceAll('-', '')}00010102`, 'hex'), -60]

describe('an id is the same', () => {
  test('for the named and the packed shape', () => {
    expect(idOf(packed)).toBe(idOf(named))
    expect(idOf(packedBeacon)).toBe(idOf(beacon))
  })

  test('in JSON and in msgpack', () => {
    expect(idOf(named, { encoding: 'json' })).toBe(idOf(named))
    expect(idOf(packed, { encoding: 'json' })).toBe(idOf(named))
    expect(idOf(beacon, { encoding: 'json' })).toBe(idOf(beacon))
  })

  test('for a later attempt with a new sent and new ages', () => {
    expect(idOf({ ...named, age: 65_000 }, { sent: SENT + 60_000, received: RECEIVED + 60_000 })).toBe(idOf(named))
  })

  test('for another batch and another place in it', () => {
    expect(idOf(named, { before: [packedBeacon, null], batch: 'c' })).toBe(idOf(named))
  })

  test('for at and for age', () => {
    const { age, ...rest } = named
    expect(idOf({ ...rest, at: SENT - age })).toBe(idOf(named))
  })

  test('whatever was not published: altitude, speed, heading, battery, tx_power', () => {
    expect(idOf({ ...named, altitude: 1, speed: 2, heading: 3, battery: 4 })).toBe(idOf(named))
    expect(idOf({ ...beacon, tx_power: -59 })).toBe(idOf(beacon))
  })

  test('for coordinates that round to the same 1e-7 degrees', () => {
    expect(idOf({ ...named, lat: 40.71280009 })).toBe(idOf(named))
  })

  test('for a ref, whatever was observed', () => {
    expect(idOf({ ...beacon, ref: 'r' })).toBe(idOf({ ...named, ref: 'r' }))
  })
})

test('an id differs for whatever else was observed, for the key, and for the ref', () => {
  const ids = [
    idOf(named),
    idOf(named, { key: Uint32Array.of(1, 2, 3, 5) }),
    idOf({ ...named, age: 5001 }),
    idOf({ ...named, lat: 40.7128002 }),
    idOf({ ...named, lon: -74 }),
    idOf({ ...named, accuracy: 12.4 }),
    idOf({ ...named, accuracy: null }),
    idOf(beacon),
    idOf({ ...beacon, minor: 259 }),
    idOf({ ...beacon, rssi: -61 }),
    idOf([1, 5000, 2, '00'.repeat(20), -60]),
    idOf([1, 5000, 0, '00'.repeat(20), -60]),
    idOf([1, 5000, 1, '00'.repeat(16), -60]),
    idOf({ ...named, ref: 'r' }),
    idOf({ ...named, ref: 'r\0' }),
    idOf({ ...named, ref: 'x'.repeat(64) }),
  ]
  expect(new Set(ids).size).toBe(ids.length)
})

test('an id is written where it was asked for, and nowhere else', () => {
  const decoder = createDecoder(OPTIONS)
  decoder.decode(encode({ v: 1, device: 'd', sent: SENT, pings: [packed] }, 'msgpack'), 'msgpack', RECEIVED)
  const out = new Uint8Array(EVENT_ID_BYTES + 4)
  eventId(KEY, decoder.batch, 0, out, 2)
  expect(Buffer.from(out).toString('hex')).toBe(`0000${idOf(packed)}0000`)
})
