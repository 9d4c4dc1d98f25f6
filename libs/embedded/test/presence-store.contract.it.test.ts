import { join } from 'node:path'
import { createLmdbPresenceStore } from '@fencepost/embedded'
import { type RecordToStore, silentLogger } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { expect, it, onTestFinished } from 'vitest'
import { presenceStoreContract } from '../../model/contract/presence-store.ts'
import { bytesOnDisk } from './open.ts'

presenceStoreContract('LMDB', async () => {
  const folder = tempFolder('presence')
  const store = createLmdbPresenceStore({ dir: join(folder, 'presence') }, { logger: silentLogger })
  await store.start()
  return {
    store,
    other: store,
    async close() {
      await store.stop(1000)
      removeFolder(folder)
    },
  }
})

const NEXT: RecordToStore = { version: 'aaaaaaaaaaaa', bytes: new Uint8Array(3), dueMs: 5, expiresMs: Date.now() + 1e9 }

it('keeps its records and due-lists over a restart', async () => {
  const dir = join(tempFolder('presence'), 'presence')
  onTestFinished(() => removeFolder(join(dir, '..')))
  const subject = new Uint8Array(32).fill(9)
  const first = createLmdbPresenceStore({ dir }, { logger: silentLogger })
  await first.start()
  await first.write(subject, null, NEXT)
  await first.stop(1000)
  const second = createLmdbPresenceStore({ dir }, { logger: silentLogger })
  await second.start()
  expect((await second.read(subject))?.version).toBe(NEXT.version)
  expect(await second.due(9, 5, 10)).toEqual([subject])
  await second.stop(1000)
})

it('leaves no byte of a record that was overwritten or forgotten on the disk once it is compacted', async () => {
  const folder = tempFolder('presence')
  const dir = join(folder, 'presence')
  onTestFinished(() => removeFolder(folder))
  const store = createLmdbPresenceStore({ dir }, { logger: silentLogger })
  await store.start()
  const subjects = Array.from({ length: 60 }, (_, i) => new Uint8Array(32).fill(i))
  const record = (version: string, text: string, expiresMs = NEXT.expiresMs): RecordToStore => ({
    ...NEXT,
    version,
    bytes: Buffer.from(text.padEnd(2500, '.')),
    expiresMs,
  })
  // All at once, in one commit each: what frees many pages at a time does not use them again at once.
  const isBrief = (i: number): boolean => i % 2 === 1
  await Promise.all(
    subjects.map((subject, i) =>
      isBrief(i)
        ? store.write(subject, null, record('aaaaaaaaaaaa', 'forgotten', 1))
        : store.write(subject, null, record('aaaaaaaaaaaa', 'overwritten')),
    ),
  )
  await Promise.all(subjects.map((_, i) => (isBrief(i) ? store.due(i, Date.now(), 10) : undefined)))
  await Promise.all(
    subjects.map((subject, i) =>
      isBrief(i) ? undefined : store.write(subject, 'aaaaaaaaaaaa', record('bbbbbbbbbbbb', 'current')),
    ),
  )
  const onDisk = (): boolean[] => ['overwritten', 'forgotten', 'current'].map((text) => bytesOnDisk(folder, text))
  expect(onDisk()).toEqual([true, true, true])
  await store.compact()
  expect(onDisk()).toEqual([false, false, true])
  expect(store.healthy()).toBe(true)
  await store.stop(1000)
})

it('refuses one write more than may wait', async () => {
  const dir = join(tempFolder('presence'), 'presence')
  onTestFinished(() => removeFolder(join(dir, '..')))
  const store = createLmdbPresenceStore({ dir, maxWaiting: 3 }, { logger: silentLogger })
  await store.start()
  const writes = Array.from({ length: 4 }, (_, i) => store.write(new Uint8Array(32).fill(i), null, NEXT))
  const settled = await Promise.allSettled(writes)
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
  expect(settled[3]).toMatchObject({ reason: { code: 'full' } })
  await store.stop(1000)
})
