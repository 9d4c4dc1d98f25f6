// Bodies that arrive in pieces: their buffers, and one coarse timer for all their deadlines. A body that comes in one piece
// (nearly all do) never gets here.
import { Deadlines, type Entry } from './deadlines.ts'

/** How late a deadline may be noticed. */
export const TICK_MS = 100

/** First buffer of a body whose bytes are not promised or whose length is not known. */
const FIRST_BYTES = 16_384

/** One body being collected. */
export class OpenBody implements Entry {
  dueTick = 0
  slot = -1
  previous: Entry | null = null
  next: Entry | null = null
  readonly #limit: number
  readonly #onTimeout: () => void
  #buffer: Uint8Array
  length = 0

  /**
   * @param limit no body may be longer, bytes
   * @param promised true when `limit` bytes are reserved and declared: then the buffer is made once, in full
   */
  constructor(limit: number, promised: boolean, onTimeout: () => void) {
    this.#limit = limit
    this.#onTimeout = onTimeout
    this.#buffer = uncleared(promised ? limit : Math.min(limit, FIRST_BYTES))
  }

  /** Copies a piece; false when the body would pass its limit. */
  append(piece: Uint8Array): boolean {
    const length = this.length + piece.length
    if (length > this.#limit) return false
    if (length > this.#buffer.length) {
      const larger = uncleared(Math.min(this.#limit, Math.max(length, this.#buffer.length * 2)))
      larger.set(this.#buffer.subarray(0, this.length))
      this.#buffer = larger
    }
    this.#buffer.set(piece, this.length)
    this.length = length
    return true
  }

  /** What has come so far, a view. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length)
  }

  expire(): void {
    this.#onTimeout()
  }
}

/** Memory that is not zeroed first: only what was written is ever read. A plain view, because Buffer's `slice` differs. */
function uncleared(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
}

/** All bodies of a server that are being collected. */
export class OpenBodies {
  readonly max: number
  readonly #wheel: Deadlines
  #timer: NodeJS.Timeout | null = null

  constructor(max: number) {
    this.max = max
    this.#wheel = new Deadlines(TICK_MS, performance.now())
  }

  get size(): number {
    return this.#wheel.size
  }

  /** The caller has seen that `size < max`. */
  add(body: OpenBody, timeoutMs: number): void {
    const now = performance.now()
    if (this.#timer === null) {
      this.#wheel.advance(now)
      this.#timer = setInterval(() => this.#tick(), TICK_MS)
      this.#timer.unref()
    }
    this.#wheel.add(body, now, timeoutMs)
  }

  remove(body: OpenBody): void {
    this.#wheel.remove(body)
  }

  #tick(): void {
    this.#wheel.advance(performance.now())
    if (this.#wheel.size === 0) this.stop()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}
