// GET /v1/events: a journal read back over a real socket, by readers that are quick, slow, gone, or late.
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { createJournal, type Journal } from '@fencepost/embedded'
import { silentLogger, TOPICS } from '@fencepost/model'
import { parseConfig } from '@fencepost/runtime'
import { createHttpServer } from '@fencepost/server'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeRecordBatch } from '../../../libs/model/contract/event-sink.ts'
import { createStandalone } from '../src/app.ts'
import { standaloneSettings } from '../src/config.ts'
import { createEventsRoute } from '../src/events.ts'

interface Line {
  readonly cursor?: string
  readonly topic?: string
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly value?: unknown
  readonly heartbeat?: number
  readonly error?: string
}

interface Served {
  readonly journal: Journal
  readonly port: number
  /** Records that the route has read from the journal. */
  readonly readSoFar: () => number
}

/** A journal with its route, closed and removed with the test. */
async function serveJournal(
  options: { readonly heartbeatMs?: number; readonly onRead?: () => void; readonly retentionBytes?: number } = {},
): Promise<Served> {
  const dir = tempFolder('events')
  const journal = createJournal(
    {
      dir,
      retentionMs: 3_600_000,
      retentionBytes: options.retentionBytes ?? 1024 ** 3,
      maxQueueBytes: 512 * 1024 * 1024,
      maxQueueEvents: 1_000_000,
      deliveryDeadlineMs: 30_000,
      retentionCheckMs: 20,
    },
    { logger: silentLogger },
  )
  await journal.start()
  let count = 0
  const server = createHttpServer({ name: 'admin', host: '127.0.0.1', port: 0, logger: silentLogger })
  const route = createEventsRoute({
    journal: {
      read(topic, after, limit) {
        options.onRead?.()
        const page = journal.read(topic, after, limit)
        count += page.records.length
        return page
      },
      onAppend: (listener) => journal.onAppend(listener),
    },
    names: {
      matches: 'fencepost.matches',
      transitions: 'fencepost.transitions',
      erasures: 'fencepost.erasures',
    },
    pseudonymOf: () => null,
    logger: silentLogger,
    heartbeatMs: options.heartbeatMs ?? 60_000,
  })
  server.route('get', '/v1/events', route)
  const { port } = await server.start()
  onTestFinished(async () => {
    await server.stop(1000)
    await journal.stop(5000)
    removeFolder(dir)
  })
  return { journal, port, readSoFar: () => count }
}

/** Appends events whose values count up from `from`, in batches of `perBatch`, each value padded to `bytes`. */
async function append(
  journal: Journal,
  count: number,
  { from = 0, perBatch = 1000, bytes = 0 }: { from?: number; perBatch?: number; bytes?: number } = {},
): Promise<void> {
  const published: Promise<void>[] = []
  for (let first = from; first < from + count; first += perBatch) {
    const values = Array.from({ length: Math.min(perBatch, from + count - first) }, (_, i) =>
      Buffer.from(JSON.stringify({ n: first + i, pad: 'x'.repeat(bytes) })),
    )
    published.push(journal.publish(makeRecordBatch('a-device', values)))
  }
  await Promise.all(published)
}

interface Read {
  readonly status: number
  readonly text: string
  readonly lines: readonly Line[]
}

async function read(port: number, query: string, method = 'GET', authorization = ''): Promise<Read> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/events${query}`, {
    method,
    headers: authorization === '' ? {} : { authorization },
  })
  const text = await response.text()
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
  return { status: response.status, text, lines }
}

const numbers = (lines: readonly Line[]): number[] =>
  lines.filter(({ value }) => value !== undefined).map(({ value }) => (value as { n: number }).n)

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

/** A reader that stays; the connection ends with the test. */
async function follow(port: number, query = ''): Promise<Follower> {
  const { request, response } = await connect(port, `?follow=true${query}`)
  const lines: Line[] = []
  let rest = ''
  let over = false
  let wake = (): void => {}
  response.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.map((part) => JSON.parse(part) as Line))
    wake()
  })
  response.on('close', () => {
    over = true
    wake()
  })
  const next = async (): Promise<Line | null> => {
    while (lines.length === 0) {
      if (over) return null
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return lines.shift() ?? null
  }
  return {
    status: response.statusCode ?? 0,
    request,
    response,
    next,
    async nextEvent() {
      let line = await next()
      while (line?.heartbeat !== undefined) line = await next()
      return line
    },
  }
}

interface Follower {
  readonly status: number
  readonly request: ClientRequest
  readonly response: IncomingMessage
  /** The next line; null at the end. */
  next(): Promise<Line | null>
  /** The next line that is no heartbeat. */
  nextEvent(): Promise<Line | null>
}

function connect(port: number, query: string): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: `/v1/events${query}`, agent: false }, (response) => {
      response.on('error', () => {}) // cut off, or left: the test sees it from the end of the lines
      resolve({ request, response })
    })
    request.on('error', reject)
    onTestFinished(() => void request.destroy())
  })
}

describe('GET /v1/events', () => {
  it('gives one line an event: cursor, full record, decoded value', async () => {
    const { journal, port } = await serveJournal()
    await append(journal, 2)
    const { status, lines } = await read(port, '')
    expect(status).toBe(200)
    expect(lines).toMatchObject([
      { topic: 'matches', key: 'a-device', headers: { tenant: 'acme', ce_specversion: '1.0' }, value: { n: 0 } },
      { topic: 'matches', key: 'a-device', value: { n: 1 } },
    ])
    for (const { cursor } of lines) expect(cursor).toMatch(/^\d+$/)
  })

  it('begins after a cursor, that one left out, and ends in nothing at the newest', async () => {
    const { journal, port } = await serveJournal()
    await append(journal, 10)
    const all = (await read(port, '')).lines
    expect(numbers((await read(port, `?after=${all[3]?.cursor}`)).lines)).toEqual(upTo(4, 10))
    expect((await read(port, `?after=${all[9]?.cursor}`)).text).toBe('')
    expect((await read(port, `?after=${Number(all[9]?.cursor) + 1000}`)).text).toBe('')
    expect(numbers((await read(port, '?after=')).lines)).toEqual(upTo(0, 10))
  })

  it.each([
    ['', 1000],
    ['?limit=1', 1],
    ['?limit=999', 999],
    ['?limit=1000', 1000],
    ['?limit=10000', 10_000],
  ])('%j gives the oldest of 10,500 events: %i', async (query, count) => {
    const { journal, port } = await serveJournal()
    await append(journal, 10_500)
    expect(numbers((await read(port, query)).lines)).toEqual(upTo(0, count))
  })

  it('read page by page gives every event once', async () => {
    const { journal, port } = await serveJournal()
    await append(journal, 2500, { perBatch: 7 })
    const seen: number[] = []
    for (let after = ''; ; ) {
      const { lines } = await read(port, `?limit=400&after=${after}`)
      if (lines.length === 0) break
      seen.push(...numbers(lines))
      after = lines.at(-1)?.cursor ?? ''
    }
    expect(seen).toEqual(upTo(0, 2500))
  })

  it.each([...TOPICS, 'fencepost.matches', 'fencepost.transitions'])('knows the topic %s', async (topic) => {
    const { journal, port } = await serveJournal()
    await append(journal, 1)
    expect((await read(port, `?topic=${topic}`)).lines).toHaveLength(topic.endsWith('matches') ? 1 : 0)
  })

  it.each([
    '?limit=0',
    '?limit=10001',
    '?limit=-1',
    '?limit=1e3',
    '?limit=99999999999999999999',
    '?follow=true&limit=10001',
    '?after=x',
    '?after=-1',
    '?after=1.5',
    '?after=9999999999999999',
    '?topic=transition',
    '?topic=nothing',
    '?topic=',
    '?follow=perhaps',
  ])('%s is answered 400 with what it must be', async (query) => {
    const { port } = await serveJournal()
    const { status, lines } = await read(port, query)
    expect([status, lines]).toEqual([400, [{ error: 'bad_query', message: expect.stringContaining(' must be ') }]])
  })

  it('answers HEAD without a body, however long the reader would stay', async () => {
    const { journal, port } = await serveJournal()
    await append(journal, 600)
    for (let i = 0; i < 70; i++)
      expect(await read(port, '?follow=true', 'HEAD')).toMatchObject({ status: 200, text: '' })
    // None of them counts as a follower.
    expect((await follow(port)).status).toBe(200)
  })

  it('is 410 cursor_gone when what followed a cursor is past retention', async () => {
    const { journal, port } = await serveJournal({ retentionBytes: 1024 * 1024 })
    await append(journal, 10)
    const { lines } = await read(port, '?limit=1')
    const first = lines[0]?.cursor
    for (let from = 10; from < 4010; from += 400) await append(journal, 400, { from, bytes: 500 })
    await expect.poll(async () => (await read(port, `?after=${first}&limit=1`)).status, { timeout: 10_000 }).toBe(410)
    expect((await read(port, `?after=${first}`)).lines).toEqual([
      { error: 'cursor_gone', message: expect.stringContaining('retention') },
    ])
    // Without a cursor, and from the newest on, the journal can be read.
    expect((await read(port, '?limit=1')).lines).toHaveLength(1)
  })
})

describe('a reader that follows', () => {
  it('gets what there is, then what comes, each once and in order', async () => {
    const { journal, port } = await serveJournal()
    await append(journal, 1200)
    const reader = await follow(port)
    const got: Line[] = []
    while (got.length < 1200) got.push((await reader.nextEvent()) as Line)
    for (const from of [1200, 1201, 1300]) {
      const count = from === 1300 ? 2000 : from === 1200 ? 1 : 99
      await append(journal, count, { from })
      while (got.length < from + count) got.push((await reader.nextEvent()) as Line)
    }
    expect(numbers(got)).toEqual(upTo(0, 3300))
  })

  it('goes on after a cursor and ends at its limit', async () => {
    const { journal, port } = await serveJournal()
    await append(journal, 5)
    const { lines } = await read(port, '?limit=2')
    const reader = await follow(port, `&limit=4&after=${lines[1]?.cursor}`)
    const got = [await reader.next(), await reader.next(), await reader.next()]
    await append(journal, 5, { from: 5 })
    got.push(await reader.next())
    expect(numbers(got as Line[])).toEqual([2, 3, 4, 5])
    expect(await reader.next()).toBeNull()
  })

  it('of an empty journal is answered at once, with a first heartbeat', async () => {
    const { port } = await serveJournal()
    const reader = await follow(port)
    expect([reader.status, await reader.next()]).toEqual([200, { heartbeat: expect.any(Number) }])
  })

  it('gets a heartbeat while there is nothing', async () => {
    const { journal, port } = await serveJournal({ heartbeatMs: 20 })
    const reader = await follow(port)
    expect(await reader.next()).toEqual({ heartbeat: expect.any(Number) })
    expect(await reader.next()).toEqual({ heartbeat: expect.any(Number) })
    await append(journal, 1)
    expect(await reader.nextEvent()).toMatchObject({ value: { n: 0 } })
  })

  it('is one of 64; the next is refused until one leaves', async () => {
    const { port } = await serveJournal()
    const readers: Follower[] = []
    for (let i = 0; i < 64; i++) readers.push(await follow(port))
    expect(readers.every(({ status }) => status === 200)).toBe(true)
    expect((await follow(port)).status).toBe(503)
    expect((await read(port, '')).status).toBe(200)
    readers[0]?.request.destroy()
    await expect.poll(async () => (await follow(port)).status).toBe(200)
  })

  it('that leaves in the middle of a page gives its place back', async () => {
    const { journal, port } = await serveJournal()
    await append(journal, 3000, { bytes: 2000 })
    for (let i = 0; i < 70; i++) {
      const { request, response } = await connect(port, '?follow=true')
      if (response.statusCode !== 200) await expect.poll(async () => (await follow(port)).status).toBe(200)
      request.destroy()
    }
    await expect.poll(async () => (await follow(port)).status).toBe(200)
  })

  it('and keeps up leaves others their turn between two pages', async () => {
    let turns = 0
    let last = -1
    let pages = 0
    let withoutTurn = 0
    const { journal, port } = await serveJournal({
      onRead() {
        pages++
        if (turns === last) withoutTurn++
        last = turns
      },
    })
    await append(journal, 20_000)
    let running = true
    const turn = (): void => {
      turns++
      if (running) setImmediate(turn)
    }
    turn()
    expect((await read(port, '?limit=10000')).lines).toHaveLength(10_000)
    running = false
    // The first page is looked at before the stream begins, and read with it.
    expect([pages > 20, withoutTurn]).toEqual([true, 1])
  })

  it('and does not read is not read ahead for: what waits for it is bounded, and nothing of it is lost', async () => {
    const events = 40_000
    const { journal, port, readSoFar } = await serveJournal()
    await append(journal, events, { bytes: 1000 })
    const reader = await follow(port)
    reader.response.pause()
    // A quick reader gets everything meanwhile: the slow one has had all the time it could use.
    const before = readSoFar()
    for (let after = '', seen = 0; seen < events; ) {
      const { lines } = await read(port, `?limit=10000&after=${after}`)
      seen += lines.length
      after = lines.at(-1)?.cursor ?? ''
    }
    const ahead = readSoFar() - before - events
    // 40 MB are there; what was read for the slow one fits the kernel's buffers on both sides, a page and the look-aheads.
    expect(ahead * 1000).toBeLessThan(16 * 1024 * 1024)
    reader.response.resume()
    const seen: number[] = []
    while (seen.length < events) seen.push(...numbers([(await reader.nextEvent()) as Line]))
    expect(seen).toEqual(upTo(0, events))
  })

  it('gets events that are larger than what may wait for a reader', async () => {
    const { journal, port } = await serveJournal()
    await append(journal, 6, { bytes: 3 * 1024 * 1024, perBatch: 1 })
    const { lines } = await read(port, '')
    expect(numbers(lines)).toEqual(upTo(0, 6))
  })
})

describe('the admin port of a whole node', () => {
  it('serves the events of posted pings to whoever has the token, and to nobody else', async () => {
    const dir = tempFolder('events-node')
    const config = parseConfig(standaloneSettings, {
      FENCEPOST_HOST: '127.0.0.1',
      FENCEPOST_PORT: '0',
      FENCEPOST_ADMIN_PORT: '0',
      FENCEPOST_ADMIN_TOKEN: 's3cret',
      FENCEPOST_SDK_KEYS: 'acme:a-key',
      FENCEPOST_DATA_DIR: dir,
    })
    const node = createStandalone(config, silentLogger)
    const { port, adminPort } = await node.start()
    onTestFinished(async () => {
      await node.stop(5000)
      removeFolder(dir)
    })
    expect(port).toBeGreaterThan(0)
    for (const wrong of ['', 'Bearer wrong', 's3cret'])
      expect((await read(adminPort, '', 'GET', wrong)).status).toBe(401)
    expect((await read(adminPort, '', 'GET', 'Bearer s3cret')).status).toBe(200)
  })

  it('ends its followers properly when the node stops', async () => {
    const dir = tempFolder('events-stop')
    onTestFinished(() => removeFolder(dir))
    const config = parseConfig(standaloneSettings, {
      FENCEPOST_HOST: '127.0.0.1',
      FENCEPOST_PORT: '0',
      FENCEPOST_ADMIN_PORT: '0',
      FENCEPOST_DATA_DIR: dir,
    })
    const node = createStandalone(config, silentLogger)
    const { adminPort } = await node.start()
    const readers = await Promise.all([follow(adminPort), follow(adminPort)])
    expect(await node.stop(5000)).toBe(true)
    expect(await Promise.all(readers.map((reader) => reader.nextEvent()))).toEqual([null, null])
  })
})
