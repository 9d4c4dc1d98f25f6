import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { SinkError } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { open } from 'lmdb'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeRecordBatch } from '../../model/contract/event-sink.ts'
import { type Journal, type JournalOptions, parseCursor } from '../src/index.ts'
import { buildOnce, CHILD, runChild } from './child.ts'
import { batchOf, journalAt, openJournal, readAll, STOP_MS, valuesOf } from './open.ts'

const POLL = { interval: 5, timeout: 10_000 }
let folder = ''
let dir = ''
let clockMs = 1_742_040_000_000
const opened: Journal[] = []

beforeAll(buildOnce)
beforeEach(() => {
  folder = tempFolder('journal')
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
  const journal = await openJournal(dir, options, {
    now: () => clockMs,
    logger: { info() {}, warn: log, error: log },
  })
  opened.push(journal)
  return journal
}

/** Stops and opens again. */
async function reopened(journal: Journal, options: Partial<JournalOptions> = {}): Promise<Journal> {
  await journal.stop(STOP_MS)
  return opening(options)
}

const publishAll = async (journal: Journal, count: number, first = 0): Promise<void> => {
  for (let i = first; i < first + count; i++) await journal.publish(batchOf('key', `v${i}`))
}
const values = (count: number, first = 0): string[] => Array.from({ length: count }, (_, i) => `v${first + i}`)
const cursors = (journal: Journal): string[] => readAll(journal).map(({ cursor }) => cursor)

describe('reading', () => {
  test('begins at the oldest without a cursor, goes on after one, and ends with nothing', async () => {
    const journal = await opening()
    await journal.publish(batchOf('a', 'v0', 'v1', 'v2'))
    await journal.publish(batchOf('b', 'v3'))
    const first = journal.read('matches', null, 2)
    expect(valuesOf(first.records)).toEqual(['v0', 'v1'])
    expect(first.records.map(({ cursor }) => cursor)).toEqual(['1', '2'])
    expect(valuesOf(journal.read('matches', 2, 10).records)).toEqual(['v2', 'v3'])
    expect(journal.read('matches', 4n, 10)).toEqual({ records: [], gone: false })
  })

  test('a cursor beyond the newest gives nothing and is no error', async () => {
    const journal = await opening()
    await publishAll(journal, 3)
    expect(journal.read('matches', 1_000_000, 10)).toEqual({ records: [], gone: false })
  })

  test('an empty journal is read from its beginning, with and without a cursor', async () => {
    const journal = await opening()
    for (const after of [null, 0, 1]) expect(journal.read('matches', after, 10)).toEqual({ records: [], gone: false })
    const publishing = journal.publish(batchOf('key', 'v0'))
    expect(journal.read('matches', 0, 10)).toEqual({ records: [], gone: false })
    await publishing
    expect(valuesOf(journal.read('matches', 0, 10).records)).toEqual(['v0'])
  })

  test.each([1, 2, 7, 64, 1000])('in pages of %d gives every record once, in order', async (limit) => {
    const journal = await opening({ commitIntervalMs: 0 })
    const batches = Array.from({ length: 150 }, (_, i) => batchOf(`k${i % 5}`, ...values(1 + (i % 4), i * 10)))
    // Some alone in their frame, some together.
    for (let i = 0; i < 100; i++) await journal.publish(batches[i]!)
    await Promise.all(batches.slice(100).map((batch) => journal.publish(batch)))
    const all = readAll(journal, 'matches', limit)
    expect(valuesOf(all)).toEqual(batches.flatMap((_, i) => values(1 + (i % 4), i * 10)))
    expect(all.map(({ cursor }) => Number(cursor))).toEqual(all.map((_, i) => i + 1))
  })

  test('ends a page early when its values are large, and the next goes on', async () => {
    const journal = await opening()
    for (let i = 0; i < 9; i++) await journal.publish(makeRecordBatch('key', [new Uint8Array(1024 * 1024).fill(i)]))
    const page = journal.read('matches', null, 1000)
    expect(page.records.length).toBe(4)
    expect(readAll(journal).map(({ record }) => record.value[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  test('a listener hears of every commit that added records, until it leaves', async () => {
    const journal = await opening()
    let heard = 0
    const leave = journal.onAppend(() => {
      heard++
      expect(journal.read('matches', null, 10).records.length).toBe(heard)
    })
    await publishAll(journal, 2)
    leave()
    await publishAll(journal, 1)
    expect(heard).toBe(2)
  })

  test.each([
    ['0', 0],
    ['17', 17],
    ['999999999999999', 999_999_999_999_999],
    ['1000000000000000', undefined],
    ['', undefined],
    ['-1', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    [' 1', undefined],
  ])('the cursor %j is %s', (text, cursor) => {
    expect(parseCursor(text)).toBe(cursor)
  })
})

describe('commits', () => {
  test('publishes at the same time share a few commits; each alone has its own', async () => {
    const journal = await opening()
    await Promise.all(Array.from({ length: 200 }, (_, i) => journal.publish(batchOf('key', `v${i}`))))
    expect(journal.counters.commits).toBe(2) // the first at once, with what there was; the rest together
    await publishAll(journal, 5)
    expect(journal.counters.commits).toBe(7)
    expect(journal.commitLatency.counts.reduce((a, b) => a + b)).toBe(7)
    expect([journal.counters.records, journal.stats().queuedBytes, journal.stats().queuedEvents]).toEqual([205, 0, 0])
  })

  test('publishers that come back together are committed together', async () => {
    const journal = await opening({ commitIntervalMs: 50 })
    const publisher = async (p: number): Promise<void> => {
      for (let i = 0; i < 20; i++) await journal.publish(batchOf(`key${p}`, `v${i}`))
    }
    await Promise.all(Array.from({ length: 16 }, (_, p) => publisher(p)))
    // 20 rounds of 16, and one at the beginning, before anybody is expected.
    expect(journal.counters.commits).toBeLessThanOrEqual(22)
  })

  test('a group ends at its bytes: what is more goes with the next', async () => {
    const journal = await opening({ maxGroupBytes: 10_000 })
    await Promise.all(Array.from({ length: 21 }, (_, i) => journal.publish(batchOf('key', `${i}`.padEnd(1900)))))
    expect(journal.counters.commits).toBe(5) // 1, then 5 a group
    expect(readAll(journal).map(({ record }) => Number(Buffer.from(record.value)))).toEqual([...Array(21).keys()])
  })

  test('a batch larger than a group goes whole', async () => {
    const journal = await opening({ maxGroupBytes: 1000 })
    await journal.publish(batchOf('key', 'x'.repeat(5000), 'y'.repeat(5000)))
    expect(readAll(journal).map(({ record }) => record.value.length)).toEqual([5000, 5000])
  })

  test('the caller may not see its batch change what is stored, nor the other way round', async () => {
    const journal = await opening()
    const batch = batchOf('key', 'before')
    const publishing = journal.publish(batch)
    batch.values.fill(0)
    await publishing
    const [read] = readAll(journal)
    read!.record.value.fill(0)
    expect(valuesOf(readAll(journal))).toEqual(['before'])
  })

  test('a key that cannot be stored is refused alone; its neighbours are kept', async () => {
    const journal = await opening({ deliveryDeadlineMs: 500 })
    await expect(journal.publish(batchOf('k'.repeat(70_000), 'v0'))).rejects.toThrow(RangeError)
    const outcomes = await Promise.allSettled([
      journal.publish(batchOf('a', 'v0')),
      journal.publish(batchOf('k'.repeat(70_000), 'v1')),
      journal.publish(batchOf('b', 'v2')),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(valuesOf(readAll(journal))).toEqual(['v0', 'v2'])
    expect(journal.stats().queuedBytes).toBe(0)
    expect(journal.counters).toMatchObject({ commits: 2, records: 2, failedCommits: 0 })
  })
})

describe('sequence numbers', () => {
  test('go on after a restart', async () => {
    const journal = await opening()
    await journal.publish(batchOf('key', 'v0', 'v1'))
    const again = await reopened(journal)
    await publishAll(again, 2, 2)
    expect(cursors(again)).toEqual(['1', '2', '3', '4'])
    expect(valuesOf(readAll(again))).toEqual(values(4))
  })

  test('are not used again when retention has removed every record, not even after a restart', async () => {
    const options = { retentionMs: 1000 }
    let journal = await opening(options)
    await publishAll(journal, 3)
    clockMs += 2000
    journal = await reopened(journal, options)
    await expect.poll(() => journal.stats().topics[0]?.records, POLL).toBe(0)
    journal = await reopened(journal, options)
    expect(journal.stats().topics).toEqual([
      { topic: 'matches', records: 0, bytes: 0, oldestMs: null, oldest: '4', newest: '3' },
      { topic: 'transitions', records: 0, bytes: 0, oldestMs: null, oldest: '1', newest: '0' },
      { topic: 'erasures', records: 0, bytes: 0, oldestMs: null, oldest: '1', newest: '0' },
    ])
    await publishAll(journal, 1, 3)
    expect(cursors(journal)).toEqual(['4'])
  })
})

describe('retention', () => {
  test('removes what is too old, and says gone to who asks for it', async () => {
    const journal = await opening({ retentionMs: 10_000, retentionCheckMs: 5 })
    await publishAll(journal, 3)
    clockMs += 9_000
    await publishAll(journal, 2, 3)
    clockMs += 1_000 // exactly the age: not older yet
    await publishAll(journal, 1, 5)
    expect(journal.counters.expiredFrames).toBe(0)
    clockMs += 1
    await expect.poll(() => journal.counters.expiredFrames, POLL).toBe(3)
    expect(valuesOf(readAll(journal))).toEqual(['v3', 'v4', 'v5'])
    for (const after of [0, 1, 2]) expect(journal.read('matches', after, 10)).toEqual({ records: [], gone: true })
    expect(valuesOf(journal.read('matches', 3, 10).records)).toEqual(['v3', 'v4', 'v5'])
    expect(journal.stats().topics[0]).toMatchObject({ records: 3, oldest: '4', newest: '6', oldestMs: clockMs - 1001 })
  })

  test('removes no more than makes up for bytes over the limit, oldest first', async () => {
    const frame = 8192 // two pages, for values of 8,000 bytes
    const journal = await opening({ retentionBytes: 5 * frame, retentionCheckMs: 5 })
    for (let i = 0; i < 8; i++) await journal.publish(batchOf('key', `${i}`.padEnd(8000)))
    await expect.poll(() => journal.counters.expiredFrames, POLL).toBe(3)
    expect(readAll(journal).map(({ record }) => Number(Buffer.from(record.value)))).toEqual([3, 4, 5, 6, 7])
    expect(journal.stats().topics[0]?.bytes).toBe(5 * frame)
  })

  test('keeps what was just acknowledged, however large, until something newer is there', async () => {
    const large = 'x'.repeat(100_000)
    const journal = await opening({ retentionBytes: 50_000, retentionCheckMs: 5 })
    await journal.publish(batchOf('key', `0${large}`))
    const again = await reopened(journal, { retentionBytes: 50_000, retentionCheckMs: 5 })
    expect(readAll(again)).toHaveLength(1)
    await again.publish(batchOf('key', `1${large}`))
    await expect.poll(() => again.counters.expiredFrames, POLL).toBe(1)
    expect(valuesOf(readAll(again))).toEqual([`1${large}`])
  })

  test('commits groups that are small against what may be kept', async () => {
    const journal = await opening({ retentionBytes: 800_000 })
    const publishes = Array.from({ length: 40 }, (_, i) => journal.publish(batchOf('key', `${i}`.padEnd(20_000))))
    await Promise.all(publishes) // the first goes alone, then four at a time: 100,000 bytes take no fifth
    expect(journal.counters.commits).toBe(11)
    expect(readAll(journal).map(({ record }) => Number(Buffer.from(record.value)))).toEqual([...publishes.keys()])
  })

  test('keeps going over more frames than one step removes', async () => {
    const journal = await opening({ retentionMs: 1000, commitIntervalMs: 0, maxGroupBytes: 1 })
    await Promise.all(Array.from({ length: 700 }, (_, i) => journal.publish(batchOf('key', `v${i}`))))
    expect(journal.counters.commits).toBe(700)
    clockMs += 2000
    const again = await reopened(journal, { retentionMs: 1000 })
    await expect.poll(() => again.counters.expiredFrames, POLL).toBe(700)
    expect(readAll(again)).toEqual([])
  })

  test('keeps the file near its limit however much is written, while all is read', async () => {
    const retentionBytes = 2 * 1024 * 1024
    const journal = await opening({ retentionBytes, retentionCheckMs: 5, commitIntervalMs: 0 })
    let read = 0
    for (let round = 0; round < 60; round++) {
      const large = Array.from({ length: 16 }, (_, i) =>
        journal.publish(batchOf(`k${i}`, 'x'.repeat(1 + ((round * 977 + i * 4099) % 20_000)))),
      )
      await Promise.all(large)
      read += readAll(journal, 'matches', 50).length
      await expect.poll(() => journal.stats().topics[0]?.bytes, POLL).toBeLessThanOrEqual(retentionBytes)
    }
    expect(read).toBeGreaterThan(60 * 16)
    expect(journal.counters.expiredFrames).toBeGreaterThan(60)
    expect(statSync(join(dir, 'data.mdb')).size).toBeLessThan(3 * retentionBytes)
  })
})

describe('a damaged frame', () => {
  test('is left out, counted and logged, and those round it are read', async () => {
    let journal = await opening()
    await publishAll(journal, 4)
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
    frame[frame.length - 1] = 0
    await db.put(second, frame)
    await db.close()
    const logged: string[] = []
    journal = await opening({}, logged)
    expect(valuesOf(readAll(journal))).toEqual(['v0', 'v2', 'v3'])
    expect(journal.counters.damagedFrames).toBe(1)
    expect(logged).toEqual([expect.stringMatching(/^journal frame damaged, left out .*"cursor":2.*checksum/)])
    await publishAll(journal, 1, 4)
    expect(cursors(journal)).toEqual(['1', '3', '4', '5'])
  })
})

describe('the folder', () => {
  test('is for its user alone, and so are the files', async () => {
    await opening()
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    for (const name of ['data.mdb', 'lock.mdb']) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600)
  })

  test('is refused while another journal of this process has it open', async () => {
    const journal = await opening()
    await expect(journalAt(dir).start()).rejects.toThrow(`${dir} is already open in this process`)
    await publishAll(journal, 1)
    expect(valuesOf(readAll(await reopened(journal)))).toEqual(['v0'])
  })

  test('is refused while another process has it open, which is not disturbed', async () => {
    const journal = await opening()
    await publishAll(journal, 1)
    readAll(journal)
    expect(await runChild('open', dir)).toBe(`${dir} is already open in another process (pid ${process.pid})`)
    await publishAll(journal, 1, 1)
    expect(valuesOf(readAll(journal))).toEqual(['v0', 'v1'])
    await journal.stop(STOP_MS)
    expect(await runChild('open', dir)).toBe('opened')
  })

  test('of another format is refused', async () => {
    await (await opening()).stop(STOP_MS)
    const db = open<Buffer, Buffer>({
      path: dir,
      noSubdir: false,
      overlappingSync: false,
      encoding: 'binary',
      keyEncoding: 'binary',
    })
    await db.put(Buffer.from([0, 0]), Buffer.from([2]))
    await db.close()
    await expect(journalAt(dir).start()).rejects.toThrow(`${dir} has format 2, this version reads 1`)
  })
})

describe('a disk that hangs', () => {
  test('rejects at the deadline, turns unhealthy, stays bounded, and recovers', async () => {
    const logged: string[] = []
    const journal = await opening({ deliveryDeadlineMs: 700, maxQueueEvents: 5 }, logged)
    await publishAll(journal, 1)
    const child = spawn(process.execPath, [CHILD, 'block', dir], { stdio: ['pipe', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const outcome = (value: string): Promise<string> =>
      journal.publish(batchOf('key', value)).then(
        () => 'ok',
        (error: unknown) => (error instanceof SinkError ? error.code : String(error)),
      )
    expect(await Promise.all(['v1', 'v2', 'v3', 'v4', 'v5', 'v6'].map(outcome))).toEqual([
      ...['deadline', 'deadline', 'deadline', 'deadline', 'deadline'],
      'full',
    ])
    expect(journal.healthy()).toBe(false)
    // What is in the commit is still held; what only waited has been given up.
    expect(journal.stats().queuedEvents).toBe(1)
    expect(valuesOf(readAll(journal))).toEqual(['v0'])
    child.stdin.end('\n')
    await expect.poll(() => journal.healthy(), POLL).toBe(true)
    expect(await outcome('v7')).toBe('ok')
    expect(valuesOf(readAll(journal))).toEqual(['v0', 'v1', 'v7'])
    expect(logged).toEqual(['journal commit hangs {"after_ms":700}'])
    expect(journal.counters).toMatchObject({ rejectedDeadline: 5, rejectedFull: 1, failedCommits: 0 })
  })

  test('does not hold up stop beyond its deadline', async () => {
    const journal = await opening()
    const child = spawn(process.execPath, [CHILD, 'block', dir], { stdio: ['pipe', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const publishing = expect(journal.publish(batchOf('key', 'v0'))).rejects.toMatchObject({ code: 'stopped' })
    await journal.stop(100)
    await publishing
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.stdin.end('\n')
    await ended
  })
})
