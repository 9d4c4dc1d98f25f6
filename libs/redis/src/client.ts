// One connection to Redis, for commands that somebody waits for: nothing queues while it is away, and nothing waits for long.
import { type Logger, StoreError } from '@fencepost/model'
import { Redis } from 'ioredis'

export interface RedisOptions {
  /** redis://[user:password@]host:port[/db], or rediss:// for TLS. */
  readonly url: string
  /** PEM of the authority behind a `rediss://` server, where the system does not know it. */
  readonly tlsCa?: string
  /** A command that is not answered by then has failed; whether it was done nobody knows. Default 1000. */
  readonly commandTimeoutMs?: number
  /** How long `connect` waits before it goes on without. Default 5000. */
  readonly startTimeoutMs?: number
}

/** A connection that comes back by itself. */
export interface RedisConnection {
  readonly redis: Redis
  /** Resolves when connected, or after the start timeout without; rejects when Redis will never do as it is set up. */
  connect(): Promise<void>
  disconnect(): void
  /** Connected, answering, and what `check` looked at was as it must be. */
  healthy(): boolean
  /**
   * What the command is answered. Rejects with a StoreError: at once while Redis is down, which after several failures in a row it is taken
   * to be until it answers a PING.
   */
  ask<T>(command: () => Promise<T>): Promise<T>
}

/** Failures in a row until nobody is made to wait for it any more. */
const FAILURES = 5
/** How often one that does not answer is asked whether it does. */
const PROBE_MS = 200
const CONNECT_TIMEOUT_MS = 2000
const MAX_PAUSE_MS = 1000

/**
 * Makes the connection, not connected yet.
 *
 * @param check runs at every connect; what it throws makes the connection unhealthy and, at the first, `connect` reject
 */
export function createConnection(
  options: RedisOptions,
  { logger, check }: { readonly logger: Logger; readonly check: (redis: Redis) => Promise<void> },
): RedisConnection {
  const { url, tlsCa, commandTimeoutMs = 1000, startTimeoutMs = 5000 } = options
  const redis = new Redis(url, {
    lazyConnect: true,
    ...(tlsCa === undefined ? {} : { tls: { ca: tlsCa } }),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // A write that was sent may have been made: it is never sent again behind the caller's back.
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: true,
    commandTimeout: commandTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(50 * times, MAX_PAUSE_MS),
    // After a failover the old master takes no writes: a new connection finds the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  })
  let isUp = false
  let stopped = false
  let failures = 0
  let probe: NodeJS.Timeout | undefined
  let isChecked = false
  let lastLine = ''
  let settleFirst: (error: Error | null) => void = () => {}
  const first = new Promise<Error | null>((resolve) => {
    settleFirst = resolve
  })

  function say(line: string, write: () => void): void {
    if (line !== lastLine) write()
    lastLine = line
  }

  redis.on('error', (error: Error) => {
    say(`error ${error.message}`, () => logger.warn({ error: error.message }, 'redis cannot be reached'))
  })
  redis.on('close', () => {
    isUp = false
  })
  redis.on('ready', () => {
    isUp = true
    check(redis).then(
      () => {
        isChecked = true
        say('up', () => logger.info({}, 'redis is reachable'))
        settleFirst(null)
      },
      (error: Error) => {
        isChecked = false
        say(`refused ${error.message}`, () => logger.error({ error: error.message }, 'redis cannot be used'))
        settleFirst(error)
      },
    )
  })

  /** Somebody has to find out when it answers again, as nothing else is sent to it. */
  function askAgain(): void {
    probe = setTimeout(() => {
      redis.ping().then(
        () => {
          failures = 0
          probe = undefined
          say('answers', () => logger.info({}, 'redis answers again'))
        },
        () => askAgain(),
      )
    }, PROBE_MS)
    probe.unref()
  }

  function failed(): void {
    failures++
    if (failures < FAILURES || probe !== undefined) return
    say('silent', () => logger.warn({}, 'redis does not answer'))
    askAgain()
  }

  const healthy = (): boolean => isUp && isChecked && failures < FAILURES

  return {
    redis,
    async ask(command) {
      if (stopped) throw new StoreError('stopped', 'the connection to Redis is closed')
      // A store that does not do as it must is as good as none.
      if (!healthy()) throw new StoreError('unavailable', 'Redis is not reachable')
      try {
        const answer = await command()
        failures = 0
        return answer
      } catch (error) {
        // A refusal is an answer too.
        if ((error as Error).name === 'ReplyError') failures = 0
        else failed()
        throw new StoreError('unavailable', 'Redis did not do as asked', { cause: error })
      }
    },
    async connect() {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), startTimeoutMs)
      })
      // It goes on trying by itself; the first failure is told by `error`.
      redis.connect().catch(() => {})
      const outcome = await Promise.race([first, late])
      clearTimeout(timer)
      if (outcome === 'late') logger.warn({ waited_ms: startTimeoutMs }, 'redis not reached yet, going on without')
      else if (outcome !== null) {
        redis.disconnect()
        throw outcome
      }
    },
    disconnect() {
      stopped = true
      isUp = false
      clearTimeout(probe)
      redis.disconnect()
    },
    healthy,
  }
}

/**
 * Redis must not throw away what it was given to keep.
 *
 * @throws Error when it would under memory pressure
 */
export async function refuseEviction(redis: Redis): Promise<void> {
  const info = await redis.info('memory')
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'unknown'
  const limit = Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0)
  if (policy === 'noeviction' || (limit === 0 && policy === 'unknown')) return
  throw new Error(
    `Redis has maxmemory-policy ${policy}: it would drop what it is to keep when memory runs out; set maxmemory-policy noeviction`,
  )
}
