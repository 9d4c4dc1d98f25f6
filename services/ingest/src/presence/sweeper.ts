// Goes round the due-lists, bucket by bucket, so that what falls due is made although its device is silent.
import { type Logger, PRESENCE_BUCKETS } from '@fencepost/model'
import type { PresenceCounters } from './counters.ts'
import type { Subjects } from './subjects.ts'

export interface Sweeper {
  start(): void
  /** Resolves when what was under way has ended. */
  stop(): Promise<void>
}

/** One round over all buckets takes so long, so that a dwell is made within the second; every node goes round. */
const ROUND_MS = 500
const TICK_MS = 50
const BUCKETS_A_TICK = Math.ceil((PRESENCE_BUCKETS * TICK_MS) / ROUND_MS)

export function createSweeper(parts: {
  readonly subjects: Subjects
  readonly counters: PresenceCounters
  readonly logger: Logger
  /** Is there any use in trying now? */
  readonly ready: () => boolean
}): Sweeper {
  const { subjects, counters, logger, ready } = parts
  // Nodes that start together do not go round together.
  let next = Math.floor(Math.random() * PRESENCE_BUCKETS)
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let failing = false

  async function tick(): Promise<void> {
    const buckets = Array.from({ length: BUCKETS_A_TICK }, (_, i) => (next + i) % PRESENCE_BUCKETS)
    next = (next + BUCKETS_A_TICK) % PRESENCE_BUCKETS
    const settled = await Promise.allSettled(buckets.map((bucket) => subjects.sweep(bucket)))
    const failure = settled.find((one) => one.status === 'rejected')
    counters.sweepsFailed += settled.filter((one) => one.status === 'rejected').length
    // One line per change: a store that is down fails every round.
    if (failure !== undefined && !failing)
      logger.warn({ error: (failure.reason as Error).message }, 'presence cannot be swept; what is due waits')
    if (failure === undefined && failing) logger.info({}, 'presence is swept again')
    failing = failure !== undefined
  }

  return {
    start() {
      timer ??= setInterval(() => {
        if (running !== null || !ready()) return
        running = tick().finally(() => {
          running = null
        })
      }, TICK_MS)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await running
    },
  }
}
