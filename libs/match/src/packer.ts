// Gathers fences and makes the immutable base of an index of them: one block of memory. All the work that grows with fences is here.
import { type Box, circleBox, polygonBox } from '@fencepost/geo'
import type { Fence, Polygon } from '@fencepost/model'
import type { BaseIndex } from './base-index.ts'
import { type BeaconRegion, beaconSources, packBeacons } from './beacon-table.ts'
import { CellBuilder, type Placed } from './cell-builder.ts'
import { packExpiries } from './expiry-table.ts'
import { FactsWriter } from './facts-table.ts'
import { CELL_SLACK_DEG } from './grid.ts'
import { DoubleList, IntList, type WordChunks } from './growing.ts'
import { arraySource, makeImage, type SectionSource } from './image.ts'
import { RecordWriter } from './record-writer.ts'
import {
  ALIAS,
  ALIAS_UNITS,
  CIRCLE,
  E7,
  KIND_MASK,
  type RecordViews,
  RING_E7,
  RINGS_E7,
  recordUnits,
} from './records.ts'
import { spatialOrder } from './spatial-order.ts'

export interface PackerOptions {
  /** Told again and again how far it is, from 0 to 1, within a millisecond or so where it can be: who works beside others may rest in it. */
  readonly onProgress?: (share: number) => void
}

export interface Packer {
  /** Copies the fence. Ids are unique among the fences that one tenant sees. */
  add(fence: Fence): void
  /** Copies every fence of a base but those of which `isGone` says so, without taking its shapes apart. */
  addBase(base: BaseIndex, isGone: (slot: number) => boolean): void
  /** The base of an index of all that was added. The packer is spent then. */
  finish(): SharedArrayBuffer
}

/** Turns by which a shape is looked at from the other side of the antimeridian. */
const TURNS = [-360, 360] as const
/** A box moved by a turn is rounded; the exact test decides, so it may as well be a little larger. */
const SHIFT_SLACK = 1e-9 / 360
/** Of the number of a small piece of work: progress is told where these bits are 0. */
const PROGRESS_MASK = 63

export function createPacker(options: PackerOptions = {}): Packer {
  return new BasePacker(options)
}

class BasePacker implements Packer {
  readonly #onProgress: (share: number) => void
  readonly #facts = new FactsWriter()
  /** Records whose header says which fence they are of, in that order. */
  readonly #writer = new RecordWriter()
  readonly #beacons: { readonly shape: BeaconRegion['shape']; readonly number: number }[] = []

  constructor({ onProgress = () => {} }: PackerOptions) {
    this.#onProgress = onProgress
  }

  add(fence: Fence): void {
    const { shape } = fence
    const number = this.#facts.add(fence)
    if (shape.kind === 'beacon') this.#beacons.push({ shape, number })
    else if (shape.kind === 'circle') this.#writer.circle(shape, number)
    else for (const polygon of shape.polygons) this.#addPolygon(polygon, number)
  }

  addBase(base: BaseIndex, isGone: (slot: number) => boolean): void {
    const numbers = new Int32Array(base.size).fill(-1)
    for (let slot = 0; slot < base.size; slot++) {
      if ((slot & PROGRESS_MASK) === 0) this.#onProgress(0)
      if (isGone(slot)) continue
      numbers[slot] = this.#facts.add(base.facts.of(slot))
    }
    const { records } = base
    let last = 0
    let seen = 0
    for (let at = 0; at < base.recordUnits; at += recordUnits(records, at)) {
      if ((seen++ & PROGRESS_MASK) === 0) this.#onProgress(0)
      const number = numbers[records.u32[2 * at + 1]]
      if (number < 0) continue
      const copy = this.#writer.copy(records, at, number)
      if (kindOf(records, at) === ALIAS) this.#writer.views.u32[2 * copy + 2] = last
      else last = copy
    }
    base.beacons.forEachRegion((shape, slot) => {
      if (numbers[slot] >= 0) this.#beacons.push({ shape, number: numbers[slot] })
    })
  }

  finish(): SharedArrayBuffer {
    const facts = this.#facts
    const bySlot = facts.slotOrder()
    this.#onProgress(0)
    const slots = new Uint32Array(facts.size)
    bySlot.forEach((number, slot) => {
      slots[number] = slot
    })
    const groups = facts.tenants.map((): Group => ({ records: new IntList(), regions: [] }))
    const tenantOrder = facts.tenantOrder()
    const inOrder = tenantOrder.map((position) => groups[position])
    const groupOf = (number: number): Group => groups[facts.seenBy(number)]
    const { views, length } = this.#writer
    for (let at = 0; at < length; at += recordUnits(views, at)) {
      if (kindOf(views, at) !== ALIAS) groupOf(views.u32[2 * at + 1]).records.push(at)
    }
    for (const { shape, number } of this.#beacons) groupOf(number).regions.push({ shape, slot: slots[number] })

    const final = new RecordWriter(length + 1)
    const margins: [slot: number, record: number][] = []
    let seen = 0
    const onRecord = (number: number, record: number): void => {
      if ((seen++ & PROGRESS_MASK) === 0) this.#onProgress(0)
      if (facts.hasMargin(number)) margins.push([slots[number], record])
    }
    const placed = inOrder.map(({ records }) => place(records, this.#writer, final, slots, onRecord))
    const cells = new CellBuilder(final.views)
    const all = placed.reduce((sum, shapes) => sum + shapes.records.length, 0)
    let done = 0
    for (const shapes of placed) {
      const { length } = shapes.records
      cells.add(shapes, (share) => this.#onProgress((done + share * length) / Math.max(1, all)))
      done += length
    }
    this.#onProgress(1)
    return makeImage([
      arraySource(Uint32Array.from(cells.heads)),
      wordsSource(cells.roots),
      wordsSource(cells.nodes),
      wordsSource(cells.lists.words),
      arraySource(final.views.f64.subarray(0, final.length)),
      arraySource(Uint32Array.from(margins.sort(([a], [b]) => a - b).flat())),
      arraySource(Uint32Array.from(facts.sensitive, (number) => slots[number])),
      arraySource(packExpiries(facts.expiries.map(([number, expiresAt]) => [slots[number], expiresAt]))),
      ...facts.sections(bySlot, tenantOrder),
      ...beaconSources(packBeacons(inOrder.map(({ regions }) => regions))),
    ])
  }

  #addPolygon(polygon: Polygon, number: number): void {
    const { minLon, maxLon } = polygonBox(polygon)
    const record = this.#writer.polygon(polygon, number)
    // A polygon round a pole is written out past ±180 already and is asked without a shift.
    if (polygon.polar === true) return
    for (const shift of TURNS) if (isInReach(minLon, maxLon, shift)) this.#writer.alias(record, shift, number)
  }
}

/** What one tenant has. */
interface Group {
  /** Where its records begin; an alias follows what it stands for and is not named. */
  readonly records: IntList
  readonly regions: BeaconRegion[]
}

/** Copies a tenant's records to `final` in spatial order, with the slot of their fence, and says what the cells need of them. */
function place(
  records: IntList,
  staged: RecordWriter,
  final: RecordWriter,
  slots: Uint32Array,
  onRecord: (number: number, record: number) => void,
): Placed {
  const { views } = staged
  const boxes = Array.from({ length: 4 }, () => new Float64Array(records.length))
  const [minLon, minLat, maxLon, maxLat] = boxes
  for (let i = 0; i < records.length; i++) {
    const box = boxOf(views, records.data[i])
    minLon[i] = box.minLon
    minLat[i] = box.minLat
    maxLon[i] = box.maxLon
    maxLat[i] = box.maxLat
  }
  const order = spatialOrder(
    minLon.map((west, i) => (west + maxLon[i]) / 2),
    minLat.map((south, i) => (south + maxLat[i]) / 2),
  )
  const placed = { records: new IntList(), boxes: new DoubleList(), north: [] as number[], south: [] as number[] }
  const add = (record: number, i: number, shift: number): void => {
    const slack = CELL_SLACK_DEG + Math.abs(shift) * SHIFT_SLACK
    placed.records.push(record)
    placed.boxes.push(Math.max(-180, minLon[i] + shift - slack))
    placed.boxes.push(Math.max(-90, minLat[i] - slack))
    placed.boxes.push(Math.min(180, maxLon[i] + shift + slack))
    placed.boxes.push(Math.min(90, maxLat[i] + slack))
  }
  for (const i of order) {
    const from = records.data[i]
    const slot = slots[views.u32[2 * from + 1]]
    const record = final.copy(views, from, slot)
    onRecord(views.u32[2 * from + 1], record)
    if (maxLat[i] >= 90) placed.north.push(record)
    if (minLat[i] <= -90) placed.south.push(record)
    if (isInReach(minLon[i], maxLon[i], 0)) add(record, i, 0)
    if (kindOf(views, from) === CIRCLE) {
      const spansAll = maxLon[i] - minLon[i] >= 360
      for (const turn of TURNS) if (!spansAll && isInReach(minLon[i], maxLon[i], turn)) add(record, i, turn)
      continue
    }
    for (
      let at = from + recordUnits(views, from);
      at < staged.length && kindOf(views, at) === ALIAS;
      at += ALIAS_UNITS
    ) {
      const shift = views.i32[2 * at + 3]
      add(final.alias(record, shift, slot), i, shift)
    }
  }
  return placed
}

function boxOf(views: RecordViews, at: number): Box {
  const { i32, f64 } = views
  const kind = kindOf(views, at)
  if (kind === CIRCLE) return circleBox({ kind: 'circle', lon: f64[at + 1], lat: f64[at + 2], radiusM: f64[at + 3] })
  if (kind === RING_E7 || kind === RINGS_E7) {
    const box = 2 * at + 2
    return {
      minLon: i32[box] / E7,
      minLat: i32[box + 1] / E7,
      maxLon: i32[box + 2] / E7,
      maxLat: i32[box + 3] / E7,
    }
  }
  return { minLon: f64[at + 1], minLat: f64[at + 2], maxLon: f64[at + 3], maxLat: f64[at + 4] }
}

function wordsSource(words: WordChunks): SectionSource {
  return {
    bytes: words.length * 4,
    write(target) {
      words.drainInto(new Uint32Array(target.buffer, target.byteOffset, target.byteLength / 4))
    },
  }
}

function kindOf({ u32 }: RecordViews, at: number): number {
  return u32[2 * at] & KIND_MASK
}

function isInReach(minLon: number, maxLon: number, shift: number): boolean {
  return minLon + shift <= 180 && maxLon + shift >= -180
}
