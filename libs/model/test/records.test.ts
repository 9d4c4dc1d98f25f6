import { describe, expect, it } from 'vitest'
import {
  Histogram,
  type RecordBatch,
  recordBatchBytes,
  recordHeaders,
  recordId,
  recordValue,
  SlotList,
} from '../src/index.ts'

const batch: RecordBatch = {
  topic: 'matches',
  tenant: 'acme',
  key: 'p000000.abc',
  contentType: 'application/json',
  count: 2,
  values: Buffer.from('{"a":1}{}'),
  ends: Uint32Array.of(7, 9),
  ids: Uint8Array.from({ length: 32 }, (_, i) => i),
  times: Float64Array.of(1_742_040_000_000, 1_742_040_000_001),
}

describe('a record batch', () => {
  it('gives each record its own bytes and id', () => {
    expect([0, 1].map((i) => Buffer.from(recordValue(batch, i)).toString())).toEqual(['{"a":1}', '{}'])
    expect(recordId(batch, 1)).toBe('101112131415161718191a1b1c1d1e1f')
  })

  it('describes a record by CloudEvents headers and its tenant', () => {
    expect(recordHeaders(batch, 1)).toEqual({
      ce_specversion: '1.0',
      ce_id: '101112131415161718191a1b1c1d1e1f',
      ce_source: '/fencepost/ingest',
      ce_type: 'fencepost.match.v1',
      ce_time: '2025-03-15T12:00:00.001Z',
      'content-type': 'application/json',
      tenant: 'acme',
    })
  })

  it('counts values and a fixed share a record against the in-flight limits', () => {
    expect(recordBatchBytes(batch)).toBe(9 + 2 * 320)
  })
})

describe('SlotList', () => {
  it('grows past its first 64 slots and keeps them', () => {
    const list = new SlotList()
    for (let slot = 0; slot < 1000; slot++) list.push(slot)
    expect(Array.from(list.slots.subarray(0, list.length))).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })
})

describe('Histogram', () => {
  it('counts a value at a bound below it, and one past the last bound above all', () => {
    const histogram = new Histogram([1, 2])
    for (const value of [0.5, 1, 1.5, 2, 2.5]) histogram.observe(value)
    expect(Array.from(histogram.counts)).toEqual([2, 2, 1])
    expect(histogram.sum).toBe(7.5)
  })
})
