// What threads share and send, without threads: limits, room, parcels.
import { parseConfig } from '@fencepost/runtime'
import { describe, expect, it } from 'vitest'
import { makeRecordBatch } from '../../../libs/model/contract/event-sink.ts'
import { nodeSettings } from '../src/config.ts'
import { packParcel, unpackParcel } from '../src/threads/record-parcel.ts'
import { shareOf } from '../src/threads/shares.ts'
import { createSinkRoom } from '../src/threads/sink-room.ts'

const MIB = 1024 * 1024

describe('FENCEPOST_THREADS', () => {
  it('is 1 by default, and auto is a number from 1 to 64', () => {
    expect(parseConfig(nodeSettings, {}).threads).toBe(1)
    const { threads } = parseConfig(nodeSettings, { FENCEPOST_THREADS: 'auto' })
    expect(threads >= 1 && threads <= 64 && Number.isInteger(threads)).toBe(true)
  })

  it.each(['0', '65', 'all', '1.5'])('is not %s', (value) => {
    expect(() => parseConfig(nodeSettings, { FENCEPOST_THREADS: value })).toThrow(
      `FENCEPOST_THREADS must be a whole number 1..64 or auto, got "${value}"`,
    )
  })
})

describe('the share of a thread', () => {
  const config = (env: Readonly<Record<string, string>>) =>
    parseConfig(nodeSettings, { FENCEPOST_THREADS: '4', ...env })

  it('is its part of memory, rate, burst and caches; of the room for events only where its sink is its own', () => {
    const env = { FENCEPOST_RATE_LIMIT_PER_S: '10', FENCEPOST_RATE_LIMIT_BURST: '9', FENCEPOST_IDENTITY_CACHE: '10' }
    const { config: own, ...http } = shareOf(config(env), true)
    expect(own).toMatchObject({
      maxBodyMemoryBytes: 16 * MIB,
      maxInflightBytes: 16 * MIB,
      maxInflightEvents: 50_000,
      ratePerS: 2.5,
      rateBurst: 3,
      identityCache: 3,
    })
    expect(http).toEqual({ maxOpenBodies: 4096, maxConnections: 12_500 })
    const { config: shared } = shareOf(config(env), false)
    expect(shared).toMatchObject({ maxInflightBytes: 64 * MIB, maxInflightEvents: 200_000 })
  })

  it.each([
    ['FENCEPOST_MAX_BODY_MEMORY_BYTES', 2 * MIB, { FENCEPOST_MAX_BODY_BYTES: String(MIB / 4) }],
    ['FENCEPOST_MAX_INFLIGHT_BYTES', 4 * MIB, { FENCEPOST_MAX_EVENT_BYTES: String(MIB / 2) }],
    ['FENCEPOST_MAX_INFLIGHT_EVENTS', 4000, { FENCEPOST_MAX_BATCH: '1000' }],
  ])('is refused when %s is one below what the largest thing needs', (env, least, more) => {
    expect(() => shareOf(config({ ...more, [env]: String(least) }), true)).not.toThrow()
    expect(() => shareOf(config({ ...more, [env]: String(least - 1) }), true)).toThrow(
      `${env} is ${least - 1}, shared by 4 threads`,
    )
  })

  it('of the defaults is large enough for 64 threads', () => {
    expect(() => shareOf(config({ FENCEPOST_THREADS: '64' }), true)).not.toThrow()
  })
})

describe('the room of a shared sink', () => {
  it('is taken up to its limits by all threads together and not beyond, and counts refusals', () => {
    const limits = { maxBytes: 2 ** 33, maxEvents: 10, threads: 2 }
    const one = createSinkRoom(limits)
    const two = createSinkRoom(limits, one.memory)
    expect(one.take(1, 2 ** 32, 4)).toBe(true)
    expect([two.has(2 ** 32, 6), two.has(2 ** 32 + 1, 6), two.has(2 ** 32, 7)]).toEqual([true, false, false])
    expect([two.take(2, 2 ** 32 + 1, 6), two.take(2, 2 ** 32, 7), two.refused()]).toEqual([false, false, 2])
    expect(two.take(2, 2 ** 32, 6)).toBe(true)
    expect([one.has(1, 0), one.has(0, 1), one.has(0, 0)]).toEqual([false, false, true])
    expect([one.takenBy(1), one.takenBy(2)]).toEqual([
      { bytes: 2 ** 32, events: 4 },
      { bytes: 2 ** 32, events: 6 },
    ])
    two.give(1, 2 ** 32, 4)
    expect([one.takenBy(1), one.has(2 ** 32, 4), one.has(2 ** 32, 5)]).toEqual([{ bytes: 0, events: 0 }, true, false])
  })

  it('is none while the sink itself says that it is full', () => {
    const room = createSinkRoom({ maxBytes: 10, maxEvents: 10, threads: 1 })
    expect([room.has(1, 1), room.healthy()]).toEqual([true, false])
    room.tell(true, true)
    expect([room.has(1, 1), room.healthy()]).toEqual([false, true])
  })
})

describe('a parcel of batches', () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value)

  it('is unpacked in another thread byte for byte', () => {
    const batches = [
      makeRecordBatch('a', [text('one')]),
      makeRecordBatch('Gerät', [text(''), text('two'), text('three')], { tenant: 'größe' }),
      makeRecordBatch('b', [new Uint8Array(1000).fill(7)], { contentType: 'application/msgpack' }),
    ]
    const parcel = packParcel(batches)
    const received = structuredClone(parcel, { transfer: [parcel.bytes.buffer] })
    expect(unpackParcel(received)).toEqual(batches)
    expect(parcel.bytes.length).toBe(0) // it has changed hands
  })

  it('takes only what belongs to a batch, where its arrays are views of larger ones', () => {
    const whole = makeRecordBatch('a', [text('one'), text('two')])
    const offset = {
      ...whole,
      values: Uint8Array.from([9, ...whole.values, 9]).subarray(1, -1),
      ends: Uint32Array.from([9, ...whole.ends]).subarray(1),
      ids: Uint8Array.from([9, ...whole.ids]).subarray(1),
      times: Float64Array.from([9, ...whole.times]).subarray(1),
    }
    expect(unpackParcel(packParcel([offset]))).toEqual([whole])
  })
})
