// Every way in which the decoder refuses a ping: each rule at its limit and one past it.
import { Buffer } from 'node:buffer'
import { PING_REASONS } from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import { createDecoder } from '../src/index.ts'
import { decode, encode, OPTIONS, RECEIVED, SENT } from './support.ts'

const UUID = 'F7826DA6-4FA2-4E98-8024-BC5B71E0893E'
const location = { type: 'location', age: 0, lat: 40.7, lon: -73.9 }
const ibeacon = { type: 'beacon', age: 0, kind: 'ibeacon', uuid: UUID, major: 1, minor: 2, rssi: -60 }
const eddystone = {
  type: 'beacon',
  age: 0,
  kind: 'eddystone-uid',
  namespace: '00112233445566778899',
  instance: 'aabbccddeeff',
  rssi: -60,
}
const altbeacon = { type: 'beacon', age: 0, kind: 'altbeacon', id: '00'.repeat(20), rssi: -60 }
const packed = [0, 0, 407_000_000, -739_000_000, 55]
const packedBeacon = [1, 0, 0, '00'.repeat(20), -60]

/** `packed` or `packedBeacon` with item i replaced. */
function at(i: number, value: unknown, row: readonly unknown[] = packed): unknown[] {
  const copy = [...row]
  while (copy.length <= i) copy.push(null)
  copy[i] = value
  return copy
}

/** What one ping comes to: its reason, or `ok`. */
function outcome(ping: unknown, encoding: 'msgpack' | 'json'): string {
  const batch = decode(encode({ v: 1, device: 'd', sent: SENT, pings: [ping] }, encoding), encoding)
  if (typeof batch === 'string') throw new Error(`refused: ${batch}`)
  return typeof batch.pings[0] === 'string' ? batch.pings[0] : 'ok'
}

const MAX_TIME = 8.64e15
/** [what, ping, outcome] */
const CASES: [string, unknown, string][] = [
  ['a ping that is null', null, 'bad_ping'],
  ['a ping that is a number', 7, 'bad_ping'],
  ['a ping that is a string', 'ping', 'bad_ping'],
  ['an empty map', {}, 'bad_ping'],
  ['an empty array', [], 'bad_ping'],
  ['no type', { ...location, type: null }, 'bad_ping'],
  ['an unknown type', { ...location, type: 'wifi' }, 'bad_ping'],
  ['a longer type', { ...location, type: 'locations' }, 'bad_ping'],
  ['a type in capitals', { ...location, type: 'Location' }, 'bad_ping'],
  ['the packed number as type of a named ping', { ...location, type: 0 }, 'bad_ping'],
  ['packed type 2', at(0, 2), 'bad_ping'],
  ['packed type -1', at(0, -1), 'bad_ping'],
  ['packed type 0.5', at(0, 0.5), 'bad_ping'],
  ['the word as type of a packed ping', at(0, 'location'), 'bad_ping'],
  ['a packed location of 5 items', packed, 'ok'],
  ['a packed location of 4 items', packed.slice(0, 4), 'bad_ping'],
  ['a packed location of 9 items', [...packed, 1, 1, 1, 1], 'ok'],
  ['a packed location of 10 items', [...packed, 1, 1, 1, 1, 'later'], 'ok'],
  ['a packed beacon of 5 items', packedBeacon, 'ok'],
  ['a packed beacon of 4 items', packedBeacon.slice(0, 4), 'bad_ping'],
  ['a packed beacon of 7 items', [...packedBeacon, -59, 'later'], 'ok'],
  ['a bad type before a bad time', { type: 'x', age: -1 }, 'bad_ping'],

  ['neither at nor age', { ...location, age: null }, 'bad_time'],
  ['both at and age', { ...location, at: SENT }, 'bad_time'],
  ['at that is nil beside an age', { ...location, at: null }, 'ok'],
  ['age 0', location, 'ok'],
  ['age -1', { ...location, age: -1 }, 'bad_time'],
  ['age 1.0', { ...location, age: 1.0 }, 'ok'],
  ['age 0.5', { ...location, age: 0.5 }, 'bad_time'],
  ['an age so small that sent less age is an integer', { ...location, age: 1e-9 }, 'bad_time'],
  ['age as a string', { ...location, age: '0' }, 'bad_time'],
  ['age true', { ...location, age: true }, 'bad_time'],
  ['an age of sent: observed 0', { ...location, age: SENT }, 'bad_time'],
  ['an age of sent - 1: observed 1', { ...location, age: SENT - 1 }, 'stale'],
  ['packed age nil', at(1, null), 'bad_time'],
  ['packed age -1', at(1, -1), 'bad_time'],
  ['packed age 0.5', at(1, 0.5), 'bad_time'],
  ['at 0', { ...location, age: null, at: 0 }, 'bad_time'],
  ['at 1', { ...location, age: null, at: 1 }, 'stale'],
  ['at with a fraction', { ...location, age: null, at: RECEIVED + 0.5 }, 'bad_time'],
  ['at beyond what a date can hold', { ...location, age: null, at: MAX_TIME + 2 }, 'bad_time'],
  ['at at what a date can hold', { ...location, age: null, at: MAX_TIME }, 'future'],
  ['a bad time before bad coordinates', { ...location, age: -1, lat: 91 }, 'bad_time'],

  ['no lat', { ...location, lat: null }, 'bad_coords'],
  ['no lon', { ...location, lon: null }, 'bad_coords'],
  ['lat 90', { ...location, lat: 90 }, 'ok'],
  ['lat 90.0001', { ...location, lat: 90.0001 }, 'bad_coords'],
  ['lat -90', { ...location, lat: -90 }, 'ok'],
  ['lat a hair below -90', { ...location, lat: -90.00000000000001 }, 'bad_coords'],
  ['lon 180', { ...location, lon: 180 }, 'ok'],
  ['lon 180.0001', { ...location, lon: 180.0001 }, 'bad_coords'],
  ['lon -180', { ...location, lon: -180 }, 'ok'],
  ['lon a hair below -180', { ...location, lon: -180.00000000000003 }, 'bad_coords'],
  ['lat as a string', { ...location, lat: '40.7' }, 'bad_coords'],
  ['packed lat nil', at(2, null), 'bad_coords'],
  ['packed lat 900,000,000', at(2, 900_000_000), 'ok'],
  ['packed lat 900,000,001', at(2, 900_000_001), 'bad_coords'],
  ['packed lat -900,000,001', at(2, -900_000_001), 'bad_coords'],
  ['packed lon 1,800,000,000', at(3, 1_800_000_000), 'ok'],
  ['packed lon 1,800,000,001', at(3, 1_800_000_001), 'bad_coords'],
  ['packed lon -1,800,000,000', at(3, -1_800_000_000), 'ok'],
  ['packed lon -1,800,000,001', at(3, -1_800_000_001), 'bad_coords'],
  ['packed lon that wraps to 0 in 32 bits', at(3, 4_294_967_296), 'bad_coords'],
  ['packed lat with a fraction', at(2, 407_000_000.5), 'bad_coords'],
  ['packed lon with a fraction', at(3, -739_000_000.5), 'bad_coords'],
  ['bad coordinates before a bad field', { ...location, lat: 91, accuracy: 'x' }, 'bad_coords'],

  ['accuracy nil', { ...location, accuracy: null }, 'ok'],
  ['accuracy -1', { ...location, accuracy: -1 }, 'ok'],
  ['accuracy -0.5', { ...location, accuracy: -0.5 }, 'bad_field'],
  ['accuracy -2', { ...location, accuracy: -2 }, 'bad_field'],
  ['accuracy 1,000,000', { ...location, accuracy: 1_000_000 }, 'ok'],
  ['accuracy 1,000,000.1', { ...location, accuracy: 1_000_000.1 }, 'bad_field'],
  ['accuracy as a string', { ...location, accuracy: '5' }, 'bad_field'],
  ['packed accuracy nil', at(4, null), 'ok'],
  ['packed accuracy -1', at(4, -1), 'ok'],
  ['packed accuracy 10,000,000', at(4, 10_000_000), 'ok'],
  ['packed accuracy 10,000,001', at(4, 10_000_001), 'bad_field'],
  ['altitude 100,000', { ...location, altitude: 100_000 }, 'ok'],
  ['altitude 100,000.1', { ...location, altitude: 100_000.1 }, 'bad_field'],
  ['altitude -100,000', { ...location, altitude: -100_000 }, 'ok'],
  ['altitude -100,000.1', { ...location, altitude: -100_000.1 }, 'bad_field'],
  ['packed altitude as a string', at(5, 'x'), 'bad_field'],
  ['speed -1', { ...location, speed: -1 }, 'ok'],
  ['speed -0.9', { ...location, speed: -0.9 }, 'bad_field'],
  ['speed 20,000', { ...location, speed: 20_000 }, 'ok'],
  ['speed 20,000.1', { ...location, speed: 20_000.1 }, 'bad_field'],
  ['packed speed 2,000,000', at(6, 2_000_000), 'ok'],
  ['packed speed 2,000,001', at(6, 2_000_001), 'bad_field'],
  ['packed speed -1', at(6, -1), 'ok'],
  ['heading 0', { ...location, heading: 0 }, 'ok'],
  ['heading 360', { ...location, heading: 360 }, 'ok'],
  ['heading 360.1', { ...location, heading: 360.1 }, 'bad_field'],
  ['heading -1', { ...location, heading: -1 }, 'ok'],
  ['heading -2', { ...location, heading: -2 }, 'bad_field'],
  ['battery 100', { ...location, battery: 100 }, 'ok'],
  ['battery 101', { ...location, battery: 101 }, 'bad_field'],
  ['battery -1', { ...location, battery: -1 }, 'ok'],
  ['packed battery 101', at(8, 101), 'bad_field'],
  ['a field of a beacon in a location', { ...location, uuid: 5, rssi: 'x' }, 'ok'],
  ['a bad field before a bad ref', { ...location, battery: 101, ref: '' }, 'bad_field'],

  ['an iBeacon', ibeacon, 'ok'],
  ['an Eddystone-UID', eddystone, 'ok'],
  ['an AltBeacon', altbeacon, 'ok'],
  ['a UUID of 32 digits', { ...ibeacon, uuid: UUID.replaceAll('-', '') }, 'ok'],
  ['a UUID of 31 digits', { ...ibeacon, uuid: UUID.replaceAll('-', '').slice(1) }, 'bad_beacon'],
  ['a UUID in braces', { ...ibeacon, uuid: `{${UUID}}` }, 'bad_beacon'],
  ['a UUID with a dash elsewhere', { ...ibeacon, uuid: UUID.replace('6-4', '-64') }, 'bad_beacon'],
  ['a UUID with a letter beyond f', { ...ibeacon, uuid: UUID.replace('F', 'G') }, 'bad_beacon'],
  ['a UUID of letters beyond one byte', { ...ibeacon, uuid: 'é'.repeat(16) }, 'bad_beacon'],
  ['no UUID', { ...ibeacon, uuid: null }, 'bad_beacon'],
  ['no kind', { ...ibeacon, kind: null }, 'bad_beacon'],
  ['an unknown kind', { ...ibeacon, kind: 'eddystone' }, 'bad_beacon'],
  ['the packed number as kind of a named ping', { ...ibeacon, kind: 0 }, 'bad_beacon'],
  ['major 65,535', { ...ibeacon, major: 65_535 }, 'ok'],
  ['major 65,536', { ...ibeacon, major: 65_536 }, 'bad_beacon'],
  ['major -1', { ...ibeacon, major: -1 }, 'bad_beacon'],
  ['no minor', { ...ibeacon, minor: null }, 'bad_beacon'],
  ['minor 0.5', { ...ibeacon, minor: 0.5 }, 'bad_beacon'],
  ['minor 65,536', { ...ibeacon, minor: 65_536 }, 'bad_beacon'],
  ['a namespace of 9 bytes', { ...eddystone, namespace: '00'.repeat(9) }, 'bad_beacon'],
  ['an instance of 7 bytes', { ...eddystone, instance: '00'.repeat(7) }, 'bad_beacon'],
  ['no instance', { ...eddystone, instance: null }, 'bad_beacon'],
  ['an id of 19 bytes', { ...altbeacon, id: '00'.repeat(19) }, 'bad_beacon'],
  ['an id of 21 bytes', { ...altbeacon, id: '00'.repeat(21) }, 'bad_beacon'],
  ['an id of 2,000 digits', { ...altbeacon, id: '0'.repeat(2000) }, 'bad_beacon'],
  ['rssi -127', { ...ibeacon, rssi: -127 }, 'ok'],
  ['rssi -128', { ...ibeacon, rssi: -128 }, 'bad_beacon'],
  ['rssi 20', { ...ibeacon, rssi: 20 }, 'ok'],
  ['rssi 21', { ...ibeacon, rssi: 21 }, 'bad_beacon'],
  ['rssi -60.5', { ...ibeacon, rssi: -60.5 }, 'bad_beacon'],
  ['no rssi', { ...ibeacon, rssi: null }, 'bad_beacon'],
  ['packed kind 3', at(2, 3, packedBeacon), 'bad_beacon'],
  ['packed kind 1 with 20 bytes', at(2, 1, packedBeacon), 'bad_beacon'],
  ['packed kind 1 with 16 bytes', at(2, 1, at(3, '00'.repeat(16), packedBeacon)), 'ok'],
  ['packed kind as a word', at(2, 'ibeacon', packedBeacon), 'bad_beacon'],
  ['packed id nil', at(3, null, packedBeacon), 'bad_beacon'],
  ['packed rssi nil', at(4, null, packedBeacon), 'bad_beacon'],
  ['tx_power 127', { ...ibeacon, tx_power: 127 }, 'ok'],
  ['tx_power 128', { ...ibeacon, tx_power: 128 }, 'bad_field'],
  ['tx_power -127', { ...ibeacon, tx_power: -127 }, 'ok'],
  ['tx_power -128', { ...ibeacon, tx_power: -128 }, 'bad_field'],
  ['packed tx_power 0.5', at(5, 0.5, packedBeacon), 'bad_field'],
  ['a field of a location in a beacon', { ...ibeacon, lat: 'x', accuracy: -9 }, 'ok'],

  ['ref of 64 bytes', { ...location, ref: 'r'.repeat(64) }, 'ok'],
  ['ref of 65 bytes', { ...location, ref: 'r'.repeat(65) }, 'bad_ref'],
  ['ref of 64 bytes in 32 letters', { ...location, ref: 'é'.repeat(32) }, 'ok'],
  ['ref of 66 bytes in 33 letters', { ...location, ref: 'é'.repeat(33) }, 'bad_ref'],
  ['ref of 2,000 bytes', { ...location, ref: 'r'.repeat(2000) }, 'bad_ref'],
  ['an empty ref', { ...location, ref: '' }, 'bad_ref'],
  ['ref nil', { ...location, ref: null }, 'ok'],
  ['ref as a number', { ...location, ref: 5 }, 'bad_ref'],
  ['ref as a map', { ...ibeacon, ref: {} }, 'bad_ref'],
  ['a bad ref before a stale time', { ...location, age: OPTIONS.maxAgeMs + 1, ref: '' }, 'bad_ref'],

  ['an age at the maximum', { ...location, age: OPTIONS.maxAgeMs }, 'ok'],
  ['an age one past the maximum', { ...location, age: OPTIONS.maxAgeMs + 1 }, 'stale'],
  ['packed, one past the maximum', at(1, OPTIONS.maxAgeMs + 1), 'stale'],
  ['at at the maximum age', { ...location, age: null, at: RECEIVED - OPTIONS.maxAgeMs }, 'ok'],
  ['at one past the maximum age', { ...location, age: null, at: RECEIVED - OPTIONS.maxAgeMs - 1 }, 'stale'],
  ['at at the furthest future', { ...location, age: null, at: RECEIVED + OPTIONS.maxFutureMs }, 'ok'],
  ['at one past the furthest future', { ...location, age: null, at: RECEIVED + OPTIONS.maxFutureMs + 1 }, 'future'],
  ['an unknown field', { ...location, mood: ['fine', { since: 1 }] }, 'ok'],
]

describe.each(['msgpack', 'json'] as const)('a ping in %s', (encoding) => {
  test.each(CASES)('%s', (_what, ping, expected) => {
    expect(outcome(ping, encoding)).toBe(expected)
  })
})

describe('a ping in msgpack', () => {
  const bytes = (count: number) => Buffer.alloc(count, 7)
  test.each([
    ['lat NaN', { ...location, lat: Number.NaN }, 'bad_coords'],
    ['lon Infinity', { ...location, lon: Number.POSITIVE_INFINITY }, 'bad_coords'],
    ['lat -Infinity', { ...location, lat: Number.NEGATIVE_INFINITY }, 'bad_coords'],
    ['accuracy -Infinity', { ...location, accuracy: Number.NEGATIVE_INFINITY }, 'bad_field'],
    ['altitude NaN', { ...location, altitude: Number.NaN }, 'bad_field'],
    ['age Infinity', { ...location, age: Number.POSITIVE_INFINITY }, 'bad_time'],
    ['a UUID of 16 bytes', { ...ibeacon, uuid: bytes(16) }, 'ok'],
    ['a UUID of 17 bytes', { ...ibeacon, uuid: bytes(17) }, 'bad_beacon'],
    ['a namespace and an instance of bytes', { ...eddystone, namespace: bytes(10), instance: bytes(6) }, 'ok'],
    ['an id of bytes', { ...altbeacon, id: bytes(20) }, 'ok'],
    ['a packed id of 20 bytes', at(3, bytes(20), packedBeacon), 'ok'],
    ['a packed id of 19 bytes', at(3, bytes(19), packedBeacon), 'bad_beacon'],
    ['ref of bytes', { ...location, ref: bytes(5) }, 'bad_ref'],
    ['type of bytes', { ...location, type: Buffer.from('location') }, 'bad_ping'],
  ])('%s', (_what, ping, expected) => {
    expect(outcome(ping, 'msgpack')).toBe(expected)
  })

  test('refuses a ref that is not UTF-8', () => {
    const body = encode({ v: 1, device: 'd', sent: SENT, pings: [{ ...location, ref: 'xyz' }] }, 'msgpack')
    body[body.length - 1] = 0xff
    expect(decode(body, 'msgpack')).toMatchObject({ pings: ['bad_ref'] })
  })
})

test('refuses a ref with half a surrogate pair in JSON', () => {
  expect(outcome({ ...location, ref: 'x\ud83d' }, 'json')).toBe('bad_ref')
})

test('one bad ping fails no other', () => {
  const pings = [location, null, packed, { ...location, lat: 91 }, ibeacon]
  const batch = decode(encode({ v: 1, device: 'd', sent: SENT, pings }, 'msgpack'), 'msgpack')
  expect(batch).toMatchObject({ pings: [{}, 'bad_ping', {}, 'bad_coords', {}] })
})

test('a refused ping leaves nothing behind in the one that takes its place', () => {
  const decoder = createDecoder(OPTIONS)
  const full = { ...location, accuracy: 5, altitude: 1, speed: 2, heading: 3, battery: 4, ref: 'r' }
  decode(encode({ v: 1, device: 'd', sent: SENT, batch: 'b', pings: [full, ibeacon] }, 'msgpack'), 'msgpack', decoder)
  const bare = encode({ v: 1, device: 'd', sent: SENT, pings: [packed, location, eddystone] }, 'msgpack')
  expect(decode(bare, 'msgpack', decoder)).toEqual(decode(bare, 'msgpack'))
})

test('every reason that a decoder can give a ping stands in the tables above', () => {
  const given = new Set(CASES.map(([, , expected]) => expected))
  const elsewhere = new Set(['no_consent', 'minor', 'restricted', 'sensitive_place', 'event_too_large'])
  expect(Object.keys(PING_REASONS).filter((reason) => !given.has(reason) && !elsewhere.has(reason))).toEqual([])
})
