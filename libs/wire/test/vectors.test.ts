// The vectors that a client or a consumer is tested with, byte for byte.
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { BatchHits, type ContentType, type Fence, type FenceIndex, recordValue } from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import {
  type Coordinates,
  createDecoder,
  createEventEncoder,
  type Encoding,
  encodeAnswer,
  encodeError,
  eventId,
} from '../src/index.ts'
import { OPTIONS, type PlainBatch, plain } from './support.ts'

type Bytes = { hex: string } | { text: string }
interface Case {
  name: string
  received: number
  body: Bytes & { encoding: Encoding }
}

function read<T extends Case>(file: string): T[] {
  const { cases } = JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8')) as { cases: T[] }
  return cases
}

function bytesOf(value: Bytes): Buffer {
  return 'hex' in value ? Buffer.from(value.hex, 'hex') : Buffer.from(value.text)
}

function keyOf(hex: string): Uint32Array {
  return new Uint32Array(new Uint8Array(Buffer.from(hex, 'hex')).buffer)
}

function decoded({ body, received }: Case) {
  const decoder = createDecoder(OPTIONS)
  return { decoder, refused: decoder.decode(bytesOf(body), body.encoding, received) }
}

interface RequestCase extends Case {
  outcome: PlainBatch | string
  answer: Bytes
}

test.each(read<RequestCase>('requests.json'))('a request: $name', (vector) => {
  const { decoder, refused } = decoded(vector)
  expect(refused ?? plain(decoder.batch)).toEqual(vector.outcome)
  const { columns } = decoder.batch
  const accepted = columns.reason.subarray(0, columns.count).filter((reason) => reason === 0).length
  const { encoding } = vector.body
  const answer =
    refused === null ? encodeAnswer(encoding, columns, vector.received, accepted, 0) : encodeError(encoding, refused)
  expect(Buffer.from(answer).toString('latin1')).toBe(bytesOf(vector.answer).toString('latin1'))
})

interface IdCase extends Case {
  key: string
  id: string
}

test.each(read<IdCase>('ids.json'))('an id: $name', (vector) => {
  const { decoder, refused } = decoded(vector)
  expect(refused).toBe(null)
  const id = new Uint8Array(16)
  for (let i = 0; i < decoder.batch.columns.count; i++) {
    eventId(keyOf(vector.key), decoder.batch, i, id, 0)
    expect(Buffer.from(id).toString('hex')).toBe(vector.id)
  }
})

interface EventCase extends Case {
  contentType: ContentType
  coordinates: Coordinates
  tenant: string
  device: string
  key: string
  fences: Fence[]
  slots: number[][]
  values: Bytes[]
}

describe('events', () => {
  test.each(read<EventCase>('events.json'))('$name', (vector) => {
    const { contentType, coordinates, fences, slots, values } = vector
    const { decoder } = decoded(vector)
    const hits = new BatchHits(slots.length)
    for (const [i, list] of slots.entries()) {
      for (const slot of list) hits.list.push(slot)
      hits.starts[i + 1] = hits.list.length
      hits.matched++
    }
    const index = { size: fences.length, fence: (slot: number) => fences[slot] } as unknown as FenceIndex
    const encoder = createEventEncoder({ coordinates, contentType, maxEventBytes: 10_000, maxBatchBytes: 100_000 })
    const records = encoder.encodeMatches({
      batch: decoder.batch,
      hits,
      index,
      tenant: vector.tenant,
      pseudonym: vector.device,
      idKey: keyOf(vector.key),
      receivedMs: vector.received,
    })
    const got = values.map((_, i) => Buffer.from(recordValue(records!, i)).toString('latin1'))
    expect(got).toEqual(values.map((value) => bytesOf(value).toString('latin1')))
  })
})
