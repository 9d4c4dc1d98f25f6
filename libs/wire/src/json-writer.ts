// JSON values as bytes, without a string in between. Callers reserve the room; each function says how much it may need.
import type { ByteWriter } from './byte-writer.ts'

const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e
const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Two digits of 0..99. */
const PAIRS = new Uint8Array(200)
for (let i = 0; i < 100; i++) {
  PAIRS[2 * i] = ZERO + Math.floor(i / 10)
  PAIRS[2 * i + 1] = ZERO + (i % 10)
}
const HEX = '0123456789abcdef'

/** An integer of at most 2^53 either way: up to 17 bytes. */
export function writeInteger(out: ByteWriter, value: number): void {
  let rest = value
  if (rest < 0) {
    out.byte(MINUS)
    rest = -rest
  }
  if (rest < 1e8) {
    writeDigits(out, rest, digitsOf(rest))
    return
  }
  const high = Math.floor(rest / 1e8)
  writeInteger(out, high)
  writeDigits(out, rest - high * 1e8, 8)
}

/** `value / 10^places`, without trailing zeros: up to 12 bytes for 32 bit integers. */
export function writeDecimal(out: ByteWriter, value: number, places: number): void {
  let rest = value
  if (rest < 0) {
    out.byte(MINUS)
    rest = -rest
  }
  const scale = 10 ** places
  const whole = Math.floor(rest / scale)
  writeDigits(out, whole, digitsOf(whole))
  let fraction = rest - whole * scale
  if (fraction === 0) return
  let digits = places
  while (fraction % 10 === 0) {
    fraction /= 10
    digits--
  }
  out.byte(POINT)
  writeDigits(out, fraction, digits)
}

/** A string of checked UTF-8 with its quotes: up to 6 bytes a byte, and 2. */
export function writeText(out: ByteWriter, source: Uint8Array, start: number, length: number): void {
  const { bytes } = out
  let at = out.length
  bytes[at++] = QUOTE
  for (let i = start; i < start + length; i++) {
    const b = source[i] as number
    if (b >= 0x20 && b !== QUOTE && b !== BACKSLASH) bytes[at++] = b
    else if (b >= 0x20) {
      bytes[at++] = BACKSLASH
      bytes[at++] = b
    } else {
      const escaped = `\\u00${HEX[b >> 4]}${HEX[b & 15]}`
      for (let j = 0; j < 6; j++) bytes[at++] = escaped.charCodeAt(j)
    }
  }
  bytes[at++] = QUOTE
  out.length = at
}

/** The last `count` digits of an integer below 10^8, with leading zeros. */
function writeDigits(out: ByteWriter, value: number, count: number): void {
  const { bytes } = out
  const from = out.length
  let rest = value | 0
  let at = from + count
  while (at - from >= 2) {
    const pair = rest % 100
    rest = (rest / 100) | 0
    at -= 2
    bytes[at] = PAIRS[2 * pair] as number
    bytes[at + 1] = PAIRS[2 * pair + 1] as number
  }
  if (at > from) bytes[from] = ZERO + (rest % 10)
  out.length = from + count
}

function digitsOf(value: number): number {
  let digits = 1
  for (let limit = 10; value >= limit; limit *= 10) digits++
  return digits
}
