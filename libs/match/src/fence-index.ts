// The fence index: which fences is a ping in? An immutable base and the delta of what has changed since, seen as one.
import {
  type BatchHits,
  type Fence,
  type FenceFacts,
  type FenceIndex,
  LIMITS,
  LOCATION,
  type MatchStep,
  type PingColumns,
  type SlotList,
} from '@fencepost/model'
import { BaseIndex } from './base-index.ts'
import { ALONE, BatchStages, BLOCK, LAST } from './batch-stages.ts'
import { DeltaIndex } from './delta-index.ts'
import { distanceInBaseM, distanceInDeltaM } from './edge-distance.ts'
import { dropExpired } from './expiry-table.ts'
import { explainMatch } from './explain.ts'
import { EVERY_TENANT } from './facts-table.ts'
import { dropRepeats, sortHits, sortMixedHits } from './hit-order.ts'
import type { PackedDelta } from './packed-delta.ts'
import { createPacker } from './packer.ts'

/**
 * An index to be, in shared memory: a plain object for `postMessage`, small whatever it holds. Whoever has it opens it in microseconds, and
 * all see the same memory.
 */
export interface PackedFences {
  readonly base: SharedArrayBuffer
  readonly delta: PackedDelta | null
}

/** All the work of an index that grows with its fences. Fences as libs/geo normalises them; ids are unique among those one tenant sees. */
export function packFences(fences: Iterable<Fence>): PackedFences {
  const packer = createPacker()
  for (const fence of fences) packer.add(fence)
  return { base: packer.finish(), delta: null }
}

/** `packFences` and `openFenceIndex` in one. The fences are copied: later changes to them do not show. */
export function createFenceIndex(fences: Iterable<Fence>): FenceIndex {
  return openFenceIndex(packFences(fences))
}

/** The index that was packed, perhaps in another thread. Nothing is copied or looped over; the memory must not change. */
export function openFenceIndex(packed: PackedFences): FenceIndex {
  return new PackedIndex(packed)
}

/** What an index takes of memory. */
export interface PackedSizes {
  readonly fences: number
  /** Vertices, circles and their headers. */
  readonly geometryBytes: number
  /** Cells, lists and beacon tables. */
  readonly indexBytes: number
  /** Ids, names, versions, tags and campaigns. */
  readonly factsBytes: number
  readonly totalBytes: number
}

/** The sizes of the base; a delta is small beside it. */
export function packedSizes({ base }: PackedFences): PackedSizes {
  const { size, geometryBytes, factsBytes } = new BaseIndex(base)
  const totalBytes = base.byteLength
  return { fences: size, geometryBytes, factsBytes, indexBytes: totalBytes - geometryBytes - factsBytes, totalBytes }
}

/** Below this many pings a batch is taken one by one: stages cost something themselves. */
const STAGED_FROM = 4

/** In place of where ascending slots begin anew. */
const NO_ORDER = -1

/** What is open in this thread: a base stays the same while one delta follows another, and ten thousand tenants are not read in 0 ms. */
const opens = new WeakMap<SharedArrayBuffer, Opened>()

interface Opened {
  readonly base: BaseIndex
  readonly stages: BatchStages
}

function openBase(image: SharedArrayBuffer): Opened {
  const base = new BaseIndex(image)
  const opened = { base, stages: new BatchStages(base) }
  opens.set(image, opened)
  return opened
}

class PackedIndex implements FenceIndex {
  readonly size: number
  readonly #base: BaseIndex
  readonly #delta: DeltaIndex | null
  readonly #stages: BatchStages
  /** When fences end; null where none does. */
  readonly #expiries: Parameters<typeof dropExpired>[2] | null

  constructor({ base, delta }: PackedFences) {
    const opened = opens.get(base) ?? openBase(base)
    this.#base = opened.base
    this.#stages = opened.stages
    this.#delta = delta === null ? null : new DeltaIndex(delta)
    const { expiries, size } = this.#base
    const changed = this.#delta?.expiries ?? null
    this.#expiries = expiries.size === 0 && (changed?.size ?? 0) === 0 ? null : { base: expiries, delta: changed, size }
    this.size = this.#base.size + (this.#delta === null ? 0 : this.#delta.size - this.#delta.goneCount)
  }

  get hasSensitive(): boolean {
    return this.#base.sensitive !== null || this.#delta?.hasSensitive === true
  }

  isSensitive(slot: number): boolean {
    const { size, sensitive } = this.#base
    if (this.#delta !== null && slot >= size) return this.#delta.isSensitive(slot - size)
    return sensitive !== null && (sensitive[slot >>> 3] & (1 << (slot & 7))) !== 0
  }

  fence(slot: number): FenceFacts {
    const { size } = this.#base
    return this.#delta !== null && slot >= size ? this.#delta.fact(slot - size) : this.#base.facts.of(slot)
  }

  matchInto(tenant: string, lon: number, lat: number, out: SlotList): void {
    out.length = 0
    this.#collect(tenant, this.#base.facts.tenant(tenant), lon, lat, out)
  }

  matchBeaconInto(tenant: string, kind: number, id: Uint8Array, offset: number, out: SlotList): void {
    out.length = 0
    this.#collectBeacon(tenant, this.#base.facts.tenant(tenant), kind, id, offset, out)
  }

  matchBatchInto(tenant: string, columns: PingColumns, out: BatchHits): void {
    const own = this.#base.facts.tenant(tenant)
    const { count } = columns
    out.list.length = 0
    out.matched = 0
    if (count < STAGED_FROM) {
      for (let i = 0; i < count; i++) {
        out.starts[i] = out.list.length
        if (columns.reason[i] === 0) this.#collectPing(tenant, own, columns, i, out)
      }
    } else {
      for (let from = 0; from < count; from += BLOCK)
        this.#matchBlock(tenant, own, columns, from, Math.min(count, from + BLOCK), out)
    }
    out.starts[count] = out.list.length
    if (this.#expiries !== null && out.matched > 0) dropExpired(columns, out, this.#expiries)
  }

  /** Pings `from` to `to - 1`: cells of all of them first, then what their cells say, ping by ping. */
  #matchBlock(tenant: string, own: number, columns: PingColumns, from: number, to: number, out: BatchHits): void {
    const { list, starts } = out
    const stages = this.#stages
    const delta = this.#delta
    const hits = stages.walk(columns, from, to, own, delta !== null)
    const { ping, slots } = stages
    let next = from
    for (let h = 0; h < hits; ) {
      const k = ping[h]
      const i = from + k
      const start = list.length
      while (next <= i) starts[next++] = start
      if (slots[h] === ALONE) {
        this.#collectPing(tenant, own, columns, i, out)
        h++
        continue
      }
      for (; h < hits && ping[h] === k; h++) {
        if (slots[h] !== LAST) list.push(slots[h])
        else if (delta !== null) this.#addDelta(delta, tenant, columns.lon[i], columns.lat[i], start, list)
      }
      if (list.length === start) continue
      out.matched++
      if (list.length - start > 1) this.#settle(start, stages.isMixed ? NO_ORDER : start, list)
    }
    while (next < to) starts[next++] = list.length
  }

  find(tenant: string, id: string): FenceFacts | null {
    const slot = this.#find(tenant, id)
    return slot < 0 ? null : this.fence(slot)
  }

  distanceM(tenant: string, id: string, lon: number, lat: number): number {
    const slot = this.#find(tenant, id)
    if (slot < 0) return Number.POSITIVE_INFINITY
    const { size } = this.#base
    if (this.#delta === null || slot < size) return distanceInBaseM(this.#base, slot, lon, lat)
    return distanceInDeltaM(this.#delta, slot - size, lon, lat)
  }

  /** Slot of the fence of that id that the tenant sees, its own or every tenant's, or -1. */
  #find(tenant: string, id: string): number {
    for (const owner of [tenant, null]) {
      const changed = this.#delta?.find(id, owner) ?? -1
      if (changed >= 0) return this.#base.size + changed
      const slot = this.#base.facts.find(id, owner)
      if (slot >= 0 && this.#delta?.isGone(slot) !== true) return slot
    }
    return -1
  }

  explain(tenant: string, lon: number, lat: number): MatchStep[] {
    return explainMatch(this.#base, this.#delta, tenant, lon, lat)
  }

  #collectPing(tenant: string, own: number, columns: PingColumns, i: number, out: BatchHits): void {
    const { list } = out
    const start = list.length
    if (columns.type[i] === LOCATION) this.#collect(tenant, own, columns.lon[i], columns.lat[i], list)
    else this.#collectBeacon(tenant, own, columns.beaconKind[i], columns.beaconId, i * LIMITS.beaconIdBytes, list)
    if (list.length > start) out.matched++
  }

  #collect(tenant: string, own: number, lon: number, lat: number, out: SlotList): void {
    const start = out.length
    this.#base.collect(EVERY_TENANT, lon, lat, out)
    const sorted = out.length
    if (own > 0) this.#base.collect(own, lon, lat, out)
    if (this.#delta !== null) this.#addDelta(this.#delta, tenant, lon, lat, start, out)
    if (out.length - start > 1) this.#settle(start, sorted, out)
  }

  #collectBeacon(tenant: string, own: number, kind: number, id: Uint8Array, at: number, out: SlotList): void {
    const start = out.length
    this.#base.beacons.collect(EVERY_TENANT, kind, id, at, out)
    if (own > 0) this.#base.beacons.collect(own, kind, id, at, out)
    if (this.#delta !== null) {
      this.#dropGone(this.#delta, start, out)
      this.#delta.collectBeacon(tenant, kind, id, at, this.#base.size, out)
    }
    // Regions come table by table, in no order.
    if (out.length - start > 1) this.#settle(start, NO_ORDER, out)
  }

  #addDelta(delta: DeltaIndex, tenant: string, lon: number, lat: number, start: number, out: SlotList): void {
    this.#dropGone(delta, start, out)
    delta.collect(tenant, lon, lat, this.#base.size, out)
  }

  #dropGone(delta: DeltaIndex, start: number, out: SlotList): void {
    if (delta.goneCount === 0) return
    const { slots } = out
    let kept = start
    for (let i = start; i < out.length; i++) if (!delta.isGone(slots[i])) slots[kept++] = slots[i]
    out.length = kept
  }

  /** Hits from `start` on into their order: they ascend up to `sorted` and from there on, or not at all. */
  #settle(start: number, sorted: number, out: SlotList): void {
    const { size } = this.#base
    if (this.#delta !== null && this.#delta.size > 0) sortMixedHits(out, start, size, this.#delta)
    else if (sorted === NO_ORDER || (sorted > start && sorted < out.length)) sortHits(out, start)
    else dropRepeats(out, start)
  }
}
