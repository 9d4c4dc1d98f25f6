import { type FeedAction, type FeedStep, type FenceFeed, StoreError, silentLogger, stepAfter } from '@fencepost/model'
import { createRedisFeed, type RedisFeedOptions } from '@fencepost/redis'
import { type RedisServer, startRedis } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { everything, fence, fenceFeedContract, write } from '../../model/contract/fence-feed.ts'

const AUDIT = { at: 1_742_040_000_000, who: 'root', what: 'test', tenant: 'acme' }

needs('redis', 'the feed in Redis', (address) => {
  let runs = 0
  const freshPrefix = (): string => `feed-test-${process.pid}-${runs++}`

  async function open(more: Partial<RedisFeedOptions> = {}): Promise<FenceFeed> {
    const feed = createRedisFeed(
      { url: `redis://${address}`, prefix: freshPrefix(), commandTimeoutMs: 5000, ...more },
      { logger: silentLogger },
    )
    await feed.start()
    onTestFinished(() => feed.stop(1000))
    return feed
  }

  fenceFeedContract('Redis', async () => {
    const feed = createRedisFeed({ url: `redis://${address}`, prefix: freshPrefix() }, { logger: silentLogger })
    await feed.start()
    return { feed, close: () => feed.stop(1000) }
  })

  it('keeps so many steps and audit entries, and says when there are not enough', async () => {
    const feed = await open({ maxSteps: 3, maxAudit: 2 })
    for (let i = 0; i < 5; i++) await write(feed, { docs: [fence(`f${i}`)] })
    expect(await feed.steps(1, 10)).toBeNull()
    expect((await feed.steps(2, 10))?.map(({ seq }) => seq)).toEqual([3, 4, 5])
    expect((await feed.audit(99, 10)).map(({ seq }) => seq)).toEqual([5, 4])
    expect(() => createRedisFeed({ url: 'redis://127.0.0.1', maxSteps: 0 }, { logger: silentLogger })).toThrow(
      'maxSteps must be 1 or more, got 0',
    )
  })

  it('begins one epoch however many find it empty', async () => {
    const prefix = freshPrefix()
    const feeds = await Promise.all([open({ prefix }), open({ prefix }), open({ prefix })])
    const heads = await Promise.all([...feeds, ...feeds].map((feed) => feed.head()))
    expect(new Set(heads.map(({ epoch }) => epoch)).size).toBe(1)
  })

  it('makes one chain of what two feeds write at once, and loses nothing', async () => {
    const prefix = freshPrefix()
    const feeds = await Promise.all([open({ prefix }), open({ prefix })])
    await Promise.all(
      feeds.map(async (feed, node) => {
        for (let i = 0; i < 100; i++) await writeUntilTaken(feed, { docs: [fence(`node ${node} fence ${i}`)] })
      }),
    )
    const steps = (await feeds[0]?.steps(0, 1000)) ?? []
    expect(steps.length).toBe(200)
    for (const [i, { seq, prev }] of steps.entries()) {
      expect(seq).toBe(i + 1)
      if (i > 0) expect(prev).toBe(steps[i - 1]?.hash)
    }
    expect((await everything(feeds[1] as FenceFeed)).length).toBe(200)
  })

  it('refuses a step on another hash of the same epoch and seq', async () => {
    const feed = await open()
    await write(feed, { docs: [fence('a')] })
    const head = await feed.head()
    const other = { ...head, hash: '0'.repeat(64) }
    expect(await feed.append(other, stepAfter(other, { docs: [fence('b')] }, AUDIT))).toEqual({ head })
    expect(await everything(feed)).toEqual(['fence acme a {"of":"a"}'])
  })

  it('lists by bytes of UTF-8, which is not the order of UTF-16, before and after a stage is tidied', async () => {
    const prefix = freshPrefix()
    const feed = await open({ prefix })
    const admin = direct()
    await write(feed, { docs: [fence('\uffef')] })
    await feed.stage('stage001', [fence('\u{1f600}'), fence('a'), fence('\uffee'), fence('B')])
    const head = await feed.head()
    // On one connection and in one turn: it is not tidied in between.
    const [, early] = await Promise.all([
      feed.append(head, stepAfter(head, { stage: 'stage001' }, AUDIT)),
      feed.list('fence', 'acme', '', 10),
    ])
    const ids = ['B', 'a', '\uffee', '\uffef', '\u{1f600}']
    expect(early.map(({ id }) => id)).toEqual(ids)
    await tidied(admin, prefix)
    expect((await feed.list('fence', 'acme', '', 10)).map(({ id }) => id)).toEqual(ids)
    expect((await feed.list('fence', 'acme', '\uffee', 2)).map(({ id }) => id)).toEqual(ids.slice(3))
  })

  it('shows the latest of stages that lie over one another, before and after they are tidied', async () => {
    const prefix = freshPrefix()
    const feed = await open({ prefix })
    const admin = direct()
    await write(feed, { docs: [fence('a', '{"v":0}'), fence('b', '{"v":0}'), fence('c', '{"v":0}')] })
    await feed.stage('first', [fence('a', '{"v":1}'), fence('b', '{"v":1}'), fence('d', '{"v":1}')])
    await feed.stage('second', [fence('b', null), fence('c', '{"v":2}')])
    const head = await feed.head()
    const one = stepAfter(head, { stage: 'first' }, AUDIT)
    const two = stepAfter({ ...head, seq: one.seq, hash: one.hash }, { stage: 'second' }, AUDIT)
    const three = stepAfter(
      { ...head, seq: two.seq, hash: two.hash },
      { docs: [fence('d', null), fence('a', '{"v":3}')] },
      AUDIT,
    )
    // On one connection and in one turn: none of it is tidied in between.
    const [, , , seen] = await Promise.all([
      feed.append(head, one),
      feed.append({ ...head, seq: one.seq, hash: one.hash }, two),
      feed.append({ ...head, seq: two.seq, hash: two.hash }, three),
      feed.list('fence', 'acme', '', 10),
    ])
    const expected = [
      { ...fence('a', '{"v":3}'), seq: 4 },
      { ...fence('c', '{"v":2}'), seq: 3 },
    ]
    expect(seen).toEqual(expected)
    await tidied(admin, prefix)
    expect(await feed.list('fence', 'acme', '', 10)).toEqual(expected)
    expect((await admin.keys(`${prefix}:{feed}:stage:*`)).length).toBe(0)
  })

  it('takes a stage of 20,000 in one step, all or nothing to every reader', async () => {
    const prefix = freshPrefix()
    const feed = await open({ prefix })
    const reader = await open({ prefix })
    const docs = Array.from({ length: 20_000 }, (_, i) => fence(`f${i}`, JSON.stringify({ i, fill: 'x'.repeat(500) })))
    for (let i = 0; i < docs.length; i += 4000) await feed.stage('large', docs.slice(i, i + 4000))
    expect((await everything(reader)).length).toBe(0)
    const admin = direct()
    await write(feed, { stage: 'large' })
    expect((await everything(reader)).length).toBe(20_000)
    while ((await admin.exists(`${prefix}:{feed}:taken`)) === 1)
      expect((await reader.list('fence', 'acme', 'f9998', 5)).map(({ id }) => id)).toEqual(['f9999'])
    expect((await everything(reader)).length).toBe(20_000)
    expect(await reader.get(fence('f19999'))).toMatchObject({ seq: 1 })
  })

  it('refuses a stage that is gone or gone in part, and more of one that was taken', async () => {
    const prefix = freshPrefix()
    const feed = await open({ prefix })
    const admin = direct()
    await feed.stage('half', [fence('a')])
    await admin.del(...(await admin.keys(`${prefix}:{feed}:stage:*`)))
    await expect(write(feed, { stage: 'half' })).rejects.toMatchObject({ code: 'unavailable' })
    await feed.stage('half', [fence('b')])
    await expect(write(feed, { stage: 'half' })).rejects.toMatchObject({ code: 'unavailable' })
    expect(await everything(feed)).toEqual([])
    await admin.rpush(`${prefix}:{feed}:taken`, '1:open')
    await expect(feed.stage('open', [fence('c')])).rejects.toThrow('a step has taken the stage')
    await expect(feed.unstage('open')).rejects.toThrow('a step has taken the stage')
    await expect(feed.stage('no such name', [])).rejects.toThrow(RangeError)
    await expect(feed.stage('zero', [fence('a\0b')])).rejects.toThrow(RangeError)
  })

  it('takes a stage in which there is nothing', async () => {
    const feed = await open()
    expect(await write(feed, { stage: 'nothing' })).toBe(1)
    expect(await everything(feed)).toEqual([])
  })

  it('lets a stage that no step takes expire; one that was taken stays, and the next that starts tidies it', async () => {
    const prefix = freshPrefix()
    const key = (part: string): string => `${prefix}:{feed}:${part}`
    const feed = await open({ prefix })
    const admin = direct()
    const ids = Array.from({ length: 1700 }, (_, i) => fence(`f${i}`))
    await feed.stage('mine', ids)
    for (const part of ['docs', 'names', 'pieces'])
      expect(await admin.pttl(key(`stage:mine:${part}`))).toBeGreaterThan(0)
    await write(feed, { stage: 'mine' })
    // It has come to the second of four pages at most.
    await feed.stop(1000)
    expect(await admin.lrange(key('taken'), 0, -1)).toEqual(['1:mine'])
    for (const part of ['docs', 'names']) expect(await admin.pttl(key(`stage:mine:${part}`))).toBe(-1)
    const next = await open({ prefix })
    await tidied(admin, prefix)
    expect((await everything(next)).length).toBe(1700)
    expect(await admin.keys(key('stage:*'))).toEqual([])
  })

  it('forgets taken stages, too, when it is cleared', async () => {
    const prefix = freshPrefix()
    const feed = await open({ prefix })
    const admin = direct()
    await feed.stage('mine', [fence('a')])
    const head = await feed.head()
    const step = stepAfter(head, { stage: 'mine' }, AUDIT)
    await Promise.all([feed.append(head, step), feed.clear({ ...head, seq: step.seq, hash: step.hash })])
    expect(await admin.keys(`${prefix}:{feed}:*`)).toEqual([])
  })

  it('answers with fewer steps when they are large, and never with none', async () => {
    const feed = await open()
    for (let i = 0; i < 5; i++) await write(feed, { docs: [fence('a', JSON.stringify('x'.repeat(1.5e6)))] })
    expect((await feed.steps(0, 10))?.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect((await feed.steps(3, 10))?.map(({ seq }) => seq)).toEqual([4, 5])
  })

  it('refuses all once it is stopped', async () => {
    const feed = await open()
    await feed.head()
    feed.watch(() => {})
    await feed.stop(1000)
    await feed.stop(1000)
    expect(feed.healthy()).toBe(false)
    await expect(feed.head()).rejects.toMatchObject({ code: 'stopped' })
  })

  function direct(): Redis {
    const admin = new Redis(`redis://${address}`)
    onTestFinished(() => admin.disconnect())
    return admin
  }

  describe('when Redis is not well', () => {
    let server: RedisServer
    let admin: Redis
    let feed: FenceFeed
    let other: FenceFeed
    const create = (): FenceFeed =>
      createRedisFeed(
        { url: `redis://${server.address}`, commandTimeoutMs: 300, startTimeoutMs: 300 },
        { logger: silentLogger },
      )

    beforeAll(async () => {
      server = await startRedis()
      admin = new Redis(`redis://${server.address}`)
      admin.on('error', () => {})
      feed = create()
      other = create()
      await Promise.all([feed.start(), other.start()])
    })
    afterAll(async () => {
      await Promise.all([feed.stop(1000), other.stop(1000)])
      admin.disconnect()
      await server.stop()
    })
    afterEach(() => until(() => feed.healthy() && other.healthy()))

    it('begins a new epoch when it was emptied, tells who watches, and takes no stage of before', async () => {
      await write(feed, { docs: [fence('a')] })
      const before = await feed.head()
      await feed.stage('lost', [fence('b')])
      const watched = watching(other)
      await watched.next()
      const told = watched.next()
      await admin.flushall()
      await told
      const after = await feed.head()
      expect(after.epoch).not.toBe(before.epoch)
      expect(after.seq).toBe(0)
      expect(await other.head()).toEqual(after)
      expect(await feed.steps(before.seq, 10)).toBeNull()
      expect(await feed.append(before, stepAfter(before, { docs: [] }, AUDIT))).toEqual({ head: after })
      await expect(write(feed, { stage: 'lost' })).rejects.toBeInstanceOf(StoreError)
      expect(await write(feed, { docs: [fence('a')] })).toBe(1)
    })

    it('goes back with an older dump that was restored, tells who watches, and goes on from there', async () => {
      await write(feed, { docs: [fence('old')] })
      const old = await feed.head()
      const dump = await Promise.all(
        (await admin.keys('*')).map(async (key) => ({ key, value: (await admin.dumpBuffer(key)) as Buffer })),
      )
      await write(feed, { docs: [fence('new')] })
      const ahead = await feed.head()
      const watched = watching(other)
      await watched.next()
      const told = watched.next()
      const restore = admin.multi().flushall()
      for (const { key, value } of dump) restore.restore(key, 0, value)
      await restore.exec()
      await told
      expect(await feed.head()).toEqual(old)
      expect(await feed.steps(ahead.seq, 10)).toBeNull()
      expect((await everything(feed)).some((doc) => doc.includes('new'))).toBe(false)
      expect(await write(other, { docs: [fence('another')] })).toBe(ahead.seq)
      expect((await feed.head()).hash).not.toBe(ahead.hash)
    })

    it('a snapshot in which the documents get lost is a StoreError, not a small one', async () => {
      const many = Array.from({ length: 1500 }, (_, i) => fence(`m${i}`))
      await feed.stage('many', many)
      await write(feed, { stage: 'many' })
      const reading = feed.snapshot(async () => {
        await admin.flushall()
        await other.head()
      })
      await expect(reading).rejects.toMatchObject({ code: 'unavailable' })
    })

    it('a frozen one is a StoreError, and is used and watched again by itself', async () => {
      const watched = watching(other)
      await watched.next()
      await server.pause()
      const asked = await Promise.allSettled([
        ...[feed.head(), feed.get(fence('a')), feed.list('fence', 'acme', '', 1), feed.steps(0, 1), feed.audit(9, 1)],
        ...[feed.snapshot(() => {}), feed.stage('ice', [fence('a')]), feed.unstage('ice'), feed.reports()],
        feed.report({
          node: 'n',
          epoch: 'e',
          seq: 0,
          at: Date.now(),
          problem: null,
          inFlightSince: null,
          retention: null,
        }),
      ])
      expect(asked.every((one) => one.status === 'rejected' && one.reason instanceof StoreError)).toBe(true)
      expect(feed.healthy()).toBe(false)
      await server.resume()
      await until(() => feed.healthy())
      const told = watched.next()
      await writeUntilTaken(feed, { docs: [fence('a')] })
      await told
    })

    it('one that was killed is a StoreError at once, and used and watched again when it is back', async () => {
      const watched = watching(other)
      await watched.next()
      const before = await feed.head()
      await server.kill9()
      await until(() => !feed.healthy())
      await expect(feed.head()).rejects.toMatchObject({ code: 'unavailable' })
      const told = watched.next()
      await server.start()
      await told
      await until(() => feed.healthy())
      expect((await feed.head()).epoch).not.toBe(before.epoch)
      const again = watched.next()
      await write(feed, { docs: [fence('a')] })
      await again
    })

    it('forgets reports of nodes that are gone, in Redis too', async () => {
      const report = {
        node: 'one',
        epoch: 'e',
        seq: 7,
        at: Date.now(),
        problem: null,
        inFlightSince: null,
        retention: null,
      }
      await feed.report({ ...report, node: 'gone', at: report.at - 3_600_000 })
      await feed.report(report)
      expect(await admin.hkeys('fencepost:{feed}:reports')).toEqual(['one'])
      expect(await admin.pttl('fencepost:{feed}:reports')).toBeGreaterThan(0)
      expect(await other.reports()).toEqual([report])
    })
  })
})

/** No stage that was taken is left beside the documents. */
async function tidied(admin: Redis, prefix: string): Promise<void> {
  while ((await admin.exists(`${prefix}:{feed}:taken`)) === 1) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** As control does: built again while others are faster. */
async function writeUntilTaken(feed: FenceFeed, action: FeedAction): Promise<void> {
  for (;;) {
    const head = await feed.head()
    const step: FeedStep = stepAfter(head, action, AUDIT)
    if ((await feed.append(head, step)) === null) return
  }
}

/** `next` resolves with the next time that the watcher is told. */
function watching(feed: FenceFeed): { next(): Promise<void> } {
  let tell: () => void = () => {}
  onTestFinished(feed.watch(() => tell()))
  return {
    next: () =>
      new Promise((resolve) => {
        tell = resolve
      }),
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}
