// What hostile clients send: a seeded generator of requests that no SDK would make, each with the outcomes that are right for it.
import { deflateRawSync, gzipSync, constants as zlib } from 'node:zlib'
import { REQUEST_REASONS, type RequestReason } from '@fencepost/model'
import { Packr } from 'msgpackr'

/**
 * How a request may end. A reason of the table; `ok`; `parser`: refused by the HTTP parser, which answers 400, 431 or 505 without
 * a body of ours and closes; `closed`: no answer at all.
 */
export type Outcome = RequestReason | 'ok' | 'parser' | 'closed'

export interface Hostile {
  readonly kind: string
  /** What goes over the wire; more than one piece goes out slowly. */
  readonly pieces: readonly Buffer[]
  readonly allowed: readonly Outcome[]
  /** How many answers it must get; 1 unless requests are pipelined. */
  readonly answers: number
  /** `leave`: the client goes away after the last byte. `stay`: it may have to wait for seconds, so it gets a connection of its own. */
  readonly manner: 'ask' | 'leave' | 'stay'
  /** Bytes are missing or left over: nothing else can be asked on this connection. */
  readonly spoils: boolean
  /** Pings that a 200 has to say it accepted, where that is known. */
  readonly accepted?: number
  /** `batch` of a batch that makes an event if it is taken. */
  readonly hit?: string
}

/** Reasons that a body alone can earn. */
const BODY: readonly RequestReason[] = (Object.keys(REQUEST_REASONS) as RequestReason[]).filter(
  (reason) => [400, 413].includes(REQUEST_REASONS[reason].status) && reason !== 'body_too_large',
)
/** Decided before anybody is asked for a key. */
const BEFORE_KEY: readonly Outcome[] = ['not_found', 'method_not_allowed', 'parser', 'closed']

export interface HostileOptions {
  readonly seed: number
  /** Key of the requests; an unknown one makes `unauthorized` the right outcome of all that gets as far as the key. */
  readonly key: string
  readonly known: boolean
  /** Begins every `batch` id, so that those of several generators differ. */
  readonly name: string
  /** A place in no fence, and one in a fence, in degrees. */
  readonly nowhere: Place
  readonly trap: Place
}

export interface Place {
  readonly lat: number
  readonly lon: number
}

interface Draft {
  /** The body, or the whole of what is sent when `raw`. */
  readonly bytes?: Uint8Array | string
  readonly raw?: true
  readonly method?: string
  readonly path?: string
  /** Replace the usual ones; '' leaves one out. */
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: true
  readonly allowed: readonly Outcome[]
  readonly manner?: Hostile['manner']
  /** How much of the whole is sent, 0..1. */
  readonly share?: number
  /** Into how many pieces the body is cut; with `fromFirstByte` the head too. */
  readonly pieces?: number
  readonly fromFirstByte?: true
  readonly answers?: number
  readonly spoils?: true
  readonly accepted?: number
  readonly hit?: string
}

const packr = new Packr({ useRecords: false, int64AsType: 'number' })
const JSON_TYPE = { 'content-type': 'application/json' }

/** 200 MB of zeros in 200 KB: below the limit of a body, far above that of what it inflates to. */
export const SMALL_BOMB: Buffer = gzipBomb(200)
/** A gigabyte in one megabyte: more than a body may have. */
export const LARGE_BOMB: Buffer = gzipBomb(1024)

export interface HostileRequests {
  /** Names of all kinds. */
  readonly kinds: readonly string[]
  /** The next request; one that stays only where there is room for it. */
  next(stayAllowed: boolean): Hostile
}

/** Makes requests one after another; the same seed gives the same ones, but for the time in them. */
export function hostileRequests(options: HostileOptions): HostileRequests {
  const random = mulberry32(options.seed)
  const int = (below: number): number => Math.floor(random() * below)
  const pick = <T>(list: readonly T[]): T => list[int(list.length)] as T
  let count = 0

  const batch = (more: Readonly<Record<string, unknown>> = {}, place: Place = options.nowhere) => ({
    v: 1,
    device: `device-${int(1000)}`,
    sent: Date.now(),
    consent: { location: true },
    batch: `${options.name}-${count}`,
    pings: [
      { type: 'location', age: int(1000), ...place, accuracy: 5, ref: 'a-ref' },
      [0, int(1000), Math.round(place.lat * 1e7), Math.round(place.lon * 1e7), 50],
      {
        type: 'beacon',
        age: 0,
        kind: 'ibeacon',
        uuid: '7d8b1f3a-52c4-4e0d-9a61-0c3e5b2f9d10',
        major: 1,
        minor: 2,
        rssi: -60,
      },
    ],
    ...more,
  })
  /** Either encoding of a batch. */
  const encoded = (value: unknown): Pick<Draft, 'bytes' | 'json'> =>
    random() < 0.5 ? { bytes: packr.pack(value) } : { bytes: JSON.stringify(value), json: true }
  const randomBytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => int(256)))
  /** A msgpack map of `v: 1` and one more entry whose value is given as bytes. */
  const mapWith = (key: string, value: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x82, 0xa1, 0x76, 0x01]), packr.pack(key), value])
  const headerLines = (lines: number, bytes: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: lines }, (_, i) => [`x-${i}`, 'a'.repeat(bytes)]))

  const kinds: readonly (readonly [name: string, weight: number, make: () => Draft])[] = [
    [
      'truncated',
      14,
      () => {
        const { bytes = '', json } = encoded(batch())
        return {
          bytes: bytes.slice(0, 1 + int(bytes.length - 1)),
          ...(json === undefined ? {} : { json }),
          allowed: ['malformed_body'],
        }
      },
    ],
    [
      'nested msgpack',
      3,
      () => {
        const depth = 8 + int(3000)
        return {
          bytes: mapWith('x', Buffer.concat([Buffer.alloc(depth, pick([0x91, 0x81])), Buffer.alloc(2 * depth)])),
          allowed: ['too_deep', 'malformed_body'],
        }
      },
    ],
    [
      'nested JSON',
      3,
      () => {
        const depth = 8 + int(60_000)
        const [open, shut] = pick([
          ['[', ']'],
          ['{"a":', '}'],
        ]) as [string, string]
        return {
          bytes: `{"v":1,"x":${open.repeat(depth)}1${random() < 0.5 ? shut.repeat(depth) : ''}}`,
          json: true,
          allowed:
            depth * open.length > 200_000
              ? ['too_deep', 'body_too_large', 'malformed_body']
              : ['too_deep', 'malformed_body'],
        }
      },
    ],
    [
      'lying lengths',
      8,
      () => {
        const length = pick([0x7fffffff, 0xffffffff, 0x10000, 65_535, 1001])
        const head = Buffer.alloc(5)
        head[0] = pick([0xdb, 0xc6, 0xdd, 0xdf, 0xc9])
        head.writeUInt32BE(length, 1)
        const bytes = random() < 0.3 ? head : mapWith(pick(['pings', 'device', 'x', 'consent']), head)
        return { bytes: Buffer.concat([bytes, randomBytes(int(40))]), allowed: BODY }
      },
    ],
    [
      'not finite, or huge',
      8,
      () => {
        const worst = pick([
          Number.NaN,
          Number.POSITIVE_INFINITY,
          Number.NEGATIVE_INFINITY,
          1e308,
          -1e308,
          Number.MAX_SAFE_INTEGER,
          -Number.MAX_SAFE_INTEGER,
          5e-324,
        ])
        const ping = { type: 'location', age: 0, ...options.nowhere, [pick(['lat', 'lon', 'age', 'at'])]: worst }
        if (random() < 0.7) return { bytes: packr.pack(batch({ pings: [ping] })), allowed: ['ok'] }
        const text = JSON.stringify(batch({ sent: 'WORST' })).replace(
          '"WORST"',
          pick(['NaN', 'Infinity', '1e999', '-1e999', '1'.repeat(400), '0x1', '1e-999']),
        )
        return { bytes: text, json: true, allowed: ['malformed_body', 'bad_sent'] }
      },
    ],
    [
      'a field of the wrong type',
      10,
      () => {
        const [field, reason, values] = pick(WRONG_FIELDS)
        return { ...encoded(batch({ [field]: pick(values) })), allowed: [reason] }
      },
    ],
    [
      'pings of the wrong type',
      8,
      () => {
        const pings = Array.from({ length: 1 + int(20) }, () => pick(WRONG_PINGS))
        return { ...encoded(batch({ pings })), allowed: ['ok'], accepted: 0 }
      },
    ],
    [
      'changed bytes',
      20,
      () => {
        const { bytes = '', json } = encoded(batch())
        const changed = Buffer.from(bytes as string)
        for (let i = 0; i <= int(8); i++) changed[int(changed.length)] = int(256)
        return { bytes: changed, ...(json === undefined ? {} : { json }), allowed: ['ok', ...BODY] }
      },
    ],
    ['random bytes', 4, () => ({ bytes: randomBytes(int(300)), allowed: BODY })],
    [
      'long strings',
      2,
      () => ({
        ...encoded(batch({ [pick(['device', 'batch', 'x'])]: 'x'.repeat(1025 + int(60_000)) })),
        allowed: BODY,
      }),
    ],
    [
      'a body that stops, and its client',
      6,
      () => ({ ...encoded(batch()), share: random(), manner: 'leave', allowed: ['closed'] }),
    ],
    ['a client that leaves before its answer', 3, () => ({ ...hit(), manner: 'leave', allowed: ['closed'] })],
    ['two batches without waiting', 1, () => ({ ...hit(), answers: 2, allowed: ['ok', 'closed'], spoils: true })],
    [
      'three bad batches without waiting',
      2,
      () => ({ bytes: '{"v":1,', json: true, answers: 3, allowed: ['malformed_body'] }),
    ],
    ['more than 100 headers', 2, () => ({ headers: headerLines(101 + int(50), 1), allowed: ['parser', 'closed'] })],
    [
      'headers above 4 KiB',
      2,
      () => ({ headers: headerLines(1 + int(4), 4096 + int(4000)), allowed: ['parser', 'closed'] }),
    ],
    [
      'a gzip bomb',
      1,
      () => ({
        bytes: SMALL_BOMB,
        headers: { 'content-encoding': 'gzip' },
        allowed: ['inflated_too_large', 'overloaded'],
      }),
    ],
    [
      // More than a megabyte is not read to its end only to be thrown away: closing may overtake the answer.
      'a gzip bomb of a gigabyte',
      0.2,
      () => ({ bytes: LARGE_BOMB, headers: { 'content-encoding': 'gzip' }, allowed: ['body_too_large', 'closed'] }),
    ],
    [
      'gzip that is none',
      5,
      () => {
        const whole = gzipSync(packr.pack(batch()))
        const bytes = pick([
          randomBytes(1 + int(200)),
          whole.subarray(0, int(whole.length)),
          Buffer.concat([whole, randomBytes(1 + int(20))]),
          Buffer.from(whole).fill(0xff, 12, 20),
        ])
        return { bytes, headers: { 'content-encoding': 'gzip' }, allowed: ['bad_gzip', 'inflated_too_large'] }
      },
    ],
    [
      'an unknown route',
      4,
      () => ({
        ...encoded(batch()),
        method: pick(['GET', 'POST', 'DELETE', 'BREW']),
        path: pick([
          '/',
          '/v1',
          '/v1/pings/',
          '/V1/PINGS',
          '/v1/ping',
          '/../etc/passwd',
          '/v1/events',
          '/metrics',
          '/%00',
          `/${'a'.repeat(2000)}`,
        ]),
        allowed: ['not_found'],
      }),
    ],
    [
      'an unknown method',
      3,
      () => ({
        ...encoded(batch()),
        method: pick(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'BREW']),
        allowed: ['method_not_allowed'],
      }),
    ],
    [
      'an unknown content type',
      3,
      () => ({
        ...encoded(batch()),
        headers: {
          'content-type': pick([
            'text/plain',
            '',
            'application/jsonp',
            'multipart/form-data; boundary=x',
            'a'.repeat(900),
          ]),
        },
        allowed: ['unsupported_media_type'],
      }),
    ],
    [
      'an unknown content encoding',
      2,
      () => ({
        ...encoded(batch()),
        headers: { 'content-encoding': pick(['br', 'deflate', 'gzip, gzip', 'zstd']) },
        allowed: ['unsupported_encoding'],
      }),
    ],
    [
      'a length that is too short',
      2,
      () => ({
        ...encoded(batch()),
        headers: { 'content-length': String(int(20)) },
        // What is left over is a second request that is none: the parser closes, and its answer may overtake the first one.
        allowed: ['malformed_body', 'bad_version', 'too_deep', 'parser', 'closed'],
        spoils: true,
      }),
    ],
    [
      'a length that is none',
      3,
      () => ({
        ...encoded(batch()),
        headers: { 'content-length': pick(['-1', '+5', '0x20', '5, 5', '1e3', '99999999999999999999999']) },
        allowed: ['parser', 'closed'],
        spoils: true,
      }),
    ],
    [
      'no length at all',
      2,
      () => ({ bytes: '', headers: { 'content-length': '' }, json: true, allowed: ['malformed_body'] }),
    ],
    [
      'a length beyond all limits',
      2,
      () => ({
        bytes: 'x',
        headers: { 'content-length': pick(['262145', '5000000', '9007199254740991']) },
        allowed: ['body_too_large'],
        spoils: true,
      }),
    ],
    [
      'a body that is too large',
      0.5,
      () => ({ bytes: Buffer.alloc(262_145 + int(50_000)), allowed: ['body_too_large'] }),
    ],
    [
      'too many pings',
      2,
      () => ({
        ...encoded(batch({ pings: new Array(1001 + int(3000)).fill([0, 0, 0, 0, -1]) })),
        allowed: ['too_many_pings'],
      }),
    ],
    [
      'chunks',
      3,
      () => {
        const body = JSON.stringify(batch()).slice(0, -1 - int(20))
        return { bytes: chunked(body, 1 + int(50)), headers: CHUNKED, json: true, allowed: ['malformed_body'] }
      },
    ],
    [
      'chunks that lie',
      2,
      () => ({
        bytes: pick([
          'zz\r\nabc\r\n0\r\n\r\n',
          'ffffffffffffffffff\r\nabc',
          '-1\r\nabc\r\n',
          '3\r\nabcdef\r\n0\r\n\r\n',
        ]),
        headers: CHUNKED,
        allowed: ['parser', 'closed', 'malformed_body', 'body_timeout'],
        manner: 'stay',
        spoils: true,
      }),
    ],
    [
      'chunks without end',
      0.3,
      () => ({
        bytes: chunked('x'.repeat(300_000), 10_000),
        headers: CHUNKED,
        allowed: ['body_too_large', 'closed'],
        spoils: true,
      }),
    ],
    [
      'another protocol',
      3,
      () => ({
        raw: true,
        bytes: pick([
          Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
          Buffer.from('GET / HTTP/1.0\r\nhost: x\r\n\r\n'),
          Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
          Buffer.from('POST /v1/pings HTTP/1.1\nhost: x\n\n'),
          Buffer.from('CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n'),
        ]),
        allowed: ['parser', 'closed'],
        spoils: true,
      }),
    ],
    [
      'nonsense',
      2,
      () => ({
        raw: true,
        bytes: randomBytes(1 + int(400)),
        allowed: ['parser', 'closed'],
        manner: 'stay',
        spoils: true,
      }),
    ],
    [
      'a key that is none',
      4,
      () => ({
        ...encoded(batch()),
        headers: {
          authorization: pick([
            '',
            'Bearer',
            'Bearer ',
            'Basic YTpi',
            `Bearer ${options.key} x`,
            `Bearer ${'k'.repeat(3000)}`,
            options.key,
            'Bearer \u00ff\u00fe',
          ]),
        },
        allowed: ['unauthorized'],
      }),
    ],
    [
      'a body that stalls',
      1,
      () => ({
        ...encoded(batch()),
        headers: { 'content-length': String(pick([1000, 20_000, 200_000])) },
        allowed: ['body_timeout', 'overloaded'],
        manner: 'stay',
        spoils: true,
      }),
    ],
    [
      'a body that dribbles',
      1,
      () => ({
        ...encoded(batch()),
        pieces: 10 + int(30),
        // Its end may cross with the 408, and then finds the connection closed.
        allowed: ['ok', 'body_timeout', 'overloaded', 'closed'],
        manner: 'stay',
      }),
    ],
    [
      // The parser takes a request line in pieces for another protocol, and other lines in pieces as they are meant.
      'a head that dribbles',
      0.5,
      () => ({
        ...encoded(batch()),
        pieces: 10 + int(30),
        fromFirstByte: true,
        allowed: ['ok', 'parser', 'closed'],
        manner: 'stay',
      }),
    ],
  ]

  /** A batch that makes an event when it is taken. */
  function hit(): Pick<Draft, 'bytes' | 'json' | 'hit'> {
    const value = batch({}, options.trap)
    return { ...encoded(value), hit: value.batch }
  }

  let all = 0
  const ends = kinds.map(([, weight]) => {
    all += weight
    return all
  })
  return { kinds: kinds.map(([name]) => name), next }

  function next(stayAllowed: boolean): Hostile {
    for (;;) {
      count++
      const at = random() * all
      const kind = kinds.findIndex((_, i) => at < (ends[i] as number))
      const [name, , make] = kinds[kind] as (typeof kinds)[number]
      const draft = make()
      if (draft.manner === 'stay' && !stayAllowed) continue
      return finish(name, draft)
    }
  }

  function finish(kind: string, draft: Draft): Hostile {
    const { answers = 1, manner = 'ask', share, pieces = 1, accepted, hit: hitBatch } = draft
    const whole = draft.raw === true ? Buffer.from(draft.bytes as string) : wire(draft)
    const bytes = share === undefined ? whole : whole.subarray(0, Math.floor(whole.length * share))
    const sent = Buffer.concat(new Array<Buffer>(answers).fill(bytes))
    return {
      kind,
      pieces: cut(sent, pieces, draft.fromFirstByte === true ? 0 : sent.indexOf('\r\n\r\n') + 4),
      allowed: options.known ? draft.allowed : forStrangers(draft.allowed),
      answers,
      manner,
      spoils: draft.spoils === true || share !== undefined,
      ...(accepted === undefined ? {} : { accepted }),
      ...(hitBatch === undefined ? {} : { hit: hitBatch }),
    }
  }

  function wire({ bytes = '', json, method = 'POST', path = '/v1/pings', headers }: Draft): Buffer {
    const body = Buffer.from(bytes as string)
    const all: Record<string, string> = {
      host: 'fencepost',
      authorization: `Bearer ${options.key}`,
      'content-type': 'application/msgpack',
      ...(json === true ? JSON_TYPE : {}),
      'content-length': String(body.length),
      ...headers,
    }
    const lines = Object.entries(all)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}: ${value}\r\n`)
    return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), body])
  }
}

/** What the same request may earn without a key that is known. */
function forStrangers(allowed: readonly Outcome[]): readonly Outcome[] {
  const same = allowed.filter((outcome) => BEFORE_KEY.includes(outcome))
  return same.length === allowed.length ? same : [...same, 'unauthorized']
}

const CHUNKED = { 'content-length': '', 'transfer-encoding': 'chunked' }

const NOT_TEXT = [7, -1.5, true, [1], { a: 1 }]
const WRONG_FIELDS: readonly (readonly [string, RequestReason, readonly unknown[]])[] = [
  ['v', 'bad_version', [0, 2, 1.5, '1', null, true, [1], { a: 1 }]],
  ['device', 'bad_device', [...NOT_TEXT, '', 'x'.repeat(129)]],
  ['sent', 'bad_sent', [0, -1, 1.5, 1e300, 'now', true, [1], { a: 1 }]],
  ['consent', 'bad_consent', [1, 'yes', [true], { location: 1 }]],
  ['batch', 'bad_batch', [...NOT_TEXT, '', 'x'.repeat(65)]],
  ['pings', 'bad_pings', [7, 'x', true, { a: 1 }]],
]
const WRONG_PINGS: readonly unknown[] = [
  null,
  true,
  7,
  'x',
  [],
  {},
  [0],
  [9, 0, 0, 0, 0],
  ['location', 0, 0, 0, 0],
  [0, -1, 0, 0, 0],
  [0, 0, 910_000_000, 0, 0],
  [1, 0, 3, 'x', -60],
  { type: 'comet', age: 0, lat: 0, lon: 0 },
  { type: 'location', age: 0, lat: '0', lon: 0 },
  { type: 'location', age: 0, lat: 0, lon: 181 },
  { type: 'location', age: 0, at: 1, lat: 0, lon: 0 },
  { type: 'location', lat: 0, lon: 0 },
  { type: 'location', age: 0, lat: 0, lon: 0, ref: 7 },
  { type: 'location', age: 1e15, lat: 0, lon: 0 },
  { type: 'beacon', age: 0, kind: 'lighthouse', rssi: -60 },
]

function chunked(body: string, size: number): string {
  let text = ''
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size)
    text += `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`
  }
  return `${text}0\r\n\r\n`
}

/** That many pieces, everything before `from` in the first of them. */
function cut(bytes: Buffer, pieces: number, from: number): Buffer[] {
  if (pieces === 1) return [bytes]
  const size = Math.max(1, Math.ceil((bytes.length - from) / pieces))
  const all = [bytes.subarray(0, from + size)]
  for (let at = from + size; at < bytes.length; at += size) all.push(bytes.subarray(at, at + size))
  return all
}

/** A gzip stream of that many megabytes of zeros. Its checksum is wrong, which nobody gets far enough to see. */
function gzipBomb(megabytes: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(1024 * 1024), { level: 9, finishFlush: zlib.Z_FULL_FLUSH })
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
  return Buffer.concat([header, ...new Array<Buffer>(megabytes).fill(block), Buffer.from([3, 0]), Buffer.alloc(8)])
}

/** mulberry32 (Tommy Ettinger, public domain). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
