import { countBrokers, startKafka } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { expect, test } from 'vitest'

needs('kafka', 'the shared Kafka', (bootstrap) => {
  test('answers a metadata request at every address', async () => {
    for (const address of bootstrap.split(',')) expect(await countBrokers(address, 5000)).toBeGreaterThan(0)
  })
})

needs('kafka-cluster', 'a broker of one’s own', () => {
  test('answers again after kill -9 and a restart, does not answer while frozen, and is gone after stop', {
    timeout: 90_000,
  }, async () => {
    const cluster = await startKafka()
    const [broker] = cluster.brokers
    expect(await countBrokers(cluster.bootstrap, 5000)).toBe(1)
    await broker!.kill9()
    expect(broker!.alive).toBe(false)
    await expect(countBrokers(cluster.bootstrap, 1000)).rejects.toThrow()
    await broker!.restart()
    expect(await countBrokers(cluster.bootstrap, 5000)).toBe(1)
    await broker!.pause()
    await expect(countBrokers(cluster.bootstrap, 300)).rejects.toThrow('did not answer in 300 ms')
    await broker!.resume()
    expect(await countBrokers(cluster.bootstrap, 10_000)).toBe(1)
    await cluster.stop()
    await cluster.stop()
    await expect(countBrokers(cluster.bootstrap, 1000)).rejects.toThrow()
  })
})
