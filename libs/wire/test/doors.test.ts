// What stands before the decoder: content type and gzip.
import { Buffer } from 'node:buffer'
import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { inflate, parseContentType } from '../src/index.ts'

test.each([
  ['application/json', 'json'],
  ['application/msgpack', 'msgpack'],
  ['application/x-msgpack', 'msgpack'],
  ['application/vnd.msgpack', 'msgpack'],
  ['application/json; charset=utf-8', 'json'],
  ['application/json;charset=utf-8', 'json'],
  ['application/json ; a=b; c=d', 'json'],
  ['Application/JSON', 'json'],
  [' application/msgpack ', 'msgpack'],
  ['', null],
  [';', null],
  ['; application/json', null],
  ['text/plain', null],
  ['application/jsonp', null],
  ['application/json, application/msgpack', null],
  ['application/problem+json', null],
  ['__proto__', null],
])('the content type %j is %s', (header, encoding) => {
  expect(parseContentType(header)).toBe(encoding)
})

describe('inflating', () => {
  const data = Buffer.from('fencepost '.repeat(100))
  const packed = gzipSync(data)

  test('gives the bytes back', () => {
    expect(Buffer.from(inflate(packed, 1e6) as Uint8Array)).toEqual(data)
    expect(inflate(gzipSync(''), 1e6)).toHaveLength(0)
  })

  test('takes a stream of several members, as RFC 1952 has it', () => {
    const two = Buffer.concat([gzipSync('one '), gzipSync('two')])
    expect(Buffer.from(inflate(two, 100) as Uint8Array).toString()).toBe('one two')
  })

  test('takes what inflates to the limit and refuses one byte more, over all members too', () => {
    expect(inflate(packed, data.length)).toHaveLength(data.length)
    expect(inflate(packed, data.length - 1)).toBe('inflated_too_large')
    const two = Buffer.concat([packed, packed])
    expect(inflate(two, data.length * 2)).toHaveLength(data.length * 2)
    expect(inflate(two, data.length * 2 - 1)).toBe('inflated_too_large')
  })

  test('stops at the limit whatever a bomb would come to', () => {
    expect(inflate(gzipSync(Buffer.alloc(20_000_000)), 1000)).toBe('inflated_too_large')
  })

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['plain bytes', data],
    ['a zlib stream', deflateSync(data)],
    ['a stream that is cut off', packed.subarray(0, -1)],
    ['a stream that is cut off in its head', packed.subarray(0, 5)],
    ['a wrong checksum', Buffer.concat([packed.subarray(0, -8), Buffer.alloc(4), packed.subarray(-4)])],
    ['text behind the stream', Buffer.concat([packed, Buffer.from('x')])],
    ['zeros behind the stream', Buffer.concat([packed, Buffer.alloc(8)])],
    ['half a second member', Buffer.concat([packed, packed.subarray(0, 12)])],
  ])('refuses %s', (_what, body) => {
    expect(inflate(body, 1e6)).toBe('bad_gzip')
  })
})
