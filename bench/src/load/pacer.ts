// Sends at one rate: requests fall due on a schedule, and wait for an idle connection when there is none.

/** A connection that can send its next request. */
export interface Sender {
  send(): void
}

export class Pacer {
  readonly #intervalMs: number
  readonly #idle: Sender[] = []
  readonly #due: number[] = []
  #head = 0
  #nextDue = Number.NaN
  #open = true

  /** @param ratePerS requests a second over all connections; 0 = as fast as connections come back */
  constructor(ratePerS: number) {
    this.#intervalMs = ratePerS === 0 ? 0 : 1000 / ratePerS
  }

  /** Requests that are due and have found no connection yet. */
  get waiting(): number {
    return this.#due.length - this.#head
  }

  /** To be called about every millisecond. */
  tick(nowMs: number): void {
    if (this.#intervalMs === 0 || !this.#open) return
    if (Number.isNaN(this.#nextDue)) this.#nextDue = nowMs
    for (; this.#nextDue <= nowMs; this.#nextDue += this.#intervalMs) this.#due.push(nowMs)
    while (this.waiting > 0 && this.#idle.length > 0) (this.#idle.pop() as Sender).send()
  }

  /** A connection has become idle: it sends now, or later. */
  ready(sender: Sender): void {
    if (!this.#open) return
    if (this.#intervalMs === 0 || this.waiting > 0) sender.send()
    else this.#idle.push(sender)
  }

  /** When the request that is being sent fell due: latency counts from here, so that a stall is not left out. */
  takeDue(nowMs: number): number {
    if (this.waiting === 0) return nowMs
    const due = this.#due[this.#head++] as number
    if (this.#head > 4096) {
      this.#due.splice(0, this.#head)
      this.#head = 0
    }
    return due
  }

  /** Nothing is sent from now on. */
  close(): void {
    this.#open = false
  }
}
