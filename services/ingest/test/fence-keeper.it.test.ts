// Single changes of fences through the threads that make them, as built.
import { BaseIndex, type FenceChange, openFenceIndex, type PackedFences, packDelta, packFences } from '@fencepost/match'
import { type Fence, type FenceIndex, type Logger, SlotList } from '@fencepost/model'
import { afterEach, describe, expect, it } from 'vitest'
import type { FenceEdit } from '../dist/fence-edit.js'
import { createFenceKeeper, type FenceKeeper } from '../dist/fence-keeper.js'
import { circle } from './node-kit.ts'

const COUNT = 20_000
/** A grid of places 0.01 degrees apart, each fence 100 m round its own. */
const place = (i: number): readonly [number, number] => [(i % 200) / 100, Math.floor(i / 200) / 100]
const fenceAt = (i: number, id = `f${i}`): Fence => circle(id, ...place(i), 100, 'acme')
const put = (fence: Fence): FenceChange => ({ put: fence })
const remove = (id: string): FenceChange => ({ remove: { id, tenant: 'acme' } })
const FIRST = packFences(Array.from({ length: COUNT }, (_, i) => fenceAt(i)))
const FREE = 50_000

interface Kept {
  readonly keeper: FenceKeeper
  readonly published: PackedFences[]
  readonly errors: string[]
  /** Resolves with the next fences in force that pass. */
  when(test: (packed: PackedFences) => boolean): Promise<PackedFences>
  index(): FenceIndex
  at(i: number): string[]
}

let keeper: FenceKeeper | undefined
afterEach(() => keeper?.stop())

function keep(first = FIRST): Kept {
  const published = [first]
  const errors: string[] = []
  const watchers = new Set<(packed: PackedFences) => void>()
  const logger: Logger = { info() {}, warn() {}, error: (_, message) => void errors.push(message) }
  keeper = createFenceKeeper({
    first,
    buildCpuPercent: 50,
    publish(packed) {
      published.push(packed)
      for (const watcher of watchers) watcher(packed)
    },
    logger,
  })
  const index = (): FenceIndex => openFenceIndex(published.at(-1)!)
  return {
    keeper,
    published,
    errors,
    index,
    when: (test) =>
      new Promise((resolve) => {
        const watcher = (packed: PackedFences): void => {
          if (!test(packed)) return
          watchers.delete(watcher)
          resolve(packed)
        }
        watchers.add(watcher)
      }),
    at: (i) => idsAt(index(), i),
  }
}

function idsAt(index: FenceIndex, i: number): string[] {
  const out = new SlotList()
  index.matchInto('acme', ...place(i), out)
  return Array.from(out.slots.subarray(0, out.length), (slot) => index.fence(slot).id)
}

describe('the keeper of the fences', () => {
  it('has one edit among many in force when it says so', async () => {
    const { keeper, published, at } = keep()
    await keeper.apply([put(fenceAt(FREE, 'f7'))])
    expect([at(7), at(FREE), at(8)]).toEqual([[], ['f7'], ['f8']])
    await keeper.apply([remove('f8'), remove('never there')])
    expect([at(8), at(FREE)]).toEqual([[], ['f7']])
    await keeper.apply([put(fenceAt(8))])
    expect(at(8)).toEqual(['f8'])
    expect(published.every(({ base }) => base === FIRST.base)).toBe(true)
  })

  it('begins before the first change, once, also when other fences come', async () => {
    const { keeper, published, at } = keep()
    keeper.begin()
    keeper.begin()
    const other = packFences([fenceAt(3, 'other')])
    published.push(other)
    keeper.rebase(other)
    await keeper.apply([put(fenceAt(FREE))])
    expect([at(3), at(FREE), published.length]).toEqual([['other'], [`f${FREE}`], 3])
  })

  it('makes steps in their order, and those that wait in one go', async () => {
    const { keeper, published, at } = keep()
    const steps = Array.from({ length: 500 }, (_, i) => keeper.apply([put(fenceAt(FREE + i, 'moving'))]))
    await Promise.all(steps)
    expect(at(FREE + 499)).toEqual(['moving'])
    expect(at(FREE + 498)).toEqual([])
    expect(published.length).toBeLessThan(steps.length)
  })

  it('shows all of a step of 10,000 or nothing of it', async () => {
    const { keeper, published } = keep()
    await keeper.apply([remove('the thread is up then')])
    const moved = Array.from({ length: 10_000 }, (_, i) => put(fenceAt(FREE + i, `f${i}`)))
    const small = Array.from({ length: 20 }, (_, i) => keeper.apply([put(fenceAt(FREE + 20_000 + i, `small ${i}`))]))
    await Promise.all([...small, keeper.apply(moved), keeper.apply([remove('small 0')])])
    const sample = Array.from({ length: 100 }, (_, i) => i * 100)
    const states = published.map((packed) => {
      const index = openFenceIndex(packed)
      const old = sample.filter((i) => idsAt(index, i).includes(`f${i}`)).length
      const now = sample.filter((i) => idsAt(index, FREE + i).includes(`f${i}`)).length
      return `${old} ${now}`
    })
    expect(new Set(states)).toEqual(new Set(['100 0', '0 100']))
    expect(states.at(-1)).toBe('0 100')
  })

  it('folds many changes into a new base, and loses none of those that come meanwhile', async () => {
    const { keeper, when, at, published } = keep()
    const folded = when(({ base }) => base !== FIRST.base)
    await keeper.apply(Array.from({ length: 5000 }, (_, i) => put(fenceAt(FREE + i, `f${i}`))))
    let isFolded = false
    void folded.then(() => {
      isFolded = true
    })
    let more = 0
    for (; !isFolded; more++)
      await keeper.apply([put(fenceAt(FREE + 10_000 + more, `more ${more}`)), remove(`f${10_000 + more}`)])
    expect(more).toBeGreaterThan(1)
    await keeper.apply([remove('f1')])
    expect(published.at(-1)!.base).not.toBe(FIRST.base)
    for (let i = 0; i < more; i++) expect([at(FREE + 10_000 + i), at(10_000 + i)]).toEqual([[`more ${i}`], []])
    expect([at(FREE), at(0), at(FREE + 1), at(FREE + 4999)]).toEqual([['f0'], [], [], ['f4999']])
  })

  it('makes what waits to the fences of a new load, and forgets what was made to the old', async () => {
    const { keeper, published, at } = keep()
    await keeper.apply([put(fenceAt(FREE, 'early'))])
    const other = packFences([fenceAt(3, 'other')])
    const late = keeper.apply([put(fenceAt(FREE + 1, 'late'))])
    published.push(other)
    keeper.rebase(other)
    await late
    expect([at(3), at(FREE), at(FREE + 1), at(4)]).toEqual([['other'], [], ['late'], []])
    await keeper.apply([remove('late')])
    expect(at(FREE + 1)).toEqual([])
  })

  it('refuses what cannot be indexed, keeps what was made, and goes on', async () => {
    const { keeper, at } = keep()
    await keeper.apply([put(fenceAt(FREE, 'kept')), remove('f5')])
    const broken = {
      ...fenceAt(1, 'broken'),
      shape: { kind: 'polygon', polygons: [{ rings: null }] },
    } as unknown as Fence
    await expect(keeper.apply([put(fenceAt(FREE + 1, 'beside')), put(broken)])).rejects.toThrow(
      /^changes of fences that cannot be indexed: .*; the fences in force stay$/,
    )
    expect([at(FREE), at(FREE + 1)]).toEqual([['kept'], []])
    await keeper.apply([put(fenceAt(FREE + 2, 'after'))])
    expect([at(FREE), at(FREE + 1), at(FREE + 2), at(5)]).toEqual([['kept'], [], ['after'], []])
  })

  it('reads features, and leaves out the fence of one that cannot be used', async () => {
    const { keeper, errors, at } = keep()
    const feature = (geometry: object | null): string => {
      const properties = { radius_m: 100, name: 'a shop' }
      return JSON.stringify({ type: 'Feature', id: 'not this', properties, geometry })
    }
    const point = (i: number): object => ({ type: 'Point', coordinates: place(i) })
    const edit = (id: string, text: string): FenceEdit => ({ feature: text, id, tenant: 'acme' })
    await keeper.apply([
      edit('f7', feature(point(FREE))),
      edit('f8', feature(null)),
      edit('f9', '{'),
      remove('f10'),
      put(fenceAt(11, 'more')),
    ])
    const expected = [[], ['f7'], [], [], [], ['f11', 'more'], ['f12']]
    expect([7, FREE, 8, 9, 10, 11, 12].map(at)).toEqual(expected)
    expect(errors).toEqual(Array(2).fill('a changed fence cannot be used and is left out'))
    // All of it is made again when the thread has to begin anew.
    const failed = keeper.apply([put({ ...fenceAt(1), shape: {} as never })])
    await expect(failed).rejects.toThrow('cannot be indexed')
    await keeper.apply([put(fenceAt(13, 'later'))])
    expect([7, FREE, 8, 9, 10, 11, 12].map(at)).toEqual(expected)
    expect(at(13)).toEqual(['f13', 'later'])
  })

  it('survives the end of its thread', async () => {
    const { keeper, at, errors } = keep()
    await keeper.apply([put(fenceAt(FREE, 'kept'))])
    await keeper.apply([remove('f5')])
    await expect(keeper.apply([{ put: undefined } as unknown as FenceChange])).rejects.toThrow('ended with code 1')
    expect(errors).toContain('the thread that keeps the fences ended with code 1')
    await keeper.apply([put(fenceAt(FREE + 1, 'after'))])
    expect([at(FREE), at(FREE + 1), at(5)]).toEqual([['kept'], ['after'], []])
  })

  it('takes 200,000 changes that are in no base yet and not one more', async () => {
    const { keeper, at } = keep()
    const most = Array.from({ length: 200_000 }, (_, i) => remove(`no ${i}`))
    const step = keeper.apply(most)
    await expect(keeper.apply([remove('f1')])).rejects.toThrow(
      new RangeError(
        '200000 changes are not in an index yet and 1 more would be over 200000: try again later, or load all fences',
      ),
    )
    await step
    await keeper.apply([remove('f1')]) // what came to nothing does not count
    expect(at(1)).toEqual([])
  })

  it('makes a new base when most of what is noted is the same few fences or comes to nothing', async () => {
    const { keeper, when, at } = keep()
    const folded = when(({ base }) => base !== FIRST.base)
    await keeper.apply([put(fenceAt(FREE, 'real'))])
    await keeper.apply(Array.from({ length: 100_000 }, (_, i) => remove(`no ${i}`)))
    await keeper.apply([remove('f1')])
    await folded
    await keeper.apply(Array.from({ length: 199_990 }, (_, i) => remove(`nor ${i}`)))
    expect([at(FREE), at(1)]).toEqual([['real'], []])
  })

  it('says that it is stopping, and that fences put in force with changes cannot be changed', async () => {
    const delta = packDelta(new BaseIndex(FIRST.base).facts, [fenceAt(FREE, 'x')], [])
    const { keeper } = keep()
    const waits = keeper.apply([remove('f1')])
    keeper.rebase({ base: FIRST.base, delta })
    await expect(waits).rejects.toThrow('put there with changes of their own')
    await expect(keeper.apply([remove('f1')])).rejects.toThrow('put there with changes of their own')
    keeper.rebase(FIRST)
    const last = keeper.apply([remove('f1')])
    await Promise.all([keeper.stop(), expect(last).rejects.toThrow('the node is stopping')])
    await expect(keeper.apply([remove('f1')])).rejects.toThrow('the node is stopping')
  })
})
