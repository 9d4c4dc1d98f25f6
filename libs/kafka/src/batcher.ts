// Batches waiting for Kafka: one lane per partition, in the order of publish; which lanes share the next send; bounds and
// deadlines. Pure: time comes in, sends go out, nothing is awaited. One batch is of one key, so of one partition.
import { RECORD_OVERHEAD_BYTES, type RecordBatch, recordBatchBytes, SinkError, type Topic } from '@fencepost/model'
import type { KafkaCounters } from './counters.ts'
import type { Failure } from './failures.ts'
import { append, createLane, type Lane, type Slice, takeFromLane, type Waiting } from './lane.ts'
import { partitionOf } from './murmur2.ts'

export interface BatcherOptions {
  readonly partitions: Readonly<Record<Topic, number>>
  readonly maxBatchRecords: number
  readonly maxBatchBytes: number
  readonly maxQueueBytes: number
  readonly maxQueueEvents: number
  readonly deliveryDeadlineMs: number
  readonly retryBackoffMs: number
}

export interface Part {
  readonly lane: Lane
  readonly slices: readonly Slice[]
  readonly records: number
}

/** One request: partitions of one leader. */
export interface Send {
  readonly leader: number
  readonly parts: readonly Part[]
  readonly records: number
}

const MAX_BACKOFF_MS = 1000

export class Batcher {
  readonly #options: BatcherOptions
  readonly #counters: KafkaCounters
  #lanes: Lane[] = []
  readonly #byTopic = new Map<Topic, readonly Lane[]>()
  readonly #busy = new Set<number>()
  /** Called with the seconds that a successful publish took. */
  readonly #onPublished: (seconds: number) => void
  #oldest: Waiting | undefined
  #newest: Waiting | undefined
  /** Lane to begin the next send with, so that none starves. */
  #turn = 0
  #lastFailure = 'none'

  constructor(options: BatcherOptions, counters: KafkaCounters, onPublished: (seconds: number) => void) {
    this.#options = options
    this.#counters = counters
    this.#onPublished = onPublished
    this.spread(options.partitions)
  }

  /** Spreads keys over so many partitions, what waits already included. Only before the first `take`. */
  spread(partitions: Readonly<Record<Topic, number>>): void {
    for (const topic of Object.keys(partitions) as Topic[])
      if (this.#byTopic.get(topic)?.length !== partitions[topic])
        this.#byTopic.set(
          topic,
          Array.from({ length: partitions[topic] }, (_, partition) => createLane(topic, partition)),
        )
    this.#lanes = [...this.#byTopic.values()].flat()
    for (const lane of this.#lanes) lane.head = lane.tail = undefined
    for (let waiting = this.#oldest; waiting !== undefined; waiting = waiting.newer) {
      waiting.lane = this.#laneOf(waiting.batch.topic, waiting.key)
      append(waiting)
    }
  }

  #laneOf(topic: Topic, key: Buffer): Lane {
    const lanes = this.#byTopic.get(topic) as readonly Lane[]
    return lanes[partitionOf(key, lanes.length)] as Lane
  }

  get empty(): boolean {
    return this.#oldest === undefined
  }

  /** Is a send under way? */
  get sending(): boolean {
    return this.#busy.size > 0
  }

  hasRoom(bytes: number, events: number): boolean {
    const { queuedBytes, queuedEvents } = this.#counters
    return queuedBytes + bytes <= this.#options.maxQueueBytes && queuedEvents + events <= this.#options.maxQueueEvents
  }

  /** Queues a batch. Rejects at once with `full`, with a RangeError when it is empty, with `io` when a record cannot be sent at all. */
  add(batch: RecordBatch, nowMs: number): Promise<void> {
    const refusal = this.#refusal(batch)
    if (refusal !== undefined) return Promise.reject(refusal)
    const key = Buffer.from(batch.key)
    const lane = this.#laneOf(batch.topic, key)
    return new Promise((resolve, reject) => {
      this.#link({
        batch,
        lane,
        key,
        bytes: recordBatchBytes(batch),
        publishedMs: nowMs,
        resolve,
        reject,
        confirmed: 0,
        inFlight: false,
        settled: false,
        previous: undefined,
        next: undefined,
        older: this.#newest,
        newer: undefined,
      })
    })
  }

  /** The next send that may leave now, or undefined. Its partitions and its leader are busy until `succeed` or `fail`. */
  take(nowMs: number): Send | undefined {
    const { maxBatchRecords, maxBatchBytes } = this.#options
    const parts: Part[] = []
    const perTopic = new Map<Topic, number>()
    let leader = 0
    let records = 0
    let bytes = 0
    const first = this.#turn
    for (let i = 0; i < this.#lanes.length; i++) {
      const lane = this.#lanes[(first + i) % this.#lanes.length] as Lane
      if (lane.head === undefined || lane.inFlight || lane.retryAtMs > nowMs) continue
      if (parts.length === 0 ? this.#busy.has(lane.leader) : lane.leader !== leader || lane.alone) continue
      const ofTopic = perTopic.get(lane.topic) ?? 0
      const taken = takeFromLane(lane, Math.min(maxBatchRecords - ofTopic, lane.limit), maxBatchBytes - bytes)
      if (taken.records === 0) continue
      leader = lane.leader
      parts.push({ lane, slices: taken.slices, records: taken.records })
      perTopic.set(lane.topic, ofTopic + taken.records)
      records += taken.records
      bytes += taken.bytes
      this.#turn = (first + i + 1) % this.#lanes.length
      if (lane.alone || bytes >= maxBatchBytes) break
    }
    if (parts.length === 0) return undefined
    this.#busy.add(leader)
    for (const { lane, slices } of parts) {
      lane.inFlight = true
      for (const { waiting } of slices) waiting.inFlight = true
    }
    return { leader, parts, records }
  }

  /** The leader of a send is free again. Called once per send, whatever became of its parts. */
  release(send: Send): void {
    this.#busy.delete(send.leader)
  }

  /** Kafka has confirmed this part. */
  succeed({ lane, slices }: Part, nowMs: number): void {
    lane.inFlight = false
    lane.failures = 0
    lane.retryAtMs = 0
    lane.alone = false
    lane.limit = Math.min(lane.limit * 2, Number.MAX_SAFE_INTEGER)
    for (const { waiting, to } of slices) {
      waiting.inFlight = false
      waiting.confirmed = to
      if (waiting.settled) this.#unlink(waiting)
      else if (to === waiting.batch.count) {
        this.#unlink(waiting)
        waiting.settled = true
        this.#counters.batchesPublished++
        this.#counters.recordsPublished += waiting.batch.count
        this.#onPublished((nowMs - waiting.publishedMs) / 1000)
        waiting.resolve()
      }
    }
  }

  /** This part was not written, or nobody knows. `together`: how many parts its send had. */
  fail({ lane, slices, records }: Part, failure: Failure, together: number, nowMs: number): void {
    lane.inFlight = false
    this.#lastFailure = failure.name
    for (const { waiting } of slices) {
      waiting.inFlight = false
      if (waiting.settled) this.#unlink(waiting)
      else if (failure.remedy === 'fatal') this.#rejectIo(waiting, failure.name)
    }
    if (failure.remedy === 'split') this.#narrow(lane, slices, records, failure.name, together)
    else if (failure.remedy === 'retry') {
      lane.failures++
      const backoff = Math.min(this.#options.retryBackoffMs * 2 ** Math.min(lane.failures - 1, 16), MAX_BACKOFF_MS)
      lane.retryAtMs = nowMs + backoff
    }
    if (lane.head !== undefined) this.#counters.recordsRepeated += records
  }

  /** Rejects what is past its deadline. Records in flight stay until their send settles. */
  expire(nowMs: number): void {
    const { deliveryDeadlineMs } = this.#options
    let waiting = this.#oldest
    while (waiting !== undefined && waiting.publishedMs + deliveryDeadlineMs <= nowMs) {
      const { newer } = waiting
      if (!waiting.settled) {
        this.#counters.rejectedDeadline++
        const message = `not confirmed by Kafka within ${deliveryDeadlineMs} ms (last failure: ${this.#lastFailure})`
        this.#reject(waiting, new SinkError('deadline', message))
      }
      waiting = newer
    }
  }

  /** Rejects everything that is still queued. */
  rejectAll(message: string): void {
    let waiting = this.#oldest
    while (waiting !== undefined) {
      const { newer } = waiting
      if (!waiting.settled) {
        this.#counters.rejectedStopped++
        this.#reject(waiting, new SinkError('stopped', message))
      }
      waiting = newer
    }
  }

  /** When to call `expire` or `take` next even if nothing else happens; Infinity = never. */
  nextWakeMs(nowMs: number): number {
    let wake = Number.POSITIVE_INFINITY
    let waiting = this.#oldest
    while (waiting?.settled) waiting = waiting.newer
    if (waiting !== undefined) wake = waiting.publishedMs + this.#options.deliveryDeadlineMs
    for (const lane of this.#lanes) {
      if (lane.head !== undefined && !lane.inFlight && lane.retryAtMs > nowMs) wake = Math.min(wake, lane.retryAtMs)
    }
    return wake
  }

  setLeader(topic: Topic, partition: number, leader: number): void {
    const lane = this.#byTopic.get(topic)?.[partition]
    if (lane !== undefined) lane.leader = leader
  }

  #refusal(batch: RecordBatch): Error | undefined {
    if (batch.count === 0) return new RangeError('a batch has at least one record, got 0')
    if (!this.hasRoom(recordBatchBytes(batch), batch.count)) {
      this.#counters.rejectedFull++
      const { queuedBytes, queuedEvents } = this.#counters
      return new SinkError('full', `no room for ${batch.count} events beside ${queuedEvents} (${queuedBytes} bytes)`)
    }
    const most = this.#options.maxBatchBytes - RECORD_OVERHEAD_BYTES
    let start = 0
    for (let i = 0; i < batch.count; i++) {
      const end = batch.ends[i] as number
      if (end - start > most) {
        this.#counters.rejectedIo++
        return new SinkError('io', `record ${i} has ${end - start} bytes, at most ${most} can be sent`)
      }
      start = end
    }
    return undefined
  }

  #narrow(lane: Lane, slices: readonly Slice[], records: number, name: string, together: number): void {
    if (together > 1) lane.alone = true
    else if (records > 1) {
      lane.alone = true
      lane.limit = Math.ceil(records / 2)
    } else {
      const waiting = slices[0]?.waiting
      if (waiting !== undefined && !waiting.settled) this.#rejectIo(waiting, name)
      lane.alone = false
    }
  }

  #rejectIo(waiting: Waiting, name: string): void {
    this.#counters.rejectedIo++
    this.#reject(waiting, new SinkError('io', `Kafka refused a record of this batch: ${name}`))
  }

  #reject(waiting: Waiting, error: SinkError): void {
    waiting.settled = true
    if (!waiting.inFlight) this.#unlink(waiting)
    waiting.reject(error)
  }

  #link(waiting: Waiting): void {
    append(waiting)
    if (this.#newest === undefined) this.#oldest = waiting
    else this.#newest.newer = waiting
    this.#newest = waiting
    this.#counters.queuedBytes += waiting.bytes
    this.#counters.queuedEvents += waiting.batch.count
  }

  #unlink(waiting: Waiting): void {
    const { lane, previous, next, older, newer } = waiting
    if (previous === undefined) lane.head = next
    else previous.next = next
    if (next === undefined) lane.tail = previous
    else next.previous = previous
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    this.#counters.queuedBytes -= waiting.bytes
    this.#counters.queuedEvents -= waiting.batch.count
  }
}
