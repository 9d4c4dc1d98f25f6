// One partition's queue of batches, oldest first: its links, its standing with the broker, and how many records of its head fit
// into a request. The batcher decides which lane goes, and when.
import { RECORD_OVERHEAD_BYTES, type RecordBatch, type SinkError, type Topic } from '@fencepost/model'

/** One publish that is under way. */
export interface Waiting {
  readonly batch: RecordBatch
  lane: Lane
  readonly key: Buffer
  readonly bytes: number
  readonly publishedMs: number
  readonly resolve: () => void
  readonly reject: (error: SinkError) => void
  /** How many of its records Kafka has confirmed. */
  confirmed: number
  inFlight: boolean
  /** The promise is settled; its records in flight are only waited for. */
  settled: boolean
  /** Neighbours in the lane, and among all by age. */
  previous: Waiting | undefined
  next: Waiting | undefined
  older: Waiting | undefined
  newer: Waiting | undefined
}

/** One partition's queue. At most one send holds records of it at a time: that keeps the order. */
export interface Lane {
  readonly topic: Topic
  readonly partition: number
  /** The broker that leads it, as far as known; -1 = unknown. A hint: a wrong one costs copies, not records. */
  leader: number
  head: Waiting | undefined
  tail: Waiting | undefined
  inFlight: boolean
  /** Not to be sent before this time. */
  retryAtMs: number
  failures: number
  /** While a record that Kafka refuses is searched: not together with other lanes, and at most so many records. */
  alone: boolean
  limit: number
}

/** Records `from..to-1` of one batch. */
export interface Slice {
  readonly waiting: Waiting
  readonly from: number
  readonly to: number
}

/** To the end of its lane. */
export function append(waiting: Waiting): void {
  const { lane } = waiting
  waiting.previous = lane.tail
  waiting.next = undefined
  if (lane.tail === undefined) lane.head = waiting
  else lane.tail.next = waiting
  lane.tail = waiting
}

export function createLane(topic: Topic, partition: number): Lane {
  return {
    topic,
    partition,
    leader: -1,
    head: undefined,
    tail: undefined,
    inFlight: false,
    retryAtMs: 0,
    failures: 0,
    alone: false,
    limit: Number.MAX_SAFE_INTEGER,
  }
}

/** As many records from the head of a lane as fit, whole batches where they do. */
export function takeFromLane(
  lane: Lane,
  maxRecords: number,
  maxBytes: number,
): { slices: Slice[]; records: number; bytes: number } {
  const slices: Slice[] = []
  let records = 0
  let bytes = 0
  for (let waiting = lane.head; waiting !== undefined && records < maxRecords; waiting = waiting.next) {
    const { batch, confirmed: from } = waiting
    let to = from
    let start = from === 0 ? 0 : (batch.ends[from - 1] as number)
    while (to < batch.count && records < maxRecords) {
      const end = batch.ends[to] as number
      const size = end - start + RECORD_OVERHEAD_BYTES
      if (bytes + size > maxBytes) break
      bytes += size
      start = end
      records++
      to++
    }
    if (to > from) slices.push({ waiting, from, to })
    if (to < batch.count) break
  }
  return { slices, records, bytes }
}
