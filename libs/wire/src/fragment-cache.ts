// The bytes that fences have in events, kept because a fence that was hit is hit again. Bounded in entries and in bytes: the heap
// of a thread that serves must not grow with the fences.
import type { FenceFacts, FenceIndex } from '@fencepost/model'
import type { EventWriter } from './event-writer.ts'

/** Bounds of what one index has in the cache of one encoder. */
export const FRAGMENT_LIMITS = {
  /** A power of two: a slot has its one place by its low bits. */
  entries: 4096,
  /** Most fences take some 80 bytes; one of 256 long campaigns takes 34 KB. */
  bytes: 16 * 1024 * 1024,
  /** Tenants that have a number; when there are more, all get others. */
  tenants: 4096,
} as const

/** The campaigns of one fence for one tenant. */
export interface FenceCampaignList {
  readonly all: readonly unknown[]
  /** Ids of those that are open at `at`, epoch ms: the same array as long as they are the same ones. */
  openAt(at: number): readonly string[]
}

/** Campaigns as an encoder asks for them. */
export interface CampaignSource {
  /** Another number after every change. */
  readonly version: number
  of(tenant: string, fence: FenceFacts): FenceCampaignList
}

const NO_SLOT = -1
const NO_BYTES = new Uint8Array(0)
/** Tenant of what is the same for every tenant. */
const EVERYONE = 0
/** Spreads the tenants' copies of one slot over the places. */
const TENANT_STEP = 977
const MASK = FRAGMENT_LIMITS.entries - 1

/** The fragments of one index. */
export class Fragments {
  readonly #writer: EventWriter
  readonly #index: FenceIndex
  /** Slot of the fence that each place holds, and the number of the tenant that it holds it for. */
  readonly #slots = new Int32Array(FRAGMENT_LIMITS.entries).fill(NO_SLOT)
  readonly #owners = new Uint32Array(FRAGMENT_LIMITS.entries)
  readonly #parts: Uint8Array[] = new Array<Uint8Array>(FRAGMENT_LIMITS.entries).fill(NO_BYTES)
  /** What decides the campaigns of a place, and those its bytes name; null where they are the same at any time. */
  readonly #lists: (FenceCampaignList | null)[] = new Array<FenceCampaignList | null>(FRAGMENT_LIMITS.entries).fill(
    null,
  )
  readonly #named: (readonly string[] | null)[] = new Array<readonly string[] | null>(FRAGMENT_LIMITS.entries).fill(
    null,
  )
  readonly #tenants = new Map<string, number>()
  #bytes = 0
  #source: CampaignSource | null = null
  #version = 0
  #tenant = ''
  #owner = EVERYONE
  #nextOwner = EVERYONE + 1

  constructor(writer: EventWriter, index: FenceIndex) {
    this.#writer = writer
    this.#index = index
  }

  /** Whose batch comes next, and the campaigns there are; null: those that fences list themselves, at any time. */
  startBatch(tenant: string, source: CampaignSource | null): void {
    const version = source?.version ?? 0
    if (source !== this.#source || version !== this.#version) {
      this.#source = source
      this.#version = version
      this.#forget()
    }
    this.#tenant = tenant
    this.#owner = source === null ? EVERYONE : this.#numberOf(tenant)
  }

  /** Of the fence of that slot in an event of `at`, epoch ms. */
  of(slot: number, at: number): Uint8Array {
    const owner = this.#owner
    const place = (slot + owner * TENANT_STEP) & MASK
    if (this.#slots[place] !== slot || this.#owners[place] !== owner) return this.#make(slot, place, at)
    const list = this.#lists[place] as FenceCampaignList | null
    if (list !== null && list.openAt(at) !== this.#named[place]) return this.#make(slot, place, at)
    return this.#parts[place] as Uint8Array
  }

  #make(slot: number, place: number, at: number): Uint8Array {
    const fence = this.#index.fence(slot)
    const list = this.#source?.of(this.#tenant, fence) ?? null
    const named = list === null || list.all.length === 0 ? null : list.openAt(at)
    const part = this.#writer.fence(fence, named ?? fence.campaigns)
    this.#bytes += part.length - (this.#parts[place] as Uint8Array).length
    if (this.#bytes > FRAGMENT_LIMITS.bytes) {
      this.#forget()
      this.#bytes = part.length
    }
    this.#slots[place] = slot
    this.#owners[place] = this.#owner
    this.#parts[place] = part
    this.#lists[place] = named === null ? null : list
    this.#named[place] = named
    return part
  }

  #numberOf(tenant: string): number {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    if (this.#tenants.size >= FRAGMENT_LIMITS.tenants) this.#tenants.clear()
    const number = this.#nextOwner++
    this.#tenants.set(tenant, number)
    return number
  }

  #forget(): void {
    this.#slots.fill(NO_SLOT)
    this.#parts.fill(NO_BYTES)
    this.#lists.fill(null)
    this.#named.fill(null)
    this.#bytes = 0
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
