// Plain integers that others copy at scrape time. They only grow, except the two that say what is queued now.

export interface KafkaCounters {
  /** Batches and records whose publish resolved. */
  batchesPublished: number
  recordsPublished: number
  /** Batches whose publish was rejected, by code. */
  rejectedFull: number
  rejectedDeadline: number
  rejectedStopped: number
  rejectedIo: number
  /** Requests to Kafka, failed ones included. */
  sends: number
  sendsFailed: number
  /** Sends that never settled and were given up; the client is replaced then. */
  sendsAbandoned: number
  /** Partitions that were missing in the result of a send that claimed success. */
  partitionsUnconfirmed: number
  /** Records sent again after a failure: an upper bound of the copies in the topic. */
  recordsRepeated: number
  /** Failures of a kind that is in no table. */
  unknownFailures: number
  /** Now: records and bytes queued or in flight. */
  queuedEvents: number
  queuedBytes: number
}

export function createCounters(): KafkaCounters {
  return {
    batchesPublished: 0,
    recordsPublished: 0,
    rejectedFull: 0,
    rejectedDeadline: 0,
    rejectedStopped: 0,
    rejectedIo: 0,
    sends: 0,
    sendsFailed: 0,
    sendsAbandoned: 0,
    partitionsUnconfirmed: 0,
    recordsRepeated: 0,
    unknownFailures: 0,
    queuedEvents: 0,
    queuedBytes: 0,
  }
}
