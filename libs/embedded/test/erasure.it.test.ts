// What is erased is gone: from what is read, from what is scanned, and from the bytes on disk; what is not stays where it was.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { silentLogger } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { seededRandom } from '@fencepost/testbed/random'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLmdbPresenceStore } from '../src/index.ts'
import { buildOnce, startChild } from './child.ts'
import { batchOf, openJournal, readAll, STOP_MS, valuesOf } from './open.ts'

const CANARY = 'canary-of-a-person'

let folder = ''
beforeAll(buildOnce)
beforeEach(() => {
  folder = tempFolder('erasure')
})
afterEach(() => removeFolder(folder))

/** Files below `dir` that have these bytes. By another process: whoever closes LMDB's lock file lets go of its locks. */
function filesWith(dir: string, text: string): string[] {
  try {
    return execFileSync('grep', ['-rlaF', text, dir], { encoding: 'utf8' }).trim().split('\n')
  } catch {
    return []
  }
}

describe('the journal', () => {
  test('erases some keys in every topic; the others keep their cursors, and readers pass over what is gone', async () => {
    const dir = join(folder, 'journal')
    const journal = await openJournal(dir)
    for (let i = 0; i < 300; i++) {
      await Promise.all([
        journal.publish(batchOf('p1.other', `other ${i}`)),
        journal.publish(batchOf('p1.gone', `${CANARY} ${i}`, `${CANARY} again ${i}`)),
        journal.publish({ ...batchOf('p1.gone', `${CANARY} moved ${i}`), topic: 'transitions' }),
      ])
    }
    const before = readAll(journal)
    const scanned: string[] = []
    for await (const { record } of journal.scan(new Set(['p1.gone']))) scanned.push(record.topic)
    expect(scanned.filter((topic) => topic === 'matches')).toHaveLength(600)
    expect(scanned.filter((topic) => topic === 'transitions')).toHaveLength(300)
    expect(filesWith(dir, CANARY)).not.toEqual([])

    expect(await journal.erase(new Set(['p1.gone']))).toEqual({ records: 900 })
    const after = readAll(journal)
    expect(after).toEqual(before.filter(({ record }) => record.key !== 'p1.gone'))
    expect(readAll(journal, 'transitions')).toEqual([])
    // A reader that had come to an erased record goes on behind it.
    const erased = before.find(({ record }) => record.key === 'p1.gone')
    const next = journal.read('matches', Number(erased?.cursor), 1)
    expect(next.gone).toBe(false)
    expect(next.records[0]?.record.key).toBe('p1.other')
    for await (const _ of journal.scan(new Set(['p1.gone']))) throw new Error('something is left')
    expect(await journal.erase(new Set(['p1.gone']))).toEqual({ records: 0 })

    await journal.compact()
    expect(filesWith(dir, CANARY)).toEqual([])
    expect(filesWith(dir, 'p1.gone')).toEqual([])
    expect(readAll(journal)).toEqual(after)
    await journal.publish(batchOf('p1.other', 'later'))
    await journal.stop(STOP_MS)

    const again = await openJournal(dir)
    expect(valuesOf(readAll(again))).toEqual([...valuesOf(after), 'later'])
    expect(again.counters.damagedFrames).toBe(0)
    await again.stop(STOP_MS)
  })

  test('loses nothing that is published, and brings nothing back that has expired, while it erases and compacts', async () => {
    const journal = await openJournal(join(folder, 'journal'), { retentionBytes: 256 * 1024, retentionCheckMs: 1 })
    const published: string[] = []
    let isOver = false
    const publishing = (async () => {
      for (let i = 0; !isOver || i < 500; i++) {
        await Promise.all([
          journal.publish(batchOf('p1.kept', `kept ${i}`)),
          journal.publish(batchOf('p1.gone', 'x'.repeat(200))),
        ])
        published.push(`kept ${i}`)
      }
    })()
    for (let round = 0; round < 20; round++) {
      await journal.erase(new Set(['p1.gone']))
      await journal.compact()
    }
    isOver = true
    await publishing
    await journal.erase(new Set(['p1.gone']))
    const kept = valuesOf(readAll(journal))
    expect(kept.length).toBeGreaterThan(0)
    expect(kept).toEqual(published.slice(-kept.length))
    const { oldest } = journal.stats().topics[0] as { oldest: string }
    expect(Number(readAll(journal)[0]?.cursor)).toBeGreaterThanOrEqual(Number(oldest))
    await journal.stop(STOP_MS)
  })

  test('kill -9 while it erases and compacts leaves a whole file, with all that was acknowledged of others', async () => {
    const dir = join(folder, 'journal')
    const random = seededRandom(7)
    const acknowledged: string[] = []
    for (let run = 0; run < 12; run++) {
      const killAfter = 1 + Math.floor(random() * 60)
      let lines = 0
      let kill = (): void => {}
      const killed = new Promise<void>((resolve) => {
        kill = resolve
      })
      const child = await startChild('erase', [dir, `${run}`], (line) => {
        const [, value] = /^ack (.+)$/.exec(line) ?? []
        if (value !== undefined) acknowledged.push(value)
        if (++lines === killAfter) kill()
      })
      await Promise.race([killed, child.ended])
      expect(child.end, child.lines.at(-1)).toBe(undefined)
      await child.kill9()
    }
    const journal = await openJournal(dir)
    const stored = new Set(valuesOf(readAll(journal)))
    expect(journal.counters.damagedFrames).toBe(0)
    expect(acknowledged.length).toBeGreaterThan(12)
    expect(acknowledged.filter((value) => !stored.has(value))).toEqual([])
    await journal.erase(new Set(['p1.gone']))
    await journal.compact()
    expect(filesWith(dir, CANARY)).toEqual([])
    await journal.stop(STOP_MS)
  })
})

test('a store of records has no byte of what was overwritten or forgotten once it is compacted', async () => {
  const dir = join(folder, 'records')
  const store = createLmdbPresenceStore({ dir }, { logger: silentLogger })
  await store.start()
  const subject = new Uint8Array(32).fill(9)
  const record = (version: string, text: string) => ({
    version: version.padStart(12, '0'),
    bytes: new Uint8Array(Buffer.from(text)),
    dueMs: null,
    expiresMs: Date.now() + 3_600_000,
  })
  await store.write(subject, null, record('1', CANARY.repeat(20)))
  await store.write(subject, record('1', '').version, record('2', 'suppressed'))
  expect(filesWith(dir, CANARY)).not.toEqual([])
  const writes = Array.from({ length: 50 }, (_, i) =>
    store.write(new Uint8Array(32).fill(i + 100), null, record('1', `w${i}`)),
  )
  await Promise.all([store.compact(), store.compact(), ...writes])
  expect(filesWith(dir, CANARY)).toEqual([])
  expect(Buffer.from((await store.read(subject))?.bytes ?? []).toString()).toBe('suppressed')
  expect(await store.write(subject, record('2', '').version, record('3', 'later'))).toBeNull()
  await store.stop(1000)
})
