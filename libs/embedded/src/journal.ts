// The event sink on disk: publishes collect while a commit is in flight and go with the next one, so one fdatasync serves many
// requests. A publish resolves only when LMDB has synced the transaction that holds it.
import { performance } from 'node:perf_hooks'
import {
  type Clock,
  type EventSink,
  Histogram,
  type Logger,
  type RecordBatch,
  recordBatchBytes,
  SinkError,
  type Topic,
} from '@fencepost/model'
import type { FrameWriter } from './frame.ts'
import { CommitGroup } from './group.ts'
import { ALL_TOPICS, encodeFrameKey, type FrameKey, PROBE_KEY } from './keys.ts'
import { type ReaderCounters, type ReadResult, readAfter } from './reader.ts'
import { expireStep } from './retention.ts'
import { type Change, openStore, type Store } from './store.ts'
import { keptBytes, loadTopicState, oldestSeq, storedBytes, type TopicState } from './topic-state.ts'

export interface JournalOptions {
  /** Folder of the LMDB files; made with mode 0700. */
  readonly dir: string
  readonly retentionMs: number
  readonly retentionBytes: number
  /** Bound of what waits for its commit, as `recordBatchBytes` counts it. */
  readonly maxQueueBytes: number
  readonly maxQueueEvents: number
  /** A publish that is not durable by then is rejected. */
  readonly deliveryDeadlineMs: number
  /**
   * Commits begin at least this far apart while several clients publish at once; a client that publishes alone never waits.
   * A commit costs some 300 us of CPU however much it holds: this bounds it to 6 % of a core. Default 5.
   */
  readonly commitIntervalMs?: number
  /** Bytes of frames in one commit; more wait for the next. Default 4 MiB. */
  readonly maxGroupBytes?: number
  /** How often retention looks for frames that are due. Default 10,000. */
  readonly retentionCheckMs?: number
  /** Address space reserved for the file. Default: twice `retentionBytes` and 256 MiB. */
  readonly mapSize?: number
  /** For the test that must fail without a sync. Never set it. */
  readonly unsafeNoSync?: boolean
}

/** Plain integers, copied at scrape time. */
export interface JournalCounters extends ReaderCounters {
  commits: number
  failedCommits: number
  records: number
  /** Bytes of frames written. */
  frameBytes: number
  rejectedFull: number
  rejectedDeadline: number
  expiredFrames: number
  damagedFrames: number
}

export interface TopicStats {
  readonly topic: Topic
  /** Records kept; at most, because numbers of failed commits count too. */
  readonly records: number
  /** What they take on disk. */
  readonly bytes: number
  /** Epoch ms at which the oldest of them was written, or null. */
  readonly oldestMs: number | null
  /** Cursor of the oldest and of the newest record; equal to each other minus one when there is none. */
  readonly oldest: string
  readonly newest: string
}

export interface JournalStats {
  readonly topics: readonly TopicStats[]
  /** What waits for its commit now. */
  readonly queuedBytes: number
  readonly queuedEvents: number
}

export interface Journal extends EventSink {
  /**
   * Up to `limit` records of the topic after the cursor `after` (exclusive; null = from the oldest), oldest first. A cursor beyond
   * the newest gives no records, one before the oldest kept `gone`. Throws when the journal is not started.
   */
  read(topic: Topic, after: number | bigint | null, limit: number): ReadResult
  /** Calls `listener` after every commit that added records; returns what ends that. */
  onAppend(listener: () => void): () => void
  stats(): JournalStats
  readonly counters: Readonly<JournalCounters>
  /** Seconds from the start of a commit until it was durable. */
  readonly commitLatency: Histogram
}

const DEFAULTS = {
  commitIntervalMs: 5,
  maxGroupBytes: 4 * 1024 * 1024, // a commit of that size takes tens of ms, and all in it wait for all of it
  retentionCheckMs: 10_000,
} as const
/** After a failed commit: how often to try whether the disk takes writes again. */
const PROBE_MS = 1000

/** Makes the journal; nothing is opened before `start()`. */
export function createJournal(
  options: JournalOptions,
  parts: { readonly logger: Logger; readonly now?: Clock },
): Journal {
  return new LmdbJournal(options, parts.logger, parts.now ?? Date.now)
}

class LmdbJournal implements Journal {
  readonly counters: JournalCounters = {
    commits: 0,
    failedCommits: 0,
    records: 0,
    frameBytes: 0,
    rejectedFull: 0,
    rejectedDeadline: 0,
    expiredFrames: 0,
    damagedFrames: 0,
  }
  readonly commitLatency = new Histogram()
  readonly #options: Required<Omit<JournalOptions, 'unsafeNoSync'>> & { readonly unsafeNoSync: boolean }
  readonly #logger: Logger
  readonly #now: Clock
  readonly #listeners = new Set<() => void>()
  readonly #spareWriters: FrameWriter[] = []
  readonly #waiting: CommitGroup[] = []
  readonly #states = new Map<Topic, TopicState>()
  #store: Store | undefined
  #stopping = false
  #inFlight: CommitGroup | undefined
  /** Resolves when no commit is in flight and none waits. */
  #idle: (() => void) | undefined
  #bytes = 0
  #events = 0
  /** How many publishes the next commit may expect: those of the last one come back, and those that came meanwhile wait. */
  #expected = 1
  #lastCommitMs = Number.NEGATIVE_INFINITY
  #paceTimer: NodeJS.Timeout | undefined
  #retentionTimer: NodeJS.Timeout | undefined
  #probeTimer: NodeJS.Timeout | undefined
  #expiring: Promise<void> = Promise.resolve()
  #failing = false

  constructor(options: JournalOptions, logger: Logger, now: Clock) {
    this.#options = {
      mapSize: 2 * options.retentionBytes + 256 * 1024 * 1024,
      unsafeNoSync: false,
      ...DEFAULTS,
      ...options,
    }
    this.#logger = logger
    this.#now = now
  }

  async start(): Promise<void> {
    if (this.#store !== undefined || this.#stopping) return
    const { dir, mapSize, retentionCheckMs, unsafeNoSync } = this.#options
    const store = openStore({ dir, mapSize, noSync: unsafeNoSync })
    for (const topic of ALL_TOPICS) this.#states.set(topic, loadTopicState(store, topic))
    this.#store = store
    this.#retentionTimer = setInterval(() => this.#expire(), retentionCheckMs)
    this.#retentionTimer.unref()
    this.#expire()
    const { topics } = this.stats()
    this.#logger.info({ dir, records: sum(topics, 'records'), bytes: sum(topics, 'bytes') }, 'journal opened')
  }

  async stop(deadlineMs: number): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    clearInterval(this.#retentionTimer)
    clearTimeout(this.#probeTimer)
    const store = this.#store
    if (store === undefined) return
    this.#pump()
    const closed = this.#drained().then(async () => {
      await this.#expiring
      await store.close()
    })
    if (await inTime(closed, deadlineMs)) {
      this.#store = undefined
      this.#logger.info({}, 'journal closed')
      return
    }
    const failure = new SinkError('stopped', `the journal stopped before a commit ended (${deadlineMs} ms)`)
    for (const group of [this.#inFlight, ...this.#waiting]) if (group?.settled === false) group.reject(failure)
    this.#logger.error({ deadline_ms: deadlineMs }, 'journal not closed in time')
  }

  hasRoom(bytes: number, events: number): boolean {
    return this.#bytes + bytes <= this.#options.maxQueueBytes && this.#events + events <= this.#options.maxQueueEvents
  }

  healthy(): boolean {
    return this.#store !== undefined && !this.#stopping && !this.#failing
  }

  publish(batch: RecordBatch): Promise<void> {
    if (this.#store === undefined || this.#stopping) {
      return Promise.reject(new SinkError('stopped', 'the journal is not running'))
    }
    if (batch.count === 0) return Promise.resolve()
    const bytes = recordBatchBytes(batch)
    if (!this.hasRoom(bytes, batch.count)) {
      this.counters.rejectedFull++
      const { maxQueueBytes, maxQueueEvents } = this.#options
      return Promise.reject(
        new SinkError(
          'full',
          `the journal holds ${this.#bytes} of ${maxQueueBytes} bytes, ${this.#events} of ${maxQueueEvents} events`,
        ),
      )
    }
    const group = this.#groupFor(batch)
    try {
      group.add(batch)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#bytes += bytes
    this.#events += batch.count
    if (this.#inFlight === undefined) this.#pump()
    return group.durable
  }

  read(topic: Topic, after: number | bigint | null, limit: number): ReadResult {
    const state = this.#states.get(topic)
    if (this.#store === undefined || state === undefined) throw new Error('the journal is not started')
    return readAfter(this.#store, state, after === null ? null : Number(after), limit, {
      logger: this.#logger,
      counters: this.counters,
    })
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stats(): JournalStats {
    const topics = [...this.#states.values()].map((state) => ({
      topic: state.topic,
      records: state.nextSeq - oldestSeq(state),
      bytes: keptBytes(state),
      oldestMs: state.oldest?.writtenMs ?? null,
      oldest: String(oldestSeq(state)),
      newest: String(state.nextSeq - 1),
    }))
    return { topics, queuedBytes: this.#bytes, queuedEvents: this.#events }
  }

  /** The group that a batch joins: the last one waiting, while it has room. */
  #groupFor(batch: RecordBatch): CommitGroup {
    const last = this.#waiting.at(-1)
    if (last?.takes(batch, this.#options.maxGroupBytes) === true) return last
    const group = new CommitGroup(this.#spareWriters)
    const { deliveryDeadlineMs } = this.#options
    group.deadline = setTimeout(() => this.#expireGroup(group), deliveryDeadlineMs)
    this.#waiting.push(group)
    return group
  }

  /** Begins the next commit, or arms the timer that does. */
  #pump(): void {
    const [group] = this.#waiting
    if (this.#inFlight !== undefined) return
    if (group === undefined) {
      this.#idle?.()
      return
    }
    const complete = group.publishes >= this.#expected || this.#waiting.length > 1 || this.#stopping
    if (!complete && this.#paceTimer !== undefined) return
    const waitMs = complete ? 0 : this.#lastCommitMs + this.#options.commitIntervalMs - performance.now()
    if (waitMs > 0) {
      this.#paceTimer = setTimeout(() => {
        this.#paceTimer = undefined
        // Whoever was expected does not come: take what there is.
        this.#expected = 1
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
    const startedMs = performance.now()
    this.#lastCommitMs = startedMs
    const keys = new Map<TopicState, FrameKey>()
    let frameBytes = 0
    try {
      const changes: Change[] = []
      const writtenMs = this.#now()
      for (const [topic, writer] of group.frames()) {
        const state = this.#states.get(topic) as TopicState
        const key = { seq: state.nextSeq, writtenMs, bytesBefore: state.bytesEver }
        const value = writer.finish()
        keys.set(state, key)
        // Before the outcome is known: a number that a failed commit may have used is not given out again.
        state.nextSeq += writer.records
        state.bytesEver += storedBytes(value.length)
        frameBytes += value.length
        changes.push({ key: encodeFrameKey(topic, key), value })
      }
      await (this.#store as Store).write(changes)
    } catch (error) {
      this.#commitFailed(group, error)
      return
    }
    this.commitLatency.observe((performance.now() - startedMs) / 1000)
    this.counters.commits++
    this.counters.records += group.events
    this.counters.frameBytes += frameBytes
    for (const [state, key] of keys) state.oldest ??= key
    if (!group.settled) group.resolve()
    this.#committed(group)
    this.#recovered()
    for (const listener of this.#listeners) listener()
  }

  #commitFailed(group: CommitGroup, error: unknown): void {
    this.counters.failedCommits++
    this.#fail('journal commit failed', { error: errorText(error) })
    if (!group.settled) group.reject(new SinkError('io', 'the commit failed', { cause: error }))
    this.#committed(group)
  }

  /** The commit is over, either way. */
  #committed(group: CommitGroup): void {
    this.#bytes -= group.bytes
    this.#events -= group.events
    group.release()
    this.#inFlight = undefined
    this.#expected = group.publishes + (this.#waiting[0]?.publishes ?? 0)
    this.#pump()
  }

  /** The delivery deadline of a group has passed. */
  #expireGroup(group: CommitGroup): void {
    this.counters.rejectedDeadline += group.publishes
    group.reject(new SinkError('deadline', `not durable after ${this.#options.deliveryDeadlineMs} ms`))
    if (group === this.#inFlight) {
      // Its bytes stay counted: the store still reads them.
      this.#fail('journal commit hangs', { after_ms: this.#options.deliveryDeadlineMs })
      return
    }
    this.#waiting.splice(this.#waiting.indexOf(group), 1)
    this.#bytes -= group.bytes
    this.#events -= group.events
    group.release()
  }

  #fail(msg: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.#failing) this.#logger.error(fields, msg)
    this.#failing = true
    if (this.#stopping || this.#probeTimer !== undefined) return
    // A node that is not ready gets no publishes, so something else has to find out when the disk takes writes again.
    this.#probeTimer = setTimeout(() => void this.#probe(), PROBE_MS)
  }

  async #probe(): Promise<void> {
    this.#probeTimer = undefined
    if (this.#store === undefined || this.#stopping || !this.#failing) return
    if (this.#inFlight !== undefined) return // its end will tell
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
    this.#logger.info({}, 'journal takes writes again')
  }

  #drained(): Promise<void> {
    if (this.#inFlight === undefined && this.#waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle = resolve
    })
  }

  /** One run of retention; a run that is still going is not doubled. */
  #expire(): void {
    this.#expiring = this.#expiring.then(() => this.#expireAll())
  }

  async #expireAll(): Promise<void> {
    let removed = 0
    try {
      while (this.#store !== undefined && !this.#stopping) {
        const step = await expireStep(this.#store, [...this.#states.values()], this.#options, this.#now())
        if (step === 0) break
        removed += step
        this.counters.expiredFrames += step
      }
    } catch (error) {
      this.#logger.error({ error: errorText(error) }, 'journal retention failed')
    }
    if (removed > 0) this.#logger.info({ frames: removed }, 'journal retention')
  }
}

/** Whether `promise` resolved within `ms`. */
async function inTime(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

function sum(topics: readonly TopicStats[], what: 'records' | 'bytes'): number {
  return topics.reduce((total, topic) => total + topic[what], 0)
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
