import { murmur2, partitionOf } from '@fencepost/kafka'
import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'

// From the tests of Kafka's own client (UtilsTest.testMurmur2), as signed integers.
const KNOWN: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
]

test.each(KNOWN)('hashes %s as Kafka does', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
})

test('chooses the partition that kafkajs’ default partitioner chooses, for 20,000 keys of 0..40 bytes', () => {
  const partitioner = kafkajs.Partitioners.DefaultPartitioner()
  let state = 20_250_315
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state >>> 8
  }
  let differing = 0
  for (let i = 0; i < 20_000; i++) {
    const key = Buffer.from(Array.from({ length: i % 41 }, () => next() & 0xff))
    const partitions = 1 + (next() % 64)
    const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 0,
      replicas: [],
      isr: [],
    }))
    const expected = partitioner({ topic: 't', partitionMetadata, message: { key, value: null } })
    if (partitionOf(key, partitions) !== expected) differing++
  }
  expect(differing).toBe(0)
})
