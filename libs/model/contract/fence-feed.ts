// What every FenceFeed must do, whatever it is made of. Run on each adapter.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AuditEntry, type Doc, type DocChange, type FeedAction, type FenceFeed, stepAfter } from '../src/index.ts'

export interface FeedUnderTest {
  readonly feed: FenceFeed
  readonly close: () => Promise<void>
}

const AUDIT: AuditEntry = { at: 1_742_040_000_000, who: 'root', what: 'test', tenant: 'acme' }

export function fence(id: string, body: string | null = `{"of":"${id}"}`, tenant = 'acme'): DocChange {
  return { kind: 'fence', tenant, id, body }
}

/** Makes a step on whatever the head is. */
export async function write(feed: FenceFeed, action: FeedAction, audit = AUDIT): Promise<number> {
  const head = await feed.head()
  const step = stepAfter(head, action, audit)
  expect(await feed.append(head, step)).toBeNull()
  return step.seq
}

export async function everything(feed: FenceFeed): Promise<string[]> {
  const docs: Doc[] = []
  await feed.snapshot((some) => {
    docs.push(...some)
  })
  return docs.map(({ kind, tenant, id, body }) => `${kind} ${tenant} ${id} ${body}`).sort()
}

export function fenceFeedContract(name: string, open: () => Promise<FeedUnderTest>): void {
  describe(`${name} as a FenceFeed`, () => {
    let kit: FeedUnderTest
    let feed: FenceFeed
    beforeEach(async () => {
      kit = await open()
      feed = kit.feed
    })
    afterEach(() => kit.close())

    it('begins empty, with an epoch of its own', async () => {
      const head = await feed.head()
      expect(head).toMatchObject({ seq: 0 })
      expect(head.epoch).not.toBe('')
      expect(await everything(feed)).toEqual([])
      expect(await feed.steps(0, 10)).toEqual([])
    })

    it('takes a step on its head, and gives back what it brought', async () => {
      expect(await write(feed, { docs: [fence('a'), fence('b')] })).toBe(1)
      expect(await feed.get({ kind: 'fence', tenant: 'acme', id: 'a' })).toEqual({ ...fence('a'), seq: 1 })
      expect(await feed.get({ kind: 'fence', tenant: 'zeta', id: 'a' })).toBeNull()
      expect(await feed.get({ kind: 'campaign', tenant: 'acme', id: 'a' })).toBeNull()
      expect(await write(feed, { docs: [fence('a', '{"new":1}'), fence('b', null), fence('c', null)] })).toBe(2)
      expect(await feed.get({ kind: 'fence', tenant: 'acme', id: 'a' })).toMatchObject({ body: '{"new":1}', seq: 2 })
      expect(await everything(feed)).toEqual(['fence acme a {"new":1}'])
    })

    it('refuses a step on another head, says which there is, and changes nothing', async () => {
      const before = await feed.head()
      await write(feed, { docs: [fence('a')] })
      const late = stepAfter(before, { docs: [fence('b')] }, AUDIT)
      const after = await feed.head()
      expect(await feed.append(before, late)).toEqual({ head: after })
      expect(await everything(feed)).toEqual(['fence acme a {"of":"a"}'])
    })

    it('lets one of many that write at once through', async () => {
      const head = await feed.head()
      const rivals = Array.from({ length: 20 }, (_, i) => stepAfter(head, { docs: [fence(`rival ${i}`)] }, AUDIT))
      const outcomes = await Promise.all(rivals.map((step) => feed.append(head, step)))
      expect(outcomes.filter((outcome) => outcome === null).length).toBe(1)
      expect((await everything(feed)).length).toBe(1)
    })

    it('keeps its steps in a chain for those who follow', async () => {
      for (const id of ['a', 'b', 'c']) await write(feed, { docs: [fence(id)] })
      const steps = (await feed.steps(0, 10)) ?? []
      expect(steps.map(({ seq }) => seq)).toEqual([1, 2, 3])
      expect(steps.map(({ prev }) => prev).slice(1)).toEqual(steps.map(({ hash }) => hash).slice(0, -1))
      expect((await feed.steps(1, 1))?.map(({ seq }) => seq)).toEqual([2])
      expect(await feed.steps(3, 10)).toEqual([])
      expect(await feed.steps(4, 10)).toBeNull()
    })

    it('shows a stage when a step takes it, all at once, over what was and under what comes', async () => {
      await write(feed, { docs: [fence('a', '{"old":1}'), fence('z', '{"old":1}'), fence('gone')] })
      await feed.stage('stage001', [fence('a', '{"staged":1}'), fence('b', '{"staged":1}')])
      await feed.stage('stage001', [fence('c', '{"staged":1}'), fence('gone', null)])
      const before = ['fence acme a {"old":1}', 'fence acme gone {"of":"gone"}', 'fence acme z {"old":1}']
      expect(await everything(feed)).toEqual(before)
      await write(feed, { stage: 'stage001' })
      expect(await everything(feed)).toEqual([
        'fence acme a {"staged":1}',
        'fence acme b {"staged":1}',
        'fence acme c {"staged":1}',
        'fence acme z {"old":1}',
      ])
      await write(feed, { docs: [fence('b', '{"later":1}')] })
      expect(await feed.get({ kind: 'fence', tenant: 'acme', id: 'b' })).toMatchObject({ body: '{"later":1}', seq: 3 })
      expect((await everything(feed)).length).toBe(4)
    })

    it('keeps with a stage where it is from', async () => {
      await feed.stage('stage003', [fence('a')])
      const action = { stage: 'stage003', from: { epoch: 'other', seq: 7 } }
      await write(feed, action)
      expect(await feed.steps(0, 10)).toMatchObject([{ seq: 1, action }])
    })

    it('forgets a stage that nobody took', async () => {
      await feed.stage('stage002', [fence('a'), fence('b')])
      await feed.unstage('stage002')
      expect(await everything(feed)).toEqual([])
    })

    it('forgets all of it in another epoch, if nobody has written meanwhile', async () => {
      await write(feed, { docs: [fence('a')] })
      const seen = await feed.head()
      await write(feed, { docs: [fence('b')] })
      await feed.clear(seen)
      expect((await everything(feed)).length).toBe(2)
      const before = await feed.head()
      await feed.clear(before)
      expect(await everything(feed)).toEqual([])
      const after = await feed.head()
      expect(after.seq).toBe(0)
      expect(after.epoch).not.toBe(before.epoch)
      expect(await write(feed, { docs: [fence('c')] })).toBe(1)
      expect(await everything(feed)).toEqual(['fence acme c {"of":"c"}'])
    })

    it('lists by id, page by page, each tenant and kind for itself', async () => {
      const ids = Array.from({ length: 1203 }, (_, i) => `f${String(i).padStart(4, '0')}`)
      await feed.stage(
        'stage003',
        ids.map((id) => fence(id)),
      )
      await write(feed, { stage: 'stage003' })
      await write(feed, { docs: [fence('a', '{}', 'zeta'), { kind: 'campaign', tenant: 'acme', id: 'a', body: '{}' }] })
      await write(feed, { docs: [fence('f0001', '{"edited":1}'), fence('f0003', null)] })
      const seen: string[] = []
      for (let after = ''; ; ) {
        const page = await feed.list('fence', 'acme', after, 500)
        seen.push(...page.map(({ id }) => id))
        if (page.length < 500) break
        after = page.at(-1)?.id ?? ''
      }
      expect(seen).toEqual(ids.filter((id) => id !== 'f0003'))
      expect((await feed.list('fence', 'zeta', '', 10)).map(({ id }) => id)).toEqual(['a'])
      expect((await feed.list('fence', 'acme', 'f0000', 1))[0]).toMatchObject({ id: 'f0001', body: '{"edited":1}' })
      expect(await feed.list('key', 'acme', '', 10)).toEqual([])
    })

    it('keeps who did what, newest first', async () => {
      for (const what of ['first', 'second', 'third']) await write(feed, { docs: [fence('a')] }, { ...AUDIT, what })
      const all = await feed.audit(Number.MAX_SAFE_INTEGER, 10)
      expect(all.map(({ what, seq }) => [what, seq])).toEqual([
        ['third', 3],
        ['second', 2],
        ['first', 1],
      ])
      expect((await feed.audit(3, 1)).map(({ what }) => what)).toEqual(['second'])
    })

    it('tells whoever watches, until they do no longer', async () => {
      let told = 0
      const stop = feed.watch(() => {
        told++
      })
      await write(feed, { docs: [fence('a')] })
      while (told === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      stop()
      const before = told
      await write(feed, { docs: [fence('b')] })
      expect(told).toBe(before)
    })

    it('knows on what day a key was used last', async () => {
      expect(await feed.lastUse(['k_1', 'k_2'])).toEqual([null, null])
      await feed.noteUse(['k_1', 'k_3'], '2026-11-26')
      await feed.noteUse(['k_1'], '2026-11-27')
      await feed.noteUse([], '2026-11-28')
      expect(await feed.lastUse(['k_1', 'k_2', 'k_3'])).toEqual(['2026-11-27', null, '2026-11-26'])
      expect(await feed.lastUse([])).toEqual([])
    })

    it('knows how far nodes are that have reported lately', async () => {
      const report = { node: 'one', epoch: 'e', seq: 7, at: Date.now(), problem: null, ...UNSAID }
      await feed.report(report)
      await feed.report({ ...report, seq: 8 })
      await feed.report({ ...report, node: 'two', at: Date.now() - 3_600_000 })
      expect(await feed.reports()).toEqual([{ ...report, seq: 8 }])
    })
  })
}

/** What a node need not say of itself. */
const UNSAID = { inFlightSince: 5, retention: { rows: [] } }
