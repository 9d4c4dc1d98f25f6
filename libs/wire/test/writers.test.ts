// Numbers as bytes: what JSON.stringify and msgpackr would read back as the same number.
import { Buffer } from 'node:buffer'
import { unpack } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../src/byte-writer.ts'
import * as json from '../src/json-writer.ts'
import * as msgpack from '../src/msgpack-writer.ts'

/** Both sides of every width that an integer can have. */
const INTEGERS = [0, 1, 9, 10, 31, 32, 33, 99, 100, 127, 128, 129, 255, 256, 32_768, 32_769, 65_535, 65_536, 99_999_999]
  .concat([
    1e8,
    1e8 + 1,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 31 + 1,
    2 ** 32 - 1,
    2 ** 32,
    1_742_040_000_500,
    1e16 / 2,
    2 ** 53 - 1,
  ])
  .flatMap((value) => [value, -value || 0])

function written(write: (out: ByteWriter) => void): Buffer {
  const out = new ByteWriter(32)
  write(out)
  return Buffer.from(out.take())
}

describe('integers', () => {
  test.each(INTEGERS)('%i', (value) => {
    expect(written((out) => json.writeInteger(out, value)).toString()).toBe(JSON.stringify(value))
    expect(Number(unpack(written((out) => msgpack.writeInteger(out, value))))).toBe(value)
  })
})

test.each([
  [0, 7, '0'],
  [1, 7, '0.0000001'],
  [-1, 7, '-0.0000001'],
  [1_800_000_000, 7, '180'],
  [-1_799_999_999, 7, '-179.9999999'],
  [407_128_000, 7, '40.7128'],
  [-7401, 2, '-74.01'],
  [-5, 2, '-0.05'],
  [-50, 2, '-0.5'],
  [9000, 2, '90'],
  [123, 1, '12.3'],
  [10_000_000, 1, '1000000'],
])('%i / 10^%i is written %s', (value, places, expected) => {
  expect(written((out) => json.writeDecimal(out, value, places)).toString()).toBe(expected)
})

test.each([0, 31, 32, 255, 256, 65_535, 65_536])('a msgpack string of %i bytes', (length) => {
  expect(unpack(msgpack.textValue('x'.repeat(length)))).toBe('x'.repeat(length))
})

test('a writer grows, and keeps what it holds', () => {
  const out = new ByteWriter(4)
  for (let i = 0; i < 100; i++) {
    out.reserve(9)
    msgpack.writeFloat(out, i)
  }
  expect(Buffer.from(out.take()).readDoubleBE(99 * 9 + 1)).toBe(99)
  expect(out.length).toBe(900)
})
