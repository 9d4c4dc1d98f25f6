// Goes once through a topic for the records of some keys: what a person is shown of the events that Kafka keeps.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import kafkajs, { type Admin, type Consumer, type SASLOptions } from 'kafkajs'

// CommonJS: Node finds no named exports in it.
const { Kafka, logLevel } = kafkajs

export interface ScanOptions {
  readonly brokers: readonly string[]
  /** PEM of the brokers' authority; `true` = TLS by the system's; absent = no TLS. */
  readonly tls?: { readonly caFile?: string } | true
  readonly sasl?: SASLOptions
  /** The topic's full name. */
  readonly topic: string
  readonly keys: ReadonlySet<string>
  /** Told now and then: records that were looked at, and how many there are. */
  readonly onProgress?: (seen: number, all: number) => void
  /** Given what was found, in order of each partition. What it returns is waited for. */
  readonly onRecord: (record: FoundRecord) => void | Promise<void>
  readonly signal?: AbortSignal
}

export interface FoundRecord {
  readonly partition: number
  readonly offset: string
  readonly key: string
  readonly contentType: string
  readonly value: Uint8Array
}

/** Looks at every record that the topic has at its beginning. Resolves with how many those were; rejects when brokers fail or it is aborted. */
export async function scanTopic(options: ScanOptions): Promise<number> {
  const { brokers, tls, sasl, topic } = options
  const ca = tls !== true && tls?.caFile !== undefined ? { ca: readFileSync(tls.caFile, 'utf8') } : true
  const kafka = new Kafka({
    clientId: 'fencepost-scan',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    ...(tls === undefined ? {} : { ssl: ca }),
    ...(sasl === undefined ? {} : { sasl }),
  })
  const groupId = `fencepost-scan-${randomUUID()}`
  const admin = kafka.admin()
  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false })
  try {
    await admin.connect()
    const left = new Map<number, number>()
    let all = 0
    for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
      if (Number(high) <= Number(low)) continue
      left.set(partition, Number(high))
      all += Number(high) - Number(low)
    }
    if (left.size > 0) await readAll(consumer, left, all, options)
    return all
  } finally {
    await leave(consumer, admin, groupId)
  }
}

async function readAll(
  consumer: Consumer,
  left: Map<number, number>,
  all: number,
  { topic, keys, onProgress, onRecord, signal }: ScanOptions,
): Promise<void> {
  let seen = 0
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer.on('consumer.crash', ({ payload }) => reject(payload.error))
    signal?.addEventListener('abort', () => reject(new Error('it was ended before all was read')))
    consumer
      .run({
        autoCommit: false,
        eachBatch: async ({ batch, heartbeat }) => {
          const end = left.get(batch.partition) ?? 0
          for (const { key, value, headers, offset } of batch.messages) {
            if (Number(offset) >= end) break
            seen++
            const name = String(key)
            if (!keys.has(name)) continue
            const contentType = String(headers?.['content-type'] ?? 'application/json')
            await onRecord({
              partition: batch.partition,
              offset,
              key: name,
              contentType,
              value: value ?? Buffer.alloc(0),
            })
          }
          onProgress?.(seen, all)
          await heartbeat()
          // A hole at the end of a partition (an aborted transaction's mark, a record compacted away) has no message of its own.
          if (Number(batch.lastOffset()) + 1 >= end) left.delete(batch.partition)
          if (left.size === 0) resolve()
        },
      })
      .catch(reject)
  })
}

async function leave(consumer: Consumer, admin: Admin, groupId: string): Promise<void> {
  await consumer.disconnect().catch(() => {})
  await admin.deleteGroups([groupId]).catch(() => {})
  await admin.disconnect().catch(() => {})
}
