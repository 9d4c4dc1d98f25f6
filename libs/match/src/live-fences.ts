// Fences that change: a base, what has changed since, and when to fold the one into the other. Says what is to be done and does the small
// part of it; whoever owns threads runs the builds.
import type { Fence } from '@fencepost/model'
import { BaseIndex } from './base-index.ts'
import type { PackedFences } from './fence-index.ts'
import { packDelta } from './packed-delta.ts'
import { createPacker, type PackerOptions } from './packer.ts'

/** One change: a fence as it is from now on, or the end of one. */
export type FenceChange =
  | { readonly put: Fence }
  | { readonly remove: { readonly id: string; readonly tenant: string | null } }

/** What a new base is to be made of, for `buildBase`. A plain object for `postMessage`. */
export interface CompactionJob {
  readonly base: SharedArrayBuffer
  readonly fences: readonly Fence[]
  /** Slots of `base` that do not go over. */
  readonly gone: Uint32Array
}

/** From so many changed fences on a compaction is worth its while, whatever the base. */
const MIN_CHANGES = 4096
/** … and from this share of the base on, so that a large one is not built anew all the time; of a million, 20 ms of `packed`. */
const CHANGED_SHARE = 1 / 192

interface Changed {
  readonly fence: Fence | null
  /** Slot of what it replaces in the base, or -1. */
  readonly slot: number
  /** Number of the change, ascending. */
  readonly at: number
}

/** The fences of one node between full loads. Not for several threads at once. */
export class LiveFences {
  #base: BaseIndex
  #image: SharedArrayBuffer
  /** By tenant and id. */
  readonly #changed = new Map<string, Changed>()
  #changes = 0
  /** Number of the last change that the running compaction has taken, or -1. */
  #compacting = -1

  constructor(image: SharedArrayBuffer) {
    this.#image = image
    this.#base = new BaseIndex(image)
  }

  /** How many fences differ from the base. */
  get changed(): number {
    return this.#changed.size
  }

  /** Notes the changes, in their order. Nobody sees them before the next `packed`. */
  apply(changes: Iterable<FenceChange>): void {
    for (const change of changes) {
      const fence = 'put' in change ? change.put : null
      const { id, tenant } = 'put' in change ? change.put : change.remove
      const key = keyOf(id, tenant)
      const slot = this.#changed.get(key)?.slot ?? this.#base.facts.find(id, tenant)
      // What the base never had and nobody puts back is forgotten, unless a compaction under way may still bring it.
      if (fence === null && slot < 0 && this.#compacting < 0) this.#changed.delete(key)
      else this.#changed.set(key, { fence, slot, at: ++this.#changes })
    }
  }

  /** The fences as they are now, for `openFenceIndex`. About 5 µs a changed fence. */
  packed(): PackedFences {
    if (this.#changed.size === 0) return { base: this.#image, delta: null }
    const { fences, gone } = this.#difference()
    return { base: this.#image, delta: packDelta(this.#base.facts, fences, gone) }
  }

  /** Has so much changed that a new base should be built? Never while one is under way. */
  wantsCompaction(): boolean {
    return this.#compacting < 0 && this.#changed.size > Math.max(MIN_CHANGES, this.#base.size * CHANGED_SHARE)
  }

  /** What to build. Until `finishCompaction` or `dropCompaction` no other is begun. */
  beginCompaction(): CompactionJob {
    if (this.#compacting >= 0) throw new Error('a compaction is under way')
    this.#compacting = this.#changes
    const { fences, gone } = this.#difference()
    return { base: this.#image, fences, gone: Uint32Array.from(gone) }
  }

  /** Takes the base that was built; what changed meanwhile stays a change. */
  finishCompaction(image: SharedArrayBuffer): void {
    if (this.#compacting < 0) throw new Error('no compaction is under way')
    const taken = this.#compacting
    this.#compacting = -1
    this.#image = image
    this.#base = new BaseIndex(image)
    for (const [key, { fence, at }] of this.#changed) {
      const [id, tenant] = partsOf(key)
      const slot = at > taken ? this.#base.facts.find(id, tenant) : -1
      if (at <= taken || (fence === null && slot < 0)) this.#changed.delete(key)
      else this.#changed.set(key, { fence, slot, at })
    }
  }

  /** Gives the compaction up; nothing is lost but the work. */
  dropCompaction(): void {
    this.#compacting = -1
  }

  #difference(): { fences: Fence[]; gone: number[] } {
    const fences: Fence[] = []
    const gone: number[] = []
    for (const { fence, slot } of this.#changed.values()) {
      if (fence !== null) fences.push(fence)
      if (slot >= 0) gone.push(slot)
    }
    return { fences, gone }
  }
}

/** The new base of a compaction: seconds for a million fences, so to be done where nobody waits. */
export function buildBase({ base, fences, gone }: CompactionJob, options: PackerOptions = {}): SharedArrayBuffer {
  const isGone = new Set(gone)
  const packer = createPacker(options)
  packer.addBase(new BaseIndex(base), (slot) => isGone.has(slot))
  for (const fence of fences) packer.add(fence)
  return packer.finish()
}

/** One text for both, that no other pair has: the tenant's length goes before it. */
function keyOf(id: string, tenant: string | null): string {
  return tenant === null ? `-:${id}` : `${tenant.length}:${tenant}${id}`
}

function partsOf(key: string): [id: string, tenant: string | null] {
  const colon = key.indexOf(':')
  if (key[0] === '-') return [key.slice(colon + 1), null]
  const end = colon + 1 + Number(key.slice(0, colon))
  return [key.slice(end), key.slice(colon + 1, end)]
}
