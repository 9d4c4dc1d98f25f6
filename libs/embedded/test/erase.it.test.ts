import { join } from 'node:path'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { seededRandom } from '@fencepost/testbed/random'
import { open } from 'lmdb'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeRecordBatch } from '../../model/contract/event-sink.ts'
import { eraseStep, MAX_STEP_BYTES, MAX_STEP_FRAMES, type StepOf, scanStep } from '../src/erase.ts'
import type { CursorRecord, Journal, JournalOptions } from '../src/index.ts'
import { frameKeyAt } from '../src/keys.ts'
import { openStore } from '../src/store.ts'
import { buildOnce, startChild } from './child.ts'
import { batchOf, bytesOnDisk, openJournal, readAll, STOP_MS, valuesOf } from './open.ts'

const POLL = { interval: 5, timeout: 10_000 }
const GONE = new Set(['gone'])
let folder = ''
let dir = ''
let clockMs = 1_742_040_000_000
const opened: Journal[] = []
beforeAll(buildOnce)
beforeEach(() => {
  folder = tempFolder('erase')
  dir = join(folder, 'journal')
})
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.stop(STOP_MS)
  removeFolder(folder)
})

async function opening(options: Partial<JournalOptions> = {}, logged: string[] = []): Promise<Journal> {
  const log = (fields: Readonly<Record<string, unknown>>, msg: string): void => {
    logged.push(`${msg} ${JSON.stringify(fields)}`)
  }
  const journal = await openJournal(dir, options, { now: () => clockMs, logger: { info() {}, warn: log, error: log } })
  opened.push(journal)
  return journal
}

async function reopened(journal: Journal, ...args: Parameters<typeof opening>): Promise<Journal> {
  await journal.stop(STOP_MS)
  return opening(...args)
}

const lines = (records: readonly CursorRecord[]): string[] =>
  records.map(({ cursor, record }) => `${cursor} ${record.key} ${Buffer.from(record.value).toString().trim()}`)
const keyOf = (line: string): string => line.split(' ')[1]!

async function scanned(journal: Journal, keys: ReadonlySet<string>): Promise<string[]> {
  const found: CursorRecord[] = []
  for await (const record of journal.scan(keys)) found.push(record)
  return lines(found)
}

describe('an erasure', () => {
  test('removes all records of its keys, from all topics and from the disk, and moves no other', async () => {
    const random = seededRandom(4711)
    let journal = await opening({ commitIntervalMs: 0 })
    for (let round = 0; round < 40; round++) {
      const together = Array.from({ length: 1 + Math.floor(random() * 6) }, (_, i) => {
        const key = `pseudonym-${Math.floor(random() * 8)}`
        const values = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, r) => `of-${key}-${round}.${i}.${r}`)
        const batch = makeRecordBatch(
          key,
          values.map((value) => Buffer.from(value.padEnd(random() * 3000))),
        )
        return journal.publish(random() < 0.3 ? { ...batch, topic: 'transitions' } : batch)
      })
      await Promise.all(together)
    }
    const topics = ['matches', 'transitions'] as const
    const before = topics.map((topic) => lines(readAll(journal, topic)))
    const keys = new Set(['pseudonym-2', 'pseudonym-5'])
    const kept = before.map((all) => all.filter((line) => !keys.has(keyOf(line))))
    const gone = before.flat().filter((line) => keys.has(keyOf(line)))
    expect(await scanned(journal, keys)).toEqual(gone)
    expect(bytesOnDisk(folder, 'pseudonym-2')).toBe(true)

    expect(await journal.erase(keys)).toEqual({ records: gone.length })
    expect(journal.counters.erasedRecords).toBe(gone.length)
    await journal.compact()
    for (const word of ['pseudonym-2', 'pseudonym-5']) expect(bytesOnDisk(folder, word)).toBe(false)
    expect(bytesOnDisk(folder, 'of-pseudonym-3')).toBe(true)
    for (let again = 0; again < 2; again++) {
      for (const limit of [1, 7, 1000])
        expect(topics.map((topic) => lines(readAll(journal, topic, limit)))).toEqual(kept)
      // From any cursor, that of an erased record too.
      for (let after = 0; after < before[0]!.length; after += 3) {
        const page = journal.read('matches', after, 1)
        expect(page.gone).toBe(false)
        expect(lines(page.records)).toEqual(kept[0]!.filter((line) => Number(line.split(' ')[0]) > after).slice(0, 1))
      }
      expect(await scanned(journal, keys)).toEqual([])
      expect(await scanned(journal, new Set(['pseudonym-3']))).toEqual(
        kept.flat().filter((line) => keyOf(line) === 'pseudonym-3'),
      )
      expect(await journal.erase(keys)).toEqual({ records: 0 })
      journal = await reopened(journal, { commitIntervalMs: 0 })
    }
    await journal.publish(batchOf('pseudonym-2', 'anew'))
    const [newest] = readAll(journal).slice(-1)
    expect(newest?.cursor).toBe(String(before[0]!.length + 1))
    expect(journal.counters.damagedFrames).toBe(0)
  })

  test('of the newest record leaves its number used, after a restart too', async () => {
    let journal = await opening()
    await journal.publish(batchOf('a', 'v0'))
    await journal.publish(batchOf('gone', 'v1', 'v2'))
    expect(await journal.erase(GONE)).toEqual({ records: 2 })
    journal = await reopened(journal)
    await journal.publish(batchOf('b', 'v3'))
    expect(lines(readAll(journal))).toEqual(['1 a v0', '4 b v3'])
    expect(journal.stats().topics[0]).toMatchObject({ oldest: '1', newest: '4', records: 4 })
  })

  test('of nobody and of an empty journal removes nothing', async () => {
    const journal = await opening()
    expect(await journal.erase(GONE)).toEqual({ records: 0 })
    await journal.publish(batchOf('a', 'v0'))
    expect(await journal.erase(new Set())).toEqual({ records: 0 })
    expect(lines(readAll(journal))).toEqual(['1 a v0'])
  })

  test('goes on beside publishes and retention, and brings nothing back', async () => {
    const options = { retentionMs: 1000, commitIntervalMs: 0, maxGroupBytes: 1 }
    let journal = await opening(options)
    const publish = (i: number): Promise<void> => journal.publish(batchOf(i % 3 === 0 ? 'gone' : `k${i}`, `v${i}`))
    await Promise.all(Array.from({ length: 900 }, (_, i) => publish(i)))
    clockMs += 2000 // all of it is due: a run of retention begins with the journal, and the erasure right after it
    journal = await reopened(journal, options)
    let erasing = true
    const erasure = journal.erase(GONE).finally(() => {
      erasing = false
    })
    let published = 900
    while (erasing) await publish(published++)
    await erasure
    await expect.poll(() => journal.counters.expiredFrames, POLL).toBe(900)
    journal = await reopened(journal, options)
    expect(journal.stats().topics[0]?.oldest).toBe('901')
    const others = valuesOf(readAll(journal).filter(({ record }) => record.key !== 'gone'))
    const after900 = Array.from({ length: published - 900 }, (_, i) => i + 900).filter((i) => i % 3 !== 0)
    expect(others).toEqual(after900.map((i) => `v${i}`))
    expect(journal.counters.damagedFrames).toBe(0)
  })

  test('several at once remove what each was asked to', async () => {
    const journal = await opening()
    for (let i = 0; i < 30; i++) await journal.publish(batchOf(`k${i % 3}`, `v${i}`))
    const removed = await Promise.all(['k0', 'k1', 'k0'].map((key) => journal.erase(new Set([key]))))
    expect(removed.reduce((sum, { records }) => sum + records, 0)).toBe(20)
    expect(new Set(readAll(journal).map(({ record }) => record.key))).toEqual(new Set(['k2']))
    await journal.compact()
    expect(bytesOnDisk(folder, 'k0')).toBe(false)
  })

  test('rejects when the journal is stopped, before and during it', async () => {
    const journal = await opening({ commitIntervalMs: 0, maxGroupBytes: 1 })
    await Promise.all(Array.from({ length: 3 * MAX_STEP_FRAMES }, (_, i) => journal.publish(batchOf('gone', `v${i}`))))
    const erasing = journal.erase(GONE)
    const stopping = journal.stop(STOP_MS)
    await expect(erasing).rejects.toMatchObject({ code: 'stopped' })
    await stopping
    await expect(journal.erase(GONE)).rejects.toMatchObject({ code: 'stopped' })
    await expect(scanned(journal, GONE)).rejects.toMatchObject({ code: 'stopped' })
    const again = await opening()
    expect((await again.erase(GONE)).records).toBeGreaterThan(0)
    expect(readAll(again)).toEqual([])
    await again.compact()
    expect(bytesOnDisk(folder, 'gone')).toBe(false)
  })
})

describe('a frame that cannot be read', () => {
  /** Changes the second frame behind the journal's back. */
  async function changeSecond(journal: Journal, change: (frame: Buffer) => void): Promise<void> {
    await journal.stop(STOP_MS)
    const db = open<Buffer, Buffer>({
      path: dir,
      noSubdir: false,
      overlappingSync: false,
      encoding: 'binary',
      keyEncoding: 'binary',
    })
    const second = [...db.getKeys({ start: Buffer.from([1]) })][1]!
    const frame = Buffer.from(db.get(second)!)
    change(frame)
    await db.put(second, frame)
    await db.close()
  }

  test.each([2, 3])('because it is damaged is erased whole, of %d too, and keeps its numbers', async (frames) => {
    let journal = await opening()
    for (let i = 0; i < frames; i++) await journal.publish(batchOf('a', `v${i}`, `w${i}`))
    await changeSecond(journal, (frame) => {
      frame[frame.length - 1] = 0
    })
    const logged: string[] = []
    journal = await opening({}, logged)
    expect(await scanned(journal, GONE)).toEqual([])
    expect(journal.counters.damagedFrames).toBe(1)
    expect(bytesOnDisk(folder, 'v1')).toBe(true)
    expect(await journal.erase(GONE)).toEqual({ records: 0 })
    expect(logged.at(-1)).toMatch(/^journal frame damaged, erased whole .*"cursor":3.*checksum/)
    await journal.compact()
    expect(bytesOnDisk(folder, 'v1')).toBe(false)
    journal = await reopened(journal)
    await journal.publish(batchOf('b', 'new'))
    const rest = ['1 a v0', '2 a w0', ...(frames === 3 ? ['5 a v2', '6 a w2'] : [])]
    const read = lines(readAll(journal))
    expect(read.slice(0, -1)).toEqual(rest)
    // The newest, when it was damaged, may have had any number of records up to its length.
    expect(Number(read.at(-1)!.split(' ')[0])).toBeGreaterThanOrEqual(2 * frames + 1)
    expect(journal.counters.damagedFrames).toBe(0)
  })

  test('because a newer version wrote it is left alone, and the erasure fails', async () => {
    let journal = await opening()
    for (let i = 0; i < 3; i++) await journal.publish(batchOf('gone', `v${i}`))
    await changeSecond(journal, (frame) => {
      frame.writeUInt32LE(3, 0)
    })
    journal = await opening()
    await expect(journal.erase(GONE)).rejects.toThrow('frame version must be 1..2, got 3')
    expect(bytesOnDisk(folder, 'v1')).toBe(true)
  })
})

describe('a step', () => {
  test.each([
    { what: 'frames', count: MAX_STEP_FRAMES, bytes: 1, steps: [MAX_STEP_FRAMES] },
    { what: 'frames, one more', count: MAX_STEP_FRAMES + 1, bytes: 1, steps: [MAX_STEP_FRAMES, 1] },
    { what: 'bytes', count: 6, bytes: MAX_STEP_BYTES / 4, steps: [4, 2] },
    { what: 'bytes in one frame', count: 2, bytes: MAX_STEP_BYTES + 1, steps: [1, 1] },
  ])('ends at its $what', async ({ count, bytes, steps }) => {
    const journal = await opening({ commitIntervalMs: 0, maxGroupBytes: 1 })
    await Promise.all(Array.from({ length: count }, () => journal.publish(batchOf('gone', 'x'.repeat(bytes)))))
    await journal.stop(STOP_MS)
    const store = openStore({ dir, mapSize: 1 << 28 })
    const parts = {
      logger: { info() {}, warn() {}, error() {} },
      counters: { erasedRecords: 0, damagedFrames: 0 },
    }
    for (const walk of ['scan', 'erase']) {
      let start: Buffer | null = frameKeyAt('matches', 0)
      for (const records of steps) {
        const step: StepOf = { topic: 'matches', start: start!, until: count + 1, keys: GONE }
        const done: { records: number | CursorRecord[]; next: Buffer | null } =
          walk === 'scan' ? scanStep(store, step, parts) : await eraseStep(store, step, parts)
        expect(typeof done.records === 'number' ? done.records : done.records.length).toBe(records)
        start = done.next
      }
      expect(start).toBe(null)
    }
    await store.close()
  })
})

test('a scan goes on when retention removes what it has not reached', async () => {
  const journal = await opening({ retentionMs: 1000, retentionCheckMs: 1, commitIntervalMs: 0, maxGroupBytes: 1 })
  await Promise.all(Array.from({ length: 2 * MAX_STEP_FRAMES }, (_, i) => journal.publish(batchOf('gone', `v${i}`))))
  let found = 0
  for await (const _ of journal.scan(GONE)) {
    if (found++ > 0) continue
    clockMs += 2000
    await expect.poll(() => journal.counters.expiredFrames, POLL).toBe(2 * MAX_STEP_FRAMES)
  }
  expect(found).toBe(MAX_STEP_FRAMES)
})

test('kill -9 at any moment of an erasure loses no other record, and the next erasure ends it', async () => {
  const random = seededRandom(815)
  const acknowledged: string[] = []
  for (let run = 0; run < 12; run++) {
    const killAfter = Math.floor(random() ** 2 * 150)
    let heard = 0
    let erasing = false
    let kill = (): void => {}
    const killed = new Promise<void>((resolve) => {
      kill = resolve
    })
    const child = await startChild('eraseSome', [dir, `${run}`], (line) => {
      const [, id] = /^ack (\S+)$/.exec(line) ?? []
      if (id !== undefined) acknowledged.push(id)
      erasing ||= line === 'erasing'
      if (erasing && heard++ === killAfter) kill()
    })
    await Promise.race([killed, child.ended])
    expect(child.end, child.lines.at(-1)).toBe(undefined)
    await child.kill9()
  }
  const journal = await openJournal(dir)
  opened.push(journal)
  await journal.erase(GONE)
  await journal.compact()
  expect(bytesOnDisk(folder, 'gone-')).toBe(false)
  const stored = valuesOf(readAll(journal)).map((value) => value.split(/[-;]/)[1])
  expect(new Set(stored).size).toBe(stored.length)
  const present = new Set(stored)
  expect(acknowledged.filter((id) => !present.has(id))).toEqual([])
  expect(journal.counters.damagedFrames).toBe(0)
  expect(acknowledged.length).toBeGreaterThan(12 * 160 - 1)
})
