// Fences as nothing but typed arrays: made in one thread, handed to another without a copy, opened there as an index.
import { circleBox, polygonBox } from '@fencepost/geo'
import type { CircleShape, Fence, Polygon } from '@fencepost/model'
import { type BeaconRegion, type PackedBeacons, packBeacons } from './beacon-table.ts'
import { type BoxItem, type PackedTrees, packTrees } from './box-tree.ts'
import { packCircles } from './circle-table.ts'
import { type PackedFacts, packFacts } from './facts-table.ts'
import { type PackedPolygons, packPolygons } from './polygon-table.ts'

/** What a tree leaf stands for: a circle, or one polygon of a fence seen from a longitude shifted by whole turns. */
export interface PackedParts {
  readonly slot: Uint32Array
  /** Number in its table: a polygon, or `~circle`. */
  readonly shape: Int32Array
  /** Degrees to take off a longitude before the polygon is asked: 0, or ±360. */
  readonly shift: Int16Array
}

/** An index to be. A plain object for `structuredClone` and `postMessage`; only `tenants` grows outside `buffersOf`. */
export interface PackedFences {
  readonly facts: PackedFacts
  /** Tenants with fences of their own. Root and beacon tables of the i-th have number i + 1. */
  readonly tenants: readonly string[]
  readonly trees: PackedTrees
  readonly parts: PackedParts
  readonly polygons: PackedPolygons
  readonly circles: Float64Array
  readonly beacons: PackedBeacons
}

/** Root and beacon tables of every tenant's fences. */
export const EVERY_TENANT = 0

/** All the work of an index that grows with its fences, about 5 µs each. Takes what `createFenceIndex` takes. */
export function packFences(fences: readonly Fence[]): PackedFences {
  const sorted = [...fences].sort(inSlotOrder)
  const plan = new Plan()
  sorted.forEach((fence, slot) => {
    plan.add(fence, slot)
  })
  const tenants = [...plan.tenants.values()]
  return {
    facts: packFacts(sorted),
    tenants: [...plan.tenants.keys()].filter((tenant) => tenant !== null),
    trees: packTrees(tenants.map(({ items }) => items)),
    parts: plan.parts(),
    polygons: packPolygons(plan.polygons),
    circles: packCircles(plan.circles),
    beacons: packBeacons(tenants.map(({ beacons }) => beacons)),
  }
}

/** The buffers of all its arrays, for the transfer list of `postMessage`: then the receiver copies nothing. */
export function buffersOf(packed: PackedFences): ArrayBuffer[] {
  const { facts, trees, parts, polygons, circles, beacons } = packed
  return [facts, trees, parts, polygons, { circles }, beacons]
    .flatMap((table): unknown[] => Object.values(table))
    .filter(ArrayBuffer.isView)
    .map(({ buffer }) => buffer as ArrayBuffer)
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

/** By id, then tenant, every tenant's first; plain comparison is by UTF-16 code units. */
function inSlotOrder(a: Fence, b: Fence): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1
  if (a.tenant === b.tenant) return 0
  if (a.tenant === null) return -1
  if (b.tenant === null) return 1
  return a.tenant < b.tenant ? -1 : 1
}
