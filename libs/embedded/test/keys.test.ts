import { describe, expect, test } from 'vitest'
import {
  decodeFloor,
  decodeFrameKey,
  encodeFloor,
  encodeFrameKey,
  frameKeyAt,
  PROBE_KEY,
  topicEnd,
} from '../src/keys.ts'

const LARGEST = 2 ** 48 - 1
const key = (seq: number, writtenMs = 5): Buffer => encodeFrameKey('matches', { seq, writtenMs, bytesBefore: 7 })

describe('keys', () => {
  test.each([0, 1, 255, 256, 65_536, LARGEST])('keep %d whole', (n) => {
    const numbers = { seq: n, writtenMs: n, bytesBefore: n }
    expect(decodeFrameKey(encodeFrameKey('matches', numbers))).toEqual(numbers)
    const floor = { nextSeq: n, floorSeq: n, bytesBefore: n }
    expect(decodeFloor(encodeFloor(floor))).toEqual(floor)
  })

  test('order as their sequence numbers, whatever the time', () => {
    const ordered = [PROBE_KEY, frameKeyAt('matches', 0), key(1, 900), key(2, 100), key(255), key(256), key(70_000)]
    ordered.push(frameKeyAt('matches', LARGEST), topicEnd('matches'))
    expect([...ordered].sort(Buffer.compare)).toEqual(ordered)
  })

  test('a bound lies before its own frame and after the one below', () => {
    expect(Buffer.compare(frameKeyAt('matches', 9), key(9))).toBe(-1)
    expect(Buffer.compare(frameKeyAt('matches', 9), key(8, LARGEST))).toBe(1)
  })
})
