// The event sink on disk, and its reader: what `start` opens, what `stop` closes, and retention and erasure in between.
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type Clock,
  type EventSink,
  Histogram,
  type Logger,
  type RecordBatch,
  SinkError,
  TOPICS,
  type Topic,
} from '@fencepost/model'
import { type CommitCounters, CommitQueue, errorText } from './commit-queue.ts'
import { type EraseCounters, eraseStep, scanStep } from './erase.ts'
import { frameKeyAt } from './keys.ts'
import { type CursorRecord, type ReaderCounters, type ReadResult, readAfter } from './reader.ts'
import { expireStep } from './retention.ts'
import { openStore, type Store } from './store.ts'
import { keptBytes, loadTopicStates, type TopicState, type TopicStates } from './topic-state.ts'

export interface JournalOptions {
  /** Folder of the LMDB files; made with mode 0700. */
  readonly dir: string
  /** Records are deleted once they are older than this. */
  readonly retentionMs: number
  /** Bytes on disk beyond which the oldest records go before their time; those of a topic's newest commit stay whatever they take. */
  readonly retentionBytes: number
  /** Bound of what waits for its commit, as `recordBatchBytes` counts it. */
  readonly maxQueueBytes: number
  readonly maxQueueEvents: number
  /** A publish that is not durable by then is rejected. */
  readonly deliveryDeadlineMs: number
  /**
   * While several clients publish at once, commits begin at least this far apart; who publishes alone never waits. A commit
   * costs some tenths of a millisecond of CPU however much it holds: this bounds how many there are. Default 5.
   */
  readonly commitIntervalMs?: number
  /** Bytes of frames in one commit; what is more waits for the next. Default 4 MiB, at most an eighth of `retentionBytes`. */
  readonly maxGroupBytes?: number
  /** How often retention looks for what is due. Default 10,000. */
  readonly retentionCheckMs?: number
  /** Address space reserved for the file. Default: twice `retentionBytes` and 256 MiB. */
  readonly mapSize?: number
  /** 32 bytes: what is on disk is encrypted. A folder is from its first opening on, or never. */
  readonly encryptionKey?: Uint8Array | undefined
  /** Leaves the sync out, for the test that must notice. Never set it. */
  readonly unsafeNoSync?: boolean
}

/** Plain integers, copied at scrape time. */
export interface JournalCounters extends ReaderCounters, CommitCounters, EraseCounters {
  expiredFrames: number
}

export interface TopicStats {
  readonly topic: Topic
  /** Records kept; at most, because numbers of failed commits and of erased records count too. */
  readonly records: number
  /** What they take on disk; what was erased of a frame counts until all of it is removed. */
  readonly bytes: number
  /** Epoch ms at which the oldest of them was written, or null. */
  readonly oldestMs: number | null
  /** Cursors of the oldest and the newest record; with no record, the newest is the oldest less one. */
  readonly oldest: string
  readonly newest: string
}

export interface JournalStats {
  /** One a topic; none before `start`. */
  readonly topics: readonly TopicStats[]
  /** What waits for its commit now. */
  readonly queuedBytes: number
  readonly queuedEvents: number
}

export interface Journal extends EventSink {
  /**
   * Up to `limit` records of the topic after the cursor `after` (exclusive; null = from the oldest), oldest first. A cursor beyond
   * the newest gives no records, one before the oldest kept `gone`. Throws when the journal is not open.
   */
  read(topic: Topic, after: number | bigint | null, limit: number): ReadResult
  /**
   * Removes every record of these keys from all topics. Cursors stay what they were: who reads passes over what was removed, without `gone`. In small
   * steps beside publishes and retention, which wait for one of them at most; safe to repeat, which an erasure that was cut off needs. What is
   * published after the call may stay. The bytes are in the file's free pages until `compact`. Resolves with how many records it removed; rejects
   * with a SinkError when the journal is not running.
   */
  erase(keys: ReadonlySet<string>): Promise<{ readonly records: number }>
  /**
   * Resolves when what was erased or expired before the call is in no file any more; publishes and reads go on. Rejects, with all as it was, when
   * there is no space for a second copy of what is kept.
   */
  compact(): Promise<void>
  /** Every record of these keys, oldest first, topic by topic, in small steps; without those published after the call. */
  scan(keys: ReadonlySet<string>): AsyncIterable<CursorRecord>
  /** Calls `listener`, which must not throw, after every commit that added records; returns what ends that. */
  onAppend(listener: () => void): () => void
  stats(): JournalStats
  readonly counters: Readonly<JournalCounters>
  /** Seconds from the start of a commit until it was durable. */
  readonly commitLatency: Histogram
}

/** Makes the journal; nothing is opened before `start()`, which throws when another process has the folder open. */
export function createJournal(
  options: JournalOptions,
  parts: { readonly logger: Logger; readonly now?: Clock },
): Journal {
  return new LmdbJournal(options, parts.logger, parts.now ?? Date.now)
}

interface Open {
  readonly store: Store
  readonly states: TopicStates
  readonly queue: CommitQueue
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
    erasedRecords: 0,
  }
  readonly commitLatency = new Histogram()
  readonly #options: Required<Omit<JournalOptions, 'encryptionKey'>> & JournalOptions
  readonly #logger: Logger
  readonly #now: Clock
  readonly #listeners = new Set<() => void>()
  #open: Open | undefined
  #stopping: Promise<void> | undefined
  #retentionTimer: NodeJS.Timeout | undefined
  /** The run of retention that is going on. */
  #expiring: Promise<void> | undefined
  /** Steps of retention and of erasures follow one another: none may write a frame back that the other has removed. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: JournalOptions, logger: Logger, now: Clock) {
    this.#options = {
      commitIntervalMs: 5,
      // Writing 4 MiB takes tens of ms, and all in a group wait for all of it. Retention goes by frames: eight at least.
      maxGroupBytes: Math.min(4 * 1024 * 1024, Math.floor(options.retentionBytes / 8)),
      retentionCheckMs: 10_000,
      mapSize: 2 * options.retentionBytes + 256 * 1024 * 1024,
      unsafeNoSync: false,
      ...options,
    }
    this.#logger = logger
    this.#now = now
  }

  async start(): Promise<void> {
    if (this.#open !== undefined) return
    const { dir, encryptionKey, mapSize, retentionCheckMs, unsafeNoSync } = this.#options
    const store = openStore({ dir, encryptionKey, mapSize, noSync: unsafeNoSync })
    const states = loadTopicStates(store)
    const queue = new CommitQueue(store, states, this.#options, {
      logger: this.#logger,
      now: this.#now,
      counters: this.counters,
      latency: this.commitLatency,
      onCommit: () => {
        for (const listener of this.#listeners) listener()
      },
    })
    this.#open = { store, states, queue }
    this.#stopping = undefined
    this.#retentionTimer = setInterval(() => this.#expire(), retentionCheckMs)
    this.#retentionTimer.unref()
    this.#expire()
    const { topics } = this.stats()
    const total = (what: 'records' | 'bytes'): number => topics.reduce((sum, topic) => sum + topic[what], 0)
    this.#logger.info({ dir, records: total('records'), bytes: total('bytes') }, 'journal opened')
  }

  stop(deadlineMs: number): Promise<void> {
    if (this.#open === undefined) return Promise.resolve()
    this.#stopping ??= this.#close(deadlineMs)
    return this.#stopping
  }

  async #close(deadlineMs: number): Promise<void> {
    const { store, queue } = this.#open as Open
    clearInterval(this.#retentionTimer)
    const closed = queue.drain().then(async () => {
      await this.#expiring
      await this.#turn
      await store.close()
      this.#open = undefined
    })
    if (await inTime(closed, deadlineMs)) {
      this.#logger.info({}, 'journal closed')
      return
    }
    queue.abandon(new SinkError('stopped', `a commit had not ended ${deadlineMs} ms after the journal was stopped`))
    this.#logger.error({ deadline_ms: deadlineMs }, 'journal not closed in time')
  }

  hasRoom(bytes: number, events: number): boolean {
    return this.#open?.queue.hasRoom(bytes, events) ?? false
  }

  healthy(): boolean {
    return this.#open?.queue.healthy === true && this.#stopping === undefined
  }

  publish(batch: RecordBatch): Promise<void> {
    return this.#open?.queue.publish(batch) ?? Promise.reject(new SinkError('stopped', 'the journal is not running'))
  }

  read(topic: Topic, after: number | bigint | null, limit: number): ReadResult {
    if (this.#open === undefined) throw new Error('the journal is not open')
    const { store, states } = this.#open
    return readAfter(store, states[topic], after === null ? null : Number(after), limit, this.#parts)
  }

  async erase(keys: ReadonlySet<string>): Promise<{ readonly records: number }> {
    let records = 0
    for (const topic of TOPICS) {
      const until = this.#running().states[topic].durableSeq
      for (let from: Buffer | null = frameKeyAt(topic, 0); from !== null; ) {
        const start: Buffer = from
        const step = await this.#inTurn(() =>
          eraseStep(this.#running().store, { topic, start, until, keys }, this.#parts),
        )
        records += step.records
        from = step.next
        await nextTurn()
      }
    }
    return { records }
  }

  async compact(): Promise<void> {
    await this.#running().store.compact()
  }

  async *scan(keys: ReadonlySet<string>): AsyncGenerator<CursorRecord> {
    const ends = TOPICS.map((topic) => ({ topic, until: this.#running().states[topic].durableSeq }))
    for (const { topic, until } of ends) {
      for (let start: Buffer | null = frameKeyAt(topic, 0); start !== null; ) {
        const step = scanStep(this.#running().store, { topic, start, until, keys }, this.#parts)
        yield* step.records
        start = step.next
        await nextTurn()
      }
    }
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  stats(): JournalStats {
    if (this.#open === undefined) return { topics: [], queuedBytes: 0, queuedEvents: 0 }
    const { queue, states } = this.#open
    const { bytes, events } = queue.queued
    return { topics: TOPICS.map((topic) => topicStats(states[topic])), queuedBytes: bytes, queuedEvents: events }
  }

  get #parts(): { readonly logger: Logger; readonly counters: JournalCounters } {
    return { logger: this.#logger, counters: this.counters }
  }

  #running(): Open {
    if (this.#open === undefined || this.#stopping !== undefined)
      throw new SinkError('stopped', 'the journal is not running')
    return this.#open
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** Starts a run of retention unless one is going on. */
  #expire(): void {
    this.#expiring ??= this.#expireAll().finally(() => {
      this.#expiring = undefined
    })
  }

  async #expireAll(): Promise<void> {
    let removed = 0
    try {
      while (this.#open !== undefined && this.#stopping === undefined) {
        const { store, states } = this.#open
        const step = await this.#inTurn(() => expireStep(store, states, this.#options, this.#now()))
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

function topicStats(state: TopicState): TopicStats {
  const { oldest, durableSeq } = state
  const oldestSeq = oldest?.seq ?? durableSeq
  return {
    topic: state.topic,
    records: durableSeq - oldestSeq,
    bytes: keptBytes(state),
    oldestMs: oldest?.writtenMs ?? null,
    oldest: String(oldestSeq),
    newest: String(durableSeq - 1),
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
