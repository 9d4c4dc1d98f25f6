// Two serving threads, each with a Kafka sink of its own, one of which fails in mid load.
import { fileURLToPath } from 'node:url'
import { readTopic } from '@fencepost/kafka/reader'
import {
  ALL_WELL,
  FLEET_FENCES,
  Fleet,
  Ledger,
  laws,
  readMetrics,
  removeFolder,
  type ServiceProcess,
  startService,
  tempFolder,
} from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterEach, expect, it } from 'vitest'
import { ENTRY, environment, KEY, TENANT, writeFences } from './support.ts'

needs('kafka', 'two threads with FENCEPOST_SINK=kafka', (bootstrap) => {
  const folder = tempFolder('threads-kafka')
  let service: ServiceProcess | undefined
  afterEach(async () => {
    await service?.kill9()
    removeFolder(folder)
  })

  it('lose nothing acknowledged when one of them fails, count as one sink, and flush on SIGTERM', async () => {
    writeFences(folder, FLEET_FENCES)
    const name = `test.threads.${process.pid}`
    const faults = ['throw', 'reject in a request', 'exit', 'throw']
    service = await startService({
      entry: ENTRY,
      nodeArgs: ['--import', fileURLToPath(new URL('./faulty-threads.mjs', import.meta.url))],
      env: environment(folder, {
        FENCEPOST_THREADS: '2',
        FENCEPOST_TEST_FAULTS: faults.join(','),
        FENCEPOST_SINK: 'kafka',
        FENCEPOST_KAFKA_BROKERS: bootstrap,
        FENCEPOST_KAFKA_REPLICATION: '1',
        FENCEPOST_KAFKA_PARTITIONS: '3',
        FENCEPOST_TOPIC_MATCHES: name,
        // So that what is counted is what is read.
        FENCEPOST_PRESENCE: 'off',
      }),
    })
    const { port, adminPort } = await service.listening()
    const ledger = new Ledger(TENANT)
    const pingsPerPhone = 200 * faults.length
    const fleet = new Fleet({ port, key: KEY, phones: 24, pingsPerPhone, seed: 34, ledger, answerMs: 20_000 })
    const replaced = (): number =>
      (service as ServiceProcess).logs.filter(({ msg }) => msg === 'a serving thread has been replaced').length
    for (let i = 1; i <= faults.length; i++) {
      await fleet.acknowledged(40)
      service.process.signal('SIGUSR2')
      await expect.poll(replaced, { timeout: 20_000 }).toBe(i)
    }
    await fleet.finished
    const metrics = await readMetrics(adminPort)
    const { pings, requests } = laws(metrics)
    expect([pings[0], requests[0]]).toEqual([pings[1], requests[1]])
    expect(metrics.get('fencepost_requests_answered_total')).toBe(fleet.tally.statuses[200])
    expect(await service.terminate(20_000)).toEqual({ code: 0, signal: null })

    const records = await readTopic({ bootstrap, topic: 'matches', name })
    const { verdict, evidence } = ledger.judge(
      records.map(({ key, headers, value }) => ({ key, headers, value: JSON.parse(Buffer.from(value).toString()) })),
    )
    expect(verdict).toEqual(ALL_WELL)
    expect(fleet.tally.faults).toEqual([])
    expect(evidence.sentPings).toBe(24 * pingsPerPhone)
    expect(evidence.events - evidence.copies).toBe(evidence.acknowledgedHits)
    // A thread may have died between a broker's confirmation and its own count of it.
    const counted = metrics.get('fencepost_kafka_records_total') as number
    expect(counted).toBeGreaterThanOrEqual(evidence.acknowledgedHits)
    expect(counted).toBeLessThanOrEqual(evidence.events)
  }, 90_000)
})
