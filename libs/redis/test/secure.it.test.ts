// What Redis is asked for is no more than the shipped user may do; and over TLS everything is as without.
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createServer, type Server } from 'node:tls'
import { type PresenceStore, silentLogger } from '@fencepost/model'
import { createRedisFeed, createRedisPresenceStore } from '@fencepost/redis'
import { makeCertificate, type RedisServer, removeFolder, startRedis, tempFolder } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fenceFeedContract } from '../../model/contract/fence-feed.ts'
import { presenceStoreContract } from '../../model/contract/presence-store.ts'

const ACL = new URL('../../../deploy/redis-users.acl', import.meta.url)
const PASSWORD = 'replace-this-password'

needs('redis', 'a Redis that lets nobody in but Fencepost', () => {
  let server: RedisServer
  let url = ''
  let runs = 0
  beforeAll(async () => {
    server = await startRedis()
    const admin = new Redis(server.port, '127.0.0.1')
    const users = readFileSync(ACL, 'utf8').trim().split('\n')
    // The one that we are goes last.
    for (const line of users.reverse()) {
      const [, name = '', ...rules] = line.split(' ')
      await admin.call('ACL', 'SETUSER', name, ...rules)
    }
    admin.disconnect()
    url = `redis://fencepost:${PASSWORD}@${server.address}`
  })
  afterAll(() => server.stop())

  fenceFeedContract('as the shipped user', async () => {
    const feed = createRedisFeed({ url, prefix: `fencepost:feed-${runs++}` }, { logger: silentLogger })
    await feed.start()
    return { feed, close: () => feed.stop(1000) }
  })

  presenceStoreContract('as the shipped user', async () => {
    const prefix = `fencepost:store-${runs++}`
    const open = async (): Promise<PresenceStore> => {
      const store = createRedisPresenceStore({ url, prefix }, { logger: silentLogger })
      await store.start()
      return store
    }
    const [store, other] = [await open(), await open()]
    return { store, other, close: async () => void (await Promise.all([store.stop(1000), other.stop(1000)])) }
  })

  it('refuses that user everything else, and everybody else', async () => {
    const redis = new Redis(url, { retryStrategy: () => null })
    const refused = [
      ['GET', 'others:key'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', '*'],
      ['KEYS', '*'],
      ['ACL', 'LIST'],
      ['SUBSCRIBE', 'c'],
      ['SHUTDOWN'],
    ] as const
    for (const [command, ...args] of refused)
      await expect(redis.call(command, ...args), command).rejects.toThrow('NOPERM')
    redis.disconnect()
    const nobody = new Redis(server.port, '127.0.0.1', { retryStrategy: () => null, maxRetriesPerRequest: 0 })
    nobody.on('error', () => {})
    await expect(nobody.get('fencepost:x')).rejects.toThrow()
    nobody.disconnect()
  })
})

needs('redis', 'a Redis behind TLS', (address) => {
  const folder = tempFolder('redis-tls')
  let door: Server
  let ca = ''
  let port = 0
  beforeAll(async () => {
    const certificate = await makeCertificate(folder)
    ca = certificate.ca
    // The Redis of the tests may be built without TLS: what is tried is the client.
    const [host, number] = address.split(':') as [string, string]
    const options = { key: readFileSync(certificate.keyFile), cert: certificate.ca }
    door = createServer(options, (socket) => {
      const inner = connect(Number(number), host)
      inner.on('error', () => socket.destroy())
      socket.on('error', () => inner.destroy())
      socket.pipe(inner).pipe(socket)
    })
    port = await new Promise((resolve) => {
      door.listen(0, '127.0.0.1', () => resolve((door.address() as { port: number }).port))
    })
  })
  afterAll(() => {
    door.close()
    removeFolder(folder)
  })

  let runs = 0
  describe('that is trusted', () => {
    presenceStoreContract('over TLS', async () => {
      const prefix = `tls-${process.pid}-${runs++}`
      const options = { url: `rediss://127.0.0.1:${port}`, tlsCa: ca, prefix }
      const store = createRedisPresenceStore(options, { logger: silentLogger })
      const other = createRedisPresenceStore(options, { logger: silentLogger })
      await store.start()
      await other.start()
      return { store, other, close: async () => void (await Promise.all([store.stop(1000), other.stop(1000)])) }
    })
  })

  it('that nobody vouches for is not spoken to', async () => {
    const options = { url: `rediss://127.0.0.1:${port}`, startTimeoutMs: 500 }
    const store = createRedisPresenceStore(options, { logger: silentLogger })
    await store.start()
    expect(store.healthy()).toBe(false)
    await store.stop(1000)
  })
})
