// Requests about privacy in a cluster: control takes them and shows them, the nodes carry them out, whichever of them is there.
import { readTopic } from '@fencepost/kafka/reader'
import { needs } from '@fencepost/testbed/needs'
import { expect, it } from 'vitest'
import { POLL, startCluster } from './cluster-kit.ts'

const HERE = 50

needs('kafka', 'a cluster', (bootstrap) => {
  it.each(['1', '2'])(
    'carries out what control is asked, with %s threads, though a node is killed',
    async (threads) => {
      const cluster = await startCluster(bootstrap, `privacy-cluster-${threads}`, {
        FENCEPOST_PRESENCE: 'on',
        FENCEPOST_THREADS: threads,
        FENCEPOST_DELIVERY_DEADLINE_MS: '1000',
      })
      try {
        const { seq } = (await cluster.put('market', HERE)).json as { seq: number }
        await cluster.ask('GET', `/v1/feed/status?seq=${seq + 1}&wait_ms=5000`)
        await expect.poll(() => cluster.matched(HERE), POLL).toEqual([1, 1])
        const officer = (await cluster.ask('POST', '/v1/tokens', { role: 'privacy' })).json['token'] as string
        const ask = (method: string, path: string, body?: unknown) => cluster.askAs(officer, method, path, body)
        const request = async (body: object): Promise<Record<string, unknown>> => {
          const { json } = await ask('POST', '/v1/privacy/requests', { tenant: 'acme', ...body })
          await expect.poll(async () => (await find(json['id'])).status, POLL).toBe('done')
          return find(json['id'])
        }
        const find = async (id: unknown) =>
          (await ask('GET', `/v1/privacy/requests/${id}`)).json as Record<string, unknown>

        const subject = { device: 'phone' }
        const exported = (await request({ type: 'export', subject }))['result'] as Record<string, unknown>
        expect(exported).toMatchObject({ events: null, presence: { visits: [{ fence: { id: 'market' } }] } })
        const [pseudonym] = (exported['events_elsewhere'] as { keys: string[] }).keys as [string]
        await request({ type: 'restrict', subject: { pseudonym } })
        await expect.poll(() => cluster.matched(HERE), POLL).toEqual([0, 0])
        await request({ type: 'restrict', subject, lift: true })
        await expect.poll(() => cluster.matched(HERE), POLL).toEqual([1, 1])

        // One node is dead: what it may have had under way counts as over after the deadline.
        await cluster.killNode(1)
        const erased = await request({ type: 'erase', subject })
        expect(erased['proof']).toMatchObject({ records: { found: { visits: 1 } }, journal: null })
        const told = async () => readTopic({ bootstrap, topic: 'erasures', name: cluster.topics.erasures })
        expect((await told()).map(({ key }) => key)).toEqual([pseudonym])
        await cluster.startNode(1)
        await expect.poll(() => cluster.matched(HERE), POLL).toEqual([0, 0])
        const held = (await request({ type: 'access', subject }))['result']
        expect(held).toMatchObject({ presence: null, consent: { suppressed: { why: 'erased' } } })

        // The page, retention, and a secret that a backend signs with.
        const retention = (await ask('GET', '/v1/privacy/retention')).json as { nodes: unknown[]; oldest: object }
        expect(retention.nodes.length).toBeGreaterThanOrEqual(2)
        expect(retention.oldest).toMatchObject({ requests: expect.any(Number), choices: expect.any(Number) })
        const secret = (await cluster.ask('POST', '/v1/tenants/acme/subject-secret')).json['secret'] as string
        expect(secret).toMatch(/^[\w-]{43}$/)
        const page = await fetch(`http://127.0.0.1:${cluster.ports[0]}/privacy`)
        expect(await page.text()).toContain('Nobody up to 13')
      } finally {
        await cluster.stop()
      }
    },
    120_000,
  )
})
