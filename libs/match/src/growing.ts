// Arrays that grow while an index is built.

/** A growing list of whole numbers, reused by setting its length. */
export class IntList {
  data: Int32Array
  length = 0

  constructor(capacity = 64) {
    this.data = new Int32Array(capacity)
  }

  push(value: number): void {
    if (this.length === this.data.length) this.reserve(1)
    this.data[this.length++] = value
  }

  /** Makes room for `more` values after the present ones. */
  reserve(more: number): void {
    const wanted = this.length + more
    if (wanted <= this.data.length) return
    const larger = new Int32Array(Math.max(wanted, this.data.length * 2))
    larger.set(this.data.subarray(0, this.length))
    this.data = larger
  }
}

/** The same for doubles. */
export class DoubleList {
  data = new Float64Array(64)
  length = 0

  push(value: number): void {
    if (this.length === this.data.length) {
      const larger = new Float64Array(this.length * 2)
      larger.set(this.data)
      this.data = larger
    }
    this.data[this.length++] = value
  }
}

const CHUNK_BITS = 18
const CHUNK_WORDS = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK_WORDS - 1

/** A growing list of 32-bit words in pieces of a megabyte: growing copies nothing, and hundreds of megabytes need no second copy. */
export class WordChunks {
  readonly #chunks: Uint32Array[] = []
  length = 0

  push(word: number): void {
    const { length } = this
    if ((length & CHUNK_MASK) === 0 && length >>> CHUNK_BITS === this.#chunks.length) {
      this.#chunks.push(new Uint32Array(CHUNK_WORDS))
    }
    this.#chunks[length >>> CHUNK_BITS][length & CHUNK_MASK] = word
    this.length = length + 1
  }

  get(at: number): number {
    return this.#chunks[at >>> CHUNK_BITS][at & CHUNK_MASK]
  }

  set(at: number, word: number): void {
    this.#chunks[at >>> CHUNK_BITS][at & CHUNK_MASK] = word
  }

  /** Copies all words to the beginning of `target`, letting go of each piece behind it. */
  drainInto(target: Uint32Array): void {
    for (let i = 0, at = 0; at < this.length; i++, at += CHUNK_WORDS) {
      target.set(this.#chunks[i].subarray(0, Math.min(CHUNK_WORDS, this.length - at)), at)
      this.#chunks[i] = new Uint32Array(0)
    }
    this.#chunks.length = 0
    this.length = 0
  }
}
