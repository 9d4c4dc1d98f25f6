// msgpack values as bytes, each in its shortest form. Callers reserve the room.
import { ByteWriter, utf8 } from './byte-writer.ts'

/** An integer of at most 2^53 either way: up to 9 bytes. */
export function writeInteger(out: ByteWriter, value: number): void {
  if (value >= 0) {
    if (value < 0x80) out.byte(value)
    else if (value < 0x100) {
      out.byte(0xcc)
      out.byte(value)
    } else if (value < 0x10000) {
      out.byte(0xcd)
      out.uint16(value)
    } else if (value < 0x1_0000_0000) {
      out.byte(0xce)
      out.uint32(value)
    } else {
      out.byte(0xcf)
      out.uint32(Math.floor(value / 0x1_0000_0000))
      out.uint32(value % 0x1_0000_0000)
    }
    return
  }
  if (value >= -32) out.byte(value + 256)
  else if (value >= -0x80) {
    out.byte(0xd0)
    out.byte(value + 256)
  } else if (value >= -0x8000) {
    out.byte(0xd1)
    out.uint16(value + 0x1_0000)
  } else if (value >= -0x8000_0000) {
    out.byte(0xd2)
    out.uint32(value + 0x1_0000_0000)
  } else {
    out.byte(0xd3)
    const high = Math.floor(value / 0x1_0000_0000)
    out.uint32(high + 0x1_0000_0000)
    out.uint32(value - high * 0x1_0000_0000)
  }
}

/** A double: 9 bytes. */
export function writeFloat(out: ByteWriter, value: number): void {
  out.byte(0xcb)
  out.float64(value)
}

/** A string: its bytes and up to 5. */
export function writeText(out: ByteWriter, source: Uint8Array, start: number, length: number): void {
  writeTextHead(out, length)
  out.copy(source, start, length)
}

/** The head of a string of `length` bytes that the caller writes behind it: up to 5 bytes. */
export function writeTextHead(out: ByteWriter, length: number): void {
  if (length < 32) out.byte(0xa0 | length)
  else if (length < 0x100) {
    out.byte(0xd9)
    out.byte(length)
  } else if (length < 0x10000) {
    out.byte(0xda)
    out.uint16(length)
  } else {
    out.byte(0xdb)
    out.uint32(length)
  }
}

/** A whole value of its own: a string, for keys and other constants. */
export function textValue(text: string): Uint8Array {
  const bytes = utf8(text)
  const out = new ByteWriter(bytes.length + 5)
  writeTextHead(out, bytes.length)
  out.raw(bytes)
  return out.take()
}

/** The head of an array: up to 5 bytes. */
export function writeArray(out: ByteWriter, count: number): void {
  if (count < 16) out.byte(0x90 | count)
  else if (count < 0x10000) {
    out.byte(0xdc)
    out.uint16(count)
  } else {
    out.byte(0xdd)
    out.uint32(count)
  }
}

/** The head of a map: one byte up to 15 entries, else 3. */
export function writeMap(out: ByteWriter, count: number): void {
  if (count < 16) out.byte(0x80 | count)
  else {
    out.byte(0xde)
    out.uint16(count)
  }
}
