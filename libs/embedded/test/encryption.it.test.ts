import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { open } from 'lmdb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fence, write } from '../../model/contract/fence-feed.ts'
import { createLmdbFeed, createLmdbPresenceStore, parseStoreKey } from '../src/index.ts'
import { openStore, type Store } from '../src/store.ts'
import { batchOf, bytesOnDisk, openJournal, readAll, STOP_MS, valuesOf } from './open.ts'

const CANARY = 'canary-4711'
const encryptionKey = Buffer.alloc(32, 7)
const otherKey = Buffer.alloc(32, 8)
const ROW = Buffer.from('k1')
let folder = ''
let dir = ''
const opened: Store[] = []
beforeEach(() => {
  folder = tempFolder('encryption')
  dir = join(folder, 'store')
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
  removeFolder(folder)
})

function opening(key: Uint8Array | undefined): Store {
  const store = openStore({ dir, mapSize: 1 << 26, encryptionKey: key })
  opened.push(store)
  return store
}

async function written(key: Uint8Array | undefined): Promise<void> {
  const store = opening(key)
  await store.write([{ key: ROW, value: Buffer.from(CANARY) }])
  await store.close()
}

/** Changes the last byte of a row's stored value behind the store's back. */
async function damage(path: string, pick: (keys: Buffer[]) => Buffer): Promise<void> {
  const db = open<Buffer, Buffer>({
    path,
    noSubdir: false,
    overlappingSync: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const key = pick([...db.getKeys({})])
  const value = Buffer.from(db.get(key)!)
  value[value.length - 1] = (value[value.length - 1] as number) ^ 1
  await db.put(key, value)
  await db.close()
}

describe('a folder', () => {
  test('that a key was given for has no plain value on disk, before and after a compaction, and opens with the key', async () => {
    const store = opening(encryptionKey)
    for (let i = 0; i < 50; i++)
      await store.write([{ key: Buffer.from(`k${i}`), value: Buffer.from(`${CANARY} ${i}`.padEnd(i * 200)) }])
    for (let i = 0; i < 50; i += 2) await store.write([{ key: Buffer.from(`k${i}`), value: undefined }])
    expect(bytesOnDisk(folder, CANARY)).toBe(false)
    const compacting = store.compact()
    await store.write([{ key: ROW, value: Buffer.from(`${CANARY} anew`) }])
    await compacting
    expect(bytesOnDisk(folder, CANARY)).toBe(false)
    await store.close()
    const again = opening(encryptionKey)
    expect(again.get(ROW)?.toString()).toBe(`${CANARY} anew`)
    expect(again.get(Buffer.from('k3'))?.toString().trim()).toBe(`${CANARY} 3`)
    expect(again.keys(Buffer.from('k'), Buffer.from('l'), 100).length).toBe(25)
  })

  test('without a key has its values as they are: the search for them finds them', async () => {
    await written(undefined)
    expect(bytesOnDisk(folder, CANARY)).toBe(true)
    expect(readdirSync(dir).sort()).toEqual(['data.mdb', 'lock.mdb'])
  })

  test.each([
    { made: encryptionKey, given: otherKey, problem: 'is encrypted with another key: start with the key that it was' },
    { made: encryptionKey, given: undefined, problem: 'is encrypted: start with the key that it was made with' },
    { made: undefined, given: encryptionKey, problem: 'has data that are not encrypted: start without a key, or move' },
    { made: undefined, given: encryptionKey.subarray(1), problem: 'the key of a store must have 32 bytes, got 31' },
  ])('is refused when it $problem', async ({ made, given, problem }) => {
    await written(made)
    const before = readFileSync(join(dir, 'data.mdb'))
    expect(() => opening(given)).toThrow(problem)
    expect(readFileSync(join(dir, 'data.mdb')).equals(before)).toBe(true)
    expect(opening(made).get(ROW)?.toString()).toBe(CANARY)
  })

  test('keeps nothing of its key, and who has only the check cannot use another', async () => {
    await written(encryptionKey)
    const path = join(dir, 'key-check')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toMatch(/^[0-9a-f]{32} [0-9a-f]{64}\n$/)
    for (const form of [encryptionKey.toString('hex'), encryptionKey.toString('latin1')])
      expect(bytesOnDisk(folder, form)).toBe(false)
  })

  test('with a check that is damaged is refused', async () => {
    await written(encryptionKey)
    writeFileSync(join(dir, 'key-check'), 'nothing')
    expect(() => opening(encryptionKey)).toThrow('key-check is damaged: restore it from a backup')
    expect(() => opening(undefined)).toThrow('is encrypted')
  })

  test('that was cut off before its first data takes only the key it was begun with', async () => {
    await written(encryptionKey)
    const check = readFileSync(join(dir, 'key-check'))
    removeFolder(dir)
    mkdirSync(dir, { mode: 0o700 })
    writeFileSync(join(dir, 'key-check'), check, { mode: 0o600 })
    expect(() => opening(undefined)).toThrow('is encrypted')
    expect(() => opening(otherKey)).toThrow('another key')
    expect(opening(encryptionKey).get(ROW)).toBe(undefined)
  })
})

describe('what is encrypted', () => {
  test('is a whole journal: keys, tenants and values, over a restart, an erasure and a damaged frame', async () => {
    let journal = await openJournal(dir, { encryptionKey })
    for (let i = 0; i < 4; i++) await journal.publish(batchOf(i === 1 ? 'gone' : `${CANARY}-key`, `${CANARY} ${i}`))
    expect(await journal.erase(new Set(['gone']))).toEqual({ records: 1 })
    await journal.compact()
    await journal.stop(STOP_MS)
    for (const word of [CANARY, 'acme', 'gone']) expect(bytesOnDisk(folder, word)).toBe(false)
    const frames = (keys: Buffer[]): Buffer[] => keys.filter((key) => key[0] === 1)
    await damage(dir, (keys) => frames(keys)[2]!)
    journal = await openJournal(dir, { encryptionKey })
    expect(valuesOf(readAll(journal))).toEqual([`${CANARY} 0`, `${CANARY} 3`])
    expect(journal.counters.damagedFrames).toBe(1)
    await journal.erase(new Set(['gone']))
    await journal.stop(STOP_MS)
    await damage(dir, (keys) => frames(keys).at(-1)!)
    journal = await openJournal(dir, { encryptionKey })
    expect(valuesOf(readAll(journal))).toEqual([`${CANARY} 0`])
    await journal.publish(batchOf('a', 'after'))
    expect(Number(readAll(journal).at(-1)?.cursor)).toBeGreaterThan(4)
    await journal.stop(STOP_MS)
    await expect(openJournal(dir)).rejects.toThrow('is encrypted')
  })

  test('is the records of presence; one that is damaged is a StoreError', async () => {
    const create = (key?: Uint8Array) => createLmdbPresenceStore({ dir, encryptionKey: key }, { logger: silentLogger })
    const record = { version: 'aaaaaaaaaaaa', bytes: Buffer.from(CANARY), dueMs: 5, expiresMs: Date.now() + 1e9 }
    const subject = new Uint8Array(32).fill(9)
    let store = create(encryptionKey)
    await store.start()
    expect(await store.write(subject, null, record)).toBe(null)
    await store.stop(1000)
    expect(bytesOnDisk(folder, CANARY)).toBe(false)
    await expect(create().start()).rejects.toThrow('is encrypted')
    store = create(encryptionKey)
    await store.start()
    expect(Buffer.from((await store.read(subject))!.bytes).toString()).toBe(CANARY)
    expect(await store.due(9, 5, 10)).toEqual([subject])
    await store.stop(1000)
    await damage(dir, (keys) => keys.find((key) => key[0] === 1 && key.length === 33)!)
    store = create(encryptionKey)
    await store.start()
    await expect(store.read(subject)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/damaged/),
    })
    await store.stop(1000)
  })

  test('is the documents and steps of a feed', async () => {
    const create = (key?: Uint8Array) => createLmdbFeed({ dir, encryptionKey: key }, { logger: silentLogger })
    let feed = create(encryptionKey)
    await feed.start()
    await write(feed, { docs: [fence('a', `{"name":"${CANARY}"}`)] })
    const head = await feed.head()
    await feed.stop(1000)
    expect(bytesOnDisk(folder, CANARY)).toBe(false)
    await expect(create().start()).rejects.toThrow('is encrypted')
    feed = create(encryptionKey)
    await feed.start()
    expect(await feed.head()).toEqual(head)
    expect((await feed.list('fence', 'acme', '', 10)).map(({ body }) => body)).toEqual([`{"name":"${CANARY}"}`])
    await feed.stop(1000)
  })
})

describe('a store’s key as a setting', () => {
  test('is 64 hex digits, in either case', () => {
    expect(Buffer.from(parseStoreKey('KEY', 'aB'.repeat(32))).toString('hex')).toBe('ab'.repeat(32))
  })
  test.each(['', 'ab'.repeat(31), 'ab'.repeat(33), 'zz'.repeat(32), `${'ab'.repeat(32)}\n`])('is not %j', (text) => {
    expect(() => parseStoreKey('KEY', text)).toThrow(
      `KEY must be 64 hex digits (openssl rand -hex 32), got ${text.length}`,
    )
  })
})
