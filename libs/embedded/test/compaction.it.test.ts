import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { seededRandom } from '@fencepost/testbed/random'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { compact } from '../src/compaction.ts'
import { commit, openEnvironment } from '../src/environment.ts'
import { openStore, type Store, type StoreOptions } from '../src/store.ts'
import { buildOnce, runChild, startChild } from './child.ts'
import { bytesOnDisk } from './open.ts'

let folder = ''
let dir = ''
const opened: Store[] = []
beforeAll(buildOnce)
beforeEach(() => {
  folder = tempFolder('compaction')
  dir = join(folder, 'store')
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
  removeFolder(folder)
})

function opening(more: Partial<StoreOptions> = {}): Store {
  const store = openStore({ dir, mapSize: 1 << 26, ...more })
  opened.push(store)
  return store
}

const key = (i: number): Buffer => Buffer.from(`k${String(i).padStart(6, '0')}`)
const put = (i: number, text: string) => ({ key: key(i), value: Buffer.from(text) })
const drop = (i: number) => ({ key: key(i), value: undefined })
const FROM = Buffer.from('k')
const TO = Buffer.from('l')
const CANARY = 'canary-4711'
const everything = (store: Store): string[] =>
  store.keys(FROM, TO, 1e6).map((at) => `${at} ${store.get(at)?.toString().slice(0, 20)}`)

describe('after a compaction', () => {
  test.each([
    { what: 'removed', change: (i: number) => drop(i) },
    { what: 'overwritten', change: (i: number) => put(i, 'nothing to see') },
  ])('no byte of what was $what before is in any file, large or small; all else is there', async ({ change }) => {
    const store = opening()
    const sizes = [20, 500, 3000, 9000, 100_000]
    await store.write(Array.from({ length: 200 }, (_, i) => put(i, `${i}${CANARY}`.padEnd(sizes[i % 5]!, '.'))))
    for (let i = 0; i < 200; i++) if (i % 3 > 0) await store.write([change(i)])
    for (let i = 0; i < 200; i += 3) await store.write([put(i, `kept ${i}`)])
    const before = everything(store)
    expect(bytesOnDisk(folder, CANARY)).toBe(true)
    await store.compact()
    expect(bytesOnDisk(folder, CANARY)).toBe(false)
    expect(everything(store)).toEqual(before)
    await store.close()
    expect(everything(opening())).toEqual(before)
  })

  test('the folder holds two files, for its user alone, and the data file is small', async () => {
    const store = opening()
    await store.write(Array.from({ length: 100 }, (_, i) => put(i, 'x'.repeat(10_000))))
    await store.write(Array.from({ length: 99 }, (_, i) => drop(i)))
    const before = statSync(join(dir, 'data.mdb')).size
    await store.compact()
    expect(readdirSync(dir).sort()).toEqual(['data.mdb', 'lock.mdb'])
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600)
    expect(statSync(join(dir, 'data.mdb')).size).toBeLessThan(before / 10)
  })

  test('the folder is still refused to others, in this process and any other', async () => {
    const store = opening()
    const refusals = (): Promise<string> => runChild('open', dir)
    await store.compact()
    expect(await refusals()).toContain(`already open in another process (pid ${process.pid})`)
    expect(() => openStore({ dir, mapSize: 1 << 26 })).toThrow('already open in this process')
    await store.compact()
    expect(await refusals()).toContain(`already open in another process (pid ${process.pid})`)
    await store.close()
    expect(await refusals()).toContain('opened')
  })
})

describe('during a compaction', () => {
  test.each([1_000_000, 1])(
    'reads answer and writes are kept, when %d keys may be written meanwhile',
    async (maxTouched) => {
      const store = opening({ maxTouched })
      await store.write(Array.from({ length: 3000 }, (_, i) => put(i, `old ${i}`.padEnd(4000, '.'))))
      let compacted = false
      const compacting = store.compact().then(() => {
        compacted = true
      })
      let written = 0
      while (!compacted) {
        const i = (written * 37) % 3000
        await store.write(written % 5 === 0 ? [drop(i), put(3000 + written, 'added')] : [put(i, `new ${written}`)])
        const read = store.get(key(i))?.toString()
        expect(read).toBe(written % 5 === 0 ? undefined : `new ${written}`)
        written++
      }
      await compacting
      expect(written).toBeGreaterThan(0)
      const before = everything(store)
      expect(before.filter((line) => line.includes('added')).length).toBe(Math.ceil(written / 5))
      await store.close()
      expect(everything(opening())).toEqual(before)
    },
  )

  test('calls that come share the next one, which leaves out what was removed before them', async () => {
    const store = opening()
    await store.write([put(1, `${CANARY}a`), put(2, `${CANARY}b`)])
    await store.write([drop(1)])
    const first = store.compact()
    await store.write([drop(2)])
    const second = store.compact()
    expect(store.compact()).toBe(second)
    expect(second).not.toBe(first)
    await first
    await second
    expect(bytesOnDisk(folder, CANARY)).toBe(false)
  })

  test('closing waits for its end', async () => {
    const store = opening()
    await store.write([put(1, 'here')])
    const compacting = store.compact()
    await store.close()
    await compacting
    expect(readdirSync(dir).sort()).toEqual(['data.mdb', 'lock.mdb'])
    expect(everything(opening())).toEqual([`${key(1)} here`])
  })
})

test.each([
  { what: 'cannot be opened', open: true, hold: false },
  { what: 'cannot take the place of the old file', open: false, hold: true },
])('a copy that $what leaves all as it was', async ({ open, hold }) => {
  const path = join(folder, 'plain')
  mkdirSync(path)
  const db = openEnvironment(path, { mapSize: 1 << 26 })
  await commit(db, [put(1, 'here')])
  const failing = (fails: boolean): void => {
    if (fails) throw new Error('no space left')
  }
  const compacting = compact({
    path,
    db,
    open(copy) {
      failing(open)
      return openEnvironment(copy, { mapSize: 1 << 26 })
    },
    takeTouched: () => [],
    hold: async () => failing(hold),
    swap: () => {
      throw new Error('must not be called')
    },
  })
  await expect(compacting).rejects.toThrow('no space left')
  expect(readdirSync(path).sort()).toEqual(['data.mdb', 'lock.mdb'])
  await commit(db, [put(2, 'and here')])
  expect([1, 2].map((i) => db.get(key(i))?.toString())).toEqual(['here', 'and here'])
  await db.close()
})

test('what a compaction left behind that was cut off is tidied at the next opening', async () => {
  const store = opening()
  await store.write([put(1, 'here')])
  await store.close()
  mkdirSync(join(dir, 'compact-0123'))
  writeFileSync(join(dir, 'compact-0123', 'data.mdb'), CANARY)
  expect(everything(opening())).toEqual([`${key(1)} here`])
  expect(bytesOnDisk(folder, CANARY)).toBe(false)
  expect(readdirSync(dir).sort()).toEqual(['data.mdb', 'lock.mdb'])
})

test('kill -9 at any moment of a compaction leaves the old file or the new one whole, and no acknowledged write is lost', async () => {
  const random = seededRandom(20_261_126)
  const known = new Map<string, string>()
  const pending = new Map<string, number>()
  let copies = 0
  for (let run = 0; run < 25; run++) {
    // Killed after so many lines: some during the copy, some between, some while what came meanwhile is brought over.
    const killAfter = 2 + Math.floor(random() ** 2 * 400)
    let lines = 0
    let kill = (): void => {}
    const killed = new Promise<void>((resolve) => {
      kill = resolve
    })
    const child = await startChild('compact', [dir, `${run}`], (line) => {
      const [, at, value] = /^ack (\S+) (\S+)$/.exec(line) ?? []
      if (at !== undefined) known.set(at, value as string)
      if (line === 'copying') copies++
      if (++lines === killAfter) kill()
    })
    await Promise.race([killed, child.ended])
    expect(child.end, child.lines.at(-1)).toBe(undefined)
    await child.kill9()
    const store = openStore({ dir, mapSize: 1 << 26 })
    expect(readdirSync(dir).sort()).toEqual(['data.mdb', 'lock.mdb'])
    for (const [at, value] of known) {
      const stored = store
        .get(Buffer.from(`k${at}`))
        ?.toString()
        .split(':')[0]
      // At most one write a writer may be there that was not told any more.
      if ((stored ?? '-') === value) continue
      const writer = `${run}.${at.split('.')[0]}`
      pending.set(writer, (pending.get(writer) ?? 0) + 1)
      expect(pending.get(writer), `${at}: ${stored} for ${value}`).toBe(1)
      known.set(at, stored ?? '-')
    }
    await store.close()
  }
  expect(copies).toBeGreaterThan(25)
})
