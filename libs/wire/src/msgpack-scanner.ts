// A cursor over one msgpack body (https://github.com/msgpack/msgpack/blob/master/spec.md). It makes no objects: a value is
// read as a number, as a range of bytes, or skipped. Every length is compared with what is left of the body before use; after
// a fault the cursor stands at the end, so that every loop over it stops.
import { LIMITS, type RequestReason } from '@fencepost/model'
import { ABSENT, BINARY, NEITHER, NO, NONE, OTHER, TEXT, WRONG, YES } from './fields.ts'
import type { KeyTable } from './key-table.ts'

export const NIL = 0xc0
const NEVER_USED = 0xc1
const ONE_SLOT = Uint8Array.of(0)

export class MsgpackScanner {
  bytes: Uint8Array = new Uint8Array(0)
  readonly #one = new Float64Array(1)
  pos = 0
  end = 0
  fault: RequestReason | null = null
  /** Where the string or byte string that was read last lies. */
  start = 0
  length = 0

  open(bytes: Uint8Array): void {
    this.bytes = bytes
    this.pos = 0
    this.end = bytes.length
    this.fault = null
  }

  fail(reason: RequestReason): void {
    this.fault ??= reason
    this.pos = this.end
  }

  /** Reads one value: a finite number, ABSENT for nil, WRONG for anything else. `depth`: were it a container, its level. */
  number(depth: number): number {
    this.numbers(ONE_SLOT, 0, 1, this.#one, depth)
    return this.#one[0] as number
  }

  /**
   * Reads the values `from` up to `to` of a row of numbers, each into its slot of `out`. One loop with its state in locals:
   * rows of numbers are what packed pings are.
   */
  numbers(slots: Uint8Array, from: number, to: number, out: Float64Array, depth: number): void {
    const { bytes, end } = this
    let p = this.pos
    for (let i = from; i < to; i++) {
      const slot = slots[i] as number
      const b = p < end ? (bytes[p] as number) : NEVER_USED
      if (b < 0x80) {
        out[slot] = b
        p++
        continue
      }
      const size = NUMBER_SIZES[b] as number
      if (size === 0 || p + size > end) {
        out[slot] = WRONG
        this.pos = p
        this.skip(depth)
        p = this.pos
        continue
      }
      switch (b) {
        case NIL:
          out[slot] = ABSENT
          break
        case 0xca:
          out[slot] = float32(bytes, p + 1)
          break
        case 0xcb:
          out[slot] = float64(bytes, p + 1)
          break
        case 0xcc:
          out[slot] = bytes[p + 1] as number
          break
        case 0xcd:
          out[slot] = uint16(bytes, p + 1)
          break
        case 0xce:
          out[slot] = int32(bytes, p + 1) >>> 0
          break
        case 0xcf:
          out[slot] = (int32(bytes, p + 1) >>> 0) * 4294967296 + (int32(bytes, p + 5) >>> 0)
          break
        case 0xd0:
          out[slot] = ((bytes[p + 1] as number) << 24) >> 24
          break
        case 0xd1:
          out[slot] = (uint16(bytes, p + 1) << 16) >> 16
          break
        case 0xd2:
          out[slot] = int32(bytes, p + 1)
          break
        case 0xd3:
          out[slot] = int32(bytes, p + 1) * 4294967296 + (int32(bytes, p + 5) >>> 0)
          break
        default:
          out[slot] = b - 256
      }
      p += size
    }
    this.pos = p
  }

  /** Reads one value as TEXT or BINARY (then `start` and `length` say where), NONE for nil, OTHER for anything else. */
  text(depth: number): number {
    const p = this.pos
    if (p >= this.end) {
      this.fail('malformed_body')
      return OTHER
    }
    const b = this.bytes[p] as number
    if (b >= 0xa0 && b <= 0xbf) return this.#range(TEXT, 1, b & 31)
    switch (b) {
      case NIL:
        this.pos = p + 1
        return NONE
      case 0xc4:
      case 0xd9:
        return this.#take(2) ? this.#range(b === 0xc4 ? BINARY : TEXT, 0, this.bytes[p + 1] as number) : OTHER
      case 0xc5:
      case 0xda:
        return this.#take(3) ? this.#range(b === 0xc5 ? BINARY : TEXT, 0, uint16(this.bytes, p + 1)) : OTHER
      case 0xc6:
      case 0xdb:
        return this.#take(5) ? this.#range(b === 0xc6 ? BINARY : TEXT, 0, int32(this.bytes, p + 1) >>> 0) : OTHER
      default:
        this.skip(depth)
        return OTHER
    }
  }

  /** Reads one value as the number of the word it is, ABSENT for nil, WRONG for anything else. */
  word(table: KeyTable, depth: number): number {
    const form = this.text(depth)
    if (form === NONE) return ABSENT
    const number = form === TEXT ? table.find(this.bytes, this.start, this.length) : -1
    return number < 0 ? WRONG : number
  }

  /** Reads one value as YES, NO (nil too) or NEITHER. */
  flag(depth: number): number {
    if (this.pos < this.end) {
      const b = this.bytes[this.pos] as number
      if (b === NIL || b === 0xc2 || b === 0xc3) {
        this.pos++
        return b === 0xc3 ? YES : NO
      }
    }
    this.skip(depth)
    return NEITHER
  }

  /** Reads the key of a map entry: its number in the table, or -1 for one that nobody knows, whatever its type. */
  key(table: KeyTable, depth: number): number {
    const p = this.pos
    const b = p < this.end ? (this.bytes[p] as number) : 0
    if (b >= 0xa0 && b <= 0xbf) {
      const length = b & 31
      if (p + 1 + length > this.end) {
        this.fail('malformed_body')
        return -1
      }
      this.pos = p + 1 + length
      return table.find(this.bytes, p + 1, length)
    }
    if (b < 0xd9 || b > 0xdb) {
      this.skip(depth)
      return -1
    }
    this.text(depth)
    if (this.fault !== null) return -1
    if (this.length > LIMITS.stringBytes) this.fail('malformed_body')
    return table.find(this.bytes, this.start, this.length)
  }

  /**
   * Reads the head of a map: its number of entries, or -1, the cursor unmoved, if the next value is no map. The head of one
   * with more entries than allowed, or than bytes are left for, is a fault.
   */
  map(): number {
    const b = this.pos < this.end ? (this.bytes[this.pos] as number) : 0
    if (b >= 0x80 && b <= 0x8f) this.pos++
    else if (b !== 0xde && b !== 0xdf) return -1
    const count = b <= 0x8f ? b & 15 : this.#count(b === 0xde)
    if (count * 2 > this.end - this.pos || count > LIMITS.containerItems) {
      this.fail('malformed_body')
      return 0
    }
    return count
  }

  /** The same for an array of at most `maxItems`; one with more fails for `tooMany`. */
  array(maxItems: number, tooMany: RequestReason): number {
    const b = this.pos < this.end ? (this.bytes[this.pos] as number) : 0
    if (b >= 0x90 && b <= 0x9f) this.pos++
    else if (b !== 0xdc && b !== 0xdd) return -1
    const count = b <= 0x9f ? b & 15 : this.#count(b === 0xdc)
    if (count > this.end - this.pos) this.fail('malformed_body')
    else if (count > maxItems) this.fail(tooMany)
    return this.fault === null ? count : 0
  }

  /** Passes over one value of any type, held to the limits that unknown fields have. */
  skip(depth: number): void {
    const p = this.pos
    if (p >= this.end) {
      this.fail('malformed_body')
      return
    }
    const b = this.bytes[p] as number
    if (b < 0x80 || b >= 0xe0) {
      this.pos = p + 1
      return
    }
    if (b <= 0x9f || b >= 0xdc) {
      this.#skipContainer(depth)
      return
    }
    if ((b <= 0xbf && b >= 0xa0) || (b >= 0xc4 && b <= 0xc6) || (b >= 0xd9 && b <= 0xdb)) {
      this.text(depth)
      if (this.length > LIMITS.stringBytes) this.fail('malformed_body')
      return
    }
    if (b >= 0xc7 && b <= 0xc9) {
      this.#skipExtension(b)
      return
    }
    const size = FIXED_SIZES[b - NIL] as number
    if (size === 0 || p + size > this.end) this.fail('malformed_body')
    else this.pos = p + size
  }

  #skipContainer(depth: number): void {
    if (depth > LIMITS.depth) {
      this.fail('too_deep')
      return
    }
    let values = this.map() * 2
    if (values < 0) values = this.array(LIMITS.containerItems, 'malformed_body')
    for (let i = 0; i < values && this.fault === null; i++) this.skip(depth + 1)
  }

  #skipExtension(b: number): void {
    const p = this.pos
    const width = b === 0xc7 ? 1 : b === 0xc8 ? 2 : 4
    if (!this.#take(2 + width)) return
    const { bytes } = this
    const length =
      width === 1 ? (bytes[p + 1] as number) : width === 2 ? uint16(bytes, p + 1) : int32(bytes, p + 1) >>> 0
    if (length > LIMITS.stringBytes) this.fail('malformed_body')
    else this.#take(length)
  }

  /** The 16 or 32 bit count after the byte at the cursor. */
  #count(short: boolean): number {
    const p = this.pos
    if (!this.#take(short ? 3 : 5)) return 0
    return short ? uint16(this.bytes, p + 1) : int32(this.bytes, p + 1) >>> 0
  }

  #range(form: number, head: number, length: number): number {
    const start = this.pos + head
    if (length > this.end - start) {
      this.fail('malformed_body')
      return OTHER
    }
    this.start = start
    this.length = length
    this.pos = start + length
    return form
  }

  #take(size: number): boolean {
    if (size > this.end - this.pos) {
      this.fail('malformed_body')
      return false
    }
    this.pos += size
    return true
  }
}

/** Bytes of a value by its first byte less 0xc0, for those whose size it tells; 0 = no such value. */
const FIXED_SIZES = new Uint8Array(32)
FIXED_SIZES.set([1, 0, 1, 1], 0) // nil, never used, false, true
FIXED_SIZES.set([5, 9, 2, 3, 5, 9, 2, 3, 5, 9], 0xca - NIL) // floats, unsigned, signed
FIXED_SIZES.set([3, 4, 6, 10, 18], 0xd4 - NIL) // fixext: type byte and 1, 2, 4, 8, 16

/** Bytes of a number or nil by its first byte; 0 = the value is something else. */
const NUMBER_SIZES = new Uint8Array(256)
NUMBER_SIZES.fill(1, 0, 0x80)
NUMBER_SIZES.fill(1, 0xe0)
NUMBER_SIZES[NIL] = 1
NUMBER_SIZES.set([5, 9, 2, 3, 5, 9, 2, 3, 5, 9], 0xca)

function uint16(bytes: Uint8Array, p: number): number {
  return ((bytes[p] as number) << 8) | (bytes[p + 1] as number)
}

function int32(bytes: Uint8Array, p: number): number {
  return (
    ((bytes[p] as number) << 24) |
    ((bytes[p + 1] as number) << 16) |
    ((bytes[p + 2] as number) << 8) |
    (bytes[p + 3] as number)
  )
}

const DOUBLE = new Float64Array(1)
const DOUBLE_WORDS = new Int32Array(DOUBLE.buffer)
const SINGLE = new Float32Array(1)
const SINGLE_WORD = new Int32Array(SINGLE.buffer)

/** A DataView of each body would cost more than the pings of a small one. Every machine that Node runs on is little-endian. */
function float64(bytes: Uint8Array, p: number): number {
  DOUBLE_WORDS[1] = int32(bytes, p)
  DOUBLE_WORDS[0] = int32(bytes, p + 4)
  return finite(DOUBLE[0] as number)
}

function float32(bytes: Uint8Array, p: number): number {
  SINGLE_WORD[0] = int32(bytes, p)
  return finite(SINGLE[0] as number)
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : WRONG
}
