import { type RecordBatch, recordHeaders, recordValue } from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import { makeRecordBatch, storedRecords } from '../../model/contract/event-sink.ts'
import { decodeFrame, FrameError, FrameWriter, frameBytes, frameRecords } from '../src/frame.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const BATCHES: readonly RecordBatch[] = [
  makeRecordBatch('p1.a', [text('one')]),
  makeRecordBatch('p1.ä€😀', [text(''), new Uint8Array(5000).fill(7), text('last')], { tenant: 'größe' }),
  makeRecordBatch('p1.c', [text('packed')], { contentType: 'application/msgpack' }),
]

function frameOf(batches: readonly RecordBatch[], capacity = 64): Buffer {
  const writer = new FrameWriter(capacity)
  for (const batch of batches) writer.add(batch)
  return Buffer.from(writer.finish())
}

function recordsOf(batches: readonly { batch: RecordBatch }[]): unknown[] {
  return batches.flatMap(({ batch }) =>
    Array.from({ length: batch.count }, (_, i) => ({
      topic: batch.topic,
      key: batch.key,
      headers: recordHeaders(batch, i),
      value: [...recordValue(batch, i)],
    })),
  )
}

const expected = BATCHES.flatMap(storedRecords).map((record) => ({ ...record, value: [...record.value] }))

describe('a frame', () => {
  test('gives back every batch as it was, whatever the writer began with', () => {
    for (const capacity of [64, 1 << 20]) {
      const frame = frameOf(BATCHES, capacity)
      expect(recordsOf(decodeFrame(frame, 'matches'))).toEqual(expected)
      expect(frameRecords(frame)).toBe(5)
    }
  })

  test('takes no more than frameBytes says', () => {
    for (const batch of BATCHES) {
      const writer = new FrameWriter(64)
      const before = writer.length
      writer.add(batch)
      expect(writer.length - before).toBeLessThanOrEqual(frameBytes(batch))
    }
  })

  test('leaves out whole batches before a record, and says where the others begin', () => {
    const frame = frameOf(BATCHES)
    const firsts = (from: number): number[] => decodeFrame(frame, 'matches', from).map(({ first }) => first)
    expect([0, 1, 3, 4, 5].map(firsts)).toEqual([[0, 1, 4], [1, 4], [1, 4], [4], []])
  })

  test('takes a batch whose arrays are longer than its records', () => {
    const [first] = BATCHES as [RecordBatch]
    const longer = { ...first, values: text('one and more'), ids: new Uint8Array(64).fill(1) }
    const [{ batch }] = decodeFrame(frameOf([longer]), 'matches') as unknown as [{ batch: RecordBatch }]
    expect([...batch.values]).toEqual([...text('one')])
    expect([...batch.ids]).toEqual(new Array(16).fill(1))
  })

  test('starts anew after reset, in the same memory', () => {
    const writer = new FrameWriter(64)
    writer.add(BATCHES[1]!)
    writer.finish()
    const { capacity } = writer
    writer.reset()
    writer.add(BATCHES[0]!)
    expect(recordsOf(decodeFrame(Buffer.from(writer.finish()), 'matches'))).toEqual(expected.slice(0, 1))
    expect(writer.capacity).toBe(capacity)
  })

  test('takes a key of 65,535 bytes; of one byte more it adds nothing and says so', () => {
    const writer = new FrameWriter(64)
    writer.add(makeRecordBatch('k'.repeat(65_535), [text('a')]))
    expect(() => writer.add(makeRecordBatch('k'.repeat(65_536), [text('b')]))).toThrow(RangeError)
    const [only, ...others] = decodeFrame(Buffer.from(writer.finish()), 'matches')
    expect([only?.batch.key.length, others.length]).toEqual([65_535, 0])
  })

  test('with any one byte changed is refused', () => {
    const frame = frameOf(BATCHES.slice(0, 1))
    for (let i = 0; i < frame.length; i++) {
      const damaged = Buffer.from(frame)
      damaged[i] = (damaged[i] as number) ^ 0x10
      expect(() => decodeFrame(damaged, 'matches'), `byte ${i}`).toThrow(FrameError)
    }
  })

  test('cut short anywhere is refused', () => {
    const frame = frameOf(BATCHES.slice(0, 1))
    for (let length = 0; length < frame.length; length++) {
      expect(() => decodeFrame(frame.subarray(0, length), 'matches'), `${length} bytes`).toThrow(FrameError)
    }
  })

  test('of a newer version is refused by name', () => {
    const frame = frameOf(BATCHES)
    frame.writeUInt32LE(3, 0)
    expect(() => decodeFrame(frame, 'matches')).toThrow('frame version must be 1..2, got 3')
  })
})
