import { type Logger, type PresenceStore, type RecordToStore, StoreError, silentLogger } from '@fencepost/model'
import { createRedisPresenceStore, type RedisPresenceOptions } from '@fencepost/redis'
import { type RedisServer, startRedis } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { presenceStoreContract } from '../../model/contract/presence-store.ts'

const SUBJECT = new Uint8Array(32).fill(7)
const NEXT: RecordToStore = { version: 'aaaaaaaaaaaa', bytes: new Uint8Array(3), dueMs: 5, expiresMs: Date.now() + 1e9 }

needs('redis', 'presence in Redis', (address) => {
  let runs = 0
  presenceStoreContract('Redis', async () => {
    const prefix = `test-${process.pid}-${runs++}`
    const open = async (): Promise<PresenceStore> => {
      const store = createRedisPresenceStore({ url: `redis://${address}`, prefix }, { logger: silentLogger })
      await store.start()
      return store
    }
    const [store, other] = [await open(), await open()]
    return {
      store,
      other,
      async close() {
        await Promise.all([store.stop(1000), other.stop(1000)])
      },
    }
  })

  describe('when Redis is not well', () => {
    let server: RedisServer
    let store: PresenceStore
    const logger: Logger = silentLogger
    const create = (more: Partial<RedisPresenceOptions> = {}): PresenceStore =>
      createRedisPresenceStore(
        { url: `redis://${server.address}`, commandTimeoutMs: 300, startTimeoutMs: 300, ...more },
        { logger },
      )

    beforeAll(async () => {
      server = await startRedis()
      store = create()
      await store.start()
    })
    afterAll(async () => {
      await store.stop(1000)
      await server.stop()
    })

    it('a frozen one is a StoreError, is not waited for for ever, and is used again by itself', async () => {
      await server.pause()
      const asked = await Promise.allSettled(Array.from({ length: 20 }, () => store.read(SUBJECT)))
      expect(asked.every((one) => one.status === 'rejected' && one.reason instanceof StoreError)).toBe(true)
      expect(store.healthy()).toBe(false)
      await expect(store.write(SUBJECT, null, NEXT)).rejects.toMatchObject({ code: 'unavailable' })
      await server.resume()
      await until(() => store.healthy())
      // What was asked for before the answer was lost may have been done.
      const current = await store.read(SUBJECT)
      expect(await store.write(SUBJECT, current?.version ?? null, { ...NEXT, version: 'cccccccccccc' })).toBeNull()
    })

    it('asks one with an append-only file to write it anew, and says in a line when it may not', async () => {
      const admin = new Redis(`redis://${server.address}`)
      const rewrites = async (): Promise<string | undefined> =>
        /cmdstat_bgrewriteaof:calls=(\d+).*failed_calls=(\d+)|cmdstat_bgrewriteaof:calls=(\d+)/.exec(
          await admin.info('commandstats'),
        )?.[0]
      const warned: unknown[] = []
      const warning: Logger = { ...silentLogger, warn: ({ command }) => warned.push(command) }
      const as = async (user: string, rules: string): Promise<PresenceStore> => {
        await admin.call('ACL', 'SETUSER', user, 'on', '>secret', '~*', '+@all', ...rules.split(' '))
        const one = createRedisPresenceStore({ url: `redis://${user}:secret@${server.address}` }, { logger: warning })
        await one.start()
        return one
      }
      await until(() => store.healthy())
      try {
        await store.compact()
        expect(await rewrites()).toBe(undefined)
        await admin.config('SET', 'appendonly', 'yes')
        await until(async () => (await admin.info('persistence')).includes('aof_rewrite_in_progress:0'))
        await store.compact()
        expect(await rewrites()).toMatch(/calls=1\b/)
        const mayNot = await as('bounded', '-bgrewriteaof')
        await mayNot.compact()
        expect(warned).toEqual(['BGREWRITEAOF'])
        await mayNot.stop(1000)
      } finally {
        await admin.config('SET', 'appendonly', 'no')
        await admin.quit()
      }
    })

    it('one that was killed is a StoreError at once, and used again when it is back, empty as it is', async () => {
      await server.kill9()
      await until(() => !store.healthy())
      await expect(store.read(SUBJECT)).rejects.toMatchObject({ code: 'unavailable' })
      await server.start()
      await until(() => store.healthy())
      expect(await store.read(SUBJECT)).toBeNull()
      expect(await store.write(SUBJECT, null, NEXT)).toBeNull()
    })

    it('a start does not wait for one that is away, and finds it later', async () => {
      await server.kill9()
      const late = create()
      await late.start()
      expect(late.healthy()).toBe(false)
      await server.start()
      await until(() => late.healthy())
      expect(await late.read(SUBJECT)).toBeNull()
      await late.stop(1000)
    })

    it('a start refuses one that would evict, and takes it when it would not', async () => {
      const admin = new Redis(`redis://${server.address}`)
      await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
      await expect(create({ startTimeoutMs: 5000 }).start()).rejects.toThrow('set maxmemory-policy noeviction')
      await admin.config('SET', 'maxmemory-policy', 'noeviction')
      const right = create({ startTimeoutMs: 5000 })
      await right.start()
      expect(right.healthy()).toBe(true)
      await right.stop(1000)
      admin.disconnect()
    })

    it('a full one is a StoreError and keeps what it has', async () => {
      const admin = new Redis(`redis://${server.address}`)
      await until(() => store.healthy())
      const current = await store.read(SUBJECT)
      await admin.config('SET', 'maxmemory', '1mb')
      const large = { ...NEXT, version: 'bbbbbbbbbbbb', bytes: new Uint8Array(2e6) }
      await expect(store.write(SUBJECT, current?.version ?? null, large)).rejects.toMatchObject({ code: 'unavailable' })
      expect((await store.read(SUBJECT))?.version).toBe(current?.version)
      await admin.config('SET', 'maxmemory', '0')
      admin.disconnect()
    })
  })
})

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10))
}
