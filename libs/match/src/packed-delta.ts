// What has changed since the base of an index: fences in an rbush, and the slots of the base that no longer count. Small, and made
// anew as a whole at every change, so that readers see all of a change or nothing.
import { circleBox, polygonBox } from '@fencepost/geo'
import { type CircleShape, type Fence, isSensitive, type Polygon } from '@fencepost/model'
import { type BeaconRegion, type PackedBeacons, packBeacons } from './beacon-table.ts'
import { type BoxItem, type PackedTrees, packTrees } from './box-tree.ts'
import { packCircles } from './circle-table.ts'
import { type PackedFacts, packFacts } from './delta-facts.ts'
import { packExpiries } from './expiry-table.ts'
import { type FactsTable, inSlotOrder } from './facts-table.ts'
import { type PackedPolygons, packPolygons } from './polygon-table.ts'

/** What a tree leaf stands for: a circle, or one polygon of a fence seen from a longitude shifted by whole turns. */
export interface PackedParts {
  readonly slot: Uint32Array
  /** Number in its table: a polygon, or `~circle`. */
  readonly shape: Int32Array
  /** Degrees to take off a longitude before the polygon is asked: 0, or ±360. */
  readonly shift: Int16Array
}

/** The delta of an index as typed arrays in shared memory. A plain object for `postMessage`; only `tenants` is copied. */
export interface PackedDelta {
  readonly facts: PackedFacts
  /** Tenants with fences of their own. Root and beacon tables of the i-th have number i + 1. */
  readonly tenants: readonly string[]
  readonly trees: PackedTrees
  readonly parts: PackedParts
  readonly polygons: PackedPolygons
  readonly circles: Float64Array
  readonly beacons: PackedBeacons
  /** Where each of its fences stands among the slots of the base: between two of them. */
  readonly ranks: Float64Array
  /** Of its own fences, by slot. */
  readonly expiries: Float64Array
  /** A bit for each slot of the base whose fence was removed or replaced. */
  readonly gone: Uint8Array
  /** How many they are. */
  readonly goneCount: number
  /** Slots of the delta about whose fences nothing is told, ascending. */
  readonly sensitive: readonly number[]
}

/**
 * The delta of `base` that adds `fences` (ids unique among what one tenant sees) and takes away the slots in `gone`: those of removed
 * fences, and of edited ones, which are in `fences` anew. About 5 µs a fence.
 */
export function packDelta(base: FactsTable, fences: readonly Fence[], gone: Iterable<number>): PackedDelta {
  const sorted = [...fences].sort(inSlotOrder)
  const plan = new Plan()
  sorted.forEach((fence, slot) => {
    plan.add(fence, slot)
  })
  const tenants = [...plan.tenants.values()]
  const bits = new Uint8Array((base.size + 7) >>> 3)
  let goneCount = 0
  for (const slot of gone) {
    bits[slot >>> 3] |= 1 << (slot & 7)
    goneCount++
  }
  const names = [...plan.tenants.keys()].filter((tenant) => tenant !== null)
  return {
    facts: shared(packFacts(sorted)),
    tenants: names,
    trees: shared(packTrees(tenants.map(({ items }) => items))),
    parts: shared(plan.parts()),
    polygons: shared(packPolygons(plan.polygons)),
    circles: sharedArray(packCircles(plan.circles)),
    beacons: shared(packBeacons(tenants.map(({ beacons }) => beacons))),
    ranks: sharedArray(ranksIn(base, sorted)),
    expiries: sharedArray(expiriesOf(sorted)),
    gone: sharedArray(bits),
    goneCount,
    sensitive: sorted.flatMap((fence, slot) => (isSensitive(fence) ? [slot] : [])),
  }
}

/** Between the slots of the base, in their own order. */
function ranksIn(base: FactsTable, sorted: readonly Fence[]): Float64Array {
  return Float64Array.from(sorted, ({ id, tenant }, i) => base.place(id, tenant) - 1 + (i + 1) / (sorted.length + 1))
}

function expiriesOf(sorted: readonly Fence[]): Float64Array {
  return packExpiries(
    sorted.flatMap(({ expiresAt }, slot): [number, number][] => (expiresAt === undefined ? [] : [[slot, expiresAt]])),
  )
}

type Numbers = Uint8Array | Int16Array | Int32Array | Uint32Array | Float64Array

/** The same with every array in memory that threads share. */
function shared<T extends object>(table: T): T {
  const entries = Object.entries(table).map(([name, value]) => [
    name,
    ArrayBuffer.isView(value) ? sharedArray(value as Numbers) : value,
  ])
  return Object.fromEntries(entries) as T
}

function sharedArray<T extends Numbers>(array: T): T {
  const Type = array.constructor as new (buffer: SharedArrayBuffer) => T
  const copy = new Type(new SharedArrayBuffer(array.byteLength))
  copy.set(array)
  return copy
}

/** What is gathered before the arrays can be sized. */
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
    const { shape } = fence
    // A sensitive place is looked for with the pings of every tenant.
    const tenant = isSensitive(fence) ? null : fence.tenant
    let own = this.tenants.get(tenant)
    if (own === undefined) {
      own = { items: [], beacons: [] }
      this.tenants.set(tenant, own)
    }
    if (shape.kind === 'beacon') own.beacons.push({ shape, slot })
    else if (shape.kind === 'circle') this.#addCircle(shape, slot, own.items)
    else for (const polygon of shape.polygons) this.#addPolygon(polygon, slot, own.items)
  }

  parts(): PackedParts {
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
