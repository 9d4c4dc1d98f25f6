// How long data are kept, against what is stated: a topic that keeps them for longer is told of, and nothing is changed behind anybody's back.
import { TOPICS } from '@fencepost/model'
import { readMetrics, removeFolder, type ServiceProcess, tempFolder } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import kafkajs from 'kafkajs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ask } from './privacy-kit.ts'
import { startStandalone, writeFences } from './support.ts'

const POLL = { timeout: 20_000, interval: 50 }
const STATED_S = 3600

let folder = ''
let service: ServiceProcess | undefined
beforeEach(() => {
  folder = tempFolder('retention')
  writeFences(folder, [])
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

needs('kafka', 'retention in Kafka', (bootstrap) => {
  it.each([
    ['1', STATED_S * 1000, STATED_S],
    ['2', 2 * STATED_S * 1000, 2 * STATED_S],
    ['1', -1, -1],
  ])(
    'with %s threads and a topic of %d ms',
    async (threads, actualMs, actualS) => {
      const name = (topic: string): string => `retention.${process.pid}.${threads}.${actualMs}.${topic}`
      const admin = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING }).admin()
      await admin.connect()
      await admin.createTopics({
        waitForLeaders: true,
        topics: [
          {
            topic: name('transitions'),
            numPartitions: 1,
            replicationFactor: 1,
            configEntries: [{ name: 'retention.ms', value: String(actualMs) }],
          },
        ],
      })
      await admin.disconnect()
      service = await startStandalone(folder, {
        FENCEPOST_THREADS: threads,
        FENCEPOST_SINK: 'kafka',
        FENCEPOST_KAFKA_BROKERS: bootstrap,
        FENCEPOST_KAFKA_REPLICATION: '1',
        FENCEPOST_KAFKA_PARTITIONS: '1',
        FENCEPOST_KAFKA_RETENTION_S: String(STATED_S),
        ...Object.fromEntries(TOPICS.map((topic) => [`FENCEPOST_TOPIC_${topic.toUpperCase()}`, name(topic)])),
      })
      const { adminPort } = await service.listening()
      type Row = { name: string; stated_s: number; actual_s: number | null; differs: boolean }
      const rows = async (): Promise<Row[]> =>
        (await ask(adminPort, 'GET', '/v1/privacy/retention')).json['rows'] as Row[]
      await expect.poll(async () => (await rows()).every(({ actual_s }) => actual_s !== null), POLL).toBe(true)
      const differs = actualS !== STATED_S
      const found = new Map((await rows()).map((row) => [row.name, row]))
      expect(found.get(name('transitions'))).toMatchObject({ stated_s: STATED_S, actual_s: actualS, differs })
      expect(found.get(name('matches'))).toMatchObject({ stated_s: STATED_S, actual_s: STATED_S, differs: false })
      const state = differs ? `not as stated: ${name('transitions')}` : 'as stated'
      expect((await ask(adminPort, 'GET', '/readyz')).json).toMatchObject({ retention: state, ready: true })
      expect((await readMetrics(adminPort)).get('fencepost_retention_differs')).toBe(differs ? 1 : 0)
    },
    60_000,
  )
})
