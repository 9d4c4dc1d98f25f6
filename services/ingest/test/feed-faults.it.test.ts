// What can happen to the feed, one by one, with a real Redis under control and two nodes: pings go on matching what was good last, the nodes
// say why they are not further, and catch up by themselves.
import { type DocChange, type FeedAction, type FeedHead, type FeedStep, stepAfter } from '@fencepost/model'
import { needs } from '@fencepost/testbed/needs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type Cluster, fenceAt, POLL, startCluster } from './cluster-kit.ts'

const KEYS = { head: 'fencepost:{feed}:head', steps: 'fencepost:{feed}:steps' }
const EMPTY = 'the feed is empty, and is not filled in yet'
const WENT_BACK = 'the feed went back, and is not filled in yet'
/** Where the fence is that must match whatever happens. */
const ALWAYS = 1

needs('kafka', 'the feed of a cluster', (bootstrap) => {
  let cluster: Cluster
  /** Latitude of the next fence. */
  let lat = ALWAYS
  beforeAll(async () => {
    cluster = await startCluster(bootstrap, 'feed-faults')
    await cluster.put('always', ALWAYS)
    await vi.waitFor(async () => expect(await cluster.matched(ALWAYS)).toEqual([1, 1]), POLL)
  }, 120_000)
  afterAll(() => cluster?.stop())

  /** Does `work` while pings go on; they match on both nodes whatever it does, and both nodes follow and know a new fence afterwards. */
  async function unharmed(work: () => Promise<unknown>): Promise<void> {
    await expect.poll(cluster.copied, POLL).toBe(true)
    let over = false
    const answers = new Set<string>()
    const pinging = (async () => {
      do answers.add(String(await cluster.matched(ALWAYS)))
      while (!over)
    })()
    try {
      await work()
      const here = lat + 1
      await expect.poll(async () => (await cluster.put(`fence-${here}`, here)).status, POLL).toBeLessThan(300)
      lat = here
      await expect.poll(() => cluster.matched(here), POLL).toEqual([1, 1])
      await expect.poll(cluster.problems, POLL).toEqual([null, null])
      expect(await cluster.following()).toEqual([1, 1])
      await expect.poll(cluster.copied, POLL).toBe(true)
    } finally {
      over = true
      await pinging
    }
    expect([...answers]).toEqual(['1,1'])
    for (let at = ALWAYS; at <= lat; at++) expect([at, await cluster.matched(at)]).toEqual([at, [1, 1]])
  }

  /** Both nodes say so, in /readyz and in their metrics. */
  async function said(problem: string): Promise<void> {
    await expect.poll(cluster.problems, POLL).toEqual([problem, problem])
    expect(await cluster.following()).toEqual([0, 0])
  }

  async function headInRedis(): Promise<FeedHead> {
    const [epoch, seq, hash] = (await cluster.admin.hmget(KEYS.head, 'epoch', 'seq', 'hash')) as [
      string,
      string,
      string,
    ]
    return { epoch, seq: Number(seq), hash }
  }

  /** Writes steps past control, all at once: their documents are not touched, unless `withDocs`. */
  async function write(steps: readonly (FeedStep | string)[], { withDocs = false, kept = steps.length } = {}) {
    const { seq } = await headInRedis()
    const all = cluster.admin.multi()
    let hash = ''
    for (const [i, step] of steps.entries()) {
      const text = typeof step === 'string' ? step : JSON.stringify(step)
      hash = typeof step === 'string' ? `forged ${i}` : step.hash
      if (i >= steps.length - kept) all.xadd(KEYS.steps, `${seq + 1 + i}-0`, 'step', text)
      if (!withDocs || typeof step === 'string' || !('docs' in step.action)) continue
      for (const { kind, tenant, id, body } of step.action.docs) {
        const name = [kind, tenant, id].join('\0')
        all.hset('fencepost:{feed}:docs', name, `${seq + 1 + i}:${body}`).zadd('fencepost:{feed}:names', 0, name)
      }
    }
    all.hset(KEYS.head, 'seq', seq + steps.length, 'hash', hash)
    await all.exec()
  }

  const bothAt = ({ epoch, seq }: Pick<FeedHead, 'epoch' | 'seq'>) =>
    expect
      .poll(async () => [await cluster.feedOf(0), await cluster.feedOf(1)], POLL)
      .toEqual([
        { epoch, seq, problem: null },
        { epoch, seq, problem: null },
      ])

  it('steps that were trimmed before a node had them', async () => {
    await unharmed(async () => {
      const head = await headInRedis()
      const first = stepOf(head, { docs: [fence('gap-1', 51)] })
      const second = stepOf({ ...head, seq: first.seq, hash: first.hash }, { docs: [fence('gap-2', 52)] })
      await write([first, second], { withDocs: true, kept: 1 })
      await expect.poll(() => cluster.matched(51), POLL).toEqual([1, 1])
      expect(await cluster.matched(52)).toEqual([1, 1])
      await bothAt({ ...head, seq: second.seq })
    })
  }, 60_000)

  it('all steps lost', async () => {
    await unharmed(() => cluster.admin.del(KEYS.steps))
  }, 60_000)

  it.each<[string, (head: FeedHead) => FeedStep | string]>([
    [
      'a step that was not made from what is there',
      (head) => stepOf({ ...head, hash: '0'.repeat(64) }, { docs: [fence('forged', 53)] }),
    ],
    [
      'a step that was changed on the way',
      (head) => ({ ...stepOf(head, { docs: [] }), action: { docs: [fence('forged', 53)] } }),
    ],
    ['a step that does nothing that is known', (head) => stepOf(head, { docs: [null] } as never)],
    ['a step that is none', () => 'null'],
    ['a step that is no JSON', () => '{"seq":'],
  ])(
    '%s',
    async (_, forge) => {
      await unharmed(async () => {
        const head = await headInRedis()
        await write([forge(head)])
        await bothAt({ ...head, seq: head.seq + 1 })
        // What is loaded in its place are the documents.
        expect(await cluster.matched(53)).toEqual([0, 0])
      })
    },
    60_000,
  )

  it('a change that cannot be used, right in every other way', async () => {
    const poison: DocChange[] = [
      { ...fence('poison-1', 54), body: '{"type":"Feature","properties":{"tenant":"acme"},"geometry":null}' },
      { ...fence('poison-2', 54), body: '{' },
      { ...fence('poison-3', 54), body: '[1,\n2]' },
      { kind: 'key', tenant: 'acme', id: 'poison', body: '{}' },
      { kind: 'campaign', tenant: 'acme', id: 'poison', body: '"x"' },
    ]
    await unharmed(async () => {
      const head = await headInRedis()
      await write([stepOf(head, { docs: [...poison, fence('beside', 55)] })], { withDocs: true })
      await expect.poll(() => cluster.matched(55), POLL).toEqual([1, 1])
    })
    // And to whoever loads all of it: a node that starts, control's copy, explanations, Redis filled anew.
    await cluster.killNode(1)
    await cluster.startNode(1)
    expect(await cluster.matched(55)).toEqual([1, 1])
    const { json } = await cluster.ask('POST', '/v1/explain', { tenant: 'acme', lat: 55, lon: 10 })
    expect(json['fences']).toMatchObject([{ fence: { id: 'beside' }, inside: true }])
    await unharmed(() => cluster.admin.flushall())
    expect(await cluster.matched(55)).toEqual([1, 1])
  }, 90_000)

  it('another epoch', async () => {
    await unharmed(async () => {
      const { epoch } = await headInRedis()
      await cluster.stopControl()
      await cluster.admin.del(KEYS.head)
      await said(EMPTY)
      await cluster.startControl()
      await expect.poll(async () => (await cluster.feedOf(0)).epoch, POLL).not.toBe(epoch)
    })
  }, 60_000)

  it('FLUSHALL', async () => {
    await unharmed(async () => {
      await cluster.stopControl()
      await cluster.admin.flushall()
      await said(EMPTY)
      await cluster.startControl()
    })
  }, 60_000)

  it('an older dump', async () => {
    const names = await cluster.admin.keys('fencepost:{feed}:*')
    const dumps = await Promise.all(names.map(async (name) => [name, await cluster.admin.dumpBuffer(name)] as const))
    await unharmed(async () => {}) // one fence more
    await unharmed(async () => {
      await cluster.stopControl()
      const all = cluster.admin.multi().flushall()
      for (const [name, dump] of dumps) all.restore(name, 0, dump as Buffer)
      await all.exec()
      await said(WENT_BACK)
      await cluster.startControl()
    })
  }, 60_000)

  it('a Redis that is paused', async () => {
    await unharmed(async () => {
      await cluster.redis.pause()
      await expect.poll(async () => (await cluster.problems()).includes(null), POLL).toBe(false)
      expect(await cluster.following()).toEqual([0, 0])
      await cluster.redis.resume()
    })
  }, 60_000)

  it('a Redis that is killed, and comes back with nothing', async () => {
    await unharmed(async () => {
      await cluster.redis.kill9()
      await expect.poll(async () => (await cluster.problems()).includes(null), POLL).toBe(false)
      expect(await cluster.following()).toEqual([0, 0])
      await cluster.redis.start()
    })
  }, 60_000)

  it('two control nodes that write at once', async () => {
    await unharmed(async () => {
      await cluster.stopControl()
      const first = await cluster.startControl()
      const second = await cluster.startControl('control-b')
      const many = Array.from({ length: 30 }, (_, i) => ({ id: `of-both-${i}`, at: 60 + i / 10 }))
      await Promise.all(
        [first, second].map(async (ask, half) => {
          for (const { id, at } of many.filter((_, i) => i % 2 === half))
            expect((await ask('PUT', `/v1/tenants/acme/fences/${id}`, fenceAt(at))).status).toBeLessThan(300)
        }),
      )
      for (const { at } of many) await expect.poll(() => cluster.matched(at), POLL).toEqual([1, 1])
      await cluster.admin.flushall() // both fill it anew
      await expect.poll(cluster.problems, POLL).toEqual([null, null])
      for (const { at } of many) await expect.poll(() => cluster.matched(at), POLL).toEqual([1, 1])
    })
  }, 90_000)
})

function fence(id: string, lat: number): DocChange {
  return { kind: 'fence', tenant: 'acme', id, body: JSON.stringify({ ...fenceAt(lat, { tenant: 'acme' }), id }) }
}

function stepOf(head: FeedHead, action: FeedAction): FeedStep {
  return stepAfter(head, action, { at: Date.now(), who: 'test', what: 'test', tenant: 'acme' })
}
