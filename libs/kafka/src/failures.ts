// What to do about a failed send: one row per error that Kafka's protocol guide or kafkajs has for a producer.

/**
 * `retry`: send the same records again. `split`: one record may be the cause; send fewer until it is found.
 * `fatal`: no repetition helps; reject.
 */
export type Remedy = 'retry' | 'split' | 'fatal'

export interface Failure {
  /** The protocol's name of the error, or the client's. Carries no payload. */
  readonly name: string
  readonly remedy: Remedy
  /** Is it in the table? What is not is retried: it may have been written or not, and success it is not. */
  readonly known: boolean
}

const REMEDIES: ReadonlyMap<string, Remedy> = new Map<string, Remedy>([
  ['CORRUPT_MESSAGE', 'retry'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'retry'],
  ['LEADER_NOT_AVAILABLE', 'retry'],
  ['NOT_LEADER_FOR_PARTITION', 'retry'],
  ['REQUEST_TIMED_OUT', 'retry'],
  ['BROKER_NOT_AVAILABLE', 'retry'],
  ['REPLICA_NOT_AVAILABLE', 'retry'],
  ['NETWORK_EXCEPTION', 'retry'],
  ['NOT_ENOUGH_REPLICAS', 'retry'],
  // Already in the leader's log, perhaps: the copy that the repetition makes has the same id.
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retry'],
  ['NOT_CONTROLLER', 'retry'],
  ['KAFKA_STORAGE_ERROR', 'retry'],
  ['FENCED_LEADER_EPOCH', 'retry'],
  ['UNKNOWN_LEADER_EPOCH', 'retry'],
  ['THROTTLING_QUOTA_EXCEEDED', 'retry'],
  ['KafkaJSConnectionError', 'retry'],
  ['KafkaJSConnectionClosedError', 'retry'],
  ['KafkaJSRequestTimeoutError', 'retry'],
  ['KafkaJSLockTimeout', 'retry'],
  ['KafkaJSBrokerNotFound', 'retry'],
  ['KafkaJSMetadataNotLoaded', 'retry'],
  ['KafkaJSTopicMetadataNotLoaded', 'retry'],
  ['NOT_CONFIRMED', 'retry'],
  ['ABANDONED', 'retry'],
  ['MESSAGE_TOO_LARGE', 'split'],
  ['RECORD_LIST_TOO_LARGE', 'split'],
  ['INVALID_TIMESTAMP', 'split'],
  ['INVALID_RECORD', 'split'],
  ['INVALID_TOPIC_EXCEPTION', 'fatal'],
  ['TOPIC_AUTHORIZATION_FAILED', 'fatal'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'fatal'],
  ['SASL_AUTHENTICATION_FAILED', 'fatal'],
  ['UNSUPPORTED_SASL_MECHANISM', 'fatal'],
  ['SECURITY_DISABLED', 'fatal'],
  ['POLICY_VIOLATION', 'fatal'],
  ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 'fatal'],
  ['KafkaJSSASLAuthenticationError', 'fatal'],
])

/** A partition that was sent is missing in a result that claims success, or has an error code there. */
export const NOT_CONFIRMED: Failure = { name: 'NOT_CONFIRMED', remedy: 'retry', known: true }
/** The client never said what became of a send. */
export const ABANDONED: Failure = { name: 'ABANDONED', remedy: 'retry', known: true }

/** How deep the cause of an error may be buried. */
const MAX_DEPTH = 5

/** Reads whatever a client throws: the first of its causes that the table knows decides. */
export function failureOf(error: unknown): Failure {
  let outermost: string | undefined
  let current = error
  for (let depth = 0; depth < MAX_DEPTH && typeof current === 'object' && current !== null; depth++) {
    const { type, name, cause } = current as { type?: unknown; name?: unknown; cause?: unknown }
    for (const candidate of [type, name]) {
      if (typeof candidate !== 'string') continue
      const remedy = REMEDIES.get(candidate)
      if (remedy !== undefined) return { name: candidate, remedy, known: true }
      if (candidate !== 'Error' && candidate !== 'KafkaJSNumberOfRetriesExceeded') outermost ??= candidate
    }
    current = cause
  }
  return { name: (outermost ?? 'UNKNOWN').slice(0, 64), remedy: 'retry', known: false }
}
