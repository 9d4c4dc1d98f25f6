// The bytes of one value out of a text that comes in chunks: nothing is copied of a value that lies in one chunk.

/** A buffer that grew beyond this for one value is let go after it. */
const KEPT_BYTES = 1024 * 1024

export class Capture {
  readonly #maxBytes: number
  /** What earlier chunks had of the value. */
  #held = Buffer.alloc(0)
  #length = 0
  /** Where the value begins in the chunk at hand, or -1 when none is being captured. */
  #from = -1
  #over = false

  /** @param maxBytes the longest value that is kept; of a longer one only the end is waited for */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get isOpen(): boolean {
    return this.#from >= 0
  }

  /** A value begins at `offset` of the chunk at hand. */
  begin(offset: number): void {
    this.#from = offset
    this.#length = 0
    this.#over = false
  }

  /** The chunk at hand will be gone: what it has of the value is kept. */
  carry(chunk: Buffer): void {
    if (this.#from < 0) return
    this.#append(chunk, chunk.length)
    this.#from = 0
  }

  /** The value ends before `offset`. Returns its text, or null where it is too long. */
  end(chunk: Buffer, offset: number): string | null {
    const from = this.#from
    this.#from = -1
    if (this.#length === 0 && !this.#over) {
      return offset - from > this.#maxBytes ? null : chunk.toString('utf8', from, offset)
    }
    this.#from = from
    this.#append(chunk, offset)
    const text = this.#over ? null : this.#held.toString('utf8', 0, this.#length)
    this.drop()
    return text
  }

  /** Forgets the value. */
  drop(): void {
    this.#from = -1
    this.#length = 0
    if (this.#held.length > KEPT_BYTES) this.#held = Buffer.alloc(0)
  }

  #append(chunk: Buffer, end: number): void {
    const length = this.#length + end - this.#from
    if (this.#over || length > this.#maxBytes) {
      this.#over = true
      return
    }
    if (length > this.#held.length) {
      const larger = Buffer.alloc(Math.min(this.#maxBytes, Math.max(length, 2 * this.#held.length, 4096)))
      this.#held.copy(larger, 0, 0, this.#length)
      this.#held = larger
    }
    chunk.copy(this.#held, this.#length, this.#from, end)
    this.#length = length
  }
}
