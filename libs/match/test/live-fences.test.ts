// A hundred thousand random changes, compactions among them, against a plain list of fences that is searched one by one.
import { type Fence, type FenceIndex, type Shape, SlotList } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { circleShape, makeFence, makePolygon, polygonShape } from '../../model/contract/fence-index.ts'
import { seededRandom } from '../../testbed/src/random.ts'
import {
  buildBase,
  type CompactionJob,
  createFenceIndex,
  type FenceChange,
  LiveFences,
  openFenceIndex,
  packFences,
} from '../src/index.ts'

const TENANTS = [null, 'acme', 'zeta']
const CHANGES = Number(process.env['FENCEPOST_CHANGES'] ?? 100_000)

/** Small shapes on a grid of a sixteenth degree, so that points fall on edges and corners. */
function randomShape(next: () => number): Shape {
  const at = (width: number): number => Math.floor(next() * width * 16) / 16
  const [x, y] = [at(4) - 2, at(4) - 2]
  if (next() < 0.3) return circleShape(x, y, 1000 + Math.floor(next() * 20_000))
  if (next() < 0.1) {
    // Large enough for cells that know its edges.
    const corners = Array.from({ length: 60 }, (_, i): [number, number] => {
      const angle = (2 * Math.PI * i) / 60
      return [x + Math.cos(angle) * (0.5 + (i % 2)), y + Math.sin(angle) * (0.5 + (i % 2))]
    })
    return polygonShape(makePolygon(corners))
  }
  const [w, h] = [at(1) + 1 / 16, at(1) + 1 / 16]
  return polygonShape(
    makePolygon([
      [x, y],
      [x + w, y + h / 2],
      [x + w / 2, y + h],
    ]),
  )
}

/** One index for each fence: what the others do cannot change its answer. */
class OneByOne {
  readonly #fences = new Map<string, { fence: Fence; index: FenceIndex }>()
  readonly #out = new SlotList()

  apply(change: FenceChange): void {
    const { id, tenant } = 'put' in change ? change.put : change.remove
    if ('put' in change)
      this.#fences.set(`${id} ${tenant}`, { fence: change.put, index: createFenceIndex([change.put]) })
    else this.#fences.delete(`${id} ${tenant}`)
  }

  at(tenant: string, lon: number, lat: number): string[] {
    const found: string[] = []
    for (const { fence, index } of this.#fences.values()) {
      index.matchInto(tenant, lon, lat, this.#out)
      if (this.#out.length > 0) found.push(nameOf(fence))
    }
    return found.sort()
  }

  get size(): number {
    return this.#fences.size
  }
}

function nameOf({ id, tenant, version }: Pick<Fence, 'id' | 'tenant' | 'version'>): string {
  return `${id} ${tenant} ${version}`
}

describe('fences that change', () => {
  it(`answer as one by one after ${CHANGES} adds, edits, removals and compactions`, () => {
    const next = seededRandom(2024)
    const live = new LiveFences(packFences([]).base)
    const expected = new OneByOne()
    const out = new SlotList()
    let job: CompactionJob | null = null
    let compactions = 0
    let compared = 0
    for (let done = 0; done < CHANGES; ) {
      const changes: FenceChange[] = []
      const size = next() < 0.02 ? 2000 : 1 + Math.floor(next() * 200)
      for (let i = 0; i < size && done < CHANGES; i++, done++) {
        const id = `f${Math.floor(next() * 400)}`
        const tenant = TENANTS[Math.floor(next() * TENANTS.length)]!
        changes.push(
          next() < 0.4
            ? { remove: { id, tenant } }
            : { put: { ...makeFence(id, randomShape(next), tenant), version: done } },
        )
      }
      live.apply(changes)
      for (const change of changes) expected.apply(change)
      // A compaction is begun, other changes come, and it is finished or given up.
      if (job !== null && next() < 0.5) {
        if (next() < 0.2) live.dropCompaction()
        else live.finishCompaction(buildBase(job))
        compactions++
        job = null
      } else if (job === null && next() < 0.3) job = live.beginCompaction()
      if (next() > 0.15) continue

      const index = openFenceIndex(live.packed())
      expect(index.size).toBe(expected.size)
      for (let i = 0; i < 20; i++) {
        const [lon, lat] = [Math.floor(next() * 160) / 32 - 2.5, Math.floor(next() * 160) / 32 - 2.5]
        const tenant = ['acme', 'zeta', 'other'][i % 3]!
        index.matchInto(tenant, lon, lat, out)
        const got = Array.from(out.slots.subarray(0, out.length), (slot) => nameOf(index.fence(slot)))
        expect(got.toSorted()).toEqual(expected.at(tenant, lon, lat))
        const ids = got.map((name) => name.split(' ')[0]!)
        expect(ids).toEqual(ids.toSorted())
        compared += got.length
      }
    }
    expect(compactions).toBeGreaterThan(CHANGES / 10_000)
    expect(compared).toBeGreaterThan(CHANGES / 100)
  }, 240_000)

  it('keep what changed while a compaction ran', () => {
    const here = circleShape(0, 0, 100)
    const live = new LiveFences(packFences([makeFence('a', here), makeFence('b', here)]).base)
    live.apply([{ put: { ...makeFence('a', here), version: 2 } }, { put: makeFence('c', here) }])
    const job = live.beginCompaction()
    // One that the new base has is removed, one that it lacks comes, one comes and goes.
    live.apply([
      { remove: { id: 'c', tenant: null } },
      { put: { ...makeFence('a', here), version: 3 } },
      { put: makeFence('d', here) },
      { put: makeFence('e', here) },
      { remove: { id: 'e', tenant: null } },
    ])
    live.finishCompaction(buildBase(job))
    const index = openFenceIndex(live.packed())
    const out = new SlotList()
    index.matchInto('acme', 0, 0, out)
    const found = Array.from(out.slots.subarray(0, out.length), (slot) => index.fence(slot))
    expect(found.map(({ id, version }) => [id, version])).toEqual([
      ['a', 3],
      ['b', 1],
      ['d', 1],
    ])
    expect([index.size, live.changed]).toEqual([3, 3])
  })

  it('ask for a compaction from 4,097 changed fences on, or a sixty-fourth of many, and once at a time', () => {
    const live = new LiveFences(packFences([]).base)
    const put = (count: number, from: number): FenceChange[] =>
      Array.from({ length: count }, (_, i) => ({ put: makeFence(String(from + i), circleShape(0, 0, 1)) }))
    live.apply(put(4096, 0))
    expect(live.wantsCompaction()).toBe(false)
    live.apply(put(1, 4096))
    expect(live.wantsCompaction()).toBe(true)
    const job = live.beginCompaction()
    expect(live.wantsCompaction()).toBe(false)
    expect(() => live.beginCompaction()).toThrow('a compaction is under way')
    live.finishCompaction(buildBase(job))
    expect(() => live.finishCompaction(job.base)).toThrow('no compaction is under way')
    expect([live.wantsCompaction(), live.changed]).toEqual([false, 0])
  })

  it('tell the builder of a new base again and again how far it is, whatever it is made of', () => {
    const count = 20_000
    const at = (i: number): [lon: number, lat: number] => [(i % 200) / 100, Math.floor(i / 200) / 100]
    const base = packFences(Array.from({ length: count }, (_, i) => makeFence(`f${i}`, circleShape(...at(i), 100))))
    const shares: number[] = []
    buildBase({ base: base.base, fences: [], gone: Uint32Array.of(7) }, { onProgress: (share) => shares.push(share) })
    // Facts, shapes, places and cells: each in small pieces.
    expect(shares.filter((share) => share === 0).length).toBeGreaterThan((3 * count) / 64 - 3)
    expect(shares.filter((share) => share > 0).length).toBeGreaterThan(count / 64)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect([shares[0], shares.at(-1)]).toEqual([0, 1])
  })

  it('tell tenants and ids apart whatever is in them', () => {
    const here = circleShape(0, 0, 100)
    const live = new LiveFences(packFences([]).base)
    const pairs: [string, string | null][] = [
      ['1:a', null],
      ['a', '-'],
      [':a', '-'],
      ['ba', 'a'],
      ['a', 'ab'],
    ]
    live.apply(pairs.map(([id, tenant]) => ({ put: makeFence(id, here, tenant) })))
    live.finishCompaction(buildBase(live.beginCompaction()))
    live.apply(pairs.map(([id, tenant]) => ({ remove: { id, tenant } })))
    expect(live.changed).toBe(pairs.length)
    expect(openFenceIndex(live.packed()).size).toBe(0)
  })
})
