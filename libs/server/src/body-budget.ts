// Memory promised to request bodies and to what becomes of them. Bytes are promised at the headers and given back by whoever
// holds the reservation; `reserved` is exact at every moment and never above `maxBytes`.

export interface BodyBudgetOptions {
  /** Bytes that may be promised at once. */
  maxBytes: number
  /** A body larger than this counts as large while it is being collected. */
  largeBytes?: number
  /** Share of `maxBytes` that large bodies in collection can never take, 0..1: many big slow uploads leave small ones room. */
  smallShare?: number
  /** A body in collection that has got no byte for this long may be given up for another one. */
  shedIdleMs?: number
  /** Milliseconds of a clock that never goes back; `performance.now` unless a test brings its own. */
  now?: () => number
}

/** A promise of memory. `resize` and `release` are for the route; the rest is what the server tells the budget. */
export interface Reservation {
  readonly bytes: number
  /** Changes the promise: shrinking always succeeds, growing returns false (and changes nothing) when there is no room. */
  resize(bytes: number): boolean
  /** Gives everything back. A second call does nothing. */
  release(): void
  /** The body is arriving in pieces from now on: it may be shed when idle. `onShed` runs after its bytes were given back. */
  collecting(onShed: () => void): void
  /** A byte of the body came in. */
  touch(): void
  /** The body is whole (or given up): it is not shed any more and not large any more. */
  collected(): void
}

export interface BodyBudget {
  readonly maxBytes: number
  /** Bytes promised now. */
  readonly reserved: number
  /** Of those, bytes of large bodies that are not collected yet. */
  readonly largeReserved: number
  /** Bodies that may be shed when idle. */
  readonly collecting: number
  /** Bodies shed so far. */
  readonly shed: number
  /** Reservations refused so far. */
  readonly refused: number
  /** Promises `bytes`, giving up idle bodies if it must; null when there is no room all the same. */
  reserve(bytes: number): Reservation | null
}

/** How many idle bodies one call looks at: bounds the work of a refusal (a few µs) when thousands are idle. */
export const SHED_WORK = 256

/**
 * @param options sizes in bytes, times in ms
 * @returns an empty budget
 * @throws RangeError when a size is not a positive integer or a share is outside 0..1
 */
export function createBodyBudget(options: BodyBudgetOptions): BodyBudget {
  return new Budget(options)
}

class Budget implements BodyBudget {
  readonly maxBytes: number
  readonly largeBytes: number
  readonly #largeMax: number
  readonly #shedIdleMs: number
  readonly now: () => number
  reserved = 0
  largeReserved = 0
  shed = 0
  refused = 0
  // Longest without a byte first, so that whoever is not idle ends the search. Two lists, because large bodies have a limit of
  // their own.
  readonly large: IdleList = new IdleList()
  readonly small: IdleList = new IdleList()

  constructor({
    maxBytes,
    largeBytes = 16_384,
    smallShare = 0.5,
    shedIdleMs = 250,
    now = monotonic,
  }: BodyBudgetOptions) {
    if (!Number.isSafeInteger(maxBytes) || maxBytes <= 0)
      throw new RangeError(`maxBytes must be a positive integer, got ${maxBytes}`)
    if (!Number.isSafeInteger(largeBytes) || largeBytes < 0)
      throw new RangeError(`largeBytes must be an integer >= 0, got ${largeBytes}`)
    if (!(smallShare >= 0 && smallShare <= 1)) throw new RangeError(`smallShare must be 0..1, got ${smallShare}`)
    if (!(shedIdleMs >= 0)) throw new RangeError(`shedIdleMs must be >= 0, got ${shedIdleMs}`)
    this.maxBytes = maxBytes
    this.largeBytes = largeBytes
    this.#largeMax = Math.floor(maxBytes * (1 - smallShare))
    this.#shedIdleMs = shedIdleMs
    this.now = now
  }

  get collecting(): number {
    return this.large.size + this.small.size
  }

  reserve(bytes: number): Reservation | null {
    checkBytes(bytes)
    const large = bytes > this.largeBytes
    if (!this.hasRoom(bytes, large) && !this.makeRoom(bytes, large)) {
      this.refused++
      return null
    }
    this.reserved += bytes
    if (large) this.largeReserved += bytes
    return new Promised(this, bytes, large)
  }

  hasRoom(bytes: number, large: boolean): boolean {
    return this.reserved + bytes <= this.maxBytes && (!large || this.largeReserved + bytes <= this.#largeMax)
  }

  /** Sheds idle bodies until `bytes` fit. Looks first and sheds nobody when that would not be enough. */
  makeRoom(bytes: number, large: boolean): boolean {
    if (bytes > this.maxBytes || (large && bytes > this.#largeMax)) return false
    const idleSince = this.now() - this.#shedIdleMs
    let short = this.reserved + bytes - this.maxBytes
    let shortLarge = large ? this.largeReserved + bytes - this.#largeMax : 0
    let work = SHED_WORK
    // Large ones first: the same room for fewer refused clients.
    let lastLarge: Promised | null = null
    for (let body = this.large.head; body !== null && work > 0; body = body.next, work--) {
      if ((short <= 0 && shortLarge <= 0) || body.lastByteAt > idleSince) break
      short -= body.bytes
      shortLarge -= body.bytes
      lastLarge = body
    }
    if (shortLarge > 0) return false
    let lastSmall: Promised | null = null
    for (let body = this.small.head; body !== null && work > 0; body = body.next, work--) {
      if (short <= 0 || body.lastByteAt > idleSince) break
      short -= body.bytes
      lastSmall = body
    }
    if (short > 0) return false
    const victims: Promised[] = []
    this.large.takeThrough(lastLarge, victims)
    this.small.takeThrough(lastSmall, victims)
    // Every byte is given back before the first callback runs: a callback may well reserve.
    for (const victim of victims) victim.release()
    this.shed += victims.length
    for (const victim of victims) victim.tellShed()
    return this.hasRoom(bytes, large)
  }
}

class Promised implements Reservation {
  readonly #budget: Budget
  bytes: number
  #large: boolean
  #released = false
  #onShed: (() => void) | null = null
  list: IdleList | null = null
  lastByteAt = 0
  previous: Promised | null = null
  next: Promised | null = null

  constructor(budget: Budget, bytes: number, large: boolean) {
    this.#budget = budget
    this.bytes = bytes
    this.#large = large
  }

  resize(bytes: number): boolean {
    checkBytes(bytes)
    if (this.#released) return false
    const budget = this.#budget
    const more = bytes - this.bytes
    if (more > 0 && !budget.hasRoom(more, this.#large)) {
      if (!budget.makeRoom(more, this.#large) || this.#released) return false
    }
    budget.reserved += more
    if (this.#large) budget.largeReserved += more
    this.bytes = bytes
    return true
  }

  release(): void {
    if (this.#released) return
    this.collected()
    this.#released = true
    this.#budget.reserved -= this.bytes
    this.bytes = 0
  }

  collecting(onShed: () => void): void {
    if (this.#released || this.list !== null) return
    this.#onShed = onShed
    this.lastByteAt = this.#budget.now()
    this.list = this.#large ? this.#budget.large : this.#budget.small
    this.list.append(this)
  }

  touch(): void {
    const { list } = this
    if (list === null) return
    this.lastByteAt = this.#budget.now()
    list.remove(this)
    list.append(this)
  }

  collected(): void {
    if (this.#released) return
    if (this.list !== null) {
      this.list.remove(this)
      this.list = null
    }
    if (this.#large) {
      this.#budget.largeReserved -= this.bytes
      this.#large = false
    }
  }

  tellShed(): void {
    this.#onShed?.()
  }
}

/** A doubly linked list in order of the last byte. */
class IdleList {
  head: Promised | null = null
  #tail: Promised | null = null
  size = 0

  append(body: Promised): void {
    body.previous = this.#tail
    body.next = null
    if (this.#tail === null) this.head = body
    else this.#tail.next = body
    this.#tail = body
    this.size++
  }

  remove(body: Promised): void {
    if (body.previous === null) this.head = body.next
    else body.previous.next = body.next
    if (body.next === null) this.#tail = body.previous
    else body.next.previous = body.previous
    body.previous = null
    body.next = null
    this.size--
  }

  /** Lists everything from the head up to and with `last`; nothing when `last` is null. */
  takeThrough(last: Promised | null, out: Promised[]): void {
    if (last === null) return
    for (let body = this.head; body !== null; body = body.next) {
      out.push(body)
      if (body === last) return
    }
  }
}

function monotonic(): number {
  return performance.now()
}

function checkBytes(bytes: number): void {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`bytes must be an integer >= 0, got ${bytes}`)
}
