// Every way in which the decoder refuses a whole request: each rule at its limit and one past it.
import { Buffer } from 'node:buffer'
import { LIMITS } from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import { createDecoder } from '../src/index.ts'
import { decode, encode, OPTIONS, RECEIVED, SENT } from './support.ts'

const packed = [0, 0, 407_000_000, -739_000_000, 55]
const good = { v: 1, device: 'd', sent: SENT, consent: true, pings: [packed] }

/** `levels` containers inside each other. */
function nested(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { a: value }
  return value
}

function entries(count: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i]))
}

const items = (count: number) => Array.from({ length: count }, () => 1)
const withPing = (ping: unknown) => ({ ...good, pings: [ping] })
const location = { type: 'location', age: 0, lat: 1, lon: 1 }

/** [what, body, reason or null] */
const CASES: [string, unknown, string | null][] = [
  ['a good body', good, null],
  ['a body that is null', null, 'malformed_body'],
  ['a body that is an array', [good], 'malformed_body'],
  ['a body that is a number', 5, 'malformed_body'],
  ['a body that is a string', 'v', 'malformed_body'],

  ['8 levels', { ...good, x: nested(7) }, null],
  ['9 levels', { ...good, x: nested(8) }, 'too_deep'],
  ['8 levels in a ping', withPing({ ...location, x: nested(5) }), null],
  ['9 levels in a ping', withPing({ ...location, x: nested(6) }), 'too_deep'],
  ['9 levels where a number belongs', withPing([0, nested(6), 1, 1, 1]), 'too_deep'],
  ['9 levels in consent', { ...good, consent: { x: nested(7) } }, 'too_deep'],
  ['999 levels', nested(999), 'too_deep'],

  ['64 entries', { ...entries(59), ...good }, null],
  ['65 entries', { ...entries(60), ...good }, 'malformed_body'],
  ['64 entries of an unknown field', { ...good, x: entries(64) }, null],
  ['65 entries of an unknown field', { ...good, x: entries(65) }, 'malformed_body'],
  ['64 items of an unknown field', { ...good, x: items(64) }, null],
  ['65 items of an unknown field', { ...good, x: items(65) }, 'malformed_body'],
  ['64 entries in a ping', withPing({ ...entries(60), ...location }), null],
  ['65 entries in a ping', withPing({ ...entries(61), ...location }), 'malformed_body'],
  ['64 items in a packed ping', withPing([...packed, ...items(59)]), null],
  ['65 items in a packed ping', withPing([...packed, ...items(60)]), 'malformed_body'],
  ['an unknown string of 1,024 bytes', { ...good, x: 'é'.repeat(512) }, null],
  ['an unknown string of 1,026 bytes', { ...good, x: 'é'.repeat(513) }, 'malformed_body'],
  ['an unknown string of 1,025 bytes in a ping', withPing({ ...location, x: 'x'.repeat(1025) }), 'malformed_body'],
  [
    'a string of 1,025 bytes where a number belongs',
    withPing({ ...location, lat: 'x'.repeat(1025) }),
    'malformed_body',
  ],
  ['a key of 1,024 bytes', { ...good, ['k'.repeat(1024)]: 1 }, null],
  ['a key of 1,025 bytes', { ...good, ['k'.repeat(1025)]: 1 }, 'malformed_body'],
  ['a key of 1,025 bytes deep inside', { ...good, x: [{ ['k'.repeat(1025)]: 1 }] }, 'malformed_body'],

  ['1,000 pings', { ...good, pings: Array.from({ length: 1000 }, () => 0) }, null],
  ['1,001 pings', { ...good, pings: Array.from({ length: 1001 }, () => 0) }, 'too_many_pings'],
  ['too many pings before a bad version', { pings: Array.from({ length: 1001 }, () => 0) }, 'too_many_pings'],

  ['no v', { ...good, v: null }, 'bad_version'],
  ['v 0', { ...good, v: 0 }, 'bad_version'],
  ['v 2', { ...good, v: 2 }, 'bad_version'],
  ['v as a string', { ...good, v: '1' }, 'bad_version'],
  ['v true', { ...good, v: true }, 'bad_version'],
  ['an empty map', {}, 'bad_version'],
  ['a bad version before a bad device', { ...good, v: 2, device: null }, 'bad_version'],

  ['no device', { ...good, device: null }, 'bad_device'],
  ['an empty device', { ...good, device: '' }, 'bad_device'],
  ['a device of 128 bytes', { ...good, device: 'é'.repeat(64) }, null],
  ['a device of 129 bytes', { ...good, device: `${'é'.repeat(64)}x` }, 'bad_device'],
  ['a device of 2,000 bytes', { ...good, device: 'x'.repeat(2000) }, 'bad_device'],
  ['a device that is a number', { ...good, device: 5 }, 'bad_device'],
  ['a bad device before a bad sent', { ...good, device: 5, sent: 0 }, 'bad_device'],

  ['no sent', { ...good, sent: null }, 'bad_sent'],
  ['sent 0', { ...good, sent: 0 }, 'bad_sent'],
  ['sent 1', { ...good, sent: 1 }, null],
  ['sent -1', { ...good, sent: -1 }, 'bad_sent'],
  ['sent 1.5', { ...good, sent: 1.5 }, 'bad_sent'],
  ['sent as a string', { ...good, sent: `${SENT}` }, 'bad_sent'],
  ['sent at what a date can hold', { ...good, sent: 8.64e15 }, null],
  ['sent beyond what a date can hold', { ...good, sent: 8.64e15 + 2 }, 'bad_sent'],
  ['a bad sent before a bad consent', { ...good, sent: 0, consent: 5 }, 'bad_sent'],

  ['consent 1', { ...good, consent: 1 }, 'bad_consent'],
  ['consent as a string', { ...good, consent: 'yes' }, 'bad_consent'],
  ['consent as an array', { ...good, consent: [true] }, 'bad_consent'],
  ['consent.location 1', { ...good, consent: { location: 1 } }, 'bad_consent'],
  ['consent.minor as a string', { ...good, consent: { location: true, minor: 'no' } }, 'bad_consent'],
  ['minor 1', { ...good, minor: 1 }, 'bad_consent'],
  ['a bad consent before a bad batch', { ...good, consent: 1, batch: '' }, 'bad_consent'],

  ['a batch of 64 bytes', { ...good, batch: 'é'.repeat(32) }, null],
  ['a batch of 65 bytes', { ...good, batch: `${'é'.repeat(32)}x` }, 'bad_batch'],
  ['an empty batch', { ...good, batch: '' }, 'bad_batch'],
  ['a batch that is nil', { ...good, batch: null }, null],
  ['a batch that is a number', { ...good, batch: 5 }, 'bad_batch'],
  ['a bad batch before bad pings', { ...good, batch: '', pings: null }, 'bad_batch'],

  ['no pings', { ...good, pings: null }, 'bad_pings'],
  ['pings that are a map', { ...good, pings: {} }, 'bad_pings'],
  ['pings that are a number', { ...good, pings: 5 }, 'bad_pings'],
  ['no ping', { ...good, pings: [] }, null],
]

describe.each(['msgpack', 'json'] as const)('a request in %s', (encoding) => {
  test.each(CASES)('%s', (_what, body, expected) => {
    const decoder = createDecoder(OPTIONS)
    expect(decoder.decode(encode(body, encoding), encoding, RECEIVED)).toBe(expected)
    if (expected !== null) expect(decoder.batch.columns.count).toBe(0)
  })

  test.each([
    ['missing', undefined, false, false],
    ['nil', null, false, false],
    ['true', true, true, false],
    ['false', false, false, false],
    ['a map with location', { location: true }, true, false],
    ['a map without location', { ads: true }, false, false],
    ['a map with location nil', { location: null }, false, false],
    ['an empty map', {}, false, false],
    ['a minor’s', { location: true, minor: true }, true, true],
    ['a minor’s without location', { location: false, minor: true }, false, true],
    ['not a minor’s', { location: true, minor: false }, true, false],
    ['with notes', { location: true, at: 5, text_version: 'v3', birth_year: 1990, ads: 'later' }, true, false],
  ])('consent that is %s', (_what, consent, location, minor) => {
    const { consent: _, ...rest } = good
    const body = consent === undefined ? rest : { ...rest, consent }
    expect(decode(encode(body, encoding), encoding)).toMatchObject({ consent: location, minor })
  })

  test('honours minor beside consent', () => {
    expect(decode(encode({ ...good, minor: true }, encoding), encoding)).toMatchObject({ consent: true, minor: true })
  })

  test('gives the same whether sent stands before the pings or behind them', () => {
    const { pings, sent, ...rest } = { ...good, pings: [packed, { ...location, age: 5 }, [0, 1, 1, 1]] }
    const before = decode(encode({ ...rest, sent, pings }, encoding), encoding)
    expect(decode(encode({ pings, ...rest, sent }, encoding), encoding)).toEqual(before)
    expect(before).toMatchObject({ pings: [{ observed: SENT, at: RECEIVED }, { observed: SENT - 5 }, 'bad_ping'] })
  })

  test('refuses an empty body', () => {
    expect(decode(new Uint8Array(0), encoding)).toBe('malformed_body')
  })

  test('refuses what stands behind the body', () => {
    expect(decode(Buffer.concat([encode(good, encoding), encode(good, encoding)]), encoding)).toBe('malformed_body')
  })
})

describe('a request in msgpack', () => {
  const hex = (digits: string) => Buffer.from(digits.replaceAll(' ', ''), 'hex')
  const spare = encode(good, 'msgpack').subarray(3) // past the map16 head

  function withEntry(entry: string): Uint8Array {
    return Buffer.concat([Buffer.of(0x86), spare, hex(entry)])
  }

  test.each([
    ['an integer key', '05 01', null],
    ['a nil key', 'c0 01', null],
    ['an array as key', '91 05 01', null],
    ['a map as key', '81 05 05 01', null],
    ['a key of bytes', 'c4 01 76 02', null],
    ['a key of str 8', 'd9 01 78 02', null],
    ['fixext 1', 'a1 78 d4 05 00', null],
    ['fixext 16', 'a1 78 d8 05 00000000000000000000000000000000', null],
    ['ext 8', 'a1 78 c7 02 05 0000', null],
    ['ext 32 that lies about its length', 'a1 78 c9 ffffffff 05 00', 'malformed_body'],
    ['the byte that is never used', 'a1 78 c1', 'malformed_body'],
    ['str 32 that lies about its length', 'a1 78 db ffffffff 00', 'malformed_body'],
    ['bin 32 that lies about its length', 'a1 78 c6 00000002 00', 'malformed_body'],
    ['array 32 that lies about its length', 'a1 78 dd ffffffff 00', 'malformed_body'],
    ['map 32 that lies about its length', 'a1 78 df ffffffff 00', 'malformed_body'],
    ['pings that lie about their number', 'a5 70696e6773 dd 7fffffff 00', 'malformed_body'],
    ['a key without a value', 'a1 78', 'malformed_body'],
    ['a key that is cut off', 'a2 78', 'malformed_body'],
    ['half a double', 'a1 78 cb 00000000', 'malformed_body'],
  ])('%s', (_what, entry, expected) => {
    expect(createDecoder(OPTIONS).decode(withEntry(entry), 'msgpack', RECEIVED)).toBe(expected)
  })

  test('takes 1,024 bytes of an extension and refuses 1,025', () => {
    const ext = (length: number) =>
      withEntry(`a178 c8 ${length.toString(16).padStart(4, '0')} 05 ${'00'.repeat(length)}`)
    expect(decode(ext(LIMITS.stringBytes), 'msgpack')).toMatchObject({ device: 'd' })
    expect(decode(ext(LIMITS.stringBytes + 1), 'msgpack')).toBe('malformed_body')
  })

  test('the last of repeated keys wins, in the body and in a ping', () => {
    expect(decode(withEntry('a6 646576696365 a165'), 'msgpack')).toMatchObject({ device: 'e' })
    expect(decode(withEntry('a4 73656e74 cd03e8'), 'msgpack')).toMatchObject({
      sent: 1000,
      pings: [{ observed: 1000 }],
    })
    expect(decode(withEntry('a5 70696e6773 90'), 'msgpack')).toMatchObject({ pings: [] })
    expect(decode(withEntry('a5 70696e6773 c0'), 'msgpack')).toBe('bad_pings')
    expect(decode(withEntry('a7 636f6e73656e74 c2'), 'msgpack')).toMatchObject({ consent: false })
    const ping = '85 a474797065 a86c6f636174696f6e a3616765 01 a36c6174 01 a36c6f6e 01 a36c6174 02'
    expect(decode(withEntry(`a5 70696e6773 91 ${ping}`), 'msgpack')).toMatchObject({ pings: [{ lat: 2, lon: 1 }] })
  })

  test.each([
    ['a continuation byte alone', '80'],
    ['an overlong slash', 'c0af'],
    ['a surrogate', 'eda080'],
    ['a letter that is cut off', 'c3'],
    ['beyond U+10FFFF', 'f4908080'],
    ['an overlong letter of three bytes', 'e08080'],
    ['an overlong letter of four bytes', 'f0808080'],
    ['a byte that never occurs', 'ff'],
  ])('refuses a device of invalid UTF-8: %s', (_what, bytes) => {
    const length = (0xa0 | (bytes.length / 2)).toString(16)
    expect(decode(withEntry(`a6 646576696365 ${length} ${bytes}`), 'msgpack')).toBe('bad_device')
    expect(decode(withEntry(`a5 6261746368 ${length} ${bytes}`), 'msgpack')).toBe('bad_batch')
  })

  test.each(['é', '€', '😀', '\u0800', '\ud7ff', '\ue000', '\u{10ffff}', '\u0000'])(
    'takes %j as a device',
    (device) => {
      expect(decode(encode({ ...good, device }, 'msgpack'), 'msgpack')).toMatchObject({ device })
    },
  )
})

describe('a request in JSON', () => {
  test('is malformed where JSON.parse says so, or where it is not UTF-8', () => {
    for (const text of ['{', '{"v":1,}', "{'v':1}", '{"v":NaN}', '{"v":01}', '[[[[', '{}{}', 'nul']) {
      expect(decode(Buffer.from(text), 'json'), text).toBe('malformed_body')
    }
    expect(decode(Buffer.from('{"v":1,"x":"\xff"}', 'latin1'), 'json')).toBe('malformed_body')
  })

  test('refuses half a surrogate pair in device and batch', () => {
    expect(decode(Buffer.from('{"v":1,"device":"\\ud800"}'), 'json')).toBe('bad_device')
    expect(decode(encode({ ...good, batch: 'x\udc00' }, 'json'), 'json')).toBe('bad_batch')
  })

  test('counts no bracket that stands in a string', () => {
    expect(decode(encode({ ...good, x: '[[[[[[[[[[{{{{"[[[[[[[[[[\\' }, 'json'), 'json')).toMatchObject({ device: 'd' })
  })

  test('takes __proto__ and constructor for the unknown fields that they are', () => {
    const text = `{"v":1,"device":"d","sent":5,"pings":[],"__proto__":{"batch":"b","minor":true},"constructor":1}`
    expect(decode(Buffer.from(text), 'json')).toMatchObject({ batch: null, minor: false })
  })

  test('reads a number beyond what a double can hold as no number', () => {
    expect(decode(Buffer.from('{"v":1,"device":"d","sent":1e999,"pings":[]}'), 'json')).toBe('bad_sent')
  })
})
