import { join } from 'node:path'
import { createLmdbPresenceStore } from '@fencepost/embedded'
import { type RecordToStore, silentLogger } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { expect, it, onTestFinished } from 'vitest'
import { presenceStoreContract } from '../../model/contract/presence-store.ts'

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
