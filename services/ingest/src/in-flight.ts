// Since when the oldest batch has been under way here, to the second: an erasure waits for those that were admitted before it.

/** Seconds that are told apart; a batch is under way for less, or counts as if it had begun later than it did. */
const SECONDS = 256

export class InFlight {
  readonly #begun = new Uint32Array(SECONDS)
  #count = 0

  /** A batch begins at `nowMs`; give what this returns to `end`. */
  begin(nowMs: number): number {
    const second = Math.floor(nowMs / 1000) % SECONDS
    ;(this.#begun[second] as number)++
    this.#count++
    return second
  }

  end(second: number): void {
    ;(this.#begun[second] as number)--
    this.#count--
  }

  /** Epoch ms, at most a second before the oldest began; null = none is under way. */
  since(nowMs: number): number | null {
    if (this.#count === 0) return null
    const now = Math.floor(nowMs / 1000)
    for (let second = now - SECONDS + 1; second < now; second++)
      if ((this.#begun[((second % SECONDS) + SECONDS) % SECONDS] as number) > 0) return second * 1000
    return now * 1000
  }
}
