// What is stated of how long data are kept, against what is: looked at when the node starts and every hour.
import type { CheckedTopics } from '@fencepost/kafka'
import type { Clock, Logger, PresenceStore, Topic } from '@fencepost/model'
import { type RetentionRow, retentionTable } from '@fencepost/policy'
import { MAX_LOOKED_AT, oldestKept, type RequestBook } from '@fencepost/privacy'
import type { KafkaConfig, NodeConfig } from '../config.ts'

/** One row of the table, with what is found. */
export interface RetentionFound {
  readonly place: string
  readonly name: string
  readonly setting: string
  readonly applied_by: string
  readonly stated_s: number
  /** -1 = for ever; null = it could not be found out. */
  readonly actual_s: number | null
  readonly differs: boolean
  /** Epoch ms of the oldest that is there; null = there is none, or it is not known (see `note`). */
  readonly oldest: number | null
  readonly note: string | null
}

export interface RetentionReport {
  readonly checked_at: number
  readonly rows: readonly RetentionFound[]
}

export interface RetentionWatch {
  start(): void
  stop(): Promise<void>
  /** As it is now, but for what the brokers say, which is as of the last look. */
  report(): Promise<RetentionReport>
  /** The same without what lies in the stores, for control to show; as of the last look. */
  brief(): RetentionReport
  /** Rows that differ as of the last look. */
  differing(): readonly string[]
}

/** The table of a node: `journalS` = seconds that its journal keeps events, or null: they go to Kafka. */
export function retentionOf(
  config: NodeConfig & Partial<KafkaConfig>,
  { journalS, inRedis }: { readonly journalS: number | null; readonly inRedis: boolean },
): readonly RetentionRow[] {
  return retentionTable({
    presenceTtlS: config.presenceTtlS,
    choiceRetentionS: config.choiceRetentionS,
    requestRetentionS: config.requestRetentionS,
    eventsS: journalS ?? config.kafkaRetentionS ?? 0,
    topics: {
      matches: config.topicMatches ?? '',
      transitions: config.topicTransitions ?? '',
      erasures: config.topicErasures ?? '',
    },
    inKafka: journalS === null,
    inRedis,
  })
}

export interface RetentionWatchParts {
  readonly rows: readonly RetentionRow[]
  /** Epoch ms of the journal's oldest record, by topic. */
  readonly journalOldest: (topic: Topic) => number | null
  readonly checkTopics: (() => Promise<CheckedTopics>) | null
  readonly records: PresenceStore
  readonly book: RequestBook
  readonly logger: Logger
  readonly clock: Clock
}

const HOUR_MS = 3_600_000

export function createRetentionWatch(parts: RetentionWatchParts): RetentionWatch {
  const { rows, logger, clock } = parts
  let topics: CheckedTopics | null = null
  let checkedAt = 0
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | null = null

  async function look(): Promise<void> {
    try {
      if (parts.checkTopics !== null) topics = await parts.checkTopics()
      checkedAt = clock()
      const differ = differing()
      if (differ.length > 0) logger.warn({ rows: differ }, 'data are not kept for as long as is stated')
    } catch (error) {
      logger.warn({ error: error instanceof Error ? error.message : String(error) }, 'retention could not be looked at')
    }
  }

  function actualOf(row: RetentionRow): number | null {
    if (row.by !== 'topic setting') return row.seconds // what sweeps and expiry do is what the settings say
    const ms = topics?.retentionMs[row.place as Topic] ?? null
    return ms === null ? null : ms < 0 ? -1 : ms / 1000
  }

  function isDifferent(row: RetentionRow): boolean {
    const actual = actualOf(row)
    return actual !== null && actual !== row.seconds
  }

  function differing(): readonly string[] {
    return rows.filter(isDifferent).map(({ name }) => name)
  }

  function found(row: RetentionRow, oldest: number | null, isPart: boolean): RetentionFound {
    return {
      place: row.place,
      name: row.name,
      setting: row.setting,
      applied_by: row.by,
      stated_s: row.seconds,
      actual_s: actualOf(row),
      differs: isDifferent(row),
      oldest,
      note: noteOf(row, isPart),
    }
  }

  return {
    start() {
      looking = look()
      timer ??= setInterval(() => {
        looking = look()
      }, HOUR_MS)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      await looking
    },
    differing,
    brief: () => ({ checked_at: checkedAt, rows: rows.map((row) => found(row, null, false)) }),
    async report() {
      const { presence, choices, requests, isPart } = await oldestKept(parts)
      const oldestOf = (row: RetentionRow): number | null => {
        if (row.name === 'presence') return presence
        if (row.name === 'choices') return choices
        if (row.name === 'requests') return requests
        return row.by === 'topic setting' ? null : parts.journalOldest(row.place as Topic)
      }
      return {
        checked_at: checkedAt,
        rows: rows.map((row) => found(row, oldestOf(row), isPart)),
      }
    },
  }
}

function noteOf({ by, place }: RetentionRow, isPart: boolean): string | null {
  if (by === 'topic setting') return 'the oldest record of a topic is the brokers’ to tell'
  return place === 'records' && isPart ? `the oldest of ${MAX_LOOKED_AT} records` : null
}
