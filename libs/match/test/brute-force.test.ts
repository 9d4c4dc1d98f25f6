// Ten million pairs of a fence and a ping against a search through all fences that shares nothing with the index: whole-number geometry
// for polygons, the exact geodesic for circles. Pings lie at random, on corners, on edges, and one unit beside them.
import { geodesicDistanceM } from '@fencepost/geo'
import { BatchHits, type Fence, LOCATION, PingColumns, SlotList } from '@fencepost/model'
import { orient2d } from 'robust-predicates'
import { describe, expect, it } from 'vitest'
import { circleShape, makeFence, polygonShape } from '../../model/contract/fence-index.ts'
import { seededRandom } from '../../testbed/src/random.ts'
import { createFenceIndex } from '../src/index.ts'

type Next = () => number
type Ring = readonly (readonly [number, number])[]

/** Where coordinates lie: `unit` degrees apart, `snap` takes a value to the grid. */
interface Grid {
  readonly title: string
  readonly snap: (degrees: number) => number
  readonly unit: number
  /** Are differences and products of coordinates exact, so that plain arithmetic decides? Else a robust predicate must. */
  readonly exact: boolean
}

const GRIDS: readonly Grid[] = [
  // Seven decimals, and binary fractions at once.
  { title: 'a 128th of a degree', snap: (v) => Math.round(v * 128) / 128, unit: 1 / 128, exact: true },
  // Too fine for seven decimals: kept as doubles.
  { title: 'a 65,536th of a degree', snap: (v) => Math.round(v * 65_536) / 65_536, unit: 1 / 65_536, exact: true },
  { title: 'seven decimals', snap: (v) => Math.round(v * 1e7) / 1e7, unit: 1e-7, exact: false },
  { title: 'all digits', snap: (v) => v, unit: 1e-13, exact: false },
]

const FENCES = 250
const PINGS = 10_000
const TENANTS = [null, 'acme', 'zeta']

function star(next: Next, grid: Grid, corners: number, radius: number, x: number, y: number): Ring {
  const ring = Array.from({ length: corners }, (_, i): [number, number] => {
    const angle = (2 * Math.PI * (i + 0.8 * next())) / corners
    const reach = radius * (0.3 + 0.7 * next())
    return [grid.snap(x + reach * Math.cos(angle)), grid.snap(y + reach * Math.sin(angle))]
  })
  return [...ring, ring[0]!]
}

interface Made {
  readonly fence: Fence
  readonly rings: readonly Ring[]
}

function randomFence(next: Next, grid: Grid, id: string): Made {
  const [x, y] = [grid.snap(4 * next() - 2), grid.snap(4 * next() - 2)]
  const tenant = TENANTS[Math.floor(next() * TENANTS.length)]!
  if (next() < 0.3) return { fence: makeFence(id, circleShape(x, y, 200 + 60_000 * next() ** 4), tenant), rings: [] }
  const radius = 0.02 + 0.8 * next() ** 3
  const corners = next() < 0.2 ? 33 + Math.floor(next() * 400) : 3 + Math.floor(next() * 30)
  const rings = [star(next, grid, corners, radius, x, y)]
  // A ring inside another, crossing it or not: even-odd reads them all.
  if (next() < 0.3) rings.push(star(next, grid, 5 + Math.floor(next() * 20), radius / 2, x, y))
  if (next() < 0.1) rings.push(star(next, grid, 5, radius / 2, grid.snap(x + radius), y))
  const polygon = { rings: rings.map((ring) => Float64Array.from(ring.flat())) }
  return { fence: makeFence(id, polygonShape(polygon), tenant), rings }
}

function randomPing(next: Next, grid: Grid, made: readonly Made[]): readonly [number, number] {
  const kind = next()
  const { rings } = made[Math.floor(next() * made.length)]!
  if (kind < 0.5 || rings.length === 0) return [grid.snap(4.4 * next() - 2.2), grid.snap(4.4 * next() - 2.2)]
  const ring = rings[Math.floor(next() * rings.length)]!
  const i = Math.floor(next() * (ring.length - 1))
  const [a, b] = [ring[i]!, ring[i + 1]!]
  if (kind < 0.65) return a
  const middle: [number, number] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]
  if (kind < 0.8) return middle
  const beside = next() < 0.5 ? a : middle
  return [beside[0] + grid.unit * (Math.floor(3 * next()) - 1), beside[1] + grid.unit * (Math.floor(3 * next()) - 1)]
}

/** Even-odd by a ray to the north, boundary inside. */
function holds(rings: readonly Ring[], x: number, y: number, exact: boolean): boolean {
  let odd = false
  for (const ring of rings) {
    for (let i = 0; i + 1 < ring.length; i++) {
      const [ax, ay] = ring[i]!
      const [bx, by] = ring[i + 1]!
      if ((ax < x && bx < x) || (ax > x && bx > x)) continue
      const turn = exact ? (bx - ax) * (y - ay) - (by - ay) * (x - ax) : -orient2d(ax, ay, bx, by, x, y)
      if (turn === 0 && ((ay <= y && y <= by) || (by <= y && y <= ay))) return true
      if (ax <= x !== bx <= x && bx > ax === turn < 0) odd = !odd
    }
  }
  return odd
}

function inCircle({ shape }: Fence, x: number, y: number): boolean {
  if (shape.kind !== 'circle') return false
  // A degree of latitude is nowhere shorter than 110,574 m, and near the equator one of longitude not than 110,000.
  const { lon, lat, radiusM } = shape
  if (Math.abs(lat - y) * 110_000 > radiusM || Math.abs(lon - x) * 110_000 > radiusM) return false
  return geodesicDistanceM(lon, lat, x, y) <= radiusM
}

describe('the index against a search through all fences', () => {
  it.each(GRIDS)(
    'on coordinates of $title: 2.5 million pairs',
    (grid) => {
      const next = seededRandom(grid.title.length)
      const made = Array.from({ length: FENCES }, (_, i) => randomFence(next, grid, String(i).padStart(3, '0')))
      const boxes = made.map(({ rings }) => ({
        minX: Math.min(...rings.flat().map(([x]) => x)),
        maxX: Math.max(...rings.flat().map(([x]) => x)),
      }))
      const index = createFenceIndex(made.map(({ fence }) => fence))
      const pings = Array.from({ length: PINGS }, () => randomPing(next, grid, made))
      const columns = new PingColumns(PINGS)
      columns.count = PINGS
      pings.forEach(([x, y], i) => {
        columns.type[i] = LOCATION
        columns.lon[i] = x
        columns.lat[i] = y
      })
      const hits = new BatchHits(PINGS)
      index.matchBatchInto('acme', columns, hits)
      const out = new SlotList()
      let hitCount = 0
      const wrong: string[] = []
      pings.forEach(([x, y], i) => {
        const expected: string[] = []
        made.forEach(({ fence, rings }, f) => {
          if (fence.tenant === 'zeta') return
          const { minX, maxX } = boxes[f]!
          const inside =
            rings.length === 0 ? inCircle(fence, x, y) : x >= minX && x <= maxX && holds(rings, x, y, grid.exact)
          if (inside) expected.push(fence.id)
        })
        hitCount += expected.length
        index.matchInto('acme', x, y, out)
        const single = Array.from(out.slots.subarray(0, out.length), (slot) => index.fence(slot).id).join()
        const batch = Array.from(
          hits.list.slots.subarray(hits.starts[i], hits.starts[i + 1]),
          (slot) => index.fence(slot).id,
        )
        if (single !== expected.join() || batch.join() !== single) {
          wrong.push(`ping ${i}: expected [${expected}], got [${single}] and in the batch [${batch}]`)
        }
      })
      expect(wrong).toEqual([])
      expect(hitCount).toBeGreaterThan(PINGS / 2)
    },
    120_000,
  )
})
