// Group commit: batches collect while a commit is in flight and go with the next one, so one fdatasync serves many requests.
// Bounded: when full, `hasRoom` turns false and the edge answers 503.
import { performance } from 'node:perf_hooks'
import {
  type Clock,
  type Histogram,
  type Logger,
  type RecordBatch,
  recordBatchBytes,
  SinkError,
} from '@fencepost/model'
import type { FrameWriter } from './frame.ts'
import { CommitGroup } from './group.ts'
import { encodeFrameKey, type FrameKey, PROBE_KEY } from './keys.ts'
import type { Change, Store } from './store.ts'
import { storedBytes, type TopicState, type TopicStates } from './topic-state.ts'

export interface CommitLimits {
  readonly maxQueueBytes: number
  readonly maxQueueEvents: number
  readonly deliveryDeadlineMs: number
  readonly commitIntervalMs: number
  readonly maxGroupBytes: number
}

export interface CommitCounters {
  commits: number
  failedCommits: number
  records: number
  /** Bytes of frames written. */
  frameBytes: number
  rejectedFull: number
  rejectedDeadline: number
}

export interface CommitQueueParts {
  readonly logger: Logger
  readonly now: Clock
  readonly counters: CommitCounters
  /** Seconds from the start of a commit until it was durable. */
  readonly latency: Histogram
  /** Called after every commit that added records. */
  readonly onCommit: () => void
}

/** A commit that took longer than the interval still leaves this much time for those whom it answered to come back. */
const COME_BACK_MS = 1
/** After a failed commit: how often to try whether the disk takes writes again. */
const PROBE_MS = 1000

/** The write side of one open store. */
export class CommitQueue {
  readonly #store: Store
  readonly #states: TopicStates
  readonly #limits: CommitLimits
  readonly #parts: CommitQueueParts
  readonly #spareWriters: FrameWriter[] = []
  readonly #waiting: CommitGroup[] = []
  #inFlight: CommitGroup | undefined
  #draining: (() => void) | undefined
  #bytes = 0
  #events = 0
  /** How many publishes the next commit may expect: those of the last one come back, and those that came meanwhile wait. */
  #expected = 1
  /** Until when the next commit waits for those expected, on the clock of `performance.now`. */
  #companyUntilMs = Number.NEGATIVE_INFINITY
  #paceTimer: NodeJS.Timeout | undefined
  #probeTimer: NodeJS.Timeout | undefined
  #failing = false
  #closed = false

  constructor(store: Store, states: TopicStates, limits: CommitLimits, parts: CommitQueueParts) {
    this.#store = store
    this.#states = states
    this.#limits = limits
    this.#parts = parts
  }

  /** What waits for its commit or is in it. */
  get queued(): { readonly bytes: number; readonly events: number } {
    return { bytes: this.#bytes, events: this.#events }
  }

  /** The last commit worked, as far as is known. */
  get healthy(): boolean {
    return !this.#failing
  }

  hasRoom(bytes: number, events: number): boolean {
    const { maxQueueBytes, maxQueueEvents } = this.#limits
    return this.#bytes + bytes <= maxQueueBytes && this.#events + events <= maxQueueEvents
  }

  /** See EventSink.publish. */
  publish(batch: RecordBatch): Promise<void> {
    if (this.#closed) return Promise.reject(new SinkError('stopped', 'the journal is not running'))
    const { count } = batch
    if (count === 0) return Promise.reject(new RangeError('a batch must have 1 record or more, got 0'))
    const bytes = recordBatchBytes(batch)
    if (!this.hasRoom(bytes, count)) return this.#full()
    const last = this.#waiting.at(-1)
    const joins = last?.takes(batch, this.#limits.maxGroupBytes) === true
    const group = joins ? last : new CommitGroup(this.#spareWriters)
    try {
      group.add(batch)
    } catch (error) {
      return Promise.reject(error)
    }
    if (!joins) {
      group.deadline = setTimeout(() => this.#expireGroup(group), this.#limits.deliveryDeadlineMs)
      this.#waiting.push(group)
    }
    this.#bytes += bytes
    this.#events += count
    if (this.#inFlight === undefined) this.#pump()
    return group.durable
  }

  /** Takes nothing more; resolves when all that was taken is committed or has failed. */
  drain(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#probeTimer)
    if (this.#inFlight === undefined && this.#waiting.length === 0) return Promise.resolve()
    const drained = new Promise<void>((resolve) => {
      this.#draining = resolve
    })
    this.#pump()
    return drained
  }

  /** Rejects all that has not been committed. What is in flight may still be written. */
  abandon(error: SinkError): void {
    for (const group of [this.#inFlight, ...this.#waiting]) if (group?.settled === false) group.reject(error)
    this.#waiting.length = 0
  }

  #full(): Promise<never> {
    this.#parts.counters.rejectedFull++
    const { maxQueueBytes, maxQueueEvents } = this.#limits
    const held = `${this.#bytes} of ${maxQueueBytes} bytes, ${this.#events} of ${maxQueueEvents} events`
    return Promise.reject(new SinkError('full', `the journal's queue holds ${held}`))
  }

  /** Begins the next commit, or arms the timer that does. */
  #pump(): void {
    if (this.#inFlight !== undefined) return
    const [group] = this.#waiting
    if (group === undefined) {
      this.#draining?.()
      return
    }
    const complete = group.publishes >= this.#expected || this.#waiting.length > 1 || this.#closed
    if (!complete && this.#paceTimer !== undefined) return
    const waitMs = complete ? 0 : this.#companyUntilMs - performance.now()
    if (waitMs > 0) {
      this.#paceTimer = setTimeout(() => {
        this.#paceTimer = undefined
        this.#expected = 1 // those that were expected stay away: take what there is
        this.#pump()
      }, waitMs)
      return
    }
    clearTimeout(this.#paceTimer)
    this.#paceTimer = undefined
    this.#waiting.shift()
    this.#inFlight = group
    void this.#commit(group)
  }

  async #commit(group: CommitGroup): Promise<void> {
    const { counters, latency, now, onCommit } = this.#parts
    const startedMs = performance.now()
    this.#companyUntilMs = startedMs + this.#limits.commitIntervalMs
    const written = new Map<TopicState, { readonly key: FrameKey; readonly nextSeq: number }>()
    let frameBytes = 0
    try {
      const changes: Change[] = []
      const writtenMs = now()
      for (const [topic, writer] of group.frames()) {
        const state = this.#states[topic]
        const key = { seq: state.nextSeq, writtenMs, bytesBefore: state.bytesEver }
        const value = writer.finish()
        // Before the outcome is known: a number that a failed commit may have used is not given out again.
        state.nextSeq += writer.records
        state.bytesEver += storedBytes(value.length)
        frameBytes += value.length
        written.set(state, { key, nextSeq: state.nextSeq })
        changes.push({ key: encodeFrameKey(topic, key), value })
      }
      await this.#store.write(changes)
    } catch (error) {
      counters.failedCommits++
      for (const [state, { key }] of written) state.bytesEver = key.bytesBefore
      this.#fail('journal commit failed', { error: errorText(error) })
      if (!group.settled) group.reject(new SinkError('io', 'the commit failed', { cause: error }))
      this.#over(group)
      return
    }
    latency.observe((performance.now() - startedMs) / 1000)
    counters.commits++
    counters.records += group.events
    counters.frameBytes += frameBytes
    for (const [state, { key, nextSeq }] of written) {
      state.oldest ??= key
      state.durableSeq = nextSeq
    }
    this.#recovered()
    if (!group.settled) group.resolve()
    this.#over(group)
    onCommit()
  }

  /** A commit has ended, either way: the next may go. */
  #over(group: CommitGroup): void {
    this.#bytes -= group.bytes
    this.#events -= group.events
    group.release()
    this.#inFlight = undefined
    const comeBackMs = Math.min(COME_BACK_MS, this.#limits.commitIntervalMs)
    this.#companyUntilMs = Math.max(this.#companyUntilMs, performance.now() + comeBackMs)
    this.#expected = group.publishes + (this.#waiting[0]?.publishes ?? 0)
    this.#pump()
  }

  /** The delivery deadline of a group has passed. */
  #expireGroup(group: CommitGroup): void {
    const { deliveryDeadlineMs } = this.#limits
    this.#parts.counters.rejectedDeadline += group.publishes
    group.reject(new SinkError('deadline', `not durable after ${deliveryDeadlineMs} ms`))
    if (group === this.#inFlight) {
      // Its bytes stay counted, because the store still reads them.
      this.#fail('journal commit hangs', { after_ms: deliveryDeadlineMs })
      return
    }
    this.#waiting.splice(this.#waiting.indexOf(group), 1)
    this.#bytes -= group.bytes
    this.#events -= group.events
    group.release()
  }

  #fail(msg: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.#failing) this.#parts.logger.error(fields, msg)
    this.#failing = true
    if (this.#closed || this.#probeTimer !== undefined) return
    // A node that is not ready gets no publishes, so something else has to find out when the disk takes writes again.
    this.#probeTimer = setTimeout(() => void this.#probe(), PROBE_MS)
  }

  async #probe(): Promise<void> {
    this.#probeTimer = undefined
    // A commit in flight finds out for itself.
    if (this.#closed || !this.#failing || this.#inFlight !== undefined) return
    try {
      await this.#store.write([{ key: PROBE_KEY, value: Buffer.allocUnsafeSlow(8).fill(0) }])
      this.#recovered()
    } catch (error) {
      this.#fail('journal commit failed', { error: errorText(error) })
    }
  }

  #recovered(): void {
    if (!this.#failing) return
    this.#failing = false
    this.#parts.logger.info({}, 'journal takes writes again')
  }
}

/** What an error says, for a log line. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
