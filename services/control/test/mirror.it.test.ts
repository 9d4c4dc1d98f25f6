// Control nodes that meet a Redis which was emptied or set back, at once or one late: one feed results, and nothing that any of their copies
// had is lost.
import { join } from 'node:path'
import { createLmdbFeed } from '@fencepost/embedded'
import { type DocChange, type FenceFeed, silentLogger, stepAfter } from '@fencepost/model'
import { createRedisFeed } from '@fencepost/redis'
import { type RedisServer, removeFolder, startRedis, tempFolder } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createMirror, type Mirror } from '../src/mirror.ts'

const POLL = { timeout: 20_000, interval: 20 }
const NAMES = Array.from({ length: 40 }, (_, i) => `fence ${i}`)

/** A control node without its routes. */
interface Control {
  readonly shared: FenceFeed
  readonly local: FenceFeed
  readonly mirror: Mirror
  stop(): Promise<void>
}

needs('redis', 'control nodes and one Redis', () => {
  let server: RedisServer
  let admin: Redis
  let folder = ''
  const running = new Set<Control>()

  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(`redis://${server.address}`)
  }, 120_000)
  afterAll(async () => {
    admin?.disconnect()
    await server?.stop()
  })
  beforeEach(async () => {
    folder = tempFolder('mirror')
    await admin.flushall()
  })
  afterEach(async () => {
    await Promise.all([...running].map((control) => control.stop()))
    removeFolder(folder)
  })

  /** Starts one whose copy lies in `name`. */
  async function start(name: string): Promise<Control> {
    const shared = createRedisFeed(
      { url: `redis://${server.address}`, commandTimeoutMs: 5000 },
      { logger: silentLogger },
    )
    const local = createLmdbFeed({ dir: join(folder, name) }, { logger: silentLogger })
    const placePath = join(folder, `${name}.place`)
    const mirror = createMirror({ shared, local, placePath, logger: silentLogger, clock: Date.now })
    const control = {
      shared,
      local,
      mirror,
      async stop() {
        running.delete(control)
        await mirror.stop()
        await shared.stop(2000)
        await local.stop(2000)
      },
    }
    running.add(control)
    await local.start()
    await shared.start()
    await mirror.start()
    return control
  }

  async function write({ mirror: { guarded } }: Control, docs: readonly DocChange[]): Promise<void> {
    for (;;) {
      const head = await guarded.head()
      const step = stepAfter(head, { docs }, { at: Date.now(), who: 'test', what: 'test', tenant: 'acme' })
      if ((await guarded.append(head, step)) === null) return
    }
  }

  const copied = (...controls: readonly Control[]) =>
    expect
      .poll(async () => {
        const { epoch, seq } = await (controls[0] as Control).shared.head()
        return controls.every(({ mirror }) => {
          const state = mirror.state()
          return seq > 0 && state.epoch === epoch && state.seq === seq && state.problem === null
        })
      }, POLL)
      .toBe(true)

  it('one of two fills an emptied Redis, and both have what it has', async () => {
    const [a, b] = await Promise.all([start('a'), start('b')])
    await write(
      a,
      NAMES.map((id) => fence(id)),
    )
    await write(b, [fence('of b'), gone('fence 0')])
    await copied(a, b)
    const before = await contents(a.shared)
    for (let round = 0; round < 5; round++) {
      const { epoch } = await a.shared.head()
      await admin.flushall()
      await expect.poll(async () => (await a.shared.head()).epoch !== epoch, POLL).toBe(true)
      await copied(a, b)
      // As much in each copy, and so one step: the other has put nothing on top.
      expect((await a.shared.head()).seq).toBe(1)
      for (const feed of [a.shared, a.local, b.local]) expect(await contents(feed)).toEqual(before)
    }
  }, 60_000)

  it('two that start at once beside an empty Redis fill it once', async () => {
    let controls = await Promise.all([start('a'), start('b')])
    await write(
      controls[0],
      NAMES.map((id) => fence(id)),
    )
    await copied(...controls)
    const before = await contents(controls[0].shared)
    for (let round = 0; round < 3; round++) {
      await Promise.all(controls.map((control) => control.stop()))
      await admin.flushall()
      controls = await Promise.all([start('a'), start('b')])
      await copied(...controls)
      expect((await controls[0].shared.head()).seq).toBe(1)
      for (const { shared, local } of controls)
        for (const feed of [shared, local]) expect(await contents(feed)).toEqual(before)
    }
  }, 60_000)

  it('two that meet an older dump make one feed of all that they had', async () => {
    const [a, b] = await Promise.all([start('a'), start('b')])
    await write(
      a,
      NAMES.map((id) => fence(id)),
    )
    const keys = await admin.keys('*')
    const dumps = await Promise.all(keys.map(async (name) => [name, await admin.dumpBuffer(name)] as const))
    await write(b, [fence('newest'), fence('fence 1', 2), gone('fence 0')])
    await copied(a, b)
    const before = await contents(a.shared)
    const { epoch } = await a.shared.head()
    const restore = admin.multi().flushall()
    for (const [name, dump] of dumps) restore.restore(name, 0, dump as Buffer)
    await restore.exec()
    await expect.poll(async () => (await a.shared.head()).epoch !== epoch, POLL).toBe(true)
    await copied(a, b)
    for (const feed of [a.shared, a.local, b.local]) expect(await contents(feed)).toEqual(before)
  }, 60_000)

  it('refuses to write to a Redis that was set back, until it is filled in', async () => {
    const a = await start('a')
    await write(a, [fence('old')])
    const old = await a.shared.head()
    await write(a, [fence('new')])
    await copied(a)
    const step = stepAfter(old, { docs: [fence('late')] }, { at: 0, who: 'test', what: 'test', tenant: 'acme' })
    await expect(a.mirror.guarded.append(old, step)).rejects.toMatchObject({ code: 'unavailable' })
  }, 60_000)

  it('one with more than the copy that an emptied Redis was filled from brings it in, and what was written meanwhile stays', async () => {
    const [a, b] = await Promise.all([start('a'), start('b')])
    await write(
      a,
      ['same', 'changed', 'removed', 'changed here and there', 'removed meanwhile'].map((id) => fence(id)),
    )
    await copied(a, b)
    await b.stop()
    await write(a, [fence('changed', 2), fence('changed here and there', 2), fence('added', 2), gone('removed')])
    await copied(a)
    await a.stop()
    await admin.flushall()
    const late = await start('b')
    await copied(late)
    await write(late, [fence('written meanwhile', 3), fence('changed here and there', 3), gone('removed meanwhile')])
    const again = await start('a')
    await copied(again, late)
    for (const feed of [again.shared, again.local, late.local])
      expect(await contents(feed)).toEqual({
        same: 1,
        changed: 2,
        'changed here and there': 3,
        added: 2,
        'written meanwhile': 3,
      })
    // And that is all: whoever looks again has nothing to bring.
    const { seq } = await again.shared.head()
    await again.stop()
    await copied(await start('a'), late)
    expect((await late.shared.head()).seq).toBe(seq)
  }, 60_000)

  it('one with an empty copy is closed while nodes say that there was more, and opens when the one that has it comes', async () => {
    const a = await start('a')
    await write(
      a,
      NAMES.map((id) => fence(id)),
    )
    await copied(a)
    const { epoch, seq } = await a.shared.head()
    const before = await contents(a.shared)
    await a.stop()
    await admin.flushall()
    const report = {
      node: 'node',
      epoch,
      seq,
      at: Date.now() + 60_000,
      problem: 'the feed is empty',
      inFlightSince: null,
      retention: null,
    }
    const starting = start('empty')
    await expect.poll(() => running.size, POLL).toBe(1)
    const [empty] = running as unknown as [Control]
    await expect
      .poll(
        () =>
          empty.shared.report(report).then(
            () => true,
            () => false,
          ),
        POLL,
      )
      .toBe(true)
    await expect.poll(() => empty.mirror.state().problem, POLL).toContain('was emptied')
    await expect(write(empty, [fence('too early')])).rejects.toMatchObject({ code: 'unavailable' })
    expect((await empty.shared.head()).seq).toBe(0)
    const full = await start('a')
    await starting
    await copied(full, empty)
    await write(empty, [fence('in time')])
    await copied(full, empty)
    expect(await contents(full.local)).toEqual({ ...before, 'in time': 1 })
  }, 60_000)

  it('one with an empty copy that was first fills nothing, and loses nothing of the one that has it all', async () => {
    const a = await start('a')
    await write(
      a,
      ['old', 'both', 'removed since'].map((id) => fence(id)),
    )
    await copied(a)
    await a.stop()
    await admin.flushall()
    const empty = await start('empty') // nobody says that there was more
    expect(empty.mirror.state()).toMatchObject({ seq: 0, problem: null })
    await admin.flushall()
    const { epoch } = await empty.shared.head()
    await expect.poll(() => empty.mirror.state().epoch, POLL).toBe(epoch)
    expect((await empty.shared.head()).seq).toBe(0)

    await write(empty, [fence('new', 2), fence('both', 2), fence('removed since', 2)])
    await write(empty, [gone('removed since')])
    const full = await start('a')
    await copied(full, empty)
    for (const feed of [full.shared, full.local, empty.local])
      expect(await contents(feed)).toEqual({ old: 1, both: 2, new: 2 })
  }, 60_000)
})

function fence(id: string, version = 1): DocChange {
  return { kind: 'fence', tenant: 'acme', id, body: JSON.stringify({ version }) }
}

function gone(id: string): DocChange {
  return { kind: 'fence', tenant: 'acme', id, body: null }
}

/** Versions by id. */
async function contents(feed: FenceFeed): Promise<Record<string, number>> {
  const all: Record<string, number> = {}
  await feed.snapshot((docs) => {
    for (const { id, body } of docs) {
      expect(all).not.toHaveProperty([id])
      all[id] = (JSON.parse(body) as { version: number }).version
    }
  })
  return all
}
