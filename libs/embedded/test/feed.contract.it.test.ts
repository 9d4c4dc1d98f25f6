import { join } from 'node:path'
import { createLmdbFeed } from '@fencepost/embedded'
import { silentLogger, stepAfter } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { expect, it, onTestFinished } from 'vitest'
import { everything, fence, fenceFeedContract, write } from '../../model/contract/fence-feed.ts'

fenceFeedContract('LMDB', async () => {
  const folder = tempFolder('feed')
  const feed = createLmdbFeed({ dir: join(folder, 'feed') }, { logger: silentLogger })
  await feed.start()
  return {
    feed,
    async close() {
      await feed.stop(1000)
      removeFolder(folder)
    },
  }
})

function opening(more: { maxSteps?: number; maxAudit?: number } = {}) {
  const folder = tempFolder('feed')
  onTestFinished(() => removeFolder(folder))
  return () => createLmdbFeed({ dir: join(folder, 'feed'), ...more }, { logger: silentLogger })
}

it('is the same after a restart, a stage included that was taken and one that was not', async () => {
  const open = opening()
  const first = open()
  await first.start()
  await write(first, { docs: [fence('a', '{"old":1}'), fence('b', '{"old":1}')] })
  await first.stage('stage001', [fence('a', '{"staged":1}')])
  await first.stage('stage002', [fence('c', '{"never":1}')])
  await write(first, { stage: 'stage001' })
  const head = await first.head()
  await first.stop(1000)
  const second = open()
  await second.start()
  expect(await second.head()).toEqual(head)
  expect(await everything(second)).toEqual(['fence acme a {"staged":1}', 'fence acme b {"old":1}'])
  expect((await second.steps(0, 10))?.length).toBe(2)
  await second.stop(1000)
})

it('keeps so many steps and audit entries, and says when there are not enough', async () => {
  const feed = opening({ maxSteps: 3, maxAudit: 2 })()
  await feed.start()
  for (let i = 0; i < 5; i++) await write(feed, { docs: [fence(`f${i}`)] })
  expect(await feed.steps(1, 10)).toBeNull()
  expect((await feed.steps(2, 10))?.map(({ seq }) => seq)).toEqual([3, 4, 5])
  expect((await feed.audit(99, 10)).map(({ seq }) => seq)).toEqual([5, 4])
  await feed.stop(1000)
})

it('refuses all once it is stopped', async () => {
  const feed = opening()()
  await feed.start()
  const head = await feed.head()
  await feed.stop(1000)
  await feed.stop(1000)
  expect(feed.healthy()).toBe(false)
  await expect(feed.head()).rejects.toMatchObject({ code: 'stopped' })
  await expect(
    feed.append(head, stepAfter(head, { docs: [] }, { at: 0, who: '', what: '', tenant: '' })),
  ).rejects.toMatchObject({ code: 'stopped' })
})
