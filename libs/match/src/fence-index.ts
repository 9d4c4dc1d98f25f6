// The fence index: which fences is a ping in? A packed tree of boxes a tenant finds candidates, exact tests decide.
import { circleBox, polygonBox } from '@fencepost/geo'
import {
  type BatchHits,
  type CircleShape,
  type Fence,
  type FenceIndex,
  LIMITS,
  LOCATION,
  type PingColumns,
  type Polygon,
  type SlotList,
} from '@fencepost/model'
import { type BeaconRegion, BeaconTable } from './beacon-table.ts'
import { type BoxItem, NODE_ENTRIES, type PackedTrees, packTrees } from './box-tree.ts'
import { CircleTable } from './circle-table.ts'
import { PolygonTable } from './polygon-table.ts'

/**
 * An index of `fences` as libs/geo normalises them; ids are unique among the fences that one tenant sees. The fences are copied
 * into typed arrays: later changes to them do not show.
 */
export function createFenceIndex(fences: readonly Fence[]): FenceIndex {
  return new PackedIndex([...fences].sort(inSlotOrder))
}

/** Where a tenant's fences are. */
interface Ground {
  readonly root: number
  readonly beacons: BeaconTable
}

/** What a tree leaf stands for: a circle, or one polygon of a fence seen from a longitude shifted by whole turns. */
interface Parts {
  readonly slot: Uint32Array
  /** Number in its table: a polygon, or `~circle`. */
  readonly shape: Int32Array
  /** Degrees to take off a longitude before the polygon is asked: 0, or ±360. */
  readonly shift: Int16Array
}

class PackedIndex implements FenceIndex {
  readonly size: number
  readonly #fences: readonly Fence[]
  readonly #everyTenant: Ground
  readonly #tenants: ReadonlyMap<string, Ground>
  readonly #trees: PackedTrees
  readonly #parts: Parts
  readonly #polygons: PolygonTable
  readonly #circles: CircleTable
  /** Nodes still to visit; deep enough for the highest tree. */
  readonly #stack: Uint32Array
  /** Has the circle table been told the point at hand? */
  #pointSet = false

  constructor(fences: readonly Fence[]) {
    const plan = new Plan()
    fences.forEach((fence, slot) => {
      plan.add(fence, slot)
    })
    const tenants = [...plan.tenants]
    const { trees, roots } = packTrees(tenants.map(([, { items }]) => items))
    const grounds = tenants.map(([tenant, { beacons }], i): [string | null, Ground] => [
      tenant,
      { root: roots[i] as number, beacons: new BeaconTable(beacons) },
    ])
    this.size = fences.length
    this.#fences = fences
    this.#everyTenant = (grounds[0] as [null, Ground])[1]
    this.#tenants = new Map(grounds.slice(1) as [string, Ground][])
    this.#trees = trees
    this.#parts = plan.parts()
    this.#polygons = new PolygonTable(plan.polygons)
    this.#circles = new CircleTable(plan.circles)
    this.#stack = new Uint32Array(trees.height * NODE_ENTRIES + 1)
  }

  fence(slot: number): Fence {
    const fence = this.#fences[slot]
    if (fence === undefined) throw new RangeError(`Slot ${slot} of an index of ${this.size} fences.`)
    return fence
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
    const ground = this.#tenants.get(tenant)
    const { count, type, reason, lon, lat, beaconKind, beaconId } = columns
    const { list, starts } = out
    list.length = 0
    out.matched = 0
    for (let i = 0; i < count; i++) {
      const start = list.length
      starts[i] = start
      if (reason[i] !== 0) continue
      if (type[i] === LOCATION) this.#collect(ground, lon[i] as number, lat[i] as number, list)
      else this.#collectBeacon(ground, beaconKind[i] as number, beaconId, i * LIMITS.beaconIdBytes, list)
      if (list.length > start) out.matched++
    }
    starts[count] = list.length
  }

  #collect(ground: Ground | undefined, lon: number, lat: number, out: SlotList): void {
    const start = out.length
    this.#pointSet = false
    if (lat === 90 || lat === -90) {
      this.#walkPole(this.#everyTenant.root, lat, out)
      if (ground !== undefined) this.#walkPole(ground.root, lat, out)
    } else {
      this.#walk(this.#everyTenant.root, lon, lat, out)
      if (ground !== undefined) this.#walk(ground.root, lon, lat, out)
    }
    if (out.length - start > 1) sortUnique(out, start)
  }

  #collectBeacon(ground: Ground | undefined, kind: number, id: Uint8Array, offset: number, out: SlotList): void {
    const start = out.length
    this.#everyTenant.beacons.collect(kind, id, offset, out)
    if (ground !== undefined) ground.beacons.collect(kind, id, offset, out)
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

/** What the constructor gathers before it can size its arrays. */
class Plan {
  /** Every tenant's fences first, under null. */
  readonly tenants = new Map<string | null, { items: BoxItem[]; beacons: BeaconRegion[] }>([
    [null, { items: [], beacons: [] }],
  ])
  readonly polygons: Polygon[] = []
  readonly circles: CircleShape[] = []
  readonly #slots: number[] = []
  readonly #shapes: number[] = []
  readonly #shifts: number[] = []

  add(fence: Fence, slot: number): void {
    const { shape, tenant } = fence
    let own = this.tenants.get(tenant)
    if (own === undefined) {
      own = { items: [], beacons: [] }
      this.tenants.set(tenant, own)
    }
    if (shape.kind === 'beacon') own.beacons.push({ shape, slot })
    else if (shape.kind === 'circle') this.#addCircle(shape, slot, own.items)
    else for (const polygon of shape.polygons) this.#addPolygon(polygon, slot, own.items)
  }

  parts(): Parts {
    return {
      slot: Uint32Array.from(this.#slots),
      shape: Int32Array.from(this.#shapes),
      shift: Int16Array.from(this.#shifts),
    }
  }

  #addCircle(circle: CircleShape, slot: number, items: BoxItem[]): void {
    const { minLon, minLat, maxLon, maxLat } = circleBox(circle)
    const shape = ~this.circles.length
    this.circles.push(circle)
    for (const shift of SHIFTS) {
      if (!isInReach(minLon, maxLon, shift) || (shift !== 0 && maxLon - minLon >= 360)) continue
      items.push(this.#part(slot, shape, shift, minLon + shift, minLat, maxLon + shift, maxLat))
    }
  }

  /** A polygon round a pole is written out past ±180 already and is asked without a shift. */
  #addPolygon(polygon: Polygon, slot: number, items: BoxItem[]): void {
    const { minLon, minLat, maxLon, maxLat } = polygonBox(polygon)
    const shape = this.polygons.length
    this.polygons.push(polygon)
    for (const shift of SHIFTS) {
      if (!isInReach(minLon, maxLon, shift) || (shift !== 0 && polygon.polar === true)) continue
      const slack = shift === 0 ? 0 : SHIFT_SLACK_DEG
      const [west, east] = [minLon + shift - slack, maxLon + shift + slack]
      items.push(this.#part(slot, shape, shift, west, minLat, east, maxLat))
    }
  }

  #part(slot: number, shape: number, shift: number, minX: number, minY: number, maxX: number, maxY: number): BoxItem {
    const item = this.#slots.length
    this.#slots.push(slot)
    this.#shapes.push(shape)
    this.#shifts.push(shift)
    return { minX, minY, maxX, maxY, item }
  }
}

const SHIFTS = [0, -360, 360] as const
/** A box moved by a turn is rounded; the exact test decides, so it may as well be a little larger. */
const SHIFT_SLACK_DEG = 1e-9

function isInReach(minLon: number, maxLon: number, shift: number): boolean {
  return minLon + shift <= 180 && maxLon + shift >= -180
}

/** By id, then tenant, every tenant's first; plain comparison is by UTF-16 code units. */
function inSlotOrder(a: Fence, b: Fence): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1
  if (a.tenant === b.tenant) return 0
  if (a.tenant === null) return -1
  if (b.tenant === null) return 1
  return a.tenant < b.tenant ? -1 : 1
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
