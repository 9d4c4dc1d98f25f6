// The fence index: which fences is a ping in? A packed tree of boxes a tenant finds candidates, exact tests decide.
import {
  type BatchHits,
  type Fence,
  type FenceFacts,
  type FenceIndex,
  LIMITS,
  LOCATION,
  type PingColumns,
  type SlotList,
} from '@fencepost/model'
import { BeaconTable } from './beacon-table.ts'
import { NODE_ENTRIES, type PackedTrees } from './box-tree.ts'
import { CircleTable } from './circle-table.ts'
import { FactsTable } from './facts-table.ts'
import { EVERY_TENANT, type PackedFences, type PackedParts, packFences } from './packed-fences.ts'
import { PolygonTable } from './polygon-table.ts'

/**
 * An index of `fences` as libs/geo normalises them; ids are unique among the fences that one tenant sees. The fences are copied
 * into typed arrays: later changes to them do not show.
 */
export function createFenceIndex(fences: readonly Fence[]): FenceIndex {
  return openFenceIndex(packFences(fences))
}

/**
 * The index that `packFences` made the arrays of, perhaps in another thread. No loop over fences: it takes microseconds, and a
 * little for each tenant that has fences of its own. The arrays are used as they are and must not change.
 */
export function openFenceIndex(packed: PackedFences): FenceIndex {
  return new PackedIndex(packed)
}

class PackedIndex implements FenceIndex {
  readonly size: number
  readonly #facts: FactsTable
  /** Root and number of each tenant's own fences; those of every tenant have EVERY_TENANT. */
  readonly #tenants: ReadonlyMap<string, number>
  readonly #trees: PackedTrees
  readonly #parts: PackedParts
  readonly #polygons: PolygonTable
  readonly #circles: CircleTable
  readonly #beacons: BeaconTable
  /** Nodes still to visit; deep enough for the highest tree. */
  readonly #stack: Uint32Array
  /** Has the circle table been told the point at hand? */
  #pointSet = false

  constructor({ facts, tenants, trees, parts, polygons, circles, beacons }: PackedFences) {
    this.#facts = new FactsTable(facts)
    this.size = this.#facts.size
    this.#tenants = new Map(tenants.map((tenant, i) => [tenant, EVERY_TENANT + 1 + i]))
    this.#trees = trees
    this.#parts = parts
    this.#polygons = new PolygonTable(polygons)
    this.#circles = new CircleTable(circles)
    this.#beacons = new BeaconTable(beacons)
    this.#stack = new Uint32Array(trees.height * NODE_ENTRIES + 1)
  }

  fence(slot: number): FenceFacts {
    return this.#facts.of(slot)
  }

  matchInto(tenant: string, lon: number, lat: number, out: SlotList): void {
    out.length = 0
    this.#collect(this.#tenants.get(tenant), lon, lat, out)
  }

  matchBeaconInto(tenant: string, kind: number, id: Uint8Array, offset: number, out: SlotList): void {
    out.length = 0
    this.#collectBeacon(this.#tenants.get(tenant), kind, id, offset, out)
  }

  matchBatchInto(tenant: string, columns: PingColumns, out: BatchHits): void {
    const own = this.#tenants.get(tenant)
    const { count, type, reason, lon, lat, beaconKind, beaconId } = columns
    const { list, starts } = out
    list.length = 0
    out.matched = 0
    for (let i = 0; i < count; i++) {
      const start = list.length
      starts[i] = start
      if (reason[i] !== 0) continue
      if (type[i] === LOCATION) this.#collect(own, lon[i] as number, lat[i] as number, list)
      else this.#collectBeacon(own, beaconKind[i] as number, beaconId, i * LIMITS.beaconIdBytes, list)
      if (list.length > start) out.matched++
    }
    starts[count] = list.length
  }

  #collect(own: number | undefined, lon: number, lat: number, out: SlotList): void {
    const start = out.length
    this.#pointSet = false
    if (lat === 90 || lat === -90) {
      this.#walkPole(EVERY_TENANT, lat, out)
      if (own !== undefined) this.#walkPole(own, lat, out)
    } else {
      this.#walk(EVERY_TENANT, lon, lat, out)
      if (own !== undefined) this.#walk(own, lon, lat, out)
    }
    if (out.length - start > 1) sortUnique(out, start)
  }

  #collectBeacon(own: number | undefined, kind: number, id: Uint8Array, offset: number, out: SlotList): void {
    const start = out.length
    this.#beacons.collect(EVERY_TENANT, kind, id, offset, out)
    if (own !== undefined) this.#beacons.collect(own, kind, id, offset, out)
    if (out.length - start > 1) sortUnique(out, start)
  }

  #walk(root: number, x: number, y: number, out: SlotList): void {
    const { first, boxes, child } = this.#trees
    const stack = this.#stack
    let depth = 1
    stack[0] = root
    while (depth > 0) {
      const node = stack[--depth] as number
      const end = first[node + 1] as number
      for (let e = first[node] as number; e < end; e++) {
        const at = e * 4
        if (x < (boxes[at] as number) || x > (boxes[at + 2] as number)) continue
        if (y < (boxes[at + 1] as number) || y > (boxes[at + 3] as number)) continue
        const next = child[e] as number
        if (next >= 0) stack[depth++] = next
        else if (this.#holds(~next, x, y)) out.push(this.#parts.slot[~next] as number)
      }
    }
  }

  /** At a pole every longitude is the same point: only latitudes prune. */
  #walkPole(root: number, lat: number, out: SlotList): void {
    const { first, boxes, child } = this.#trees
    const stack = this.#stack
    let depth = 1
    stack[0] = root
    while (depth > 0) {
      const node = stack[--depth] as number
      const end = first[node + 1] as number
      for (let e = first[node] as number; e < end; e++) {
        if (lat < (boxes[e * 4 + 1] as number) || lat > (boxes[e * 4 + 3] as number)) continue
        const next = child[e] as number
        if (next >= 0) stack[depth++] = next
        else if (this.#holdsPole(~next, lat)) out.push(this.#parts.slot[~next] as number)
      }
    }
  }

  #holds(part: number, lon: number, lat: number): boolean {
    const shape = this.#parts.shape[part] as number
    if (shape < 0) return this.#circleHolds(~shape, lon, lat)
    const shift = this.#parts.shift[part] as number
    return this.#polygons.holds(shape, shift === 0 ? lon : lon - shift, lat)
  }

  #holdsPole(part: number, lat: number): boolean {
    const shape = this.#parts.shape[part] as number
    return shape < 0 ? this.#circleHolds(~shape, 0, lat) : this.#polygons.holdsPole(shape, lat)
  }

  #circleHolds(circle: number, lon: number, lat: number): boolean {
    if (!this.#pointSet) {
      this.#circles.setPoint(lon, lat)
      this.#pointSet = true
    }
    return this.#circles.holds(circle, lon, lat)
  }
}

/** Hits in one go are few; beyond this many an insertion sort is the slower one. */
const INSERTION_SORT_MAX = 32

/** Sorts the slots from `start` on and drops repeats: two parts of a fence may both hold a point. */
function sortUnique(list: SlotList, start: number): void {
  const { slots, length } = list
  if (length - start > INSERTION_SORT_MAX) {
    slots.subarray(start, length).sort()
  } else {
    for (let i = start + 1; i < length; i++) {
      const slot = slots[i] as number
      let j = i - 1
      while (j >= start && (slots[j] as number) > slot) {
        slots[j + 1] = slots[j] as number
        j--
      }
      slots[j + 1] = slot
    }
  }
  let kept = start + 1
  for (let i = start + 1; i < length; i++) {
    if (slots[i] !== slots[i - 1]) slots[kept++] = slots[i] as number
  }
  list.length = kept
}
