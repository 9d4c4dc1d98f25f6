// Brokers are killed, frozen and restarted under load. What publish has confirmed must be in the topic; nothing else than
// what was sent may be there; and all copies of a record must be the same bytes.
import { createKafkaSink, KAFKA_DEFAULTS, type KafkaSink } from '@fencepost/kafka'
import { type ReadRecord, readTopic } from '@fencepost/kafka/reader'
import { silentLogger } from '@fencepost/model'
import { makeRecordBatch, storedRecords } from '@fencepost/model/contract/event-sink'
import { type KafkaCluster, startKafka } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshTopics, withAdmin } from './support.ts'

/** More trials of each fault, for a longer look. */
const TRIALS = Number(process.env['FENCEPOST_FAULT_TRIALS'] ?? 1)
const PARTITIONS = 6
const DELIVERY_DEADLINE_MS = 10_000
const LOAD_TICK_MS = 5
const BATCHES_A_TICK = 2
const RECORDS_A_BATCH = 5
/** How long a publish may take beyond its deadline on a busy machine. */
const LATE_MS = 3000

/** What one run of load has sent, and what the sink said about it. */
class Ledger {
  /** Key, headers and value of every record by id, as one string. */
  readonly sent = new Map<string, string>()
  readonly confirmed = new Set<string>()
  /** Ids by key, in the order of publish. */
  readonly order = new Map<string, string[]>()
  readonly codes = new Map<string, number>()
  confirmedBatches = 0
  slowestMs = 0
}

function fingerprint(record: { key: string; headers: Readonly<Record<string, string>>; value: Uint8Array }): string {
  const headers = Object.entries(record.headers).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([record.key, headers, Buffer.from(record.value).toString('latin1')])
}

/** Publishes a few batches every few milliseconds until `until` resolves, then waits for every outcome. */
async function load(sink: KafkaSink, until: Promise<unknown>): Promise<Ledger> {
  const ledger = new Ledger()
  const outcomes: Promise<void>[] = []
  let serial = 0
  const publish = (): void => {
    const key = `device${serial % 97}`
    const values = Array.from({ length: RECORDS_A_BATCH }, (_, i) =>
      Buffer.from(`{"serial":${serial},"i":${i},"pad":"${'x'.repeat(150)}"}`),
    )
    serial++
    const batch = makeRecordBatch(key, values)
    const records = storedRecords(batch)
    const ids = records.map(({ headers }) => headers['ce_id'] as string)
    records.forEach((record, i) => void ledger.sent.set(ids[i]!, fingerprint(record)))
    const began = performance.now()
    const done = (): void => {
      ledger.slowestMs = Math.max(ledger.slowestMs, performance.now() - began)
    }
    outcomes.push(
      sink.publish(batch).then(
        () => {
          done()
          ledger.confirmedBatches++
          for (const id of ids) ledger.confirmed.add(id)
          const order = ledger.order.get(key) ?? []
          ledger.order.set(key, order)
          order.push(...ids)
        },
        (error: { code?: string; message: string }) => {
          done()
          const code = error.code ?? error.message
          ledger.codes.set(code, (ledger.codes.get(code) ?? 0) + 1)
        },
      ),
    )
  }
  const timer = setInterval(() => {
    for (let i = 0; i < BATCHES_A_TICK; i++) publish()
  }, LOAD_TICK_MS)
  await until.finally(() => clearInterval(timer))
  await Promise.all(outcomes)
  return ledger
}

/** Resolves when the sink has confirmed `batches` more than now: the fault begins, or is over, under real load. */
async function confirmedMore(sink: KafkaSink, batches: number, deadlineMs = 60_000): Promise<void> {
  const target = sink.counters.batchesPublished + batches
  await expect
    .poll(() => sink.counters.batchesPublished, { timeout: deadlineMs, interval: 20 })
    .toBeGreaterThanOrEqual(target)
}

function check(ledger: Ledger, records: readonly ReadRecord[]): { copies: number } {
  const seen = new Set<string>()
  const firsts = new Map<string, string[]>()
  let foreign = 0
  let changed = 0
  for (const record of records) {
    const id = record.headers['ce_id'] as string
    const expected = ledger.sent.get(id)
    if (expected === undefined) foreign++
    else if (expected !== fingerprint(record)) changed++
    if (seen.has(id)) continue
    seen.add(id)
    const order = firsts.get(record.key) ?? []
    firsts.set(record.key, order)
    order.push(id)
  }
  const lost = [...ledger.confirmed].filter((id) => !seen.has(id)).length
  let disordered = 0
  for (const [key, ids] of ledger.order) {
    const confirmedOnly = (firsts.get(key) ?? []).filter((id) => ledger.confirmed.has(id))
    if (confirmedOnly.join() !== ids.join()) disordered++
  }
  expect({ lost, foreign, changed, disordered }).toEqual({ lost: 0, foreign: 0, changed: 0, disordered: 0 })
  return { copies: records.length - seen.size }
}

/** One trial: load, a fault in the middle, more load after it, then the ledger against the topic. */
async function trial(
  cluster: KafkaCluster,
  name: string,
  fault: (leaderOf0: number) => Promise<void>,
): Promise<Ledger> {
  const size = cluster.brokers.length
  const topics = freshTopics(PARTITIONS, size, size === 3 ? 2 : 1)
  const sink = createKafkaSink(
    {
      ...KAFKA_DEFAULTS,
      brokers: cluster.bootstrap.split(','),
      clientId: 'fault-test',
      topics,
      deliveryDeadlineMs: DELIVERY_DEADLINE_MS,
    },
    { logger: silentLogger },
  )
  await sink.start()
  const topic = topics.matches.name
  const leader = await withAdmin(cluster.bootstrap, async (admin) => {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [topic] })
    return found[0]?.partitions.find(({ partitionId }) => partitionId === 0)?.leader ?? 1
  })
  const middle = async (): Promise<void> => {
    await confirmedMore(sink, 200)
    await fault(leader)
    await confirmedMore(sink, 200)
  }
  const ledger = await load(sink, middle())
  await sink.stop(10_000)
  const records = await readTopic({ bootstrap: cluster.bootstrap, topic: 'matches', name: topic })
  const { copies } = check(ledger, records)
  const codes = [...ledger.codes].map(([code, count]) => `${count} ${code}`).join(', ') || 'none'
  process.stdout.write(
    `${name}: ${ledger.confirmed.size} of ${ledger.sent.size} records confirmed, 0 lost, ${copies} copies, rejected batches: ${codes}, ` +
      `slowest ${Math.round(ledger.slowestMs)} ms, ${JSON.stringify(sink.counters)}\n`,
  )
  expect(ledger.slowestMs).toBeLessThan(DELIVERY_DEADLINE_MS + LATE_MS)
  expect([...ledger.codes.keys()].filter((code) => code !== 'deadline' && code !== 'full')).toEqual([])
  expect(sink.counters.unknownFailures).toBe(0)
  return ledger
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

needs('kafka-cluster', 'under faults nothing confirmed is lost', () => {
  describe.each(Array.from({ length: TRIALS }, (_, i) => i + 1))('trial %i', () => {
    describe('with one broker', () => {
      let cluster: KafkaCluster
      beforeAll(async () => {
        cluster = await startKafka()
      }, 120_000)
      afterAll(() => cluster?.stop())

      test('that is killed with -9 and started again', { timeout: 90_000 }, async () => {
        await trial(cluster, 'one broker, kill -9', async () => {
          await cluster.broker(1).kill9()
          await cluster.broker(1).restart()
        })
      })

      test('that freezes for longer than a request may take', { timeout: 90_000 }, async () => {
        await trial(cluster, 'one broker, frozen 5 s', async () => {
          await cluster.broker(1).pause()
          await pause(KAFKA_DEFAULTS.requestTimeoutMs + 2000)
          await cluster.broker(1).resume()
        })
      })
    })

    describe('with three brokers, replication 3, min ISR 2', () => {
      let cluster: KafkaCluster
      beforeAll(async () => {
        cluster = await startKafka({ brokers: 3 })
      }, 120_000)
      afterAll(() => cluster?.stop())

      test('when a leader is killed with -9', { timeout: 120_000 }, async () => {
        await trial(cluster, 'three brokers, leader kill -9', async (leader) => {
          await cluster.broker(leader).kill9()
          await pause(4000)
          await cluster.broker(leader).restart()
        })
      })

      test('when a leader freezes for 15 s', { timeout: 120_000 }, async () => {
        await trial(cluster, 'three brokers, leader frozen 15 s', async (leader) => {
          await cluster.broker(leader).pause()
          await pause(15_000)
          await cluster.broker(leader).resume()
        })
      })

      test('when a leader is restarted in good order', { timeout: 120_000 }, async () => {
        await trial(cluster, 'three brokers, leader restarted', (leader) => cluster.broker(leader).restart())
      })
    })
  })
})
