// The kinds of requests that no SDK would make, each with how often it comes and the outcomes that are right for it.
import { deflateRawSync, gzipSync, constants as zlib } from 'node:zlib'
import { REQUEST_REASONS, type RequestReason } from '@fencepost/model'
import { Packr } from 'msgpackr'
import type { Hostile, HostileOptions, Outcome, Place } from './hostile-requests.ts'

/** Reasons that a body alone can earn. */
const BODY: readonly RequestReason[] = (Object.keys(REQUEST_REASONS) as RequestReason[]).filter(
  (reason) => [400, 413].includes(REQUEST_REASONS[reason].status) && reason !== 'body_too_large',
)
/** A request before it is bytes. */
export interface Draft {
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

export type Kind = readonly [name: string, weight: number, make: () => Draft]

const packr = new Packr({ useRecords: false, int64AsType: 'number' })

/** 200 MB of zeros in 200 KB: below the limit of a body, far above that of what it inflates to. */
export const SMALL_BOMB: Buffer = gzipBomb(200)
/** A gigabyte in one megabyte: more than a body may have. */
export const LARGE_BOMB: Buffer = gzipBomb(1024)

/** All kinds; `count` numbers the batches, so that each has an id of its own. */
export function hostileKinds(options: HostileOptions, random: () => number): readonly Kind[] {
  let count = 0
  const int = (below: number): number => Math.floor(random() * below)
  const pick = <T>(list: readonly T[]): T => list[int(list.length)] as T

  const batch = (more: Readonly<Record<string, unknown>> = {}, place: Place = options.nowhere) => ({
    v: 1,
    device: `device-${int(1000)}`,
    sent: Date.now(),
    consent: { location: true },
    batch: `${options.name}-${++count}`,
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

  /** A batch that makes an event when it is taken. */
  function hit(): Pick<Draft, 'bytes' | 'json' | 'hit'> {
    const value = batch({}, options.trap)
    return { ...encoded(value), hit: value.batch }
  }

  return [
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

/** A gzip stream of that many megabytes of zeros. Its checksum is wrong, which nobody gets far enough to see. */
function gzipBomb(megabytes: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(1024 * 1024), { level: 9, finishFlush: zlib.Z_FULL_FLUSH })
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
  return Buffer.concat([header, ...new Array<Buffer>(megabytes).fill(block), Buffer.from([3, 0]), Buffer.alloc(8)])
}
