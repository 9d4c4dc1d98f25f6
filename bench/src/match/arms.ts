// The ways to match that the bench compares. Every arm has a loop of its own, so that each is compiled for itself, and turns each
// hit into one number of a sum; with a record it also writes the pairs down.
import { BatchHits, type Fence, type FenceIndex, LOCATION, PingColumns, SlotList } from '@fencepost/model'
import { booleanPointInPolygon } from '@turf/turf'
import Flatbush from 'flatbush'
import type { Feature, FeatureCollection, MultiPolygon, Polygon } from 'geojson'
import RBush from 'rbush'
import whichPolygon from 'which-polygon'
import type { Places } from './city-fences.ts'
import { buildEngine } from './engine.ts'
import { type Pairs, tally } from './pairs.ts'
import { TypedFences } from './typed-fences.ts'

export const ARM_NAMES = [
  'rbush + turf',
  'rbush + typed',
  'flatbush + typed',
  'which-polygon',
  'one by one',
  'batches of 1,000',
  'batches of 100',
] as const
export type ArmName = (typeof ARM_NAMES)[number]
export const OUR_ARMS: readonly ArmName[] = ['one by one', 'batches of 1,000', 'batches of 100']

export interface MatchArm {
  readonly name: ArmName
  /** Matches every ping once and returns the sum of the hits. */
  pass(record: Pairs | null): number
  /** Candidates of the last pass; null where the arm does not tell. */
  candidates(): number | null
  readonly cost: ArmCost
}

/** What an arm took before its first look-up. */
export interface ArmCost {
  readonly buildCpuMs: number
  readonly buildWallMs: number
  readonly indexBytes: number
  readonly geometryBytes: number
  /** What is known of the fences but their shape; the peers keep none of it. */
  readonly factsBytes: number
  /** Of all the above, what lies on the JS heap as objects. */
  readonly heapBytes: number
}

export interface ArmsOptions {
  readonly names: readonly ArmName[]
  /** Gives the same fences each time; the n-th has slot n. */
  readonly fences: () => Iterable<Fence>
  readonly tenant: string
  readonly places: Places
  readonly say: (line: string) => void
}

/** Builds the arms. Arms that use the same tree share one. */
export function createArms({ names, fences, tenant, places, say }: ArmsOptions): MatchArm[] {
  const wants = (...some: readonly ArmName[]): boolean => names.some((name) => some.includes(name))
  // Ours first: the heap is empty yet, as it is where an index is packed.
  const own = wants(...OUR_ARMS) ? ourArms(names, fences, tenant, places, say) : []
  const peers: MatchArm[] = []
  if (wants('rbush + turf', 'rbush + typed', 'flatbush + typed', 'which-polygon')) {
    say('making the flat geometry')
    const typed = TypedFences.of(fences())
    if (wants('rbush + turf', 'rbush + typed')) {
      say('loading rbush')
      const tree = measured(() => loadTree(typed))
      if (wants('rbush + turf')) peers.push(rbushTurf(typed, typed.severalParts ? null : tree, places))
      if (wants('rbush + typed')) peers.push(rbushTyped(typed, tree, places))
    }
    if (wants('flatbush + typed')) {
      say('building flatbush')
      peers.push(flatbushTyped(typed, places))
    }
    if (wants('which-polygon')) {
      say('building which-polygon')
      peers.push(whichPolygonArm(typed, places))
    }
  }
  return [...peers, ...own]
}

function ourArms(
  names: readonly ArmName[],
  fences: () => Iterable<Fence>,
  tenant: string,
  places: Places,
  say: (line: string) => void,
): MatchArm[] {
  say('packing our own')
  const { value, heapBytes } = measured(() => buildEngine(fences()))
  const { index, sizes, cpuMs, wallMs } = value
  const cost = { ...sizes, buildCpuMs: cpuMs, buildWallMs: wallMs, heapBytes }
  const made: Partial<Record<ArmName, () => MatchArm>> = {
    'one by one': () => oneByOne(index, cost, tenant, places),
    'batches of 1,000': () => batched('batches of 1,000', 1000, index, cost, tenant, places),
    'batches of 100': () => batched('batches of 100', 100, index, cost, tenant, places),
  }
  return names.flatMap((name) => made[name]?.() ?? [])
}

interface Boxed {
  readonly minX: number
  readonly minY: number
  readonly maxX: number
  readonly maxY: number
  readonly slot: number
  readonly part: number
}

function boxOf({ boxes, slots }: TypedFences, part: number): Boxed {
  const [minX, minY, maxX, maxY] = boxes.subarray(4 * part, 4 * part + 4) as unknown as [number, number, number, number]
  return { minX, minY, maxX, maxY, slot: slots[part] as number, part }
}

function loadTree(typed: TypedFences): RBush<Boxed> {
  return new RBush<Boxed>().load(Array.from({ length: typed.parts }, (_, part) => boxOf(typed, part)))
}

/** As most would write it: one box a feature, then turf on the feature. Circles as in the typed arms, since turf knows none. */
function rbushTurf(typed: TypedFences, shared: Measured<RBush<Boxed>> | null, { lon, lat }: Places): MatchArm {
  const tree = shared ?? measured(() => loadFeatureTree(typed))
  const shapes = measured(() => featuresOf(typed))
  const features = shapes.value
  let candidates = 0
  return {
    name: 'rbush + turf',
    candidates: () => candidates,
    cost: {
      ...costOf(tree),
      geometryBytes: shapes.heapBytes + typed.circleBytes,
      heapBytes: tree.heapBytes + shapes.heapBytes,
    },
    pass(record) {
      let sum = 0
      candidates = 0
      for (let i = 0; i < lon.length; i++) {
        const x = lon[i] as number
        const y = lat[i] as number
        const found = tree.value.search({ minX: x, minY: y, maxX: x, maxY: y })
        candidates += found.length
        if (found.length > 0) typed.setPoint(x, y)
        for (let j = 0; j < found.length; j++) {
          const { slot, part } = found[j] as Boxed
          const feature = features[slot] ?? null
          const inside =
            feature === null
              ? typed.inCircle(typed.places[2 * part] as number, x, y)
              : booleanPointInPolygon([x, y], feature)
          if (!inside) continue
          sum = (sum + tally(i, slot)) | 0
          record?.push(i, slot)
        }
      }
      return sum
    },
  }
}

function rbushTyped(typed: TypedFences, tree: Measured<RBush<Boxed>>, { lon, lat }: Places): MatchArm {
  const seen = new Uint32Array(typed.severalParts ? typed.count : 0)
  const { severalParts, places } = typed
  let candidates = 0
  return {
    name: 'rbush + typed',
    candidates: () => candidates,
    cost: { ...costOf(tree), geometryBytes: typed.geometryBytes },
    pass(record) {
      let sum = 0
      candidates = 0
      seen.fill(0)
      for (let i = 0; i < lon.length; i++) {
        const x = lon[i] as number
        const y = lat[i] as number
        const found = tree.value.search({ minX: x, minY: y, maxX: x, maxY: y })
        candidates += found.length
        if (found.length > 0) typed.setPoint(x, y)
        for (let j = 0; j < found.length; j++) {
          const { part, slot } = found[j] as Boxed
          const from = places[2 * part] as number
          const end = places[2 * part + 1] as number
          if (!(end === 0 ? typed.inCircle(from, x, y) : typed.inPolygon(from, end, x, y))) continue
          if (severalParts) {
            if (seen[slot] === i + 1) continue
            seen[slot] = i + 1
          }
          sum = (sum + tally(i, slot)) | 0
          record?.push(i, slot)
        }
      }
      return sum
    },
  }
}

/** Close to the least that a box index can do. */
function flatbushTyped(typed: TypedFences, { lon, lat }: Places): MatchArm {
  const tree = measured(() => {
    const flatbush = new Flatbush(typed.parts)
    const { boxes } = typed
    for (let at = 0; at < boxes.length; at += 4)
      flatbush.add(boxes[at] as number, boxes[at + 1] as number, boxes[at + 2] as number, boxes[at + 3] as number)
    flatbush.finish()
    return flatbush
  })
  const flatbush = tree.value
  const seen = new Uint32Array(typed.severalParts ? typed.count : 0)
  const { severalParts, places, slots } = typed
  let candidates = 0
  return {
    name: 'flatbush + typed',
    candidates: () => candidates,
    cost: { ...costOf(tree), indexBytes: flatbush.data.byteLength, geometryBytes: typed.geometryBytes },
    pass(record) {
      let sum = 0
      candidates = 0
      seen.fill(0)
      for (let i = 0; i < lon.length; i++) {
        const x = lon[i] as number
        const y = lat[i] as number
        const found = flatbush.search(x, y, x, y)
        candidates += found.length
        if (found.length > 0) typed.setPoint(x, y)
        for (let j = 0; j < found.length; j++) {
          const part = found[j] as number
          const from = places[2 * part] as number
          const end = places[2 * part + 1] as number
          if (!(end === 0 ? typed.inCircle(from, x, y) : typed.inPolygon(from, end, x, y))) continue
          const slot = slots[part] as number
          if (severalParts) {
            if (seen[slot] === i + 1) continue
            seen[slot] = i + 1
          }
          sum = (sum + tally(i, slot)) | 0
          record?.push(i, slot)
        }
      }
      return sum
    },
  }
}

/** Knows no circles and does not tell how many boxes it looked at. */
function whichPolygonArm(typed: TypedFences, { lon, lat }: Places): MatchArm {
  const shapes = measured((): FeatureCollection<Polygon | MultiPolygon, { slot: number }> => {
    const features = featuresOf(typed).map((feature, slot) => {
      if (feature === null) throw new RangeError(`fence ${slot} is a circle`)
      return { ...feature, properties: { slot } }
    })
    return { type: 'FeatureCollection', features }
  })
  const tree = measured(() => whichPolygon(shapes.value))
  const query = tree.value
  return {
    name: 'which-polygon',
    candidates: () => null,
    cost: { ...costOf(tree), geometryBytes: shapes.heapBytes, heapBytes: tree.heapBytes + shapes.heapBytes },
    pass(record) {
      let sum = 0
      for (let i = 0; i < lon.length; i++) {
        const found = query([lon[i] as number, lat[i] as number], true)
        if (found === null) continue
        for (let j = 0; j < found.length; j++) {
          const { slot } = found[j] as { slot: number }
          // A feature with several polygons is named once for each that holds the point; they come in no order.
          if (typed.severalParts && found.findIndex((other) => other.slot === slot) < j) continue
          sum = (sum + tally(i, slot)) | 0
          record?.push(i, slot)
        }
      }
      return sum
    },
  }
}

function oneByOne(index: FenceIndex, cost: ArmCost, tenant: string, { lon, lat }: Places): MatchArm {
  const out = new SlotList()
  return {
    name: 'one by one',
    candidates: () => null,
    cost,
    pass(record) {
      let sum = 0
      for (let i = 0; i < lon.length; i++) {
        index.matchInto(tenant, lon[i] as number, lat[i] as number, out)
        for (let j = 0; j < out.length; j++) {
          const slot = out.slots[j] as number
          sum = (sum + tally(i, slot)) | 0
          record?.push(i, slot)
        }
      }
      return sum
    },
  }
}

/** Columns are filled batch by batch, as the decoder fills them: the copy is part of what is measured. */
function batched(
  name: ArmName,
  size: number,
  index: FenceIndex,
  cost: ArmCost,
  tenant: string,
  { lon, lat }: Places,
): MatchArm {
  const columns = new PingColumns(size)
  columns.type.fill(LOCATION)
  const hits = new BatchHits(size)
  const e7 = (degrees: Float64Array): Int32Array => Int32Array.from(degrees, (value) => Math.round(value * 1e7))
  const batches = Array.from({ length: Math.ceil(lon.length / size) }, (_, batch) => {
    const [from, end] = [batch * size, Math.min((batch + 1) * size, lon.length)]
    const [lons, lats] = [lon.subarray(from, end), lat.subarray(from, end)]
    return { from, lons, lats, lonE7: e7(lons), latE7: e7(lats) }
  })
  return {
    name,
    candidates: () => null,
    cost,
    pass(record) {
      let sum = 0
      for (const { from, lons, lats, lonE7, latE7 } of batches) {
        columns.count = lons.length
        columns.lon.set(lons)
        columns.lat.set(lats)
        columns.lonE7.set(lonE7)
        columns.latE7.set(latE7)
        index.matchBatchInto(tenant, columns, hits)
        const { slots } = hits.list
        for (let i = 0; i < columns.count; i++) {
          const end = hits.starts[i + 1] as number
          for (let j = hits.starts[i] as number; j < end; j++) {
            const slot = slots[j] as number
            sum = (sum + tally(from + i, slot)) | 0
            record?.push(from + i, slot)
          }
        }
      }
      return sum
    },
  }
}

/** One feature a polygon fence, null for a circle. */
function featuresOf(typed: TypedFences): (Feature<Polygon | MultiPolygon> | null)[] {
  const features: (Feature<Polygon | MultiPolygon> | null)[] = []
  for (let part = 0; part < typed.parts; part++) {
    const slot = typed.slots[part] as number
    const before = features[slot]
    if (typed.isCircle(part)) features[slot] = null
    else if (before === undefined || before === null)
      features[slot] = {
        type: 'Feature',
        properties: null,
        geometry: { type: 'Polygon', coordinates: typed.coordinates(part) },
      }
    else if (before.geometry.type === 'MultiPolygon') before.geometry.coordinates.push(typed.coordinates(part))
    else
      before.geometry = {
        type: 'MultiPolygon',
        coordinates: [before.geometry.coordinates, typed.coordinates(part)],
      }
  }
  return features
}

/** One box a feature, whatever its polygons; one or two a circle. */
function loadFeatureTree(typed: TypedFences): RBush<Boxed> {
  const items: Boxed[] = []
  let last: { -readonly [K in keyof Boxed]: Boxed[K] } | null = null
  for (let part = 0; part < typed.parts; part++) {
    const box = boxOf(typed, part)
    if (last !== null && last.slot === box.slot && !typed.isCircle(part)) {
      last.minX = Math.min(last.minX, box.minX)
      last.minY = Math.min(last.minY, box.minY)
      last.maxX = Math.max(last.maxX, box.maxX)
      last.maxY = Math.max(last.maxY, box.maxY)
      continue
    }
    last = { ...box }
    items.push(last)
  }
  return new RBush<Boxed>().load(items)
}

interface Measured<T> {
  readonly value: T
  readonly cpuMs: number
  readonly wallMs: number
  /** Growth of the JS heap that outlives it. */
  readonly heapBytes: number
}

/** Runs a step that builds something and says what it cost. Bytes are right only where `--expose-gc` lets rubbish be cleared. */
function measured<T>(build: () => T): Measured<T> {
  const before = settledHeap()
  const wall = performance.now()
  const cpu = process.cpuUsage()
  const value = build()
  const { user, system } = process.cpuUsage(cpu)
  const wallMs = performance.now() - wall
  return { value, cpuMs: (user + system) / 1000, wallMs, heapBytes: Math.max(0, settledHeap() - before) }
}

function settledHeap(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

function costOf({ heapBytes, cpuMs, wallMs }: Measured<unknown>): Omit<ArmCost, 'geometryBytes'> {
  return { buildCpuMs: cpuMs, buildWallMs: wallMs, indexBytes: heapBytes, heapBytes, factsBytes: 0 }
}
