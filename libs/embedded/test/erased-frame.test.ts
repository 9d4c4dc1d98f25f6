import { seededRandom } from '@fencepost/testbed/random'
import { describe, expect, test } from 'vitest'
import { makeRecordBatch } from '../../model/contract/event-sink.ts'
import { holeFrame, withoutKeys } from '../src/erased-frame.ts'
import { decodeFrame, FrameError, FrameWriter, frameRecords } from '../src/frame.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function frameOf(batches: readonly { key: string; values: readonly string[] }[]): Buffer {
  const writer = new FrameWriter(64)
  for (const { key, values } of batches) writer.add(makeRecordBatch(key, values.map(text)))
  return Buffer.from(writer.finish())
}

/** `position key value` of every record. */
function recordsOf(frame: Buffer, keys?: ReadonlySet<string>): string[] {
  return decodeFrame(frame, 'matches', 0, keys).flatMap(({ first, batch }) =>
    Array.from({ length: batch.count }, (_, i) => {
      const value = batch.values.subarray(i === 0 ? 0 : batch.ends[i - 1], batch.ends[i])
      return `${first + i} ${batch.key} ${Buffer.from(value)}`
    }),
  )
}

const FRAME = frameOf([
  { key: 'a', values: ['a0', 'a1'] },
  { key: 'ä€😀', values: ['b0'] },
  { key: 'a', values: ['a2'] },
  { key: 'c', values: ['c0', 'c1', 'c2'] },
])

describe('a frame without keys', () => {
  test.each([
    { keys: ['a'], records: 3, left: ['2 ä€😀 b0', '4 c c0', '5 c c1', '6 c c2'] },
    { keys: ['ä€😀'], records: 1, left: ['0 a a0', '1 a a1', '3 a a2', '4 c c0', '5 c c1', '6 c c2'] },
    { keys: ['a', 'c', 'nobody'], records: 6, left: ['2 ä€😀 b0'] },
    { keys: ['a', 'ä€😀', 'c'], records: 7, left: [] },
  ])('$keys has a hole for each of their batches, and all else where it was', ({ keys, records, left }) => {
    const erased = withoutKeys(FRAME, new Set(keys))!
    expect(erased.records).toBe(records)
    expect(recordsOf(erased.frame)).toEqual(left)
    expect(frameRecords(erased.frame)).toBe(7)
    expect(erased.frame.length).toBeLessThan(FRAME.length)
    expect(withoutKeys(erased.frame, new Set(keys))).toBe(null)
  })

  test('that it does not have is left alone', () => {
    expect(withoutKeys(FRAME, new Set(['A', 'a ', '']))).toBe(null)
    expect(withoutKeys(FRAME, new Set())).toBe(null)
  })

  test('has no byte of their tenant, key, ids or values', () => {
    const secret = frameOf([
      { key: 'pseudonym', values: ['somewhere'] },
      { key: 'b', values: ['elsewhere'] },
    ])
    const { frame } = withoutKeys(secret, new Set(['pseudonym']))!
    for (const word of ['pseudonym', 'somewhere'])
      expect([secret.includes(word), frame.includes(word)]).toEqual([true, false])
    expect(frame.includes('elsewhere')).toBe(true)
  })

  test('is one that the version before does not read', () => {
    expect(FRAME.readUInt32LE(0)).toBe(1)
    expect(withoutKeys(FRAME, new Set(['a']))?.frame.readUInt32LE(0)).toBe(2)
  })

  test('is what is left of any frame after any erasures, in any order', () => {
    const random = seededRandom(20_261_126)
    const pick = (n: number): number => Math.floor(random() * n)
    for (let round = 0; round < 300; round++) {
      const frame = frameOf(
        Array.from({ length: 1 + pick(12) }, (_, b) => ({
          key: `k${pick(5)}`,
          values: Array.from({ length: 1 + pick(4) }, (_, r) => `${b}.${r}`.padEnd(pick(60), '.')),
        })),
      )
      const all = recordsOf(frame)
      let left = frame
      const gone = new Set<string>()
      for (let erasure = 0; erasure < 3; erasure++) {
        const keys = new Set(Array.from({ length: 1 + pick(2) }, () => `k${pick(6)}`))
        const before = recordsOf(left).length
        const erased = withoutKeys(left, keys)
        left = erased?.frame ?? left
        for (const key of keys) gone.add(key)
        expect(recordsOf(left)).toEqual(all.filter((line) => !gone.has(line.split(' ')[1]!)))
        expect(before - recordsOf(left).length).toBe(erased?.records ?? 0)
      }
      for (const from of [0, 1, all.length - 1]) {
        const firsts = decodeFrame(left, 'matches', from).map(({ first, batch }) => first + batch.count - 1)
        expect(firsts.every((last) => last >= from)).toBe(true)
      }
      expect(recordsOf(frame, gone)).toEqual(all.filter((line) => gone.has(line.split(' ')[1]!)))
    }
  })

  test('with any one byte changed is refused, and so is one cut short', () => {
    const { frame } = withoutKeys(FRAME, new Set(['a']))!
    for (let i = 0; i < frame.length; i++) {
      const damaged = Buffer.from(frame)
      damaged[i] = (damaged[i] as number) ^ 0x10
      expect(() => decodeFrame(damaged, 'matches'), `byte ${i}`).toThrow(FrameError)
      expect(() => withoutKeys(damaged, new Set(['c'])), `byte ${i}`).toThrow(FrameError)
      expect(() => withoutKeys(frame.subarray(0, i), new Set(['c'])), `${i} bytes`).toThrow(FrameError)
    }
  })
})

test('a frame of nothing but a hole counts its records and gives none', () => {
  expect(frameRecords(holeFrame(17))).toBe(17)
  expect(decodeFrame(holeFrame(17), 'matches')).toEqual([])
})
