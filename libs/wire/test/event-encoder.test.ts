// Events as consumers read them, against the same put together from plain objects.
import { Buffer } from 'node:buffer'
import {
  type Batch,
  BatchHits,
  type ContentType,
  type Fence,
  type FenceFacts,
  type FenceIndex,
  PING_REASON_CODES,
  pingReasonCode,
  type RecordBatch,
  recordId,
  recordValue,
} from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import { FRAGMENT_LIMITS } from '../src/fragment-cache.ts'
import {
  type Coordinates,
  createDecoder,
  createEventEncoder,
  decodeEvent,
  type Encoding,
  eventId,
} from '../src/index.ts'
import { encode, OPTIONS, type PlainLocation, plain, RECEIVED, SENT } from './support.ts'

const KEY = Uint32Array.of(5, 6, 7, 8)
const TYPES: ContentType[] = ['application/json', 'application/msgpack']
const TENANT = 'acme "né"\\'
const PSEUDONYM = 'p1.0f1e2d3c4b5a69788796a5b4c3d2e1f0'

function fence(id: string, version: number, campaigns: string[]): Fence {
  return {
    id,
    version,
    tenant: null,
    name: null,
    shape: { kind: 'circle', lon: 0, lat: 0, radiusM: 1 },
    tags: [],
    campaigns,
    dwellS: null,
  }
}

const FENCES = [
  fence('airport', 1, []),
  fence('café "☕"\n', 4_294_967_296, ['summer', 'wïnter\\']),
  fence(
    'zoo',
    70_000,
    Array.from({ length: 20 }, (_, i) => `c${i}`),
  ),
]

/** An index that only knows its fences: matching is not this lib's. */
function indexOf(fences: readonly Fence[]): FenceIndex {
  const unused = () => {
    throw new Error('not used here')
  }
  return {
    size: fences.length,
    hasSensitive: false,
    isSensitive: () => false,
    fence: (slot) => fences[slot] as Fence,
    matchInto: unused,
    matchBeaconInto: unused,
    matchBatchInto: unused,
    find: unused,
    distanceM: unused,
    explain: unused,
  }
}

function hitsOf(slots: readonly (readonly number[])[]): BatchHits {
  const hits = new BatchHits(slots.length)
  for (const [i, list] of slots.entries()) {
    for (const slot of list) hits.list.push(slot)
    hits.starts[i + 1] = hits.list.length
    if (list.length > 0) hits.matched++
  }
  return hits
}

function decoded(pings: unknown[], encoding: Encoding = 'msgpack', more: object = {}): Batch {
  const decoder = createDecoder({ ...OPTIONS, maxAgeMs: 1e14 })
  const body = encode({ v: 1, device: 'd', sent: SENT, pings, ...more }, encoding)
  expect(decoder.decode(body, encoding, RECEIVED)).toBe(null)
  return decoder.batch
}

interface Options {
  coordinates?: Coordinates
  contentType?: ContentType
  maxEventBytes?: number
  maxBatchBytes?: number
}

function encoder({
  coordinates = 'exact',
  contentType = 'application/json',
  maxEventBytes = 1e6,
  maxBatchBytes = 1e7,
}: Options) {
  return createEventEncoder({ coordinates, contentType, maxEventBytes, maxBatchBytes })
}

function encodeAll(batch: Batch, slots: readonly (readonly number[])[], options: Options = {}): RecordBatch | null {
  return encoder(options).encodeMatches({
    batch,
    hits: hitsOf(slots),
    index: indexOf(FENCES),
    tenant: TENANT,
    pseudonym: PSEUDONYM,
    idKey: KEY,
    receivedMs: RECEIVED,
  })
}

function events(records: RecordBatch | null): unknown[] {
  if (records === null) return []
  return Array.from({ length: records.count }, (_, i) => decodeEvent(recordValue(records, i), records.contentType))
}

/** The event of ping i, from what the decoder says it is. */
function expectedEvent(batch: Batch, i: number, slots: readonly number[], coordinates: Coordinates): object {
  const { batch: batchId, pings } = plain(batch)
  const ping = pings[i]
  if (typeof ping === 'string') throw new Error(ping)
  const id = new Uint8Array(16)
  eventId(KEY, batch, i, id, 0)
  const degrees = (e7: number) => (coordinates === 'exact' ? e7 / 1e7 : Math.round(e7 / 1e5) / 100 + 0)
  const place = (p: PlainLocation) => ({
    ...(p.accuracyDm === null ? {} : { accuracy: p.accuracyDm / 10 }),
    ...(coordinates === 'none' ? {} : { lat: degrees(p.latE7), lon: degrees(p.lonE7) }),
  })
  const beacon = (kind: string, hex: string) => {
    if (kind === 'altbeacon') return { kind, id: hex }
    if (kind === 'eddystone-uid') return { kind, namespace: hex.slice(0, 20), instance: hex.slice(20, 32) }
    const uuid = hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    return { kind, uuid, major: Number.parseInt(hex.slice(32, 36), 16), minor: Number.parseInt(hex.slice(36), 16) }
  }
  return {
    v: 1,
    id: Buffer.from(id).toString('hex'),
    tenant: TENANT,
    device: PSEUDONYM,
    at: ping.at,
    observed: ping.observed,
    received: RECEIVED,
    type: ping.type,
    ...(ping.type === 'location' ? place(ping) : { beacon: { ...beacon(ping.kind, ping.id), rssi: ping.rssi } }),
    fences: slots.map((slot) => {
      const { id, version, campaigns } = FENCES[slot] as Fence
      return { id, version, campaigns }
    }),
    ...(batchId === null ? {} : { batch: batchId }),
    index: i,
    ...(ping.ref === null ? {} : { ref: ping.ref }),
  }
}

const uuid = 'F7826DA6-4FA2-4E98-8024-BC5B71E0893E'
const PINGS = [
  [0, 5000, 407_128_001, -740_059_999, 123],
  [0, 0, 0, 0, null],
  [0, 1, -1, 1, 0],
  [0, 2, 900_000_000, -1_800_000_000, 10_000_000],
  [0, 3, -49_999, 50_000, 120],
  [0, 4, 12_300_000, -10_000_000, 1, 5, 6, 7, 8],
  { type: 'location', age: 9, lat: 1.5, lon: 2.25, accuracy: 65, ref: 'r-1' },
  { type: 'location', age: SENT - 1, lat: 89.99999995, lon: 179.99999995, ref: 'tab\t"quote"\\ é ☕ \u0001\u2028' },
  { type: 'beacon', age: 10, kind: 'ibeacon', uuid, major: 65_535, minor: 0, rssi: -60, tx_power: -59 },
  { type: 'beacon', age: 11, kind: 'ibeacon', uuid, major: 1, minor: 300, rssi: 20, ref: 'x'.repeat(64) },
  {
    type: 'beacon',
    age: 12,
    kind: 'eddystone-uid',
    namespace: '00112233445566778899',
    instance: 'AABBCCDDEEFF',
    rssi: 0,
  },
  { type: 'beacon', age: 13, kind: 'altbeacon', id: '0f'.repeat(20), rssi: -127 },
]

describe.each(TYPES)('an event in %s', (contentType) => {
  test.each(['none', 'coarse', 'exact'] as const)('has what the ping had, coordinates %s', (coordinates) => {
    for (const more of [{}, { batch: 'batch-1' }, { batch: `"é"\u0000${'\u0001'.repeat(50)}` }]) {
      for (const encoding of ['msgpack', 'json'] as const) {
        const batch = decoded(PINGS, encoding, more)
        const slots = PINGS.map((_, i) => [[0], [0, 1], [0, 1, 2]][i % 3] as number[])
        const got = events(encodeAll(batch, slots, { coordinates, contentType }))
        const expected = slots.map((list, i) => expectedEvent(batch, i, list, coordinates))
        expect(got).toEqual(expected)
        // The order of the keys is part of the format, though no consumer should need it.
        expect(got.map((event) => JSON.stringify(event))).toEqual(expected.map((event) => JSON.stringify(event)))
      }
    }
  })

  test('lists more fences than a small array can count', () => {
    const fences = Array.from({ length: 70_000 }, (_, i) => fence(`f${i}`, 1, []))
    const index = indexOf(fences)
    const all = fences.map((_, slot) => slot)
    const shared = encoder({ contentType, maxEventBytes: 1e7 })
    for (const count of [15, 16, 17, 65_536]) {
      const records = shared.encodeMatches({
        batch: decoded([PINGS[0]]),
        hits: hitsOf([all.slice(0, count)]),
        index,
        tenant: 't',
        pseudonym: 'p',
        idKey: KEY,
        receivedMs: RECEIVED,
      })
      const [event] = events(records) as [{ fences: { id: string }[] }]
      expect(event.fences.every(({ id }, slot) => id === `f${slot}`) && event.fences.length).toBe(count)
    }
  })

  test('is left out where one byte too large, and kept at the limit', () => {
    const sizes = [[0], [1], [2]].map(
      (slots) => encodeAll(decoded([PINGS[0]]), [slots], { contentType })!.values.length,
    )
    const run = (limits: Options) => {
      const batch = decoded([PINGS[0], PINGS[0], PINGS[0]])
      const records = encodeAll(batch, [[0], [1], [2]], { contentType, ...limits })
      const reasons = [...batch.columns.reason.subarray(0, 3)].map((code) => PING_REASON_CODES[code])
      return [reasons, events(records).map((event) => (event as { index: number }).index)]
    }
    const [, , third] = sizes as [number, number, number]
    const all = sizes[0]! + sizes[1]! + third
    expect(run({ maxEventBytes: third })).toEqual([
      ['ok', 'ok', 'ok'],
      [0, 1, 2],
    ])
    expect(run({ maxEventBytes: third - 1 })).toEqual([
      ['ok', 'ok', 'event_too_large'],
      [0, 1],
    ])
    expect(run({ maxEventBytes: sizes[0]! })).toEqual([['ok', 'event_too_large', 'event_too_large'], [0]])
    expect(run({ maxBatchBytes: all })).toEqual([
      ['ok', 'ok', 'ok'],
      [0, 1, 2],
    ])
    expect(run({ maxBatchBytes: all - 1 })).toEqual([
      ['ok', 'ok', 'event_too_large'],
      [0, 1],
    ])
    expect(run({ maxEventBytes: 10 })).toEqual([['event_too_large', 'event_too_large', 'event_too_large'], []])
  })
})

describe('a batch of records', () => {
  test('has one record per ping with a hit, in body order, and skips the refused', () => {
    const batch = decoded([PINGS[0], null, PINGS[1], PINGS[6], PINGS[8]])
    batch.columns.reason[3] = pingReasonCode('no_consent')
    const records = encodeAll(batch, [[0], [], [], [1], [2]])
    expect(events(records)).toMatchObject([{ index: 0 }, { index: 4 }])
    expect(records).toMatchObject({ topic: 'matches', tenant: TENANT, key: PSEUDONYM, count: 2 })
    expect([...records!.times]).toEqual([batch.columns.at[0], batch.columns.at[4]])
    const ids = (events(records) as { id: string }[]).map(({ id }) => id)
    expect([recordId(records!, 0), recordId(records!, 1)]).toEqual(ids)
    expect(records!.ids.length).toBe(32)
    expect([...records!.ends]).toEqual([records!.ends[0], records!.values.length])
  })

  test('is null where nothing was hit', () => {
    expect(encodeAll(decoded([PINGS[0], PINGS[1]]), [[], []])).toBe(null)
    expect(encodeAll(decoded([null]), [[0]])).toBe(null)
    expect(encodeAll(decoded([]), [])).toBe(null)
  })

  test('owns its bytes: the next batch leaves them alone', () => {
    const shared = encoder({})
    const input = { index: indexOf(FENCES), tenant: 't', idKey: KEY, receivedMs: RECEIVED }
    const one = { ...input, pseudonym: 'p1', batch: decoded([PINGS[0]]), hits: hitsOf([[0]]) }
    const two = { ...input, pseudonym: 'p2', batch: decoded(PINGS), hits: hitsOf(PINGS.map(() => [0, 1, 2])) }
    const first = shared.encodeMatches(one)
    const before = JSON.stringify(events(first))
    shared.encodeMatches(two)
    expect(JSON.stringify(events(first))).toBe(before)
    expect(first!.values.buffer.byteLength).toBe(first!.values.length)
  })

  test('names the fences of the index it was given, after a swap too', () => {
    const shared = encoder({})
    const run = (index: FenceIndex) =>
      events(
        shared.encodeMatches({
          batch: decoded([PINGS[0]]),
          hits: hitsOf([[0]]),
          index,
          tenant: 't',
          pseudonym: 'p',
          idKey: KEY,
          receivedMs: RECEIVED,
        }),
      )
    const old = indexOf([fence('old', 1, [])])
    expect(run(old)).toMatchObject([{ fences: [{ id: 'old' }] }])
    expect(run(indexOf([fence('new', 2, [])]))).toMatchObject([{ fences: [{ id: 'new', version: 2 }] }])
    expect(run(old)).toMatchObject([{ fences: [{ id: 'old', version: 1 }] }])
  })

  describe.each<ContentType>(['application/json', 'application/msgpack'])('with campaigns, as %s', (contentType) => {
    const fences = [fence('plain', 1, []), fence('listed', 1, ['own']), fence('run', 1, ['own'])]
    /** On `run`: `a` until 100, `b` from then on; other tenants have `theirs` there. Counts what it is asked. */
    const sourceOf = (last = 'b') => {
      const early: readonly string[] = ['a', 'own']
      const late: readonly string[] = [last, 'own']
      const theirs: readonly string[] = ['theirs']
      const none = { all: [], openAt: () => [] }
      return {
        version: 1,
        asked: 0,
        of(tenant: string, { id }: FenceFacts) {
          this.asked++
          if (id !== 'run') return none
          if (tenant !== 'acme') return { all: theirs, openAt: () => theirs }
          return { all: ['a', last, 'own'], openAt: (at: number) => (at < 100 ? early : late) }
        },
      }
    }

    /** Campaigns of each fence of each event, of pings of these times. */
    function runner() {
      const shared = encoder({ contentType })
      const index = indexOf(fences)
      return (ats: readonly number[], campaigns: ReturnType<typeof sourceOf> | null, tenant = 'acme') => {
        const batch = decoded(ats.map(() => PINGS[0]))
        ats.forEach((at, i) => {
          batch.columns.at[i] = at
        })
        const hits = hitsOf(ats.map(() => [0, 1, 2]))
        const input = { batch, hits, index, tenant, pseudonym: 'p', idKey: KEY, receivedMs: RECEIVED, campaigns }
        return (events(shared.encodeMatches(input)) as { fences: { campaigns: string[] }[] }[]).map((event) =>
          event.fences.map(({ campaigns: of }) => of.join()),
        )
      }
    }

    test('names those that are open at each ping’s own time, and what fences list where nobody runs any', () => {
      const run = runner()
      const source = sourceOf()
      expect(run([99, 100, 99], source)).toEqual([
        ['', 'own', 'a,own'],
        ['', 'own', 'b,own'],
        ['', 'own', 'a,own'],
      ])
      const { asked } = source
      expect(run([99, 99], source)).toEqual([
        ['', 'own', 'a,own'],
        ['', 'own', 'a,own'],
      ])
      expect(source.asked).toBe(asked) // all of it was kept
    })

    test('keeps tenants apart on a fence of all of them, and asks nobody again', () => {
      const run = runner()
      const source = sourceOf()
      for (let round = 0; round < 3; round++) {
        expect(run([1], source, 'acme')).toEqual([['', 'own', 'a,own']])
        expect(run([1], source, 'zeta')).toEqual([['', 'own', 'theirs']])
      }
      expect(source.asked).toBe(6)
    })

    test('asks again once campaigns have changed', () => {
      const run = runner()
      const source = sourceOf()
      expect(run([100], source)).toEqual([['', 'own', 'b,own']])
      expect(run([100], sourceOf('c'))).toEqual([['', 'own', 'c,own']])
      const changed = sourceOf('d')
      changed.version = 2
      expect(run([100], changed)).toEqual([['', 'own', 'd,own']])
      expect(run([100], null)).toEqual([['', 'own', 'own']])
    })

    test('has numbers for so many tenants, and others for all when there are more', () => {
      const run = runner()
      const source = sourceOf()
      for (let i = 0; i <= FRAGMENT_LIMITS.tenants; i++) run([1], source, `tenant ${i}`)
      expect(run([1], source, 'tenant 0')).toEqual([['', 'own', 'theirs']])
      expect(run([1], source, 'acme')).toEqual([['', 'own', 'a,own']])
    })
  })

  describe('of many fences', () => {
    const { entries, bytes } = FRAGMENT_LIMITS

    /** Sends pings that each hit the slots given; returns the ids of the fences in the events, and how often the index was asked. */
    function asked(fences: readonly Fence[]): (slots: readonly number[]) => { ids: string[]; asked: number } {
      let count = 0
      const plain = indexOf(fences)
      const index: FenceIndex = {
        ...plain,
        fence(slot) {
          count++
          return plain.fence(slot)
        },
      }
      const shared = encoder({ maxEventBytes: 1e8, maxBatchBytes: 1e9 })
      return (slots) => {
        count = 0
        const records = shared.encodeMatches({
          batch: decoded([PINGS[0]]),
          hits: hitsOf([slots]),
          index,
          tenant: 't',
          pseudonym: 'p',
          idKey: KEY,
          receivedMs: RECEIVED,
        })
        const [event] = events(records) as [{ fences: { id: string }[] }]
        return { ids: event.fences.map(({ id }) => id), asked: count }
      }
    }

    const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

    test('keeps as many as there is room for, and names each right when there are more', () => {
      const fences = range(0, 2 * entries + 7).map((i) => fence(`f${i}`, 1, []))
      const send = asked(fences)
      const names = (slots: number[]): string[] => slots.map((slot) => `f${slot}`)
      const all = range(0, entries)
      expect(send(all)).toEqual({ ids: names(all), asked: entries })
      expect(send(all)).toEqual({ ids: names(all), asked: 0 })
      // One more takes the place of the first, which takes it back.
      expect(send([1, entries])).toEqual({ ids: names([1, entries]), asked: 1 })
      expect(send([0, 1, 2])).toEqual({ ids: names([0, 1, 2]), asked: 1 })
      const everything = range(0, fences.length)
      for (let i = 0; i < 3; i++) expect(send(everything).ids).toEqual(names(everything))
      const three = [6, entries + 6, 2 * entries + 6]
      expect(send(three)).toEqual({ ids: names(three), asked: 3 })
    })

    test('keeps as many bytes as there is room for, and begins anew with one more', () => {
      const campaign = 'c'.repeat(127 * 1024)
      const size = JSON.stringify({ id: 'f0000', version: 1, campaigns: [campaign] }).length
      const fitting = Math.floor(bytes / size)
      const fences = range(0, fitting + 1).map((i) => fence(`f${String(i).padStart(4, '0')}`, 1, [campaign]))
      const send = asked(fences)
      const all = range(0, fitting)
      expect(send(all).asked).toBe(fitting)
      expect(send(all).asked).toBe(0)
      expect(send([fitting]).asked).toBe(1)
      expect(send([fitting]).asked).toBe(0)
      const again = send(all)
      expect(again.asked).toBe(fitting)
      expect(again.ids).toEqual(fences.slice(0, fitting).map(({ id }) => id))
    })
  })
})
