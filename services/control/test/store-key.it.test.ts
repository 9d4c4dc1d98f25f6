// A control node whose copy of the feed is encrypted, and one that is started with the wrong key.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLmdbFeed } from '@fencepost/embedded'
import { silentLogger } from '@fencepost/model'
import { freePorts, removeFolder, runToEnd, tempFolder } from '@fencepost/testbed'
import { expect, it, onTestFinished } from 'vitest'

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url))

it.each([
  { what: 'another', given: 'cd'.repeat(32), problem: 'is encrypted with another key' },
  { what: 'none', given: '', problem: 'is encrypted: start with the key that it was made with' },
  { what: 'half a', given: 'ab'.repeat(16), problem: 'FENCEPOST_STORE_KEY must be 64 hex digits' },
])('a copy of the feed that was made with a key is refused to who has $what key', async ({ given, problem }) => {
  const folder = tempFolder('control')
  onTestFinished(() => removeFolder(folder))
  const encryptionKey = Buffer.alloc(32, 0xab)
  const feed = createLmdbFeed({ dir: join(folder, 'feed'), encryptionKey }, { logger: silentLogger })
  await feed.start()
  await feed.stop(1000)
  const [nobody] = await freePorts(1)
  const env = {
    PATH: process.env['PATH'],
    FENCEPOST_ADMIN_PORT: '0',
    FENCEPOST_DATA_DIR: folder,
    FENCEPOST_REDIS_URL: `redis://127.0.0.1:${nobody}`,
    FENCEPOST_STORE_KEY: given,
  }
  const { code, output } = await runToEnd(process.execPath, [ENTRY], 30_000, { env })
  expect(output).toContain(problem)
  expect(code).not.toBe(0)
})
