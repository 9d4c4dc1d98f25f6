// Tells that the feed may have a new step. Waits in Redis on a connection of its own, and looks at the head whenever the wait ends: so it
// sees as well what writes no step, such as a Redis that was emptied or brought back from an older dump.
import type { Logger } from '@fencepost/model'
import { Redis } from 'ioredis'

export interface WatchOptions {
  readonly url: string
  readonly head: string
  readonly steps: string
  readonly commandTimeoutMs: number
}

export interface FeedWatch {
  add(listener: () => void): () => void
  /** Nobody is told any more. */
  stop(): Promise<void>
}

/** So long one wait takes: what writes no step is seen after it. */
const BLOCK_MS = 1000
const CONNECT_TIMEOUT_MS = 2000
const PAUSE_MS = 100
const MAX_PAUSE_MS = 1000

export function createFeedWatch({ url, head, steps, commandTimeoutMs }: WatchOptions, logger: Logger): FeedWatch {
  const listeners = new Set<() => void>()
  let known = ''
  let stopped = false
  let connection: Redis | null = null
  let running: Promise<void> | null = null
  let endPause: () => void = () => {}

  const isWanted = (): boolean => listeners.size > 0 && !stopped

  /** One connection, until it fails or nobody listens. */
  async function follow(redis: Redis, answered: () => void): Promise<void> {
    await redis.connect()
    while (isWanted()) {
      const [epoch, seq, hash] = await redis.hmget(head, 'epoch', 'seq', 'hash')
      answered()
      const now = JSON.stringify([epoch, seq, hash])
      if (now !== known) {
        known = now
        for (const listener of [...listeners]) listener()
      }
      if (isWanted()) await redis.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', steps, `${seq ?? 0}-0`)
    }
  }

  async function run(): Promise<void> {
    let failures = 0
    while (isWanted()) {
      const redis = new Redis(url, {
        lazyConnect: true,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        connectTimeout: CONNECT_TIMEOUT_MS,
        // A socket that is half dead would be waited at for ever.
        commandTimeout: BLOCK_MS + commandTimeoutMs,
        retryStrategy: () => null,
      })
      connection = redis
      // Whatever fails is told by the command that waits for it.
      redis.on('error', () => {})
      try {
        await follow(redis, () => {
          if (failures > 0) logger.info({}, 'the feed is watched again')
          failures = 0
        })
      } catch (error) {
        if (isWanted() && failures++ === 0)
          logger.warn({ error: (error as Error).message }, 'the feed cannot be watched for now')
      }
      redis.disconnect()
      if (failures > 0 && isWanted()) await pause(Math.min(MAX_PAUSE_MS, PAUSE_MS * failures))
    }
    connection = null
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  function wake(): void {
    running ??= run().finally(() => {
      running = null
      // Somebody may have come while it ended.
      if (isWanted()) wake()
    })
  }

  function rest(): void {
    connection?.disconnect()
    endPause()
  }

  return {
    add(listener) {
      // What is known was told to those before it.
      known = ''
      const own = (): void => listener()
      listeners.add(own)
      if (isWanted()) wake()
      return () => {
        listeners.delete(own)
        if (listeners.size === 0) rest()
      }
    },
    async stop() {
      stopped = true
      listeners.clear()
      rest()
      await running
    },
  }
}
