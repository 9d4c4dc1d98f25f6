// The topics as they are against what they should be: creates what is missing if told to, and never changes what exists.
import { type Logger, TOPICS, type Topic } from '@fencepost/model'
import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs'
import { failureOf } from './failures.ts'
import { type KafkaSinkOptions, MAX_AUTO_REPLICATION, type TopicOptions } from './options.ts'

// CommonJS: Node finds no named exports in it.
const { ConfigResourceTypes } = kafkajs

/** A topic that cannot be published to as it is. No repetition helps; somebody has to change it. */
export class TopicError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TopicError'
  }
}

/** One setting of a topic that is not as configured. */
export interface TopicDifference {
  readonly topic: string
  readonly setting: string
  readonly expected: string
  readonly actual: string
  readonly why: string
}

/** Room that the broker's limit must leave above `maxBatchBytes` for headers of the batch. */
const BATCH_HEADER_BYTES = 1024

const SERVED_TRIES = 50
const SERVED_PAUSE_MS = 100

/** The topics as they were found. */
export interface CheckedTopics {
  /** What their keys are spread over. */
  readonly partitions: Readonly<Record<Topic, number>>
  /** How long they keep what they have, ms; null = we may not know. -1 = for ever. */
  readonly retentionMs: Readonly<Record<Topic, number | null>>
  readonly differences: readonly TopicDifference[]
}

/**
 * Creates missing topics (if `createTopics`), then compares. Differences are returned and are not fatal. Throws a TopicError when a
 * topic is missing, and whatever the client throws when brokers fail.
 */
export async function ensureTopics(admin: Admin, options: KafkaSinkOptions, logger: Logger): Promise<CheckedTopics> {
  const existing = new Set(await admin.listTopics())
  const brokers = (await admin.describeCluster()).brokers.length
  const wanted = TOPICS.map((topic) => [topic, resolved(options.topics[topic], brokers)] as const)
  const missing = wanted.map(([, topic]) => topic).filter(({ name }) => !existing.has(name))
  if (missing.length > 0) {
    if (!options.createTopics) {
      const names = missing.map(({ name }) => `"${name}"`).join(', ')
      throw new TopicError(`not all topics exist (missing: ${names}) and creating topics is switched off`)
    }
    await createTopics(admin, missing, logger)
  }
  const differences: TopicDifference[] = []
  const partitions: Partial<Record<Topic, number>> = {}
  const retentionMs: Partial<Record<Topic, number | null>> = {}
  for (const [topic, expected] of wanted) {
    const found = await compare(admin, expected, options)
    partitions[topic] = found.partitions
    retentionMs[topic] = found.retentionMs
    differences.push(...found.differences)
  }
  return {
    partitions: partitions as Record<Topic, number>,
    retentionMs: retentionMs as Record<Topic, number | null>,
    differences,
  }
}

/** With the zeros, which stand for what the cluster can give, replaced. */
function resolved(topic: TopicOptions, brokers: number): TopicOptions {
  const replication = topic.replication === 0 ? Math.max(1, Math.min(brokers, MAX_AUTO_REPLICATION)) : topic.replication
  const minInsync = topic.minInsync === 0 ? Math.max(1, replication - 1) : Math.min(topic.minInsync, replication)
  return { ...topic, replication, minInsync }
}

async function createTopics(admin: Admin, missing: readonly TopicOptions[], logger: Logger): Promise<void> {
  const topics = missing.map(toTopicConfig)
  try {
    // False when another node was faster.
    const created = await admin.createTopics({ topics, waitForLeaders: false, timeout: 10_000 })
    if (created)
      for (const { name, partitions, replication } of missing)
        logger.info({ topic: name, partitions, replication }, 'kafka topic created')
  } catch (error) {
    // The reason sits in a list inside the error.
    const errors = (error as { errors?: unknown }).errors
    throw Array.isArray(errors) && errors.length > 0 ? errors[0] : error
  }
  for (const { name } of missing) await waitUntilServed(admin, name)
}

/**
 * A new topic is known to the controller first, then in the metadata, then to its leaders. One leader that does not serve it yet
 * fails the whole send that it is part of, and the others' records are written twice. Gives up waiting without an error: a copy
 * more does no harm.
 */
async function waitUntilServed(admin: Admin, name: string): Promise<void> {
  for (let tries = 0; tries < SERVED_TRIES; tries++) {
    try {
      await admin.fetchTopicOffsets(name)
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, SERVED_PAUSE_MS))
    }
  }
}

function toTopicConfig({ name, partitions, replication, minInsync, retentionMs }: TopicOptions): ITopicConfig {
  return {
    topic: name,
    numPartitions: partitions,
    replicationFactor: replication,
    configEntries: [
      { name: 'min.insync.replicas', value: String(minInsync) },
      { name: 'retention.ms', value: String(retentionMs) },
      { name: 'cleanup.policy', value: 'delete' },
      { name: 'unclean.leader.election.enable', value: 'false' },
    ],
  }
}

async function compare(
  admin: Admin,
  expected: TopicOptions,
  options: KafkaSinkOptions,
): Promise<{ partitions: number; retentionMs: number | null; differences: TopicDifference[] }> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [expected.name] })
  const partitions = topics[0]?.partitions ?? []
  if (partitions.length === 0) throw new TopicError(`topic "${expected.name}" has no partitions that we may see`)
  const differences: TopicDifference[] = []
  const differs = (setting: string, wanted: string, actual: string, why: string): void => {
    differences.push({ topic: expected.name, setting, expected: wanted, actual, why })
  }
  if (partitions.length !== expected.partitions)
    differs('partitions', `${expected.partitions}`, `${partitions.length}`, 'keys are spread over those that are there')
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length))
  if (replicas !== expected.replication)
    differs('replication', `${expected.replication}`, `${replicas}`, 'decides how many brokers may be lost')
  const config = await topicConfig(admin, expected.name)
  const compareText = (setting: string, wanted: string, why: string): void => {
    const actual = config.get(setting)
    if (actual !== undefined && actual !== wanted) differs(setting, wanted, actual, why)
  }
  compareText('min.insync.replicas', `${expected.minInsync}`, 'decides how many copies a confirmed record has')
  compareText('retention.ms', `${expected.retentionMs}`, 'decides how long consumers may stay away and data are kept')
  compareText('cleanup.policy', 'delete', 'compaction would keep one event per device')
  compareText('unclean.leader.election.enable', 'false', 'an unclean election loses confirmed records')
  const format = config.get('message.format.version')
  if (format !== undefined && Number.parseFloat(format) < 0.11)
    differs('message.format.version', '0.11 or newer', format, 'older formats have no headers')
  const largest = Number(config.get('max.message.bytes') ?? Number.POSITIVE_INFINITY)
  if (largest < options.maxBatchBytes + BATCH_HEADER_BYTES)
    differs(
      'max.message.bytes',
      `at least ${options.maxBatchBytes + BATCH_HEADER_BYTES}`,
      `${largest}`,
      'large sends are refused and split',
    )
  const retention = config.get('retention.ms')
  return { partitions: partitions.length, retentionMs: retention === undefined ? null : Number(retention), differences }
}

/** Settings by name; empty when we may not read them. */
async function topicConfig(admin: Admin, name: string): Promise<Map<string, string>> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name }],
    })
    return new Map((resources[0]?.configEntries ?? []).map((entry) => [entry.configName, entry.configValue]))
  } catch (error) {
    if (failureOf(error).name.endsWith('AUTHORIZATION_FAILED')) return new Map()
    throw error
  }
}
