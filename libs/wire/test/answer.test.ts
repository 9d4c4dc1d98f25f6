import { Buffer } from 'node:buffer'
import {
  PING_REASON_CODES,
  PING_REASONS,
  PingColumns,
  type PingReason,
  pingReasonCode,
  REQUEST_REASONS,
  type RequestReason,
} from '@fencepost/model'
import { Unpackr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { encodeAnswer, encodeError } from '../src/index.ts'
import { RECEIVED } from './support.ts'

const unpackr = new Unpackr({ int64AsType: 'number', useRecords: false })
const READ = {
  json: (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString()),
  msgpack: (bytes: Uint8Array): unknown => unpackr.unpack(bytes),
}

function columnsOf(reasons: readonly (PingReason | 'ok')[]): PingColumns {
  const columns = new PingColumns(Math.max(1, reasons.length))
  columns.count = reasons.length
  for (const [i, reason] of reasons.entries()) columns.reason[i] = reason === 'ok' ? 0 : pingReasonCode(reason)
  return columns
}

describe.each(['json', 'msgpack'] as const)('an answer in %s', (encoding) => {
  test.each([
    [[], 0],
    [['ok'], 1],
    [['ok', 'ok', 'ok'], 0],
    [['stale'], 0],
    [['ok', 'bad_ping', 'ok', 'future', 'no_consent'], 2],
    [PING_REASON_CODES, 1],
    [Array.from({ length: 1000 }, () => 'event_too_large'), 0],
    [Array.from({ length: 1000 }, (_, i) => (i % 70 === 69 ? 'ok' : 'bad_coords')), 14],
  ] as [(PingReason | 'ok')[], number][])('names every refused index once: %#', (reasons, matched) => {
    const accepted = reasons.filter((reason) => reason === 'ok').length
    const rejected = reasons.flatMap((reason, i) => (reason === 'ok' ? [] : [[i, reason]]))
    const bytes = encodeAnswer(encoding, columnsOf(reasons), RECEIVED, accepted, matched)
    expect(READ[encoding](bytes)).toEqual({ received: RECEIVED, accepted, matched, rejected })
  })

  test('is good until the next one, and a copy of it for ever', () => {
    const copy = encodeAnswer(encoding, columnsOf(['ok']), RECEIVED, 1, 1).slice()
    encodeAnswer(encoding, columnsOf(['stale', 'stale']), 0, 0, 0)
    expect(encodeAnswer(encoding, columnsOf(['ok']), RECEIVED, 1, 1).slice()).toEqual(copy)
  })

  test('an error names its reason and the help of the table, in the same bytes each time', () => {
    for (const reason of Object.keys(REQUEST_REASONS) as RequestReason[]) {
      const bytes = encodeError(encoding, reason)
      expect(READ[encoding](bytes)).toEqual({ error: reason, message: REQUEST_REASONS[reason].help })
      expect(encodeError(encoding, reason)).toBe(bytes)
    }
  })
})

test('there is a code for every reason, and it fits its column', () => {
  expect(Object.keys(PING_REASONS).length).toBeLessThan(256)
})
