// Hex digits <-> bytes, and the text form of a UUID.
import type { ByteWriter } from './byte-writer.ts'

/** Value of a hex digit by its character code, or -1. */
const NIBBLES = new Int8Array(256).fill(-1)
for (let i = 0; i < 16; i++) {
  NIBBLES[i.toString(16).charCodeAt(0)] = i
  NIBBLES[i.toString(16).toUpperCase().charCodeAt(0)] = i
}

/** The two lower-case digits of each byte: high at 2b, low at 2b + 1. */
const DIGITS = new Uint8Array(512)
for (let i = 0; i < 512; i++) DIGITS[i] = ((i & 1 ? i >> 1 : i >> 5) & 15).toString(16).charCodeAt(0)

/** Reads `count` bytes from 2 * count hex digits at `start`, any case. False if one is no hex digit. */
export function readHex(text: Uint8Array, start: number, count: number, out: Uint8Array, offset: number): boolean {
  let wrong = 0
  for (let i = 0; i < count; i++) {
    const high = NIBBLES[text[start + 2 * i] as number] as number
    const low = NIBBLES[text[start + 2 * i + 1] as number] as number
    wrong |= high | low
    out[offset + i] = (high << 4) | low
  }
  return wrong >= 0
}

const DASH = 0x2d

/** Reads a UUID written as 32 hex digits or as 8-4-4-4-12. False if it is neither. */
export function readUuid(text: Uint8Array, start: number, length: number, out: Uint8Array, offset: number): boolean {
  if (length === 32) return readHex(text, start, 16, out, offset)
  return (
    length === 36 &&
    text[start + 8] === DASH &&
    text[start + 13] === DASH &&
    text[start + 18] === DASH &&
    text[start + 23] === DASH &&
    readHex(text, start, 4, out, offset) &&
    readHex(text, start + 9, 2, out, offset + 4) &&
    readHex(text, start + 14, 2, out, offset + 6) &&
    readHex(text, start + 19, 2, out, offset + 8) &&
    readHex(text, start + 24, 6, out, offset + 10)
  )
}

/** Writes `count` bytes as lower-case digits. The room is reserved. */
export function writeHex(out: ByteWriter, source: Uint8Array, start: number, count: number): void {
  const { bytes } = out
  let at = out.length
  for (let i = start; i < start + count; i++) {
    const digits = 2 * (source[i] as number)
    bytes[at++] = DIGITS[digits] as number
    bytes[at++] = DIGITS[digits + 1] as number
  }
  out.length = at
}

/** Writes 16 bytes as 8-4-4-4-12. */
export function writeUuid(out: ByteWriter, source: Uint8Array, start: number): void {
  writeHex(out, source, start, 4)
  for (let group = 4; group < 10; group += 2) {
    out.byte(DASH)
    writeHex(out, source, start + group, 2)
  }
  out.byte(DASH)
  writeHex(out, source, start + 10, 6)
}
