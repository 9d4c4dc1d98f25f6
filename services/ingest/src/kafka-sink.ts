// From settings to the Kafka sink; shared by ingest and standalone.
import { readFileSync } from 'node:fs'
import { createKafkaSink, KAFKA_DEFAULTS, type KafkaSink } from '@fencepost/kafka'
import type { Logger } from '@fencepost/model'
import type { Metrics } from '@fencepost/runtime'
import type { KafkaConfig, NodeConfig } from './config.ts'

/**
 * @throws Error when a TLS file cannot be read or SASL lacks its user or password
 */
export function kafkaSinkFrom(config: NodeConfig & KafkaConfig, logger: Logger): KafkaSink {
  const ssl = tlsFrom(config)
  const sasl = saslFrom(config)
  return createKafkaSink(
    {
      ...KAFKA_DEFAULTS,
      brokers: [...config.kafkaBrokers],
      clientId: config.kafkaClientId,
      topics: {
        matches: {
          name: config.topicMatches,
          partitions: config.kafkaPartitions,
          replication: config.kafkaReplication,
          minInsync: Math.min(config.kafkaMinInsync, config.kafkaReplication),
          retentionMs: config.kafkaRetentionS * 1000,
        },
      },
      createTopics: config.kafkaCreateTopics,
      lingerMs: config.kafkaLingerMs,
      maxQueueBytes: config.maxInflightBytes,
      maxQueueEvents: config.maxInflightEvents,
      requestTimeoutMs: config.kafkaRequestTimeoutMs,
      deliveryDeadlineMs: config.deliveryDeadlineMs,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl }),
    },
    { logger },
  )
}

function tlsFrom(config: KafkaConfig): { ca?: string; cert?: string; key?: string } | true | undefined {
  if (!config.kafkaTls) return undefined
  const { kafkaTlsCaFile: ca, kafkaTlsCertFile: cert, kafkaTlsKeyFile: key } = config
  if (ca === undefined && cert === undefined && key === undefined) return true
  return {
    ...(ca === undefined ? {} : { ca: read('FENCEPOST_KAFKA_TLS_CA_FILE', ca) }),
    ...(cert === undefined ? {} : { cert: read('FENCEPOST_KAFKA_TLS_CERT_FILE', cert) }),
    ...(key === undefined ? {} : { key: read('FENCEPOST_KAFKA_TLS_KEY_FILE', key) }),
  }
}

function saslFrom(config: KafkaConfig) {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = config
  if (mechanism === 'none') return undefined
  if (username === undefined || password === undefined)
    throw new Error(
      `FENCEPOST_KAFKA_SASL_MECHANISM is ${mechanism}: FENCEPOST_KAFKA_SASL_USERNAME and FENCEPOST_KAFKA_SASL_PASSWORD are needed too`,
    )
  return { mechanism, username, password }
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`${name}: cannot read ${path}`, { cause: error })
  }
}

/** What the Kafka sink counts, at /metrics. */
export function addKafkaMetrics(metrics: Metrics, sink: KafkaSink): void {
  metrics.counterByLabel('fencepost_kafka_events_total', 'what the Kafka sink did, by kind', 'kind', () =>
    Object.entries(sink.counters),
  )
}
