// The bytes that fences have in events, kept because a fence that was hit is hit again. Bounded in entries and in bytes: the heap
// of a thread that serves must not grow with the fences.
import type { FenceIndex } from '@fencepost/model'
import type { EventWriter } from './event-writer.ts'

/** Bounds of what one index has in the cache of one encoder. */
export const FRAGMENT_LIMITS = {
  /** A power of two: a slot has its one place by its low bits. */
  entries: 4096,
  /** Most fences take some 80 bytes; one of 256 long campaigns takes 34 KB. */
  bytes: 16 * 1024 * 1024,
} as const

const NO_SLOT = -1
const NO_BYTES = new Uint8Array(0)

/** The fragments of one index. */
export class Fragments {
  readonly #writer: EventWriter
  readonly #index: FenceIndex
  /** Slot of the fence that each place holds. */
  readonly #slots = new Int32Array(FRAGMENT_LIMITS.entries).fill(NO_SLOT)
  readonly #parts: Uint8Array[] = new Array<Uint8Array>(FRAGMENT_LIMITS.entries).fill(NO_BYTES)
  #bytes = 0

  constructor(writer: EventWriter, index: FenceIndex) {
    this.#writer = writer
    this.#index = index
  }

  of(slot: number): Uint8Array {
    const place = slot & (FRAGMENT_LIMITS.entries - 1)
    return this.#slots[place] === slot ? (this.#parts[place] as Uint8Array) : this.#make(slot, place)
  }

  #make(slot: number, place: number): Uint8Array {
    const part = this.#writer.fence(this.#index.fence(slot))
    this.#bytes += part.length - (this.#parts[place] as Uint8Array).length
    if (this.#bytes > FRAGMENT_LIMITS.bytes) {
      this.#slots.fill(NO_SLOT)
      this.#parts.fill(NO_BYTES)
      this.#bytes = part.length
    }
    this.#slots[place] = slot
    this.#parts[place] = part
    return part
  }
}

/** Fragments by index; let go with their index. */
export class FragmentCache {
  readonly #writer: EventWriter
  readonly #byIndex = new WeakMap<FenceIndex, Fragments>()

  constructor(writer: EventWriter) {
    this.#writer = writer
  }

  of(index: FenceIndex): Fragments {
    let fragments = this.#byIndex.get(index)
    if (fragments === undefined) {
      fragments = new Fragments(this.#writer, index)
      this.#byIndex.set(index, fragments)
    }
    return fragments
  }
}
