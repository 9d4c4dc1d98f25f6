import { readTopic } from '@fencepost/kafka/reader'
import {
  ALL_WELL,
  FLEET_FENCES,
  Fleet,
  HttpConnection,
  Ledger,
  removeFolder,
  type ServiceProcess,
  tempFolder,
} from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterEach, expect, it } from 'vitest'
import { KEY, startStandalone, TENANT, writeFences } from './support.ts'

needs('kafka', 'a standalone with FENCEPOST_SINK=kafka', (bootstrap) => {
  const folder = tempFolder('standalone-kafka')
  let service: ServiceProcess | undefined
  afterEach(async () => {
    await service?.kill9()
    removeFolder(folder)
  })

  it('publishes to Kafka what it acknowledged, flushes on SIGTERM, and has no /v1/events', async () => {
    writeFences(folder, FLEET_FENCES)
    const name = `test.standalone.${process.pid}`
    service = await startStandalone(folder, {
      FENCEPOST_SINK: 'kafka',
      FENCEPOST_KAFKA_BROKERS: bootstrap,
      FENCEPOST_KAFKA_REPLICATION: '1',
      FENCEPOST_KAFKA_PARTITIONS: '3',
      FENCEPOST_TOPIC_MATCHES: name,
    })
    const { port, adminPort } = await service.listening()
    const ledger = new Ledger(TENANT)
    const fleet = new Fleet({ port, key: KEY, phones: 9, pingsPerPhone: 60, seed: 5, ledger, answerMs: 10_000 })
    await fleet.finished
    const admin = new HttpConnection(adminPort)
    expect((await admin.get('/v1/events')).status).toBe(404)
    admin.close()
    expect(await service.terminate(20_000)).toEqual({ code: 0, signal: null })

    const records = await readTopic({ bootstrap, topic: 'matches', name })
    const { verdict, evidence } = ledger.judge(
      records.map(({ key, headers, value }) => ({ key, headers, value: JSON.parse(Buffer.from(value).toString()) })),
    )
    expect(verdict).toEqual(ALL_WELL)
    expect([fleet.tally.faults, Object.keys(fleet.tally.statuses)]).toEqual([[], ['200']])
    expect(evidence.sentPings).toBe(9 * 60)
    expect(evidence.events).toBe(evidence.acknowledgedHits)
  }, 60_000)
})
