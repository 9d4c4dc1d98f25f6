// What every PresenceStore must do, whatever it is made of. Run on each adapter.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PRESENCE_BUCKETS, type PresenceStore, presenceBucket, type RecordToStore, StoreError } from '../src/index.ts'

export interface StoreUnderTest {
  readonly store: PresenceStore
  /** Another one on the same records; the same one where there can be no other. */
  readonly other: PresenceStore
  readonly close: () => Promise<void>
}

const FOREVER = Date.now() + 10 * 365 * 86_400_000
let versions = 0

function record(text: string, more: Partial<RecordToStore> = {}): RecordToStore {
  const version = `v${String(versions++).padStart(11, '0')}`
  return { version, bytes: new Uint8Array(Buffer.from(text)), dueMs: null, expiresMs: FOREVER, ...more }
}

function subject(seed: number, bucket = seed & 255): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? bucket : (seed * 31 + i * 7) & 255))
}

export function presenceStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a PresenceStore`, () => {
    let kit: StoreUnderTest
    let store: PresenceStore
    beforeEach(async () => {
      kit = await open()
      store = kit.store
    })
    afterEach(() => kit.close())

    it('has no record of whom it was never told', async () => {
      expect(store.healthy()).toBe(true)
      expect(await store.read(subject(1))).toBeNull()
    })

    it('gives back what was written, byte for byte, to others too', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      const next = record('', { bytes })
      expect(await store.write(subject(1), null, next)).toBeNull()
      for (const one of [store, kit.other]) expect(plain(await one.read(subject(1)))).toEqual(plain(next))
      expect(await store.read(subject(2))).toBeNull()
    })

    it('writes only over the version that is expected, and says what is there', async () => {
      const first = record('first')
      const second = record('second')
      const third = record('third')
      await store.write(subject(1), null, first)
      expect(plain((await store.write(subject(1), null, second))?.current)).toEqual(plain(first))
      expect(await kit.other.write(subject(1), first.version, second)).toBeNull()
      expect(plain((await store.write(subject(1), first.version, third))?.current)).toEqual(plain(second))
      expect(plain(await store.read(subject(1)))).toEqual(plain(second))
      expect(await store.write(subject(3), first.version, third)).toEqual({ current: null })
    })

    it('lets one of many that write at once through', async () => {
      const first = record('first')
      await store.write(subject(1), null, first)
      const rivals = Array.from({ length: 50 }, (_, i) => record(`rival ${i}`))
      const outcomes = await Promise.all(
        rivals.map((rival, i) => (i % 2 === 0 ? store : kit.other).write(subject(1), first.version, rival)),
      )
      const winners = rivals.filter((_, i) => outcomes[i] === null)
      expect(winners.length).toBe(1)
      expect(plain(await store.read(subject(1)))).toEqual(plain(winners[0]))
    })

    it('takes a chain of writes that are not awaited, in their order', async () => {
      const chain = Array.from({ length: 30 }, (_, i) => record(`link ${i}`))
      const outcomes = await Promise.all(
        chain.map((link, i) => store.write(subject(1), i === 0 ? null : (chain[i - 1]?.version ?? ''), link)),
      )
      expect(outcomes.every((outcome) => outcome === null)).toBe(true)
      expect(plain(await store.read(subject(1)))).toEqual(plain(chain.at(-1)))
    })

    it('lists who is due in a bucket, the longest due first, at most as many as asked', async () => {
      const due = (ms: number | null) => record('', { dueMs: ms })
      await store.write(subject(1, 7), null, due(3000))
      await store.write(subject(2, 7), null, due(1000))
      await store.write(subject(3, 7), null, due(2000))
      await store.write(subject(4, 7), null, due(null))
      await store.write(subject(5, 8), null, due(1000))
      expect(await store.due(7, 999, 10)).toEqual([])
      expect(await store.due(7, 2000, 10)).toEqual([subject(2, 7), subject(3, 7)])
      expect(await kit.other.due(7, 9000, 2)).toEqual([subject(2, 7), subject(3, 7)])
      expect(await store.due(8, 9000, 10)).toEqual([subject(5, 8)])
    })

    it('moves a due time with the record, and forgets it with one that is never due', async () => {
      const first = record('', { dueMs: 1000 })
      const second = record('', { dueMs: 5000 })
      const third = record('', { dueMs: null })
      await store.write(subject(1, 7), null, first)
      await store.write(subject(1, 7), first.version, second)
      expect(await store.due(7, 4999, 10)).toEqual([])
      expect(await store.due(7, 5000, 10)).toEqual([subject(1, 7)])
      await store.write(subject(1, 7), second.version, third)
      expect(await store.due(7, 1e12, 10)).toEqual([])
    })

    it('leaves a due time as it was when the write is lost', async () => {
      const first = record('', { dueMs: 1000 })
      await store.write(subject(1, 7), null, first)
      await store.write(subject(1, 7), 'nobody knows', record('', { dueMs: null }))
      expect(await store.due(7, 1000, 10)).toEqual([subject(1, 7)])
    })

    it('forgets a record that has expired, and its due time', async () => {
      const brief = record('brief', { expiresMs: Date.now() + 40, dueMs: 1000 })
      await store.write(subject(1, 7), null, brief)
      await until(async () => (await store.read(subject(1, 7))) === null)
      expect(await store.due(7, Date.now(), 10)).toEqual([])
      expect(await store.write(subject(1, 7), null, record('anew'))).toBeNull()
    })

    it('knows every bucket', async () => {
      for (const bucket of [0, 1, PRESENCE_BUCKETS - 1]) {
        expect(presenceBucket(subject(9, bucket))).toBe(bucket)
        await store.write(subject(9, bucket), null, record('', { dueMs: 1 }))
        expect(await store.due(bucket, 1, 10)).toEqual([subject(9, bucket)])
      }
    })

    it('goes over all that have a record, page by page, and over no others', async () => {
      const wanted = Array.from({ length: 250 }, (_, i) => subject(i))
      await Promise.all(wanted.map((one) => store.write(one, null, record('there', { dueMs: 1 }))))
      const found = new Set<string>()
      let pages = 0
      for (let cursor: string | null = ''; cursor !== null; pages++) {
        const page: Awaited<ReturnType<PresenceStore['scan']>> = await kit.other.scan(cursor, 100)
        for (const one of page.subjects) found.add(Buffer.from(one).toString('hex'))
        cursor = page.next
      }
      expect(found).toEqual(new Set(wanted.map((one) => Buffer.from(one).toString('hex'))))
      expect(pages).toBeGreaterThan(1)
    })

    it('takes large records', async () => {
      const large = record('', { bytes: new Uint8Array(1024 * 1024).fill(7) })
      await store.write(subject(1), null, large)
      expect((await store.read(subject(1)))?.bytes.length).toBe(1024 * 1024)
    })

    it('keeps every record and due time over a compaction, during which it goes on', async () => {
      const first = record('first', { dueMs: 1000 })
      const second = record('second', { dueMs: 2000 })
      await store.write(subject(1, 7), null, first)
      const compacting = store.compact()
      await store.write(subject(2, 7), null, second)
      expect(plain(await store.read(subject(1, 7)))).toEqual(plain(first))
      await compacting
      const third = record('third', { dueMs: 3000 })
      expect(await store.write(subject(1, 7), first.version, third)).toBeNull()
      await store.compact()
      expect(plain(await kit.other.read(subject(1, 7)))).toEqual(plain(third))
      expect(plain(await kit.other.read(subject(2, 7)))).toEqual(plain(second))
      expect(await store.due(7, 9000, 10)).toEqual([subject(2, 7), subject(1, 7)])
    })

    it('refuses with a StoreError once it is stopped, and stops twice', async () => {
      await store.stop(1000)
      await store.stop(1000)
      expect(store.healthy()).toBe(false)
      await expect(store.read(subject(1))).rejects.toBeInstanceOf(StoreError)
      await expect(store.write(subject(1), null, record(''))).rejects.toBeInstanceOf(StoreError)
      await expect(store.due(0, 0, 1)).rejects.toBeInstanceOf(StoreError)
      await expect(store.compact()).rejects.toBeInstanceOf(StoreError)
    })
  })
}

function plain(record: { readonly version: string; readonly bytes: Uint8Array } | null | undefined) {
  return record == null ? record : { version: record.version, bytes: Buffer.from(record.bytes).toString('hex') }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}
