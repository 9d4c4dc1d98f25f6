// Finds which of a few known words a range of bytes is: one hash, one comparison, no string made.

/** A perfect hash over ASCII words of 1..255 bytes: word i of the list has number i. */
export class KeyTable {
  readonly #numbers: Int8Array
  readonly #lengths: Uint8Array
  readonly #starts: Uint16Array
  readonly #text: Uint8Array
  readonly #mask: number
  readonly #byMiddle: number
  readonly #byLength: number

  constructor(words: readonly string[]) {
    this.#text = new TextEncoder().encode(words.join(''))
    this.#lengths = Uint8Array.from(words, (word) => word.length)
    this.#starts = new Uint16Array(words.length)
    for (let i = 1; i < words.length; i++) {
      this.#starts[i] = (this.#starts[i - 1] as number) + (this.#lengths[i - 1] as number)
    }
    let size = 16
    while (size < words.length * 4) size *= 2
    this.#mask = size - 1
    this.#numbers = new Int8Array(size)
    const [byMiddle, byLength] = this.#search(words.length)
    this.#byMiddle = byMiddle
    this.#byLength = byLength
  }

  /** Number of the word that lies at `start`, or -1. */
  find(bytes: Uint8Array, start: number, length: number): number {
    if (length === 0) return -1
    const first = bytes[start] as number
    const middle = bytes[start + (length >> 1)] as number
    const number = this.#numbers[(first + middle * this.#byMiddle + length * this.#byLength) & this.#mask] as number
    if (number < 0 || this.#lengths[number] !== length) return -1
    const text = this.#text
    const at = this.#starts[number] as number
    for (let i = 0; i < length; i++) if (bytes[start + i] !== text[at + i]) return -1
    return number
  }

  /** Fills the table with the first pair of factors that gives every word a place of its own. */
  #search(count: number): [number, number] {
    for (let byMiddle = 1; byMiddle < 64; byMiddle++) {
      for (let byLength = 1; byLength < 64; byLength++)
        if (this.#fits(count, byMiddle, byLength)) return [byMiddle, byLength]
    }
    throw new Error(`KeyTable: no perfect hash for these ${count} words`)
  }

  #fits(count: number, byMiddle: number, byLength: number): boolean {
    this.#numbers.fill(-1)
    for (let i = 0; i < count; i++) {
      const start = this.#starts[i] as number
      const length = this.#lengths[i] as number
      const middle = this.#text[start + (length >> 1)] as number
      const place = ((this.#text[start] as number) + middle * byMiddle + length * byLength) & this.#mask
      if (this.#numbers[place] !== -1) return false
      this.#numbers[place] = i
    }
    return true
  }
}
