export { createCounters as createKafkaCounters, type KafkaCounters } from './counters.ts'
export { murmur2, partitionOf } from './murmur2.ts'
export {
  KAFKA_DEFAULTS,
  type KafkaSinkOptions,
  type SaslOptions,
  type TlsOptions,
  type TopicOptions,
} from './options.ts'
export { type FoundRecord, type ScanOptions, scanTopic } from './scan.ts'
export { createKafkaSink, type KafkaSink, type KafkaSinkParts } from './sink.ts'
export type { CheckedTopics } from './topics.ts'
export { TopicError } from './topics.ts'
