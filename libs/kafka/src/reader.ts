// Reads a whole topic back, for tests and benches: what a consumer would see, with partition and offset.
import { randomUUID } from 'node:crypto'
import type { StoredRecord, Topic } from '@fencepost/model'
import kafkajs from 'kafkajs'

// CommonJS: Node finds no named exports in it.
const { Kafka, logLevel } = kafkajs

export interface ReadRecord extends StoredRecord {
  readonly partition: number
  readonly offset: number
}

export interface ReadOptions {
  /** `host:port,host:port` */
  readonly bootstrap: string
  readonly topic: Topic
  /** The topic's full name. */
  readonly name: string
  readonly deadlineMs?: number
}

/** Every record that the topic has now, partition by partition in order of offset. Throws when that takes too long. */
export async function readTopic({ bootstrap, topic, name, deadlineMs = 60_000 }: ReadOptions): Promise<ReadRecord[]> {
  const kafka = new Kafka({ clientId: 'fencepost-reader', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
  const groupId = `fencepost-reader-${randomUUID()}`
  const admin = kafka.admin()
  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false })
  const records: ReadRecord[] = []
  try {
    await admin.connect()
    const missing = new Map<number, number>()
    for (const { partition, high, low } of await admin.fetchTopicOffsets(name))
      if (Number(high) > Number(low)) missing.set(partition, Number(high))
    if (missing.size === 0) return []
    await consumer.connect()
    await consumer.subscribe({ topic: name, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        const partitions = [...missing.keys()].join(', ')
        reject(
          new Error(
            `${name} was not read in ${deadlineMs} ms: ${records.length} records, partitions left: ${partitions}`,
          ),
        )
      }, deadlineMs)
      const done = (settle: () => void): void => {
        clearTimeout(timer)
        settle()
      }
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            for (const { key, value, headers, offset } of batch.messages) {
              const texts = Object.entries(headers ?? {}).map(([header, bytes]) => [header, String(bytes)])
              records.push({
                topic,
                key: String(key),
                headers: Object.fromEntries(texts),
                value: Uint8Array.from(value ?? []),
                partition: batch.partition,
                offset: Number(offset),
              })
              if (Number(offset) + 1 >= (missing.get(batch.partition) ?? Number.POSITIVE_INFINITY))
                missing.delete(batch.partition)
            }
            if (missing.size === 0) done(resolve)
          },
        })
        .catch((error: unknown) => done(() => reject(error)))
    })
  } finally {
    await consumer.disconnect()
    await admin.deleteGroups([groupId]).catch(() => {})
    await admin.disconnect()
  }
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}
