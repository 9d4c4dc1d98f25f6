// One coarse wheel for the deadlines of all slow bodies: adding, removing and expiring cost the same with ten and with ten
// thousand, and no request owns a timer.

/** Something with a deadline. The links belong to the wheel. */
export interface Entry {
  dueTick: number
  slot: number
  previous: Entry | null
  next: Entry | null
  expire(): void
}

/** A timing wheel: an entry expires at the first tick at or after its deadline, never before it. */
export class Deadlines {
  readonly #tickMs: number
  readonly #slots: (Entry | null)[]
  #tick: number
  size = 0

  /** @param now ms on the clock that `add` and `advance` use */
  constructor(tickMs: number, now: number, slots = 256) {
    this.#tickMs = tickMs
    this.#slots = new Array<Entry | null>(slots).fill(null)
    this.#tick = Math.floor(now / tickMs)
  }

  /** The entry expires once `timeoutMs` have passed since `now`. */
  add(entry: Entry, now: number, timeoutMs: number): void {
    entry.dueTick = Math.max(Math.ceil((now + timeoutMs) / this.#tickMs), this.#tick + 1)
    entry.slot = entry.dueTick % this.#slots.length
    const head = this.#slots[entry.slot] ?? null
    entry.previous = null
    entry.next = head
    if (head !== null) head.previous = entry
    this.#slots[entry.slot] = entry
    this.size++
  }

  /** An entry that is not in the wheel (any more) is left alone. */
  remove(entry: Entry): void {
    if (entry.slot < 0) return
    if (entry.previous === null) this.#slots[entry.slot] = entry.next
    else entry.previous.next = entry.next
    if (entry.next !== null) entry.next.previous = entry.previous
    entry.previous = null
    entry.next = null
    entry.slot = -1
    this.size--
  }

  /** Expires what is due. Entries further ahead than one turn of the wheel stay where they are. */
  advance(now: number): void {
    const tick = Math.floor(now / this.#tickMs)
    const last = Math.min(tick, this.#tick + this.#slots.length)
    const due: Entry[] = []
    for (let t = this.#tick + 1; t <= last; t++) {
      for (let entry = this.#slots[t % this.#slots.length] ?? null; entry !== null; entry = entry.next) {
        if (entry.dueTick <= tick) due.push(entry)
      }
    }
    this.#tick = Math.max(this.#tick, tick)
    // Expiring one entry may remove others: those are out of the wheel and not due any more.
    for (const entry of due) {
      if (entry.slot < 0) continue
      this.remove(entry)
      entry.expire()
    }
  }
}
