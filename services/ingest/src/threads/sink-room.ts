// The room that a shared sink has, as numbers that every thread can read and take from at once without asking anybody.

export interface SinkRoomLimits {
  readonly maxBytes: number
  readonly maxEvents: number
  readonly threads: number
}

/** Bytes and events that are taken and not settled, over all threads; never above the limits. */
export interface SinkRoom {
  readonly memory: SharedArrayBuffer
  has(bytes: number, events: number): boolean
  /** Takes room for `thread`, or counts a refusal and takes none. */
  take(thread: number, bytes: number, events: number): boolean
  /** Gives back what `thread` has taken, or part of it. */
  give(thread: number, bytes: number, events: number): void
  /** What a thread has taken and nobody has given back. */
  takenBy(thread: number): { readonly bytes: number; readonly events: number }
  /** Refusals of `take` so far, over all threads. */
  refused(): number
  /** What the sink itself says: is it healthy, and would it take another batch? Told by its host. */
  tell(healthy: boolean, full: boolean): void
  healthy(): boolean
}

// 64 bits each: bytes may be more than 2^31.
const BYTES = 0
const EVENTS = 1
const REFUSED = 2
const HEALTHY = 3
const FULL = 4
/** Bytes and events of thread 1, 2, … follow: what a thread took with it when it ended is found out by them. */
const OF_THREADS = 5

/** New room, or the same room in another thread when given its `memory`. Threads are numbered from 1. */
export function createSinkRoom(
  { maxBytes, maxEvents, threads }: SinkRoomLimits,
  memory: SharedArrayBuffer = new SharedArrayBuffer((OF_THREADS + 2 * threads) * BigInt64Array.BYTES_PER_ELEMENT),
): SinkRoom {
  const cells = new BigInt64Array(memory)
  const limits = [BigInt(maxBytes), BigInt(maxEvents)] as const

  /** Adds unless that passes the limit. Another thread may add in between: then it looks again. */
  function add(cell: typeof BYTES | typeof EVENTS, amount: bigint): boolean {
    for (let held = Atomics.load(cells, cell); ; ) {
      if (held + amount > limits[cell]) return false
      const found = Atomics.compareExchange(cells, cell, held, held + amount)
      if (found === held) return true
      held = found
    }
  }

  return {
    memory,
    has(bytes, events) {
      return (
        Atomics.load(cells, FULL) === 0n &&
        Atomics.load(cells, BYTES) + BigInt(bytes) <= limits[BYTES] &&
        Atomics.load(cells, EVENTS) + BigInt(events) <= limits[EVENTS]
      )
    },
    take(thread, bytes, events) {
      if (add(BYTES, BigInt(bytes))) {
        if (add(EVENTS, BigInt(events))) {
          Atomics.add(cells, ofThread(thread) + BYTES, BigInt(bytes))
          Atomics.add(cells, ofThread(thread) + EVENTS, BigInt(events))
          return true
        }
        Atomics.sub(cells, BYTES, BigInt(bytes))
      }
      Atomics.add(cells, REFUSED, 1n)
      return false
    },
    give(thread, bytes, events) {
      for (const cell of [0, ofThread(thread)]) {
        Atomics.sub(cells, cell + BYTES, BigInt(bytes))
        Atomics.sub(cells, cell + EVENTS, BigInt(events))
      }
    },
    takenBy(thread) {
      const cell = ofThread(thread)
      return {
        bytes: Number(Atomics.load(cells, cell + BYTES)),
        events: Number(Atomics.load(cells, cell + EVENTS)),
      }
    },
    refused: () => Number(Atomics.load(cells, REFUSED)),
    tell(healthy, full) {
      Atomics.store(cells, HEALTHY, healthy ? 1n : 0n)
      Atomics.store(cells, FULL, full ? 1n : 0n)
    },
    healthy: () => Atomics.load(cells, HEALTHY) === 1n,
  }
}

function ofThread(thread: number): number {
  return OF_THREADS + 2 * (thread - 1)
}
