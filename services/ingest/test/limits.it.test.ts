// The limits of one request, each at the limit and one past it, as a client meets them.
import { deflateRawSync, gzipSync, constants as zlib } from 'node:zlib'
import { pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { call, runNode } from './door-kit.ts'
import { at, batchOf } from './node-kit.ts'

const BODY = 256 * 1024
const INFLATED = 1024 * 1024
const MSGPACK = { 'content-type': 'application/msgpack' }
const GZIP = { 'content-encoding': 'gzip' }
const CHUNKED = { 'content-length': '', 'transfer-encoding': 'chunked' }

type Case = [name: string, body: string | Uint8Array, headers: Env, env?: Env]
type Env = Readonly<Record<string, string>>

/** A good JSON batch of exactly so many bytes. */
function jsonOf(bytes: number): string {
  const text = JSON.stringify(batchOf([at(0, 0)]))
  return text + ' '.repeat(bytes - text.length)
}

/** A good msgpack batch of exactly so many bytes, 400..1300: an unknown field fills it up. */
function msgpackOf(bytes: number): Buffer {
  const body = (length: number): Buffer => pack(batchOf([at(0, 0)], { rest: 'x'.repeat(length) }))
  return body(bytes - body(300).length + 300)
}

/** A gigabyte of zeros in a megabyte of gzip. */
function bomb(): Buffer {
  const block = deflateRawSync(Buffer.alloc(1024 * 1024), { level: 9, finishFlush: zlib.Z_FULL_FLUSH })
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
  return Buffer.concat([header, ...new Array<Buffer>(1024).fill(block), Buffer.from([3, 0]), Buffer.alloc(8)])
}

async function outcomeOf(body: string | Uint8Array, headers: Env, env: Env = {}): Promise<unknown> {
  const { port } = await runNode(env)
  const answer = await call(port, { body, headers })
  if (answer.status === 200) return 200
  return [answer.status, /\w+_\w+/.exec(answer.body.toString('latin1'))?.[0]]
}

describe('a body', () => {
  it.each<Case>([
    ['JSON', jsonOf(BODY), {}],
    ['chunked JSON', jsonOf(BODY), CHUNKED],
    ['msgpack', msgpackOf(1024), MSGPACK, { FENCEPOST_MAX_BODY_BYTES: '1024' }],
  ])('of %s is taken at the limit', async (_name, body, headers, env) => {
    expect(await outcomeOf(body, headers, env)).toBe(200)
  })

  it.each<Case>([
    ['JSON', jsonOf(BODY + 1), {}],
    ['chunked JSON', jsonOf(BODY + 1), CHUNKED],
    ['msgpack', msgpackOf(1025), MSGPACK, { FENCEPOST_MAX_BODY_BYTES: '1024' }],
    ['gzip, whatever it inflates to', Buffer.concat([gzipSync('{}'), Buffer.alloc(BODY)]), GZIP],
  ])('of %s is too large one byte above it', async (_name, body, headers, env) => {
    expect(await outcomeOf(body, headers, env)).toEqual([413, 'body_too_large'])
  })
})

describe('what a body inflates to', () => {
  it('is taken at the limit', async () => {
    expect(await outcomeOf(gzipSync(jsonOf(INFLATED)), GZIP)).toBe(200)
  })

  it('is too large one byte above it', async () => {
    expect(await outcomeOf(gzipSync(jsonOf(INFLATED + 1)), GZIP)).toEqual([413, 'inflated_too_large'])
  })

  it('is counted over all members of the stream', async () => {
    const [half, rest] = [jsonOf(INFLATED).slice(0, 500), jsonOf(INFLATED).slice(500)]
    expect(await outcomeOf(Buffer.concat([gzipSync(half), gzipSync(rest)]), GZIP)).toBe(200)
    expect(await outcomeOf(Buffer.concat([gzipSync(half), gzipSync(`${rest} `)]), GZIP)).toEqual([
      413,
      'inflated_too_large',
    ])
  })

  it('may be a gigabyte without costing one', async () => {
    const body = bomb()
    const before = process.resourceUsage().maxRSS
    expect(await outcomeOf(body, GZIP, { FENCEPOST_MAX_BODY_BYTES: '2000000' })).toEqual([413, 'inflated_too_large'])
    expect((process.resourceUsage().maxRSS - before) * 1024).toBeLessThan(64 * 1024 * 1024)
  })
})

describe('a batch', () => {
  const pings = (count: number): unknown => batchOf(new Array(count).fill(at(0, 0)))
  const packed = (count: number): unknown => batchOf(new Array(count).fill([0, 0, 0, 0, -1]))

  it.each<Case>([
    ['named JSON', JSON.stringify(pings(1000)), {}],
    ['packed JSON', JSON.stringify(packed(1000)), {}],
    ['named msgpack', pack(pings(1000)), MSGPACK],
    ['packed msgpack', pack(packed(1000)), MSGPACK],
    ['one ping where one may come', JSON.stringify(pings(1)), {}, { FENCEPOST_MAX_BATCH: '1' }],
    ['no ping', JSON.stringify(pings(0)), {}],
  ])('of %s is taken at the limit', async (_name, body, headers, env) => {
    expect(await outcomeOf(body, headers, env)).toBe(200)
  })

  it.each<Case>([
    ['named JSON', JSON.stringify(pings(1001)), {}],
    ['packed JSON', JSON.stringify(packed(1001)), {}],
    ['named msgpack', pack(pings(1001)), MSGPACK],
    ['packed msgpack', pack(packed(1001)), MSGPACK],
    ['two pings where one may come', JSON.stringify(pings(2)), {}, { FENCEPOST_MAX_BATCH: '1' }],
  ])('of %s has too many one above it', async (_name, body, headers, env) => {
    expect(await outcomeOf(body, headers, env)).toEqual([413, 'too_many_pings'])
  })
})
