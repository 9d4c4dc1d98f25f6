// A node that follows a feed which does not behave: it keeps what is in force, says so, and catches up by itself.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLmdbFeed } from '@fencepost/embedded'
import { loadFences } from '@fencepost/geo'
import { type PackedFences, packFences } from '@fencepost/match'
import {
  type DocChange,
  type FeedAction,
  type FeedStep,
  type FenceFeed,
  silentLogger,
  stepAfter,
} from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { FeedUpdate } from '../src/feed/feed-view.ts'
import { createFollower } from '../src/feed/follower.ts'
import { changeOf } from '../src/fence-edit.ts'

const AUDIT = { at: 0, who: 'test', what: 'test', tenant: 'acme' }

function fence(id: string, lat = 1): DocChange {
  const feature = {
    type: 'Feature',
    id,
    properties: { radius_m: 10, tenant: 'acme' },
    geometry: { type: 'Point', coordinates: [1, lat] },
  }
  return { kind: 'fence', tenant: 'acme', id, body: JSON.stringify(feature) }
}

async function append(feed: FenceFeed, action: FeedAction): Promise<void> {
  const head = await feed.head()
  expect(await feed.append(head, stepAfter(head, action, AUDIT))).toBeNull()
}

/** A feed of which single answers can be bent, and a node that follows it; `disk` is what a node before has left. */
async function following(disk?: string) {
  const folder = tempFolder('follower')
  const fencesPath = join(disk ?? folder, 'fences.ndjson')
  const real = createLmdbFeed({ dir: join(folder, 'feed') }, { logger: silentLogger })
  await real.start()
  const bent: Partial<FenceFeed> = {}
  const feed = new Proxy(real, {
    get: (target, name: keyof FenceFeed) => bent[name] ?? (target[name] as () => void).bind(target),
  })
  const inForce = new Map<string, number>()
  const updates: FeedUpdate[] = []
  const percents: number[] = []
  let loads = 0
  const follower = createFollower({
    feed,
    logger: silentLogger,
    clock: Date.now,
    name: 'node',
    inFlightSince: () => null,
    takeUsedKeys: () => [],
    retention: () => null,
    withFences: true,
    fencesPath,
    buildCpuPercent: 50,
    async loadFile(path, cpuPercent) {
      percents.push(cpuPercent)
      const features = readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object)
      const { fences } = loadFences({ type: 'FeatureCollection', features } as never, { invalid: 'skip' })
      loaded = fences.map(({ id }) => id)
      return packFences(fences)
    },
    publishIndex(packed: PackedFences) {
      loads++
      inForce.clear()
      if (packed.base.byteLength > 0) for (const id of loaded) inForce.set(id, 0)
    },
    async applyFences(edits) {
      for (const change of edits.map((edit) => changeOf(edit, () => {}))) {
        if ('put' in change) inForce.set(change.put.id, change.put.version)
        else inForce.delete(change.remove.id)
      }
    },
    publishView: (update) => updates.push(update),
  })
  let loaded: string[] = []
  onTestFinished(async () => {
    await follower.stop()
    if (disk === undefined) expect(existsSync(`${fencesPath}.node`)).toBe(false) // nothing half-written is left
    await real.stop(1000)
    removeFolder(folder)
  })
  const { base } = await follower.load()
  if (base.byteLength > 0) for (const id of loaded) inForce.set(id, 0)
  follower.start()
  return { feed: real, bent, inForce, updates, follower, loads: () => loads, percents, disk: folder, fencesPath }
}

const ids = (map: ReadonlyMap<string, number>): string[] => [...map.keys()].sort()

it('takes step after step, and tells how far it is', async () => {
  const { feed, inForce, follower, loads } = await following()
  await append(feed, { docs: [fence('a')] })
  await append(feed, { docs: [fence('b'), { ...fence('a'), body: null }] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['b']), 5000)
  await vi.waitFor(
    async () => expect(await feed.reports()).toMatchObject([{ node: 'node', seq: 2, problem: null }]),
    5000,
  )
  expect([follower.state().seq, loads()]).toEqual([2, 0])
})

it('loads all of it for an import', async () => {
  const { feed, inForce, loads } = await following()
  await feed.stage('stage001', [fence('a'), fence('b')])
  await append(feed, { stage: 'stage001' })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a', 'b']), 5000)
  expect(loads()).toBe(1)
})

it('a fence that cannot be used is left out, and does not stop those behind it', async () => {
  const { feed, inForce, follower } = await following()
  await append(feed, {
    docs: [{ ...fence('bad'), body: '{"type":"Feature","properties":{},"geometry":null}' }, fence('good')],
  })
  await append(feed, { docs: [{ ...fence('worse'), body: '{' }] })
  await append(feed, { docs: [fence('last')] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['good', 'last']), 5000)
  expect(follower.state()).toMatchObject({ seq: 3, problem: null })
})

const POISON: readonly DocChange[] = [
  { ...fence('worse'), body: '{' },
  { ...fence('null'), body: 'null' },
  { kind: 'key', tenant: 'acme', id: 'key', body: '{}' },
  { kind: 'key', tenant: 'acme', id: 'cut', body: '{"hash":' },
  { kind: 'campaign', tenant: 'acme', id: 'campaign', body: '[]' },
  { kind: 'recipient', tenant: 'acme', id: 'recipient', body: 'null' },
  // Without its own rules a tenant would have the usual ones: those that it has stay.
  { kind: 'tenant', tenant: 'acme', id: 'acme', body: '{"age_limit":"x"}' },
]

it('documents that cannot be used are taken out, and do not stop what is behind them', async () => {
  const { feed, inForce, updates, follower } = await following()
  await append(feed, { docs: [fence('worse'), { kind: 'key', tenant: 'acme', id: 'key', body: '{"hash":"h"}' }] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['worse']), 5000)
  await append(feed, { docs: POISON })
  await append(feed, { docs: [fence('last')] })
  await vi.waitFor(() => expect(follower.state()).toMatchObject({ seq: 3, problem: null }), 5000)
  expect(ids(inForce)).toEqual(['last'])
  expect(updates.at(-2)?.docs.map(({ id, body }) => [id, body])).toEqual([
    ['key', null],
    ['cut', null],
    ['campaign', null],
    ['recipient', null],
  ])
})

it('documents that cannot be used are left out of a load', async () => {
  const { feed, inForce, updates } = await following()
  await feed.stage('stage001', [
    ...POISON,
    { ...fence('a'), body: JSON.stringify(JSON.parse(fence('a').body as string), null, 1) },
  ])
  await append(feed, { stage: 'stage001' })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a']), 5000)
  expect(updates.at(-1)).toMatchObject({ isWhole: true, docs: [] })
})

it.each<[string, (steps: FeedStep[]) => FeedStep[] | null]>([
  ['are not kept any more', () => null],
  ['have a gap', (steps) => steps.slice(1)],
  ['were not made from what is here', (steps) => steps.map((step) => ({ ...step, prev: '0'.repeat(64) }))],
  ['are none', (steps) => steps.map(() => null as unknown as FeedStep)],
  ['do nothing that is known', (steps) => steps.map((step) => ({ ...step, action: { docs: [null] } as never }))],
  ['were changed on the way', (steps) => steps.map((step) => ({ ...step, audit: { ...step.audit, who: 'mallory' } }))],
])('loads all of it when steps %s', async (_, bend) => {
  const { feed, bent, inForce, loads } = await following()
  bent.steps = async (after, limit) => bend((await feed.steps(after, limit)) ?? [])
  await append(feed, { docs: [fence('a')] })
  await append(feed, { docs: [fence('b')] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a', 'b']), 5000)
  expect(loads()).toBeGreaterThan(0)
})

it.each<[string, (head: { epoch: string; seq: number; hash: string }) => { epoch: string; seq: number; hash: string }]>(
  [
    ['another epoch', (head) => ({ ...head, epoch: 'another' })],
    ['a head of the same number and another hash', (head) => ({ ...head, hash: 'x' })],
  ],
)('loads all of it for %s', async (_, bend) => {
  const { feed, bent, inForce, loads } = await following()
  await append(feed, { docs: [fence('b')] })
  await append(feed, { docs: [fence('a'), { ...fence('b'), body: null }] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a']), 5000)
  const before = loads()
  bent.head = async () => bend(await feed.head())
  await vi.waitFor(() => expect(loads()).toBeGreaterThan(before), 5000)
  expect(ids(inForce)).toEqual(['a'])
})

it('keeps what is in force while the feed cannot be read, says so, and goes on when it can', async () => {
  const { feed, bent, inForce, follower } = await following()
  await append(feed, { docs: [fence('a')] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a']), 5000)
  bent.head = () => Promise.reject(new Error('gone'))
  await append(feed, { docs: [fence('b')] })
  await vi.waitFor(() => expect(follower.state().problem).toBe('gone'), 5000)
  expect(ids(inForce)).toEqual(['a'])
  delete bent.head
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a', 'b']), 15_000)
  await vi.waitFor(() => expect(follower.state().problem).toBeNull(), 5000)
}, 30_000)

it('keeps what is in force when the feed is emptied, says so, and follows whoever fills it anew', async () => {
  const { feed, inForce, updates, follower, loads } = await following()
  await append(feed, { docs: [fence('a')] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a']), 5000)
  const before = follower.state()
  await feed.clear(await feed.head())
  await vi.waitFor(
    async () => expect(await feed.reports()).toMatchObject([{ seq: 1, problem: expect.stringContaining('empty') }]),
    5000,
  )
  expect(follower.state()).toEqual({ ...before, problem: expect.stringContaining('empty') })
  expect([ids(inForce), loads(), updates.at(-1)?.place.epoch]).toEqual([['a'], 0, before.epoch])
  await append(feed, { docs: [fence('b')] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['b']), 5000)
  await vi.waitFor(() => expect(follower.state()).toMatchObject({ seq: 1, problem: null }), 5000)
})

it('keeps what is in force when the feed went back, says so, and follows once somebody writes to it', async () => {
  const { feed, bent, inForce, follower, loads } = await following()
  for (const id of ['a', 'b', 'c']) await append(feed, { docs: [fence(id)] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a', 'b', 'c']), 5000)
  const { epoch } = follower.state()
  bent.head = async () => ({ epoch, seq: 1, hash: 'older' })
  await vi.waitFor(
    () => expect(follower.state()).toEqual({ epoch, seq: 3, problem: expect.stringContaining('went back') }),
    5000,
  )
  expect([ids(inForce), loads()]).toEqual([['a', 'b', 'c'], 0])
  bent.head = async () => ({ epoch, seq: 2, hash: 'written since' })
  bent.snapshot = async (take) => {
    await feed.snapshot(take)
    return { epoch, seq: 2, hash: 'written since' }
  }
  await vi.waitFor(() => expect(follower.state()).toEqual({ epoch, seq: 2, problem: null }), 5000)
  expect(loads()).toBe(1)
})

it('keeps what is in force when the feed is emptied while it is loaded', async () => {
  const { feed, bent, inForce, follower } = await following()
  await append(feed, { docs: [fence('a')] })
  await vi.waitFor(() => expect(ids(inForce)).toEqual(['a']), 5000)
  bent.snapshot = async (take) => {
    await feed.clear(await feed.head())
    return feed.snapshot(take)
  }
  await feed.stage('stage001', [fence('b')])
  await append(feed, { stage: 'stage001' })
  await vi.waitFor(() => expect(follower.state().problem).toContain('empty'), 5000)
  expect(ids(inForce)).toEqual(['a'])
})

it('an epoch without a step is no problem to a node that began with none', async () => {
  const { feed, inForce, follower } = await following()
  await feed.clear(await feed.head())
  const { epoch } = await feed.head()
  await vi.waitFor(() => expect(follower.state()).toEqual({ epoch, seq: 0, problem: null }), 5000)
  expect(ids(inForce)).toEqual([])
})

it('begins with the last good where the feed is empty or away, with the steps taken since it was loaded', async () => {
  const first = await following()
  const key: DocChange = { kind: 'key', tenant: 'acme', id: 'key', body: '{"hash":"h"}' }
  await first.feed.stage('stage001', [fence('a'), fence('b'), key])
  await append(first.feed, { stage: 'stage001' })
  await vi.waitFor(() => expect(ids(first.inForce)).toEqual(['a', 'b']), 5000)
  await append(first.feed, { docs: [fence('c'), { ...fence('a'), body: null }, { ...key, id: 'other' }] })
  await append(first.feed, { docs: [fence('d'), { ...fence('c'), body: null }, { ...key, body: null }] })
  await vi.waitFor(() => expect(ids(first.inForce)).toEqual(['b', 'd']), 5000)
  await first.follower.stop()
  const { epoch } = first.follower.state()
  // A line that was cut short, and one that was not made from what is here.
  const steps = `${first.fencesPath}.steps`
  const [last] = readFileSync(steps, 'utf8').split('\n').slice(-1) as [string]
  appendFileSync(steps, `\n${last.replace(/"prev":"./, '"prev":"x')}\n${last.slice(0, 99)}`)

  for (const round of ['emptied', 'and once more']) {
    const next = await following(first.disk)
    expect([round, ids(next.inForce)]).toEqual([round, ['b', 'd']])
    expect(next.updates).toMatchObject([{ isWhole: true, docs: [{ id: 'other' }], place: { epoch, seq: 3 } }])
    await vi.waitFor(
      () => expect(next.follower.state()).toEqual({ epoch, seq: 3, problem: expect.stringContaining('empty') }),
      5000,
    )
    await next.follower.stop()
  }
  const last2 = await following(first.disk)
  await append(last2.feed, { docs: [fence('e')] })
  await vi.waitFor(() => expect(ids(last2.inForce)).toEqual(['e']), 5000)
  expect(last2.follower.state().problem).toBeNull()
})
