// The delta of an index, opened where it serves: an rbush laid out flat finds candidates, exact tests decide.
import type { CircleShape, FenceFacts, SlotList } from '@fencepost/model'
import { BeaconTable } from './beacon-table.ts'
import { NODE_ENTRIES, type PackedTrees } from './box-tree.ts'
import { CircleTable } from './circle-table.ts'
import { FactsTable } from './delta-facts.ts'
import { ExpiryTable } from './expiry-table.ts'
import { EVERY_TENANT } from './facts-table.ts'
import type { PackedDelta, PackedParts } from './packed-delta.ts'
import { PolygonTable } from './polygon-table.ts'

/** What the delta says of one circle or polygon. */
export interface DeltaPart {
  readonly slot: number
  readonly holds: boolean
  readonly circle: CircleShape | null
  /** Of a polygon. */
  readonly forEachEdge: (visit: (ax: number, ay: number, bx: number, by: number) => void) => void
}

export class DeltaIndex {
  readonly size: number
  /** How many slots of the base no longer count. */
  readonly goneCount: number
  readonly #sensitive: ReadonlySet<number>
  readonly expiries: ExpiryTable
  readonly #facts: FactsTable
  /** Root and number of each tenant's own fences; those of every tenant have EVERY_TENANT. */
  readonly #tenants: ReadonlyMap<string, number>
  readonly #trees: PackedTrees
  readonly #parts: PackedParts
  readonly #polygons: PolygonTable
  readonly #circles: CircleTable
  readonly #beacons: BeaconTable
  readonly #ranks: Float64Array
  readonly #gone: Uint8Array
  /** Nodes still to visit; deep enough for the highest tree. */
  readonly #stack: Uint32Array
  /** Has the circle table been told the point at hand? */
  #pointSet = false

  constructor(packed: PackedDelta) {
    this.#facts = new FactsTable(packed.facts)
    this.size = this.#facts.size
    this.goneCount = packed.goneCount
    this.#sensitive = new Set(packed.sensitive)
    this.#tenants = new Map(packed.tenants.map((tenant, i) => [tenant, EVERY_TENANT + 1 + i]))
    this.#trees = packed.trees
    this.#parts = packed.parts
    this.#polygons = new PolygonTable(packed.polygons)
    this.#circles = new CircleTable(packed.circles)
    this.#beacons = new BeaconTable(packed.beacons)
    this.#ranks = packed.ranks
    this.expiries = new ExpiryTable(packed.expiries)
    this.#gone = packed.gone
    this.#stack = new Uint32Array(packed.trees.height * NODE_ENTRIES + 1)
  }

  fact(slot: number): FenceFacts {
    return this.#facts.of(slot)
  }

  get hasSensitive(): boolean {
    return this.#sensitive.size > 0
  }

  isSensitive(slot: number): boolean {
    return this.#sensitive.has(slot)
  }

  /** Does a slot of the base no longer count? */
  isGone(slot: number): boolean {
    return (this.#gone[slot >>> 3] & (1 << (slot & 7))) !== 0
  }

  /** Where a fence of the delta stands among the slots of the base. */
  rank(slot: number): number {
    return this.#ranks[slot]
  }

  /** Appends `offset` and the slots of the delta's fences that hold the point, in no order, a fence of several parts perhaps twice. */
  collect(tenant: string, lon: number, lat: number, offset: number, out: SlotList): void {
    const own = this.#tenants.get(tenant)
    this.#pointSet = false
    if (lat === 90 || lat === -90) {
      this.#walkPole(EVERY_TENANT, lat, offset, out)
      if (own !== undefined) this.#walkPole(own, lat, offset, out)
    } else {
      this.#walk(EVERY_TENANT, lon, lat, offset, out)
      if (own !== undefined) this.#walk(own, lon, lat, offset, out)
    }
  }

  /** The same for a beacon sighting. */
  collectBeacon(tenant: string, kind: number, id: Uint8Array, at: number, offset: number, out: SlotList): void {
    const start = out.length
    const own = this.#tenants.get(tenant)
    this.#beacons.collect(EVERY_TENANT, kind, id, at, out)
    if (own !== undefined) this.#beacons.collect(own, kind, id, at, out)
    for (let i = start; i < out.length; i++) out.slots[i] += offset
  }

  /** Visits every part whose box holds the point, with what the test says of it. */
  forEachPart(tenant: string, lon: number, lat: number, visit: (part: DeltaPart) => void): void {
    const { first, boxes, child } = this.#trees
    const atPole = lat === 90 || lat === -90
    const stack = [EVERY_TENANT, this.#tenants.get(tenant) ?? -1].filter((root) => root >= 0)
    this.#pointSet = false
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      for (let e = first[node]; e < first[node + 1]; e++) {
        const at = e * 4
        if (!atPole && (lon < boxes[at] || lon > boxes[at + 2])) continue
        if (lat < boxes[at + 1] || lat > boxes[at + 3]) continue
        if (child[e] >= 0) stack.push(child[e])
        else visit(this.#partOf(~child[e], lon, lat, atPole))
      }
    }
  }

  /** Visits the shapes of one fence, each once. */
  forEachShape(slot: number, visit: (shape: Pick<DeltaPart, 'circle' | 'forEachEdge'>) => void): void {
    const { slot: slots, shape, shift } = this.#parts
    for (let part = slots.indexOf(slot); part >= 0; part = slots.indexOf(slot, part + 1)) {
      const number = shape[part]
      if (shift[part] !== 0) continue // the same shape, seen from another longitude
      visit({
        circle: number < 0 ? this.#circles.circle(~number) : null,
        forEachEdge: (each) => this.#polygons.forEachEdge(number, each),
      })
    }
  }

  /** Slot of a fence of the delta, or -1. */
  find(id: string, tenant: string | null): number {
    return this.#facts.find(id, tenant)
  }

  #partOf(part: number, lon: number, lat: number, atPole: boolean): DeltaPart {
    const shape = this.#parts.shape[part]
    const shift = this.#parts.shift[part]
    return {
      slot: this.#parts.slot[part],
      holds: atPole ? this.#holdsPole(part, lat) : this.#holds(part, lon, lat),
      circle: shape < 0 ? this.#circles.circle(~shape) : null,
      forEachEdge: (visit) =>
        this.#polygons.forEachEdge(shape, (ax, ay, bx, by) => visit(ax + shift, ay, bx + shift, by)),
    }
  }

  #walk(root: number, x: number, y: number, offset: number, out: SlotList): void {
    const { first, boxes, child } = this.#trees
    const stack = this.#stack
    let depth = 1
    stack[0] = root
    while (depth > 0) {
      const node = stack[--depth]
      const end = first[node + 1]
      for (let e = first[node]; e < end; e++) {
        const at = e * 4
        if (x < boxes[at] || x > boxes[at + 2] || y < boxes[at + 1] || y > boxes[at + 3]) continue
        const next = child[e]
        if (next >= 0) stack[depth++] = next
        else if (this.#holds(~next, x, y)) out.push(offset + this.#parts.slot[~next])
      }
    }
  }

  /** At a pole every longitude is the same point: only latitudes prune. */
  #walkPole(root: number, lat: number, offset: number, out: SlotList): void {
    const { first, boxes, child } = this.#trees
    const stack = this.#stack
    let depth = 1
    stack[0] = root
    while (depth > 0) {
      const node = stack[--depth]
      const end = first[node + 1]
      for (let e = first[node]; e < end; e++) {
        if (lat < boxes[e * 4 + 1] || lat > boxes[e * 4 + 3]) continue
        const next = child[e]
        if (next >= 0) stack[depth++] = next
        else if (this.#holdsPole(~next, lat)) out.push(offset + this.#parts.slot[~next])
      }
    }
  }

  #holds(part: number, lon: number, lat: number): boolean {
    const shape = this.#parts.shape[part]
    if (shape < 0) return this.#circleHolds(~shape, lon, lat)
    const shift = this.#parts.shift[part]
    return this.#polygons.holds(shape, shift === 0 ? lon : lon - shift, lat)
  }

  #holdsPole(part: number, lat: number): boolean {
    const shape = this.#parts.shape[part]
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
