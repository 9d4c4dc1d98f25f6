import { join } from 'node:path'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { seededRandom } from '@fencepost/testbed/random'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { buildOnce, startChild } from './child.ts'
import { openJournal, readAll, STOP_MS, valuesOf } from './open.ts'

const RUNS = 6
const PUBLISHERS = 12

let folder = ''
beforeAll(buildOnce)
beforeEach(() => {
  folder = tempFolder('crash')
})
afterEach(() => removeFolder(folder))

test('kill -9 at any moment loses nothing acknowledged, keeps the order and gives no cursor twice', async () => {
  const dir = join(folder, 'journal')
  const random = seededRandom(20_250_315)
  const acknowledged: string[] = []
  for (let run = 0; run < RUNS; run++) {
    const killAfter = 1 + Math.floor(random() ** 2 * 600)
    let acks = 0
    let kill = (): void => {}
    const killed = new Promise<void>((resolve) => {
      kill = resolve
    })
    const child = await startChild('publish', [dir, `${run}`, `${PUBLISHERS}`], (line) => {
      const [, id, records] = /^ack (\S+) (\d)$/.exec(line) ?? []
      if (id === undefined) return
      for (let r = 0; r < Number(records); r++) acknowledged.push(`[${id}.${r}]`)
      if (++acks === killAfter) kill()
    })
    await Promise.race([killed, child.ended])
    expect(child.end, child.lines.at(-1)).toBe(undefined)
    await child.kill9()
  }

  const journal = await openJournal(dir)
  const all = readAll(journal)
  await journal.stop(STOP_MS)
  const stored = valuesOf(all)
  expect(journal.counters.damagedFrames).toBe(0)
  expect(new Set(stored).size).toBe(stored.length)
  const present = new Set(stored)
  expect(acknowledged.length).toBeGreaterThan(RUNS)
  expect(acknowledged.filter((value) => !present.has(value))).toEqual([])
  const cursors = all.map(({ cursor }) => Number(cursor))
  expect(cursors).toEqual(cursors.map((_, i) => i + 1))
  for (let p = 0; p < PUBLISHERS; p++) {
    // [run.publisher.batch.record], in the order in which the publisher sent them.
    const numbers = stored
      .filter((value) => value.split('.')[1] === `${p}`)
      .map((value) => value.slice(1, -1).split('.').map(Number) as [number, number, number, number])
    const ordered = [...numbers].sort((a, b) => a[0] - b[0] || a[2] - b[2] || a[3] - b[3])
    expect(numbers).toEqual(ordered)
  }
})
