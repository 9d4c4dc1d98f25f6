// Events: encoding one against JSON.stringify and msgpackr on plain objects, and making it durable in the journal.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { createJournal } from '@fencepost/embedded'
import {
  BatchHits,
  type ContentType,
  type RecordBatch,
  recordId,
  recordValue,
  silentLogger,
  UNKNOWN,
} from '@fencepost/model'
import { createEventEncoder, decodeEvent } from '@fencepost/wire'
import { Packr } from 'msgpackr'
import type { Arm, Case } from '../measure.ts'
import { FENCES, matchedBatch, packedBody, placesWithHits, RECEIVED, TENANT } from './setup.ts'

const EVENTS = 100
const PSEUDONYM = 'p3f2a1c.Zm9vYmFyYmF6cXV4cXV1eA'
const ID_KEY = Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c)
/** Requests that publish at once, as many as `make load` has connections. */
const PUBLISHERS = 32
const MIB = 1024 * 1024

export async function publishCases(): Promise<{ cases: Case[]; close: () => Promise<void> }> {
  const matched = matchedBatch(packedBody(placesWithHits(EVENTS, 1, 31, EVENTS)))
  const encode = (contentType: ContentType, input = matched): (() => RecordBatch) => {
    const encoder = createEventEncoder({
      coordinates: 'exact',
      contentType,
      maxEventBytes: MIB,
      maxBatchBytes: 16 * MIB,
    })
    return () => {
      const records = encoder.encodeMatches({
        ...input,
        tenant: TENANT,
        pseudonym: PSEUDONYM,
        idKey: ID_KEY,
        receivedMs: RECEIVED,
      })
      if (records === null) throw new Error('the bench’s own batch made no events')
      return records
    }
  }
  const json = encode('application/json')
  const msgpack = encode('application/msgpack')
  const ids = Array.from({ length: EVENTS }, (_, i) => recordId(json(), i))
  const plain = (i: number): unknown => plainEvent(matched, i, ids[i] as string)
  const packr = new Packr({ useRecords: false })
  mustAgree(json(), plain)
  mustAgree(msgpack(), plain)

  const encodeCase = (name: string, ours: () => RecordBatch, theirs: Arm): Case => ({
    name,
    unit: 'event',
    operations: EVENTS,
    arms: [{ name: 'libs/wire', pass: () => ours().count }, theirs],
  })
  const journal = await benchJournal(encode)
  return {
    cases: [
      encodeCase(
        'encode event, json',
        json,
        plainArm('object, JSON.stringify', (i) => Buffer.from(JSON.stringify(plain(i)))),
      ),
      encodeCase(
        'encode event, msgpack',
        msgpack,
        plainArm('object, msgpackr', (i) => packr.pack(plain(i))),
      ),
      farApartCase(matched, encode),
      ...journal.cases,
    ],
    close: journal.close,
  }
}

/**
 * What a hit costs whose fence is not in the encoder's cache: every event is of another fence, of as many as the cache has room
 * for or of all fences in turn, so that each is gone when its turn comes again.
 */
function farApartCase(
  matched: ReturnType<typeof matchedBatch>,
  encode: (contentType: ContentType, input: ReturnType<typeof matchedBatch>) => () => RecordBatch,
): Case {
  const arm = (name: string, fences: number): Arm => {
    const hits = new BatchHits(EVENTS)
    hits.matched = EVENTS
    for (let i = 0; i < EVENTS; i++) {
      hits.list.push(0)
      hits.starts[i + 1] = i + 1
    }
    const next = encode('application/json', { ...matched, hits })
    let slot = 0
    return {
      name,
      pass() {
        for (let i = 0; i < EVENTS; i++) hits.list.slots[i] = slot++ % fences
        return next().count
      },
    }
  }
  return {
    name: 'encode event, of many fences',
    unit: 'event',
    operations: EVENTS,
    arms: [arm('2,000 in turn', 2000), arm('10,000 in turn', FENCES)],
  }
}

/** The naive way: an object an event, then its bytes. It is given the ids; ours makes them. */
function plainArm(name: string, bytes: (i: number) => Uint8Array): Arm {
  return {
    name,
    pass() {
      let count = 0
      for (let i = 0; i < EVENTS; i++) if (bytes(i).length > 0) count++
      return count
    },
  }
}

function plainEvent({ batch, hits, index }: ReturnType<typeof matchedBatch>, i: number, id: string): unknown {
  const { columns } = batch
  const slots = hits.list.slots.subarray(hits.starts[i], hits.starts[i + 1])
  return {
    v: 1,
    id,
    tenant: TENANT,
    device: PSEUDONYM,
    at: columns.at[i],
    observed: columns.observed[i],
    received: RECEIVED,
    type: 'location',
    ...(columns.accuracyDm[i] === UNKNOWN ? {} : { accuracy: (columns.accuracyDm[i] as number) / 10 }),
    lat: (columns.latE7[i] as number) / 1e7,
    lon: (columns.lonE7[i] as number) / 1e7,
    fences: Array.from(slots, (slot) => {
      const { id: fenceId, version, campaigns } = index.fence(slot)
      return { id: fenceId, version, campaigns }
    }),
    index: i,
  }
}

/** The arms of a case write different bytes, so they are compared once by what the bytes say. */
function mustAgree(records: RecordBatch, plain: (i: number) => unknown): void {
  for (let i = 0; i < records.count; i++) {
    if (!isDeepStrictEqual(decodeEvent(recordValue(records, i), records.contentType), plain(i)))
      throw new Error(`event ${i} as ${records.contentType} differs from the plain object`)
  }
}

/** Batches of one and of twenty events, from 32 publishers at once: with the journal, and without for comparison. */
async function benchJournal(
  encode: (contentType: ContentType, input: ReturnType<typeof matchedBatch>) => () => RecordBatch,
): Promise<{ cases: Case[]; close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'fencepost-bench-'))
  const journal = createJournal(
    {
      dir: folder,
      retentionMs: 3_600_000,
      retentionBytes: 512 * MIB,
      maxQueueBytes: 64 * MIB,
      maxQueueEvents: 100_000,
      deliveryDeadlineMs: 10_000,
    },
    { logger: silentLogger },
  )
  await journal.start()
  const cases = [1, 20].map((events): Case => {
    const make = encode('application/json', matchedBatch(packedBody(placesWithHits(events, 1, 32, events))))
    const onePublish = async (durable: boolean): Promise<number> => {
      const records = make()
      if (durable) await journal.publish(records)
      return records.values.length
    }
    const arm = (name: string, durable: boolean): Arm => ({
      name,
      async pass() {
        const lengths = await Promise.all(Array.from({ length: PUBLISHERS }, () => onePublish(durable)))
        return lengths.reduce((sum, length) => sum + length, 0)
      },
    })
    return {
      name: `publish, batches of ${events}`,
      unit: 'event',
      operations: PUBLISHERS * events,
      arms: [arm('encode alone', false), arm('encode + journal, fsynced', true)],
    }
  })
  return {
    cases,
    async close() {
      await journal.stop(10_000)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
