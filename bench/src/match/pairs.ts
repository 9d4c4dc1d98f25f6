// Which pings are in which fences, as one arm found them: every arm must find the same pairs, or the run fails.
import { createHash } from 'node:crypto'

/** A pair is one double, ping · SLOTS + slot, exact up to 2^31 pings. */
const SLOTS = 2 ** 22

export class Pairs {
  #keys = new Float64Array(1 << 16)
  #length = 0
  #sorted = true

  get length(): number {
    return this.#length
  }

  push(ping: number, slot: number): void {
    if (this.#length === this.#keys.length) {
      const larger = new Float64Array(this.#length * 2)
      larger.set(this.#keys)
      this.#keys = larger
    }
    this.#keys[this.#length++] = ping * SLOTS + slot
    this.#sorted = false
  }

  /** Ascending by ping, then slot. */
  keys(): Float64Array {
    const keys = this.#keys.subarray(0, this.#length)
    if (!this.#sorted) keys.sort()
    this.#sorted = true
    return keys
  }

  /** SHA-256 of the sorted pairs. */
  digest(): string {
    const { buffer, byteOffset, byteLength } = this.keys()
    return createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex')
  }
}

/** Two arms found different pairs. */
export class PairsError extends Error {
  constructor(where: string, message: string) {
    super(`${where}: ${message}`)
    this.name = 'PairsError'
  }
}

/**
 * Holds the pairs of an arm against those of the first.
 *
 * @throws PairsError that counts what is missing and what is too much, and names the first pair of either kind
 */
export function comparePairs(where: string, expected: Pairs, got: Pairs): void {
  if (expected.digest() === got.digest()) return
  const [a, b] = [expected.keys(), got.keys()]
  const missing: number[] = []
  const extra: number[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const x = a[i] ?? Number.POSITIVE_INFINITY
    const y = b[j] ?? Number.POSITIVE_INFINITY
    if (x < y) missing.push(x)
    if (y < x) extra.push(y)
    if (x <= y) i++
    if (y <= x) j++
  }
  const tell = (what: string, keys: readonly number[]): string => {
    const [key] = keys
    if (key === undefined) return `none ${what}`
    return `${keys.length} ${what}, the first is ping ${Math.floor(key / SLOTS)} in fence ${key % SLOTS}`
  }
  throw new PairsError(where, `of ${a.length} pairs ${tell('missing', missing)}; ${tell('too much', extra)}`)
}

/** What a timed pass adds up, so that one hit more, less or elsewhere shows. Order does not matter. */
export function tally(ping: number, slot: number): number {
  return Math.imul(ping + 1, 0x9e3779b1) ^ Math.imul(slot + 1, 0x85ebca6b)
}
