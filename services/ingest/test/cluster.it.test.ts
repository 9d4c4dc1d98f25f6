// A cluster as it is run: control, two ingest nodes, a Redis that is lost in every way there is. Fences are live on both nodes; nothing that
// Redis loses is lost.
import { needs } from '@fencepost/testbed/needs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Cluster, POLL, startCluster } from './cluster-kit.ts'

const EMPTY = 'the feed is empty, and is not filled in yet'

needs('kafka', 'a cluster', (bootstrap) => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster(bootstrap, 'cluster')
  }, 120_000)
  afterAll(() => cluster?.stop())

  const ask: Cluster['ask'] = (...of) => cluster.ask(...of)
  const put: Cluster['put'] = (...of) => cluster.put(...of)
  const matched: Cluster['matched'] = (lat) => cluster.matched(lat)

  it('has a fence live on both nodes once control says that all are there', async () => {
    const { json } = await put('market', 1)
    const status = await ask('GET', `/v1/feed/status?seq=${json['seq']}&wait_ms=10000`)
    expect(status.json).toMatchObject({ reached: true })
    await expect.poll(() => matched(1), POLL).toEqual([1, 1])
  }, 60_000)

  it('explains at control what its nodes match', async () => {
    const { json } = await ask('POST', '/v1/explain', { tenant: 'acme', lat: 1, lon: 10 })
    expect(json['fences']).toMatchObject([{ fence: { id: 'market' }, inside: true }])
  }, 60_000)

  it('keeps its fences through FLUSHALL: control fills Redis anew', async () => {
    const { admin } = cluster
    const before = (await ask('GET', '/v1/feed/status')).json['epoch']
    await expect.poll(cluster.copied, POLL).toBe(true)
    await admin.flushall()
    await expect.poll(async () => (await ask('GET', '/v1/feed/status')).json['seq'], POLL).toBe(1)
    expect((await ask('GET', '/v1/feed/status')).json['epoch']).not.toBe(before)
    expect((await ask('GET', '/v1/tenants/acme/fences/market')).status).toBe(200)
    await put('later', 2)
    await expect.poll(() => matched(2), POLL).toEqual([1, 1])
    expect(await matched(1)).toEqual([1, 1])
  }, 60_000)

  it('keeps its fences when an older dump is restored', async () => {
    const { admin } = cluster
    const keys = await admin.keys('fencepost:{feed}:*')
    const dumps = await Promise.all(keys.map(async (name) => [name, await admin.dumpBuffer(name)] as const))
    await put('newest', 3)
    await expect.poll(() => matched(3), POLL).toEqual([1, 1])
    await expect.poll(cluster.copied, POLL).toBe(true)
    await admin.flushall()
    // In one go, so that nobody meets an empty one in between.
    const pipeline = admin.multi()
    for (const [name, dump] of dumps) pipeline.restore(name, 0, dump as Buffer, 'REPLACE')
    await pipeline.exec()
    await expect.poll(async () => (await ask('GET', '/v1/tenants/acme/fences/newest')).status, POLL).toBe(200)
    await put('after', 4)
    await expect.poll(() => matched(4), POLL).toEqual([1, 1])
    for (const lat of [1, 2, 3]) expect(await matched(lat)).toEqual([1, 1])
  }, 60_000)

  it('goes on matching with what it has while Redis is empty and nobody fills it, says so, and follows control again', async () => {
    await expect.poll(cluster.copied, POLL).toBe(true)
    const { epoch, seq } = await cluster.feedOf(0)
    await cluster.stopControl()
    await cluster.admin.flushall()
    await expect.poll(cluster.problems, POLL).toEqual([EMPTY, EMPTY])
    expect(await cluster.following()).toEqual([0, 0])
    for (const lat of [1, 2, 3, 4]) expect(await matched(lat)).toEqual([1, 1])
    expect(await cluster.feedOf(0)).toMatchObject({ epoch, seq })

    // The key that the pings are sent with is among what it begins with, too.
    await cluster.killNode(1)
    await cluster.startNode(1)
    expect(await cluster.feedOf(1)).toEqual({ epoch, seq, problem: EMPTY })
    for (const lat of [1, 2, 3, 4]) expect(await matched(lat)).toEqual([1, 1])

    await cluster.startControl()
    await expect.poll(cluster.problems, POLL).toEqual([null, null])
    expect(await cluster.following()).toEqual([1, 1])
    expect((await put('refilled', 8)).status).toBeLessThan(300)
    await expect.poll(() => matched(8), POLL).toEqual([1, 1])
    for (const lat of [1, 2, 3, 4]) expect(await matched(lat)).toEqual([1, 1])
  }, 90_000)

  it('goes on matching while Redis is frozen, says so, and catches up', async () => {
    await cluster.redis.pause()
    await expect.poll(async () => (await cluster.feedOf(0)).problem, POLL).not.toBeNull()
    expect(await matched(1)).toEqual([1, 1])
    expect((await put('frozen', 5)).status).toBe(503)
    await cluster.redis.resume()
    await expect.poll(async () => (await put('thawed', 6)).status, POLL).toBeLessThan(300)
    await expect.poll(() => matched(6), POLL).toEqual([1, 1])
    await expect.poll(async () => (await cluster.feedOf(0)).problem, POLL).toBeNull()
  }, 60_000)

  it('starts a node from its last good fences while Redis is gone', async () => {
    await cluster.redis.kill9()
    await cluster.killNode(1)
    await cluster.startNode(1)
    expect(await matched(1)).toEqual([1, 1])
    await cluster.redis.start() // empty: control has the copy
    await put('back', 7).catch(() => null)
    await expect.poll(async () => (await put('back', 7)).status, POLL).toBeLessThan(300)
    await expect.poll(() => matched(7), POLL).toEqual([1, 1])
    expect(await matched(1)).toEqual([1, 1])
  }, 90_000)
})
