// What a Kafka sink can be told, and what it takes for granted. The reasons stand beside the defaults.
import { TOPICS, type Topic } from '@fencepost/model'

/** One topic as it must be. A topic that exists is compared with this, never changed. */
export interface TopicOptions {
  /** Its full name. */
  readonly name: string
  /** What a missing topic is made with. One that exists keeps its own number, and keys are spread over that. */
  readonly partitions: number
  /** 0 = as many as the cluster has brokers, at most 3. */
  readonly replication: number
  /** `min.insync.replicas`: how many copies a record has when it counts as durable. 0 = one fewer than `replication`, at least 1. */
  readonly minInsync: number
  /** `retention.ms` */
  readonly retentionMs: number
}

/** TLS: `true` for the system's authorities, or PEM texts. */
export type TlsOptions =
  | boolean
  | {
      readonly ca?: string
      readonly cert?: string
      readonly key?: string
      readonly servername?: string
      readonly rejectUnauthorized?: boolean
    }

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

export interface KafkaSinkOptions {
  /** `host:port` each. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly topics: Readonly<Record<Topic, TopicOptions>>
  /** Create topics that are missing? Otherwise a missing topic is an error. */
  readonly createTopics: boolean
  /** How long a first record waits for company. 0 = none. */
  readonly lingerMs: number
  /** Records of one topic in one send; kafkajs groups in quadratic time, so 1..1000. */
  readonly maxBatchRecords: number
  /** Bytes of one send, below the broker's `message.max.bytes` (1,048,588): a send may be one batch of one partition. */
  readonly maxBatchBytes: number
  /** Bound of what is queued and in flight, in `recordBatchBytes`. */
  readonly maxQueueBytes: number
  /** The same in records. */
  readonly maxQueueEvents: number
  /** How long one request may take. A frozen broker is noticed after it. */
  readonly requestTimeoutMs: number
  /** How long a publish may take over all its attempts. Longer than a fail-over of the cluster (4..14 s), if it can be. */
  readonly deliveryDeadlineMs: number
  /** kafkajs does not ask for new leaders after a time-out, so its knowledge must be young. */
  readonly metadataMaxAgeMs: number
  /** Pause before the first repetition; doubled up to a second. */
  readonly retryBackoffMs: number
  /** How long `start` waits for brokers before it goes on without. */
  readonly startTimeoutMs: number
  readonly ssl?: TlsOptions
  readonly sasl?: SaslOptions
}

/** Everything that has a sensible default. */
export const KAFKA_DEFAULTS = {
  createTopics: true,
  lingerMs: 2,
  maxBatchRecords: 500,
  maxBatchBytes: 900_000,
  maxQueueBytes: 64 * 1024 * 1024,
  maxQueueEvents: 100_000,
  requestTimeoutMs: 3000,
  deliveryDeadlineMs: 10_000,
  metadataMaxAgeMs: 1000,
  retryBackoffMs: 50,
  startTimeoutMs: 10_000,
} as const satisfies Partial<KafkaSinkOptions>

/** What `replication: 0` comes to in a cluster that is large enough. */
export const MAX_AUTO_REPLICATION = 3

/** Throws a RangeError that names the option, its range and its value. */
export function checkOptions(options: KafkaSinkOptions): void {
  const inRange = (name: string, value: number, low: number, high: number): void => {
    if (!Number.isInteger(value) || value < low || value > high)
      throw new RangeError(`${name} must be an integer ${low}..${high}, got ${value}`)
  }
  if (options.brokers.length === 0) throw new RangeError('brokers must name at least one host:port')
  inRange('lingerMs', options.lingerMs, 0, 1000)
  inRange('maxBatchRecords', options.maxBatchRecords, 1, 1000)
  inRange('maxBatchBytes', options.maxBatchBytes, 1024, 64 * 1024 * 1024)
  inRange('maxQueueBytes', options.maxQueueBytes, 1, Number.MAX_SAFE_INTEGER)
  inRange('maxQueueEvents', options.maxQueueEvents, 1, Number.MAX_SAFE_INTEGER)
  inRange('requestTimeoutMs', options.requestTimeoutMs, 100, 60_000)
  inRange('deliveryDeadlineMs', options.deliveryDeadlineMs, 100, 600_000)
  inRange('metadataMaxAgeMs', options.metadataMaxAgeMs, 100, 60_000)
  inRange('retryBackoffMs', options.retryBackoffMs, 1, 1000)
  inRange('startTimeoutMs', options.startTimeoutMs, 1, 600_000)
  for (const topic of TOPICS) {
    const { name, partitions, replication, minInsync, retentionMs } = options.topics[topic]
    if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name)) throw new RangeError(`topics.${topic}.name is no topic name: "${name}"`)
    inRange(`topics.${topic}.partitions`, partitions, 1, 10_000)
    inRange(`topics.${topic}.replication`, replication, 0, 32)
    inRange(`topics.${topic}.minInsync`, minInsync, 0, replication === 0 ? MAX_AUTO_REPLICATION : replication)
    inRange(`topics.${topic}.retentionMs`, retentionMs, -1, Number.MAX_SAFE_INTEGER)
  }
}
