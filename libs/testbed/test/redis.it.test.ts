import { startRedis } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'

needs('redis', 'the shared Redis', (address) => {
  const redis = new Redis(`redis://${address}`, { lazyConnect: true })
  afterAll(() => redis.disconnect())

  test('answers PING, keeps what was SET and gives it back', async () => {
    await redis.connect()
    expect(await redis.ping()).toBe('PONG')
    const key = `testbed:${process.pid}`
    expect(await redis.set(key, 'kept', 'EX', 60)).toBe('OK')
    expect(await redis.get(key)).toBe('kept')
    await redis.del(key)
  })
})

needs('redis', 'a Redis of one’s own', () => {
  test('is empty after kill -9 and a restart on the same port, and stop can be called twice', async () => {
    const server = await startRedis()
    const client = new Redis(server.port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => {})
    await client.connect()
    await client.set('a', '1')
    await server.restart()
    const again = new Redis(server.port, '127.0.0.1', { lazyConnect: true })
    await again.connect()
    expect(await again.get('a')).toBeNull()
    again.disconnect()
    client.disconnect()
    await server.stop()
    await server.stop()
  })
})
