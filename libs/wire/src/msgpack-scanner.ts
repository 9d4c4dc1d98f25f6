// A cursor over one msgpack body (https://github.com/msgpack/msgpack/blob/master/spec.md). It makes no objects: a value is
// read as a number, as a range of bytes, or skipped. Every length is compared with what is left of the body before use; after
// a fault the cursor stands at the end, so that every loop over it stops.
import { LIMITS, type RequestReason } from '@fencepost/model'
import { ABSENT, BINARY, NEITHER, NO, NONE, OTHER, TEXT, WRONG, YES } from './fields.ts'
import type { KeyTable } from './key-table.ts'

const NIL = 0xc0

export class MsgpackScanner {
  bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(new ArrayBuffer(0))
  pos = 0
  end = 0
  fault: RequestReason | null = null
  /** Where the string or byte string that was read last lies. */
  start = 0
  length = 0

  open(bytes: Uint8Array): void {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
    const p = this.pos
    if (p >= this.end) return this.#cut()
    const b = this.bytes[p] as number
    if (b < 0x80) {
      this.pos = p + 1
      return b
    }
    if (b >= 0xe0) {
      this.pos = p + 1
      return b - 256
    }
    switch (b) {
      case NIL:
        this.pos = p + 1
        return ABSENT
      case 0xca:
        return this.#take(5) ? finite(this.#view.getFloat32(p + 1)) : WRONG
      case 0xcb:
        return this.#take(9) ? finite(this.#view.getFloat64(p + 1)) : WRONG
      case 0xcc:
        return this.#take(2) ? (this.bytes[p + 1] as number) : WRONG
      case 0xcd:
        return this.#take(3) ? this.#view.getUint16(p + 1) : WRONG
      case 0xce:
        return this.#take(5) ? this.#view.getUint32(p + 1) : WRONG
      case 0xcf:
        return this.#take(9) ? this.#view.getUint32(p + 1) * 4294967296 + this.#view.getUint32(p + 5) : WRONG
      case 0xd0:
        return this.#take(2) ? this.#view.getInt8(p + 1) : WRONG
      case 0xd1:
        return this.#take(3) ? this.#view.getInt16(p + 1) : WRONG
      case 0xd2:
        return this.#take(5) ? this.#view.getInt32(p + 1) : WRONG
      case 0xd3:
        return this.#take(9) ? this.#view.getInt32(p + 1) * 4294967296 + this.#view.getUint32(p + 5) : WRONG
      default:
        this.skip(depth)
        return WRONG
    }
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
        return this.#take(3) ? this.#range(b === 0xc5 ? BINARY : TEXT, 0, this.#view.getUint16(p + 1)) : OTHER
      case 0xc6:
      case 0xdb:
        return this.#take(5) ? this.#range(b === 0xc6 ? BINARY : TEXT, 0, this.#view.getUint32(p + 1)) : OTHER
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
    const view = this.#view
    const length = width === 1 ? view.getUint8(p + 1) : width === 2 ? view.getUint16(p + 1) : view.getUint32(p + 1)
    if (length > LIMITS.stringBytes) this.fail('malformed_body')
    else this.#take(length)
  }

  /** The 16 or 32 bit count after the byte at the cursor. */
  #count(short: boolean): number {
    const p = this.pos
    if (!this.#take(short ? 3 : 5)) return 0
    return short ? this.#view.getUint16(p + 1) : this.#view.getUint32(p + 1)
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

  #cut(): number {
    this.fail('malformed_body')
    return WRONG
  }
}

/** Bytes of a value by its first byte less 0xc0, for those whose size it tells; 0 = no such value. */
const FIXED_SIZES = new Uint8Array(32)
FIXED_SIZES.set([1, 0, 1, 1], 0) // nil, never used, false, true
FIXED_SIZES.set([5, 9, 2, 3, 5, 9, 2, 3, 5, 9], 0xca - NIL) // floats, unsigned, signed
FIXED_SIZES.set([3, 4, 6, 10, 18], 0xd4 - NIL) // fixext: type byte and 1, 2, 4, 8, 16

function finite(value: number): number {
  return Number.isFinite(value) ? value : WRONG
}
