// Requests in a real store, carried out by hands that fail when the test says so, by one runner and by two.
import { join } from 'node:path'
import { createLmdbPresenceStore } from '@fencepost/embedded'
import { type PresenceStore, silentLogger } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createRequestBook,
  createRunner,
  decodeRequest,
  encodeRequest,
  type Hands,
  LEGAL_DEADLINE_MS,
  newRequest,
  newRequestId,
  type PrivacyRequest,
  type RequestBook,
  type Runner,
} from '../src/index.ts'

const POLL = { timeout: 20_000, interval: 5 }
const FOUND = { visits: 1, caps: 0, pending: 0, choices: 2 }
const SUBJECT = Buffer.alloc(32, 7).toString('base64url')

let folder = ''
let store: PresenceStore
let book: RequestBook
const running: Runner[] = []
beforeEach(async () => {
  folder = tempFolder('runner')
  store = createLmdbPresenceStore({ dir: join(folder, 'requests') }, { logger: silentLogger })
  await store.start()
  book = createRequestBook(store, 1e12)
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((runner) => runner.stop()))
  await store.stop(1000)
  removeFolder(folder)
})

/** A world that has events of one pseudonym, and notes what is done to it. */
function world({
  events = 5,
  atOnce = 5,
  failures = {} as Partial<Record<keyof Hands | 'count' | 'journalErase', number>>,
} = {}) {
  const done: string[] = []
  const left = { events, announced: new Set<string>() }
  const fail = (what: keyof Hands | 'count' | 'journalErase'): void => {
    done.push(what)
    const times = failures[what] ?? 0
    if (times === 0) return
    failures[what] = times - 1
    throw new Error(`${what} fails`)
  }
  const suppressedBy: string[] = []
  const hands: Hands = {
    async find(pseudonym) {
      fail('find')
      return pseudonym === 'p.known' ? new Uint8Array(Buffer.alloc(32, 7)) : null
    },
    pseudonymsOf: () => ['p.known', 'p.old'],
    async suppress({ id }) {
      fail('suppress')
      if (suppressedBy.length === 0) suppressedBy.push(id)
      return suppressedBy[0] === id ? FOUND : { visits: 0, caps: 0, pending: 0, choices: 0 }
    },
    async apply() {
      fail('apply')
    },
    async delivered() {
      fail('delivered')
      return true
    },
    journal: {
      async count(names) {
        fail('count')
        return new Map(names.has('p.known') ? [['p.known', left.events]] : [])
      },
      async erase() {
        fail('journalErase')
        left.events = Math.max(0, left.events - atOnce)
      },
    },
    async compact() {
      fail('compact')
    },
    async announce({ id }, { pseudonyms }) {
      fail('announce')
      for (const name of pseudonyms) left.announced.add(`${id} ${name}`)
    },
  }
  return { hands, done, left }
}

function run(hands: Hands, leaseMs = 0): Runner {
  const runner = createRunner({ book, hands, clock: Date.now, logger: silentLogger, leaseMs })
  running.push(runner)
  runner.start()
  return runner
}

async function ask(more: Partial<Parameters<typeof newRequest>[0]> = {}): Promise<string> {
  const id = newRequestId()
  const plain = { type: 'erase', tenant: 'acme', subject: SUBJECT, pseudonym: null, lift: false } as const
  await book.add(newRequest({ id, origin: 'admin', who: 'test', ...plain, ...more }, Date.now()))
  return id
}

async function finished(id: string): Promise<PrivacyRequest> {
  await expect.poll(async () => (await book.get(id))?.request.finished, POLL).toEqual(expect.any(Number))
  return (await book.get(id))?.request as PrivacyRequest
}

describe('an erasure', () => {
  it('goes through its steps in order and ends in one proof', async () => {
    const { hands, done, left } = world()
    const id = await ask()
    run(hands)
    const request = await finished(id)
    expect(done).toEqual(['suppress', 'delivered', 'count', 'journalErase', 'count', 'compact', 'announce'])
    expect(request).toMatchObject({
      step: 'over',
      problem: null,
      proof: { record: FOUND, journal: { events: 5, left: 0 } },
    })
    expect([...left.announced]).toEqual([`${id} p.known`, `${id} p.old`])
    expect(request.deadline - request.created).toBe(LEGAL_DEADLINE_MS)
  })

  it.each(['suppress', 'delivered', 'count', 'journalErase', 'compact', 'announce'] as const)(
    'that fails at %s says so, is tried again, and proves the same',
    async (what) => {
      const { hands, left } = world({ failures: { [what]: 2 } })
      const id = await ask()
      const runner = run(hands)
      await expect.poll(async () => (await book.get(id))?.request.problem, POLL).toContain(`${what} fails`)
      const request = await finished(id)
      expect(request).toMatchObject({ problem: null, proof: { record: FOUND, journal: { events: 5, left: 0 } } })
      expect(left.announced.size).toBe(2)
      expect(runner.counters).toEqual({ finished: 1, failures: 2 })
    },
  )

  it('goes on deleting until nothing is left', async () => {
    const { hands, done } = world({ events: 12 })
    const id = await ask()
    run(hands)
    expect(await finished(id)).toMatchObject({ proof: { journal: { events: 12, left: 0 } } })
    expect(done.filter((what) => what === 'journalErase')).toHaveLength(3)
    expect(done.at(-1)).toBe('announce')
  })

  it('of many at once reads the journal and compacts the files together', async () => {
    const { hands, done } = world()
    const ids = await Promise.all(Array.from({ length: 40 }, () => ask()))
    run(hands)
    for (const id of ids) await finished(id)
    expect(done.filter((what) => what === 'compact').length).toBeLessThan(5)
    expect(done.filter((what) => what === 'announce')).toHaveLength(40)
  })

  it('by pseudonym finds its subject, keeps no name, and takes it out of other requests', async () => {
    const { hands } = world()
    const shown = await ask({ type: 'export', subject: null, pseudonym: 'p.known' })
    const id = await ask({ subject: null, pseudonym: 'p.known' })
    const unknown = await ask({ subject: null, pseudonym: 'p.nobody' })
    run(hands)
    expect(await finished(id)).toMatchObject({ subject: SUBJECT, pseudonym: null })
    expect(await finished(unknown)).toMatchObject({ subject: null, pseudonym: null, proof: { journal: { events: 0 } } })
    expect((await finished(shown)).pseudonym).toBeNull()
  })

  it('is carried out by one of two runners at a time', async () => {
    const { hands, done } = world()
    const ids = await Promise.all(Array.from({ length: 20 }, () => ask()))
    run(hands, 30_000)
    run(hands, 30_000)
    for (const id of ids) await finished(id)
    expect(done.filter((what) => what === 'announce')).toHaveLength(20)
  })
})

describe('requests', () => {
  it('that only read are over at once; those that change a record apply it once', async () => {
    const { hands, done } = world()
    const ids = [await ask({ type: 'export' }), await ask({ type: 'disclosure', subject: null })]
    for (const id of ids) expect((await book.get(id))?.request.step).toBe('over')
    const changes = [await ask({ type: 'restrict' }), await ask({ type: 'object', lift: true })]
    run(hands)
    for (const id of changes) await finished(id)
    expect(done).toEqual(['apply', 'apply'])
  })

  it('come back from their stored form; bytes that are none are refused', async () => {
    const request = (await book.get(await ask()))?.request as PrivacyRequest
    expect(decodeRequest(encodeRequest(request))).toEqual(request)
    for (const bytes of [new Uint8Array(0), Buffer.from('{}'), Buffer.from('{"format":2}')])
      expect(() => decodeRequest(bytes)).toThrow(RangeError)
  })

  it('are found by their id alone, moved by whoever read them last, and listed', async () => {
    for (const id of ['', 'r_', 'nonsense', 'r_AAAAAAAAAAAAAAAAAAAA', '../../etc'])
      expect(await book.get(id)).toBeNull()
    const id = await ask()
    const known = await book.get(id)
    if (known === null) throw new Error('it is there')
    const moved = await book.move(known, { ...known.request, problem: 'one' }, null)
    expect(moved?.request.problem).toBe('one')
    expect(await book.move(known, { ...known.request, problem: 'two' }, null)).toBeNull()
    expect((await book.list(10)).map((one) => one.problem)).toEqual(['one'])
    expect(await book.list(0)).toEqual([])
    expect(await book.due(Date.now(), 10)).toEqual([])
  })
})
