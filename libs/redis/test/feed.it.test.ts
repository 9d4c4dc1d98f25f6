import { type FenceFeed, StoreError, silentLogger, stepAfter } from '@fencepost/model'
import { createRedisFeed, type RedisFeedOptions } from '@fencepost/redis'
import { type RedisServer, startRedis } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { everything, fence, fenceFeedContract, write } from '../../model/contract/fence-feed.ts'

const AUDIT = { at: 0, who: 'test', what: 'test', tenant: 'acme' }

needs('redis', 'the feed in Redis', (address) => {
  let runs = 0
  const fresh = (more: Partial<RedisFeedOptions> = {}): RedisFeedOptions => ({
    url: `redis://${address}`,
    prefix: `feed-${process.pid}-${runs++}`,
    ...more,
  })
  const opened: FenceFeed[] = []
  const open = async (options: RedisFeedOptions): Promise<FenceFeed> => {
    const feed = createRedisFeed(options, { logger: silentLogger })
    opened.push(feed)
    await feed.start()
    return feed
  }
  afterEach(async () => {
    for (const feed of opened.splice(0)) await feed.stop(1000)
  })

  fenceFeedContract('Redis', async () => {
    const feed = await open(fresh())
    return { feed, close: () => feed.stop(1000) }
  })

  it('keeps so many steps and audit entries, and says when there are not enough', async () => {
    const feed = await open(fresh({ maxSteps: 3, maxAudit: 2 }))
    for (let i = 0; i < 5; i++) await write(feed, { docs: [fence(`f${i}`)] })
    expect(await feed.steps(1, 10)).toBeNull()
    expect((await feed.steps(2, 10))?.map(({ seq }) => seq)).toEqual([3, 4, 5])
    expect((await feed.audit(99, 10)).map(({ seq }) => seq)).toEqual([5, 4])
  })

  it('of two that write at once makes one chain in which nothing is lost, and tells both', async () => {
    const options = fresh()
    const [one, two] = [await open(options), await open(options)]
    let told = 0
    two.watch(() => {
      told++
    })
    const writeAll = async (feed: FenceFeed, name: string): Promise<void> => {
      for (let i = 0; i < 40; ) {
        const head = await feed.head()
        const outcome = await feed.append(head, stepAfter(head, { docs: [fence(`${name}${i}`)] }, AUDIT))
        if (outcome === null) i++
      }
    }
    await Promise.all([writeAll(one, 'a'), writeAll(two, 'b')])
    const steps = (await one.steps(0, 200)) ?? []
    expect(steps.length).toBe(80)
    expect(steps.map(({ prev }) => prev).slice(1)).toEqual(steps.map(({ hash }) => hash).slice(0, -1))
    expect((await everything(two)).length).toBe(80)
    while (told === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  })

  it('takes a stage of many in one small step, and what was changed after it stays', async () => {
    const feed = await open(fresh())
    await write(feed, { docs: [fence('f00001', '{"old":1}'), fence('other', '{"old":1}')] })
    const ids = Array.from({ length: 20_000 }, (_, i) => `f${String(i).padStart(5, '0')}`)
    for (let at = 0; at < ids.length; at += 1000)
      await feed.stage(
        'stage009',
        ids.slice(at, at + 1000).map((id) => fence(id)),
      )
    await write(feed, { stage: 'stage009' })
    // Before anybody has folded it in.
    await write(feed, { docs: [fence('f00002', '{"later":1}'), fence('f00003', null)] })
    const all = await everything(feed)
    expect(all.length).toBe(20_000)
    expect(all).toContain('fence acme f00001 {"of":"f00001"}')
    expect(all).toContain('fence acme f00002 {"later":1}')
    expect(all.filter((line) => line.includes('f00003'))).toEqual([])
    expect(await feed.get({ kind: 'fence', tenant: 'acme', id: 'f00003' })).toBeNull()
  })

  describe('when Redis is not well', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    const openThere = () => open({ url: `redis://${server.address}`, commandTimeoutMs: 300, startTimeoutMs: 300 })

    it('an emptied one begins another epoch', async () => {
      const feed = await openThere()
      await write(feed, { docs: [fence('a')] })
      const before = await feed.head()
      const admin = new Redis(`redis://${server.address}`)
      await admin.flushall()
      const after = await feed.head()
      expect(after.seq).toBe(0)
      expect(after.epoch).not.toBe(before.epoch)
      expect(await feed.append(before, stepAfter(before, { docs: [fence('b')] }, AUDIT))).toEqual({ head: after })
      admin.disconnect()
    })

    it('an older dump that is restored has gone back', async () => {
      const feed = await openThere()
      const admin = new Redis(`redis://${server.address}`)
      await write(feed, { docs: [fence('a')] })
      const old = await feed.head()
      const keys = await admin.keys('fencepost:{feed}:*')
      const dumps = await Promise.all(keys.map(async (key) => [key, await admin.dumpBuffer(key)] as const))
      await write(feed, { docs: [fence('b')] })
      await admin.flushall()
      for (const [key, dump] of dumps) await admin.restore(key, 0, dump as Buffer)
      expect(await feed.head()).toEqual(old)
      expect(await everything(feed)).toEqual(['fence acme a {"of":"a"}'])
      admin.disconnect()
    })

    it('a frozen or killed one is a StoreError, and is used again by itself', async () => {
      const feed = await openThere()
      await feed.head()
      await server.pause()
      const asked = await Promise.allSettled(Array.from({ length: 8 }, () => feed.head()))
      expect(asked.every((one) => one.status === 'rejected' && one.reason instanceof StoreError)).toBe(true)
      expect(feed.healthy()).toBe(false)
      await server.resume()
      await until(() => feed.healthy())
      await feed.head()
      await server.kill9()
      await until(() => !feed.healthy())
      await expect(feed.head()).rejects.toBeInstanceOf(StoreError)
      let told = 0
      feed.watch(() => {
        told++
      })
      await server.start()
      await until(() => feed.healthy())
      await write(feed, { docs: [fence('z')] })
      await until(() => told > 0)
    })
  })
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}
