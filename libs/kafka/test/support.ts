// Shared by the tests of this lib.
import { randomUUID } from 'node:crypto'
import type { KafkaSinkOptions } from '@fencepost/kafka'
import { TOPICS } from '@fencepost/model'
import kafkajs, { type Admin } from 'kafkajs'

/** Topic options with names that no other test has. */
export function freshTopics(partitions: number, replication = 1, minInsync = 1): KafkaSinkOptions['topics'] {
  const run = randomUUID().slice(0, 8)
  const rows = TOPICS.map((topic) => [
    topic,
    { name: `test.${topic}.${run}`, partitions, replication, minInsync, retentionMs: 3_600_000 },
  ])
  return Object.fromEntries(rows) as KafkaSinkOptions['topics']
}

/** Runs something with an admin client of its own. */
export async function withAdmin<T>(bootstrap: string, run: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new kafkajs.Kafka({
    clientId: 'test-admin',
    brokers: bootstrap.split(','),
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
  try {
    return await run(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Deletes those of the topics that exist. */
export function deleteTopics(bootstrap: string, names: readonly string[]): Promise<void> {
  return withAdmin(bootstrap, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const topics = names.filter((name) => existing.has(name))
    if (topics.length > 0) await admin.deleteTopics({ topics })
  })
}
