import { type PackedFences, packFences } from '@fencepost/match'
import { describe, expect, it } from 'vitest'
import { createFencesInForce } from '../src/fences-in-force.ts'
import { circle } from './node-kit.ts'

/** A loader whose loads settle when the test says so, and what is in force with it. */
function held() {
  const loads: { percent: number; settle: (packed: PackedFences) => void; fail: (error: Error) => void }[] = []
  const logged: string[] = []
  const log = (_: unknown, msg: string): void => void logged.push(msg)
  const fences = createFencesInForce({
    loadFences: (percent) => new Promise((settle, fail) => loads.push({ percent, settle, fail })),
    buildCpuPercent: 40,
    logger: { info: log, warn: log, error: log },
    clock: () => 7,
  })
  return { fences, loads, logged }
}

const ONE = packFences([circle('one', 1, 1, 10)])
const TWO = packFences([circle('one', 1, 1, 10), circle('two', 2, 2, 10)])

describe('the fences in force', () => {
  it('are none before the first load, and then those of the last', async () => {
    const { fences, loads } = held()
    expect([fences.index().size, fences.loadedAt()]).toEqual([0, 0])
    const loaded = fences.load()
    loads[0]?.settle(ONE)
    await loaded
    expect([fences.index().size, fences.loadedAt()]).toEqual([1, 7])
  })

  it('are loaded with all of the time at first, and with a part of it while there are others', async () => {
    const { fences, loads } = held()
    for (const settle of [false, true, true]) {
      const loading = fences.reload()
      if (settle) loads.at(-1)?.settle(ONE)
      else loads.at(-1)?.fail(new Error('is not there yet'))
      await loading
    }
    expect(loads.map(({ percent }) => percent)).toEqual([100, 100, 40])
  })

  it('stay when a reload fails, with the reason until one succeeds', async () => {
    const { fences, loads, logged } = held()
    const first = fences.reload()
    loads[0]?.settle(TWO)
    await first
    const second = fences.reload()
    loads[1]?.fail(new Error('is not JSON'))
    await second
    expect([fences.index().size, fences.lastError()]).toEqual([2, 'is not JSON'])
    const third = fences.reload()
    loads[2]?.settle(ONE)
    await third
    expect([fences.index().size, fences.lastError()]).toEqual([1, null])
    expect(logged).toEqual(['fences loaded', 'fences not reloaded; the ones in force stay', 'fences loaded'])
  })

  it('are those of the load that began last, whichever ends last', async () => {
    const { fences, loads } = held()
    const both = [fences.load(), fences.reload()]
    loads[1]?.settle(TWO)
    await both[1]
    loads[0]?.settle(ONE)
    await both[0]
    expect(fences.index().size).toBe(2)
  })

  it('are loaded once more when a reload is asked for while one runs: what it reads may have changed behind it', async () => {
    const { fences, loads } = held()
    const reloads = [fences.reload(), fences.reload(), fences.reload()]
    expect(loads).toHaveLength(1)
    loads[0]?.settle(ONE)
    await expect.poll(() => loads.length).toBe(2)
    loads[1]?.settle(TWO)
    await Promise.all(reloads)
    expect([fences.index().size, loads.length]).toEqual([2, 2])
  })
})
