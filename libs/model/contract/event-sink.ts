// What every EventSink owes its callers. Each adapter runs this suite against the real thing; a new promise of the port
// is a new test here.
import {
  EVENT_ID_BYTES,
  type EventSink,
  type RecordBatch,
  recordBatchBytes,
  recordHeaders,
  recordValue,
  SinkError,
  type StoredRecord,
  TOPICS,
  type Topic,
} from '@fencepost/model'
import { afterEach, describe, expect, test } from 'vitest'

/** The limits a suite asks its adapter to be made with. */
export interface SinkLimits {
  readonly maxQueueBytes: number
  readonly maxQueueEvents: number
}

/** An adapter that has not been started, on topics that are empty. */
export interface SinkUnderTest {
  readonly sink: EventSink
  /** Every record of the topic, in the order of its partition or log. Must work after `stop`. */
  read(topic: Topic): Promise<readonly StoredRecord[]>
  /** Takes everything away. The sink may be stopped already. */
  destroy(): Promise<void>
}

export interface SinkAdapter {
  create(limits: SinkLimits): Promise<SinkUnderTest>
}

const [TOPIC] = TOPICS
const ROOM: SinkLimits = { maxQueueBytes: 16 * 1024 * 1024, maxQueueEvents: 50_000 }
const STOP_MS = 10_000
let ids = 0

/** A batch of records with these values, all of `key`; ids are counted up, times lie a millisecond apart. */
export function makeRecordBatch(
  key: string,
  values: readonly Uint8Array[],
  fields: Partial<RecordBatch> = {},
): RecordBatch {
  const ends = new Uint32Array(values.length)
  const all = new Uint8Array(values.reduce((bytes, value) => bytes + value.length, 0))
  const idBytes = new Uint8Array(values.length * EVENT_ID_BYTES)
  let end = 0
  values.forEach((value, i) => {
    all.set(value, end)
    end += value.length
    ends[i] = end
    new DataView(idBytes.buffer).setUint32(i * EVENT_ID_BYTES + EVENT_ID_BYTES - 4, ++ids)
  })
  return {
    topic: TOPIC,
    tenant: 'acme',
    key,
    contentType: 'application/json',
    count: values.length,
    values: all,
    ends,
    ids: idBytes,
    times: Float64Array.from(values, (_, i) => 1_742_040_000_000 + i),
    ...fields,
  }
}

/** What a reader must see of a batch. */
export function storedRecords(batch: RecordBatch): StoredRecord[] {
  return Array.from({ length: batch.count }, (_, i) => ({
    topic: batch.topic,
    key: batch.key,
    headers: recordHeaders(batch, i),
    value: recordValue(batch, i),
  }))
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const texts = (prefix: string, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => text(`${prefix}${i}`))
const valuesOf = (records: readonly StoredRecord[], key?: string): string[] =>
  records
    .filter((record) => key === undefined || record.key === key)
    .map((record) => new TextDecoder().decode(record.value))

/** Only what the port promises: an adapter's reader may add offsets. */
function comparable({ topic, key, headers, value }: StoredRecord): unknown {
  return { topic, key, headers, value: [...value] }
}

function codeOf(settled: Promise<void>): Promise<string> {
  return settled.then(
    () => 'resolved',
    (error: unknown) => (error instanceof SinkError ? error.code : String(error)),
  )
}

/** Declares the suite. `create` may take its time; every test makes its own sink. */
export function eventSinkContract(name: string, adapter: SinkAdapter): void {
  describe(`${name} keeps the contract of EventSink`, () => {
    const made: SinkUnderTest[] = []

    async function create(limits: SinkLimits = ROOM): Promise<SinkUnderTest> {
      const subject = await adapter.create(limits)
      made.push(subject)
      return subject
    }

    async function started(limits: SinkLimits = ROOM): Promise<SinkUnderTest> {
      const subject = await create(limits)
      await subject.sink.start()
      return subject
    }

    afterEach(async () => {
      for (const subject of made.splice(0)) await subject.destroy()
    })

    test('records can be read once publish has resolved, byte for byte, with their headers', async () => {
      const { sink, read } = await started()
      const every = Uint8Array.from({ length: 256 }, (_, i) => i)
      const batches = [
        makeRecordBatch('p1.device', [text('{"a":1}'), every, text('')]),
        makeRecordBatch('p1.Gerät', [every], { tenant: 'größe', contentType: 'application/msgpack' }),
      ]
      for (const batch of batches) await sink.publish(batch)
      const stored = await read(TOPIC)
      for (const batch of batches) {
        const seen = stored.filter((record) => record.key === batch.key)
        expect(seen.map(comparable)).toEqual(storedRecords(batch).map(comparable))
      }
      expect(stored.length).toBe(4)
    })

    test('batches of one key keep their order, one after another and side by side', async () => {
      const { sink, read } = await started()
      const expected: string[] = []
      for (let i = 0; i < 10; i++) {
        await sink.publish(makeRecordBatch('ordered', texts(`${i}.`, 3)))
        expected.push(`${i}.0`, `${i}.1`, `${i}.2`)
      }
      const together = Array.from({ length: 50 }, (_, i) => {
        expected.push(`together${i}.0`, `together${i}.1`)
        return sink.publish(makeRecordBatch('ordered', texts(`together${i}.`, 2)))
      })
      await Promise.all(together)
      expect(valuesOf(await read(TOPIC), 'ordered')).toEqual(expected)
    })

    test('batches of many keys side by side all arrive, each once', async () => {
      const { sink, read } = await started()
      const expected: string[] = []
      const publishing: Promise<void>[] = []
      for (let i = 0; i < 300; i++) {
        const values = texts(`${i}.`, 1 + (i % 7))
        expected.push(...values.map((value) => new TextDecoder().decode(value)))
        publishing.push(sink.publish(makeRecordBatch(`key${i % 41}`, values)))
      }
      await Promise.all(publishing)
      expect(valuesOf(await read(TOPIC)).sort()).toEqual(expected.sort())
    })

    test('a batch of more records than one write takes arrives whole and in order', async () => {
      const { sink, read } = await started()
      await sink.publish(makeRecordBatch('large', texts('', 2500)))
      expect(valuesOf(await read(TOPIC), 'large')).toEqual(Array.from({ length: 2500 }, (_, i) => `${i}`))
    })

    test('it takes events up to its limit and refuses one more as full, until there is room again', async () => {
      const { sink, read } = await started({ ...ROOM, maxQueueEvents: 10 })
      expect(sink.hasRoom(0, 10)).toBe(true)
      expect(sink.hasRoom(0, 11)).toBe(false)
      const first = sink.publish(makeRecordBatch('a', texts('a', 9)))
      expect(sink.hasRoom(0, 1)).toBe(true)
      const second = sink.publish(makeRecordBatch('b', texts('b', 1)))
      expect(sink.hasRoom(0, 1)).toBe(false)
      expect(await codeOf(sink.publish(makeRecordBatch('c', texts('c', 1))))).toBe('full')
      await Promise.all([first, second])
      expect(sink.hasRoom(0, 10)).toBe(true)
      await sink.publish(makeRecordBatch('d', texts('d', 1)))
      expect(valuesOf(await read(TOPIC)).sort()).toEqual([...Array.from({ length: 9 }, (_, i) => `a${i}`), 'b0', 'd0'])
    })

    test('it takes bytes up to its limit and refuses one more as full', async () => {
      const fits = makeRecordBatch('a', [new Uint8Array(1000)])
      const bytes = recordBatchBytes(fits)
      const { sink } = await started({ ...ROOM, maxQueueBytes: bytes })
      expect(sink.hasRoom(bytes, 1)).toBe(true)
      expect(sink.hasRoom(bytes + 1, 1)).toBe(false)
      expect(await codeOf(sink.publish(makeRecordBatch('b', [new Uint8Array(1001)])))).toBe('full')
      const publishing = sink.publish(fits)
      expect(sink.hasRoom(1, 0)).toBe(false)
      await publishing
      expect(sink.hasRoom(bytes, 1)).toBe(true)
    })

    test('an empty batch is refused with a RangeError', async () => {
      const { sink } = await started()
      await expect(sink.publish(makeRecordBatch('empty', []))).rejects.toThrow(RangeError)
    })

    test('stop writes out what is queued', async () => {
      const { sink, read } = await started()
      const publishing = Array.from({ length: 40 }, (_, i) =>
        sink.publish(makeRecordBatch(`key${i}`, texts(`${i}.`, 5))),
      )
      const stopped = sink.stop(STOP_MS)
      await Promise.all(publishing)
      await stopped
      expect((await read(TOPIC)).length).toBe(200)
    })

    test('it is healthy between start and stop, and takes nothing before and after', async () => {
      const { sink } = await create()
      expect(sink.healthy()).toBe(false)
      expect(await codeOf(sink.publish(makeRecordBatch('early', texts('', 1))))).toBe('stopped')
      await sink.start()
      await expect.poll(() => sink.healthy(), { timeout: 10_000 }).toBe(true)
      await sink.publish(makeRecordBatch('between', texts('', 1)))
      await sink.stop(STOP_MS)
      expect(sink.healthy()).toBe(false)
      expect(await codeOf(sink.publish(makeRecordBatch('late', texts('', 1))))).toBe('stopped')
    })

    test('stop is safe before start, and twice, also at the same time', async () => {
      const { sink } = await create()
      await sink.stop(STOP_MS)
      const { sink: other } = await started()
      await Promise.all([other.stop(STOP_MS), other.stop(STOP_MS)])
      await other.stop(STOP_MS)
    })
  })
}
