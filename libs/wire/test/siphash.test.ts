import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { sipHash128 } from '../src/siphash.ts'

const KEY = Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c)

/** Hash of 00 01 02 … of `length` bytes, in a buffer that is full of other bytes. */
function hash(length: number, key = KEY): string {
  const input = new Uint8Array(Math.ceil(length / 8) * 8 + 8).fill(0xa5)
  for (let i = 0; i < length; i++) input[i] = i
  const out = new Uint8Array(20)
  sipHash128(key, new Uint32Array(input.buffer), length, out, 2)
  expect([out[0], out[1], out[18], out[19]]).toEqual([0, 0, 0, 0])
  return Buffer.from(out.subarray(2, 18)).toString('hex')
}

// The vectors of the reference implementation (vectors_sip128 of github.com/veorq/SipHash): key 00..0f, input 00 01 02 ….
test.each([
  [0, 'a3817f04ba25a8e66df67214c7550293'],
  [1, 'da87c1d86b99af44347659119b22fc45'],
  [2, '8177228da4a45dc7fca38bdef60affe4'],
  [3, '9c70b60c5267a94e5f33b6b02985ed51'],
  [4, 'f88164c12d9c8faf7d0f6e7c7bcd5579'],
  [5, '1368875980776f8854527a07690e9627'],
  [6, '14eeca338b208613485ea0308fd7a15e'],
  [7, 'a1f1ebbed8dbc153c0b84aa61ff08239'],
  [8, '3b62a9ba6258f5610f83e264f31497b4'],
  [9, '264499060ad9baabc47f8b02bb6d71ed'],
  [15, '5493e99933b0a8117e08ec0f97cfc3d9'],
  [63, '5150d1772f50834a503e069a973fbd7c'],
])('the hash of %i bytes is the reference’s', (length, expected) => {
  expect(hash(length)).toBe(expected)
})

test('depends on every word of the key', () => {
  const hashes = new Set([0, 1, 2, 3].map((i) => hash(5, KEY.with(i, 7))))
  expect(hashes.add(hash(5)).size).toBe(5)
})

test('the length counts: a zero byte more is another hash', () => {
  const out = new Uint8Array(32)
  sipHash128(KEY, new Uint32Array(4), 3, out, 0)
  sipHash128(KEY, new Uint32Array(4), 4, out, 16)
  expect(out.subarray(0, 16)).not.toEqual(out.subarray(16))
})
