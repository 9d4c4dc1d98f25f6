// From settings to the Kafka sink, in whichever thread serves.
import { readFileSync } from 'node:fs'
import { createKafkaSink, KAFKA_DEFAULTS, type KafkaCounters, type KafkaSink } from '@fencepost/kafka'
import type { Logger } from '@fencepost/model'
import type { Metrics } from '@fencepost/runtime'
import type { KafkaConfig, NodeConfig } from './config.ts'

/**
 * @throws Error when a TLS file cannot be read or SASL lacks its user or password
 */
export function kafkaSinkFrom(config: NodeConfig & KafkaConfig, logger: Logger): KafkaSink {
  const topic = {
    partitions: config.kafkaPartitions,
    replication: config.kafkaReplication,
    minInsync: config.kafkaMinInsync,
    retentionMs: config.kafkaRetentionS * 1000,
  }
  const ssl = tlsFrom(config)
  const sasl = saslFrom(config)
  return createKafkaSink(
    {
      ...KAFKA_DEFAULTS,
      brokers: [...config.kafkaBrokers],
      clientId: config.kafkaClientId,
      topics: {
        matches: { ...topic, name: config.topicMatches },
        transitions: { ...topic, name: config.topicTransitions },
        erasures: { ...topic, name: config.topicErasures },
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

/** What Kafka sinks count, at /metrics. */
export function addKafkaMetrics(metrics: Metrics, counters: Readonly<KafkaCounters>): void {
  metrics.counter(
    'fencepost_kafka_records_total',
    'events that the brokers have confirmed',
    () => counters.recordsPublished,
  )
  metrics.counter(
    'fencepost_kafka_repeated_total',
    'events sent again: the most copies there can be',
    () => counters.recordsRepeated,
  )
  metrics.counterByLabel('fencepost_kafka_sends_total', 'requests to the brokers by outcome', 'outcome', () => [
    ['confirmed', counters.sends - counters.sendsFailed],
    ['failed', counters.sendsFailed],
  ])
  metrics.counterByLabel('fencepost_kafka_refused_total', 'publishes refused, by reason', 'reason', () => [
    ['full', counters.rejectedFull],
    ['deadline', counters.rejectedDeadline],
    ['stopped', counters.rejectedStopped],
    ['io', counters.rejectedIo],
  ])
  metrics.counterByLabel('fencepost_kafka_odd_total', 'what should not happen, by kind', 'kind', () => [
    ['send_abandoned', counters.sendsAbandoned],
    ['partition_unconfirmed', counters.partitionsUnconfirmed],
    ['unknown_failure', counters.unknownFailures],
  ])
  metrics.gauge('fencepost_kafka_queued_events', 'events queued or in flight', () => counters.queuedEvents)
  metrics.gauge('fencepost_kafka_queued_bytes', 'their bytes', () => counters.queuedBytes)
}
