// The Kafka sink: batcher, client and the retry loop between them. A record counts as published when its partition is in
// the result of one send with error code 0, and not before.
import { type Clock, type EventSink, Histogram, type Logger, type RecordBatch, SinkError } from '@fencepost/model'
import type { RecordMetadata } from 'kafkajs'
import { Batcher, type Send } from './batcher.ts'
import { type Client, type CreateClient, createKafkaClient, type OnLeader } from './client.ts'
import { ClientLog } from './client-log.ts'
import { createCounters, type KafkaCounters } from './counters.ts'
import { LATE, within } from './deadline.ts'
import { ABANDONED, type Failure, failureOf, NOT_CONFIRMED } from './failures.ts'
import { topicMessages } from './messages.ts'
import { checkOptions, type KafkaSinkOptions } from './options.ts'
import { type CheckedTopics, TopicError } from './topics.ts'

export interface KafkaSink extends EventSink {
  readonly counters: Readonly<KafkaCounters>
  /** Seconds from publish to confirmation, one observation per batch. */
  readonly publishLatency: Histogram
  /** The topics as they are now, by a connection of its own. Rejects when the brokers do not tell. */
  checkTopics(): Promise<CheckedTopics>
}

export interface KafkaSinkParts {
  readonly logger: Logger
  /** Milliseconds that never jump, for deadlines and latencies; default `performance.now`. */
  readonly now?: Clock
}

/**
 * An EventSink on Kafka. Nothing is connected before `start`. Throws a RangeError when an option is out of range.
 *
 * `start` resolves when brokers are reached and topics are as they must be, or after `startTimeoutMs` without them: it goes on
 * trying then, `healthy()` is false, and what is published waits for its deadline. It rejects with what will not go away by
 * itself: a missing topic that may not be created, or failed authentication.
 */
export function createKafkaSink(options: KafkaSinkOptions, parts: KafkaSinkParts): KafkaSink {
  return createSinkOn(createKafkaClient, options, parts)
}

/** The same with another client, for the answers that a real broker gives too rarely to wait for. */
export function createSinkOn(createClient: CreateClient, options: KafkaSinkOptions, parts: KafkaSinkParts): KafkaSink {
  checkOptions(options)
  return new Sink(createClient, options, parts)
}

/** Pause between two attempts to connect, and between two health checks. */
const RECONNECT_MS = 500
const CHECK_EVERY_MS = 1000
/** One frozen broker of three makes single checks fail; a sink without a success for this long is down. */
const DOWN_AFTER_MS = 5000
/** A send that takes this many request time-outs will never settle: metadata, connection and produce are one each. */
const ABANDON_AFTER_TIMEOUTS = 4
/** What is left of stop's deadline for leaving in good order. */
const DISCONNECT_MS = 1000

class Sink implements KafkaSink {
  readonly counters = createCounters()
  readonly publishLatency = new Histogram()
  readonly #createClient: CreateClient
  readonly #options: KafkaSinkOptions
  readonly #logger: Logger
  readonly #now: Clock
  readonly #batcher: Batcher
  readonly #log: ClientLog
  #client: Client | undefined
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new'
  #stopped: Promise<void> | undefined
  /** Connected, topics checked: sends may leave. */
  #ready = false
  /** `start` has not settled yet. */
  #starting = false
  #reachable = false
  #lastSuccessMs = Number.NEGATIVE_INFINITY
  #checking = false
  /** Differences of topics that the log has already. */
  readonly #reported = new Set<string>()
  #checkTimer: NodeJS.Timeout | undefined
  #lingerTimer: NodeJS.Timeout | undefined
  #wakeTimer: NodeJS.Timeout | undefined
  #wakeAtMs = Number.POSITIVE_INFINITY
  /** Resolves `stop`'s wait for the queue. */
  #onEmpty: (() => void) | undefined

  constructor(createClient: CreateClient, options: KafkaSinkOptions, { logger, now }: KafkaSinkParts) {
    this.#createClient = createClient
    this.#options = options
    this.#logger = logger
    this.#now = now ?? (() => performance.now())
    this.#log = new ClientLog(logger)
    const partitions = Object.fromEntries(
      Object.entries(options.topics).map(([topic, { partitions }]) => [topic, partitions]),
    ) as Record<keyof typeof options.topics, number>
    this.#batcher = new Batcher({ ...options, partitions }, this.counters, (seconds) =>
      this.publishLatency.observe(seconds),
    )
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new Error(`a Kafka sink is started once; this one is ${this.#state}`)
    this.#state = 'running'
    this.#checkTimer = setInterval(() => void this.#check(), CHECK_EVERY_MS)
    this.#checkTimer.unref()
    this.#starting = true
    try {
      const outcome = await within(this.#connect(), this.#options.startTimeoutMs)
      if (outcome === LATE && this.#state === 'running')
        this.#logger.warn({ waited_ms: this.#options.startTimeoutMs }, 'kafka not reached yet, going on without')
    } catch (error) {
      await this.stop(DISCONNECT_MS)
      throw error
    } finally {
      this.#starting = false
    }
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs)
    return this.#stopped
  }

  hasRoom(bytes: number, events: number): boolean {
    return this.#batcher.hasRoom(bytes, events)
  }

  healthy(): boolean {
    return this.#state === 'running' && this.#ready && this.#reachable
  }

  publish(batch: RecordBatch): Promise<void> {
    if (this.#state !== 'running') {
      this.counters.rejectedStopped++
      return Promise.reject(new SinkError('stopped', `the Kafka sink is ${this.#state}`))
    }
    const published = this.#batcher.add(batch, this.#now())
    if (this.counters.queuedEvents >= this.#options.maxBatchRecords) this.#pump()
    else this.#lingerTimer ??= setTimeout(this.#pump, this.#options.lingerMs)
    return published
  }

  /** Sends what may leave, and sees to being woken for the next deadline or repetition. */
  readonly #pump = (): void => {
    clearTimeout(this.#lingerTimer)
    this.#lingerTimer = undefined
    const nowMs = this.#now()
    this.#batcher.expire(nowMs)
    if (this.#ready) {
      for (let send = this.#batcher.take(nowMs); send !== undefined; send = this.#batcher.take(nowMs))
        void this.#dispatch(send)
    }
    if (this.#batcher.empty) this.#onEmpty?.()
    this.#wake(this.#batcher.nextWakeMs(nowMs), nowMs)
  }

  #wake(atMs: number, nowMs: number): void {
    if (atMs === this.#wakeAtMs) return
    clearTimeout(this.#wakeTimer)
    this.#wakeAtMs = atMs
    if (atMs === Number.POSITIVE_INFINITY) return
    this.#wakeTimer = setTimeout(
      () => {
        this.#wakeAtMs = Number.POSITIVE_INFINITY
        this.#pump()
      },
      Math.max(1, Math.ceil(atMs - nowMs)),
    )
  }

  async #dispatch(send: Send): Promise<void> {
    const client = this.#client as Client
    this.counters.sends++
    let result: readonly RecordMetadata[] | undefined
    let failure: Failure | undefined
    try {
      const messages = topicMessages(send, this.#options.topics)
      const settled = await within(client.send(messages), ABANDON_AFTER_TIMEOUTS * this.#options.requestTimeoutMs)
      if (settled === LATE) {
        failure = ABANDONED
        this.counters.sendsAbandoned++
        this.#replace(client)
      } else result = settled
    } catch (error) {
      failure = failureOf(error)
    }
    if (failure !== undefined) {
      this.counters.sendsFailed++
      if (!failure.known) this.counters.unknownFailures++
    }
    this.#settle(send, result, failure)
    this.#pump()
  }

  #settle(send: Send, result: readonly RecordMetadata[] | undefined, failure: Failure | undefined): void {
    const nowMs = this.#now()
    this.#batcher.release(send)
    for (const part of send.parts) {
      if (failure !== undefined) {
        this.#batcher.fail(part, failure, send.parts.length, nowMs)
        continue
      }
      const { topic, partition } = part.lane
      const { name } = this.#options.topics[topic]
      const confirmed = result?.some(
        (row) => row.topicName === name && row.partition === partition && row.errorCode === 0,
      )
      if (confirmed === true) {
        this.#batcher.succeed(part, nowMs)
        this.#succeeded(nowMs)
      } else {
        this.counters.partitionsUnconfirmed++
        this.#batcher.fail(part, NOT_CONFIRMED, send.parts.length, nowMs)
      }
    }
  }

  /**
   * Connects and checks the topics, again and again until it works: an operator may mend at any time what is wrong. Rejects only
   * while `start` is waiting and only with what will not go away by itself.
   */
  async #connect(): Promise<void> {
    let lastReason = ''
    while (this.#state === 'running' || this.#state === 'stopping') {
      const client = this.#createClient(this.#options, this.#logger, this.#log, this.#onLeader)
      try {
        this.#take(client, await client.connect())
        return
      } catch (error) {
        await client.disconnect(DISCONNECT_MS)
        const failure = failureOf(error)
        const reason = error instanceof TopicError ? error.message : failure.name
        if (this.#starting && (error instanceof TopicError || failure.remedy === 'fatal'))
          throw new Error(`Kafka cannot be published to: ${reason}`, { cause: error })
        if (reason !== lastReason)
          this.#logger.warn({ reason, swallowed: this.#log.reset() }, 'kafka cannot be used yet')
        lastReason = reason
      }
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS))
    }
  }

  async checkTopics(): Promise<CheckedTopics> {
    const client = this.#createClient({ ...this.#options, createTopics: false }, this.#logger, this.#log, () => {})
    try {
      const topics = await client.connect()
      this.#tell(topics)
      return topics
    } finally {
      await client.disconnect(DISCONNECT_MS)
    }
  }

  /** Says what differs, once each. */
  #tell(topics: CheckedTopics): void {
    for (const difference of topics.differences) {
      const key = JSON.stringify(difference)
      if (this.#reported.has(key)) continue
      this.#reported.add(key)
      this.#logger.warn({ ...difference }, 'kafka topic is not as configured')
    }
  }

  #take(client: Client, topics: CheckedTopics): void {
    this.#tell(topics)
    if (this.#state === 'stopped') {
      void client.disconnect(DISCONNECT_MS)
      return
    }
    this.#client = client
    // Only before the first send: moving keys to other partitions later would break their order.
    if (this.counters.sends === 0) this.#batcher.spread(topics.partitions)
    this.#ready = true
    this.#succeeded(this.#now())
    this.#pump()
  }

  /** A client that swallows sends is worth nothing: a new one takes its place. */
  #replace(client: Client): void {
    if (this.#client !== client || this.#state === 'stopped') return
    this.#ready = false
    this.#client = undefined
    this.#logger.warn({}, 'kafka client did not answer and is replaced')
    void client.disconnect(DISCONNECT_MS)
    void this.#connect()
  }

  readonly #onLeader: OnLeader = (topic, partition, leader) => this.#batcher.setLeader(topic, partition, leader)

  #succeeded(nowMs: number): void {
    this.#lastSuccessMs = nowMs
    if (this.#reachable) return
    this.#reachable = true
    this.#logger.info({ swallowed: this.#log.reset() }, 'kafka is reachable')
  }

  async #check(): Promise<void> {
    const client = this.#client
    if (client === undefined || this.#checking || this.#now() - this.#lastSuccessMs < CHECK_EVERY_MS) return
    this.#checking = true
    try {
      await client.check()
      this.#succeeded(this.#now())
    } catch (error) {
      const silentMs = this.#now() - this.#lastSuccessMs
      if (this.#reachable && silentMs >= DOWN_AFTER_MS) {
        this.#reachable = false
        const fields = { reason: failureOf(error).name, silent_ms: Math.round(silentMs), swallowed: this.#log.reset() }
        this.#logger.warn(fields, 'kafka is not reachable')
      }
    } finally {
      this.#checking = false
    }
  }

  async #stop(deadlineMs: number): Promise<void> {
    const began = this.#now()
    const wasRunning = this.#state === 'running'
    this.#state = 'stopping'
    clearInterval(this.#checkTimer)
    if (wasRunning && !this.#batcher.empty) {
      const empty = new Promise<void>((resolve) => {
        this.#onEmpty = resolve
      })
      this.#pump()
      await within(empty, Math.max(0, deadlineMs - DISCONNECT_MS))
    }
    this.#state = 'stopped'
    this.#ready = false
    this.#batcher.rejectAll(`the Kafka sink was stopped before the record was confirmed`)
    clearTimeout(this.#lingerTimer)
    clearTimeout(this.#wakeTimer)
    await this.#client?.disconnect(Math.max(1, Math.min(DISCONNECT_MS, deadlineMs - (this.#now() - began))))
    this.#client = undefined
  }
}
