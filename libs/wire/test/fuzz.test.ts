// The hand-written scanner against msgpackr and the plain rules, on bodies that were changed at random. Fixed seeds;
// FENCEPOST_FUZZ=20 runs twenty times as many bodies.

import { Buffer } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { seededRandom } from '@fencepost/testbed/random'
import { Packr, Unpackr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { createDecoder } from '../src/index.ts'
import { asMaps, judge } from './oracle.ts'
import { decode, encode, OPTIONS, RECEIVED, SENT } from './support.ts'

const TIMES = Number(process.env['FENCEPOST_FUZZ'] ?? 1)

const unpackr = new Unpackr({ mapsAsObjects: false, int64AsType: 'number', useRecords: false })

/** One of msgpackr's own extensions to the format, or a value that only it knows: nothing to compare with. */
function isForeign(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isForeign)
  if (value instanceof Map) return [...value].flat().some(isForeign)
  if (value instanceof Uint8Array) return false
  return (typeof value === 'object' && value !== null) || typeof value === 'bigint' || typeof value === 'undefined'
}

/** Extensions and the byte that msgpack never uses, which msgpackr reads in its own way. */
const SPECIAL = new Set([0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8])

function oracle(body: Uint8Array): ReturnType<typeof judge> | 'incomparable' {
  let tree: unknown
  try {
    tree = unpackr.unpack(body)
  } catch {
    return body.some((byte) => SPECIAL.has(byte)) ? 'incomparable' : 'malformed_body'
  }
  if (isForeign(tree)) return 'incomparable'
  // A string whose bytes were not UTF-8 does not encode to the bytes it came from.
  const bytes = Buffer.from(body)
  return judge(tree, (text) => bytes.includes(Buffer.from(text)))
}

/** `expect` only where there is something to say: it costs more than a decode. */
function same(got: unknown, expected: unknown, body: Uint8Array): void {
  if (!isDeepStrictEqual(got, expected)) expect(got, Buffer.from(body).toString('latin1')).toEqual(expected)
}

const STRUCTURAL: readonly unknown[] = ['malformed_body', 'too_deep', 'too_many_pings']

function pick<T>(next: () => number, items: readonly T[]): T {
  return items[Math.floor(next() * items.length)] as T
}

/** A number near one of the edges that the rules have, or anywhere. */
function number(next: () => number): unknown {
  const edge = pick(next, [
    0,
    -1,
    1,
    20,
    90,
    100,
    127,
    128,
    180,
    255,
    256,
    360,
    20_000,
    65_535,
    65_536,
    100_000,
    1e6,
    1e7,
    9e8,
    1.8e9,
    2 ** 31,
    2 ** 32,
    3e8,
    SENT,
    RECEIVED,
    2 ** 53,
    8.64e15,
  ])
  const value = edge * pick(next, [1, 1, 1, -1]) + pick(next, [0, 0, 0, 1, -1, 0.5, 0.1])
  return pick(next, [value, value, value, value, null, Number.NaN, Infinity, 'x', true, [1], { a: 1 }])
}

function hex(next: () => number, bytes: number): unknown {
  let digits = ''
  for (let i = 0; i < bytes * 2; i++) digits += pick(next, [...'0123456789abcdefABCDEF'])
  if (bytes === 16 && next() < 0.5) digits = digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  if (next() < 0.3) return Buffer.from(digits.replaceAll('-', ''), 'hex')
  return next() < 0.1 ? digits.slice(1) : digits
}

function maybe(next: () => number, key: string, value: unknown, chance = 0.5): object {
  return next() < chance ? { [key]: value } : {}
}

function ping(next: () => number): unknown {
  const age = next() < 0.8 ? Math.floor(next() * 4e8) : number(next)
  const wild = next() < 0.5
  const n = (usual: number) => (wild && next() < 0.25 ? number(next) : usual)
  switch (Math.floor(next() * 5)) {
    case 0:
      return [0, age, n(407_000_000), n(-739_000_000), n(55), n(12), n(130), n(270), n(80), n(1)].slice(
        0,
        wild ? Math.floor(next() * 11) : 5 + Math.floor(next() * 6),
      )
    case 1: {
      const kind = Math.floor(next() * 3)
      return [1, age, n(kind), hex(next, kind === 1 ? 16 : 20), n(-60), n(-59), 1].slice(0, 4 + Math.floor(next() * 4))
    }
    case 2:
      return {
        type: 'location',
        ...(next() < 0.8 ? { age } : { at: n(RECEIVED + pick(next, [-5000, 300_000, 300_001, -259_200_001])) }),
        ...maybe(next, 'at', number(next), 0.03),
        lat: n(40.7),
        lon: n(-73.9),
        ...maybe(next, 'accuracy', n(5.55)),
        ...maybe(next, 'altitude', n(12)),
        ...maybe(next, 'speed', n(1.3)),
        ...maybe(next, 'heading', n(270)),
        ...maybe(next, 'battery', n(80)),
        ...maybe(next, 'ref', pick(next, ['r1', 'é', '', 'x'.repeat(64), 'x'.repeat(65), 7]), 0.3),
        ...maybe(next, 'extra', { deep: [1, { er: 'x' }] }, 0.2),
      }
    case 3:
      return {
        type: pick(next, ['beacon', 'beacon', 'beacon', 'wifi', null]),
        age,
        kind: pick(next, ['ibeacon', 'eddystone-uid', 'altbeacon', 'eddystone']),
        uuid: hex(next, 16),
        major: n(1),
        minor: n(65_535),
        namespace: hex(next, 10),
        instance: hex(next, 6),
        id: hex(next, 20),
        rssi: n(-70),
        ...maybe(next, 'tx_power', n(-59)),
      }
    default:
      return pick(next, [null, 7, 'ping', [], {}, [2, 0, 0, 0, 0], [0], [[0]], { type: 0 }])
  }
}

function body(next: () => number): Record<string, unknown> {
  return {
    v: next() < 0.95 ? 1 : number(next),
    device: pick(next, ['device-1', 'dévice', 'd'.repeat(128), 'd'.repeat(129), 'd']),
    ...maybe(next, 'before', [1, 'x', { y: null }], 0.1),
    ...(next() < 0.9 ? { sent: next() < 0.95 ? SENT : number(next) } : {}),
    ...maybe(next, 'consent', pick(next, [true, false, null, { location: true }, { minor: true, at: 5 }, 1]), 0.9),
    ...maybe(next, 'minor', pick(next, [true, false, 'no']), 0.1),
    ...maybe(next, 'batch', pick(next, ['b-1', 'b'.repeat(64), 'b'.repeat(65), '', 5]), 0.5),
    pings: Array.from({ length: Math.floor(next() * 6) }, () => ping(next)),
    ...maybe(next, 'app', { id: 'com.example', version: '1.2.3', os: 'ios' }, 0.3),
    ...maybe(next, 'sent', SENT, 0.05),
  }
}

/** Changes one to four places: a bit, a byte, a cut, a repeat, a byte put in. */
function mutate(source: Uint8Array, next: () => number): Uint8Array {
  let bytes = Buffer.from(source)
  for (let times = 1 + Math.floor(next() ** 2 * 4); times > 0 && bytes.length > 0; times--) {
    const at = Math.floor(next() * bytes.length)
    switch (Math.floor(next() * 6)) {
      case 0:
        bytes[at] ^= 1 << Math.floor(next() * 8)
        break
      case 1:
        bytes[at] = Math.floor(next() * 256)
        break
      case 2:
        bytes = next() < 0.2 ? bytes.subarray(0, at) : bytes
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - Math.floor(next() * 20)))])
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(Math.floor(next() * 256)), bytes.subarray(at)])
        break
      default:
        bytes[at] = pick(
          next,
          [0xc0, 0xc2, 0xc3, 0xca, 0xcb, 0xcf, 0xd3, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xc4],
        )
    }
  }
  return new Uint8Array(bytes)
}

describe('the msgpack scanner against msgpackr and the plain rules', () => {
  test('agrees on 4,000 bodies of random fields', () => {
    const next = seededRandom(1)
    const decoder = createDecoder(OPTIONS)
    const seen = new Map<string, number>()
    for (let i = 0; i < 4_000 * TIMES; i++) {
      const bytes = encode(body(next), 'msgpack')
      const expected = oracle(bytes)
      const got = decode(bytes, 'msgpack', decoder)
      same(got, expected, bytes)
      for (const outcome of typeof got === 'string' ? [got] : got.pings) {
        const name = typeof outcome === 'string' ? outcome : 'ok'
        seen.set(name, (seen.get(name) ?? 0) + 1)
      }
    }
    // The generator must reach every rule, or the agreement says little.
    const reached = [
      'ok',
      'bad_ping',
      'bad_time',
      'bad_coords',
      'bad_beacon',
      'bad_field',
      'bad_ref',
      'stale',
      'future',
    ]
    for (const reason of [...reached, 'bad_version', 'bad_device', 'bad_sent', 'bad_consent', 'bad_batch']) {
      expect(seen.get(reason) ?? 0, reason).toBeGreaterThan(10)
    }
  })

  test('agrees on 10,000 mutated bodies, and never throws or reads beyond the end', () => {
    const next = seededRandom(2)
    const decoder = createDecoder(OPTIONS)
    const sources = Array.from({ length: 300 }, () => encode(body(next), 'msgpack'))
    let compared = 0
    let accepted = 0
    for (let i = 0; i < 10_000 * TIMES; i++) {
      const bytes = mutate(pick(next, sources), next)
      const got = decode(bytes, 'msgpack', decoder)
      const expected = oracle(bytes)
      // The same bytes with others behind them, outside the view: a read beyond the end would see them.
      const inside = new Uint8Array(bytes.length + 64).fill(0x91)
      inside.set(bytes, 32)
      same(decode(inside.subarray(32, 32 + bytes.length), 'msgpack', decoder), got, bytes)
      if (expected === 'incomparable') continue
      compared++
      if (typeof got !== 'string') accepted++
      // Of several faults msgpackr knows but one: where it gives up, any of them will do.
      if (expected !== 'malformed_body' || !STRUCTURAL.includes(got)) same(got, expected, bytes)
    }
    expect(compared).toBeGreaterThan(7_000)
    expect(accepted).toBeGreaterThan(700)
  })

  test('refuses every truncation of a body, and every byte behind it', () => {
    const decoder = createDecoder(OPTIONS)
    const next = seededRandom(3)
    for (let i = 0; i < 50; i++) {
      const bytes = encode({ ...body(next), v: 1, device: 'd', sent: SENT }, 'msgpack')
      for (let length = 0; length < bytes.length; length++) {
        same(decode(bytes.subarray(0, length), 'msgpack', decoder), 'malformed_body', bytes)
      }
      expect(decode(Buffer.concat([bytes, Buffer.of(0xc0)]), 'msgpack', decoder)).toBe('malformed_body')
    }
  })

  test('takes 20,000 bodies of random bytes without throwing', () => {
    const decoder = createDecoder(OPTIONS)
    const next = seededRandom(4)
    for (let i = 0; i < 20_000; i++) {
      const bytes = Uint8Array.from({ length: Math.floor(next() * 40) }, () => Math.floor(next() * 256))
      if (next() < 0.9 && bytes.length > 0) bytes[0] = 0x81 + Math.floor(next() * 6)
      same(typeof decode(bytes, 'msgpack', decoder), 'string', bytes)
    }
  })
})

describe('JSON', () => {
  /** Bytes have no place in JSON: they go as hex. */
  const replacer = (_key: string, value: unknown) => {
    const isBytes = typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer'
    return isBytes ? Buffer.from((value as { data: number[] }).data).toString('hex') : value
  }

  test('gives what msgpack gives, on 1,500 bodies of random fields', () => {
    const next = seededRandom(5)
    const decoder = createDecoder(OPTIONS)
    const packr = new Packr({ useRecords: false })
    for (let i = 0; i < 1_500 * TIMES; i++) {
      const bytes = Buffer.from(JSON.stringify(body(next), replacer))
      const tree: unknown = JSON.parse(bytes.toString())
      const got = decode(bytes, 'json', decoder)
      same(got, decode(packr.pack(tree), 'msgpack', decoder), bytes)
      same(
        got,
        judge(asMaps(tree), () => true),
        bytes,
      )
    }
  })

  test('takes 5,000 mutated texts without throwing, refusing exactly what JSON.parse refuses', () => {
    const next = seededRandom(6)
    const decoder = createDecoder(OPTIONS)
    const sources = Array.from({ length: 300 }, () => Buffer.from(JSON.stringify(body(next), replacer)))
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    for (let i = 0; i < 5_000 * TIMES; i++) {
      const bytes = mutate(pick(next, sources), next)
      const got = decode(bytes, 'json', decoder)
      let expected: ReturnType<typeof judge>
      try {
        expected = judge(asMaps(JSON.parse(strict.decode(bytes))), (text) => !/\p{Surrogate}/u.test(text))
      } catch {
        expected = got === 'too_deep' ? 'too_deep' : 'malformed_body'
      }
      same(got, expected, bytes)
    }
  })
})
