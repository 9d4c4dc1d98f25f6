// Records of devices in Redis. A record and its due-list share the hash tag of a bucket, so that one script may touch both wherever they lie.
import {
  type Logger,
  type PresenceStore,
  presenceBucket,
  type RecordToStore,
  type StoreError,
  VERSION_LENGTH,
  type VersionedRecord,
  type WriteOutcome,
} from '@fencepost/model'
import type { Callback, Redis, Result } from 'ioredis'
import { createConnection, type RedisOptions, refuseEviction } from './client.ts'

/** Compare and set: 1, or what is there, or nil where nothing is. A record begins with its version. */
const WRITE = `
if redis.call('GETRANGE', KEYS[1], 0, ${VERSION_LENGTH - 1}) ~= ARGV[1] then
  return redis.call('GET', KEYS[1])
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[2], ARGV[5])
else
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[5])
end
return 1`

/** Takes off a due-list whose record has expired. */
const FORGET = `
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.call('ZREM', KEYS[2], ARGV[1])
end
return 0`

declare module 'ioredis' {
  interface RedisCommander<Context> {
    presenceWriteBuffer(
      record: string,
      due: string,
      expected: string,
      value: Buffer,
      keepMs: number,
      dueMs: string,
      subject: Buffer,
      callback?: Callback<Buffer | number | null>,
    ): Result<Buffer | number | null, Context>
    presenceForget(record: string, due: string, subject: Buffer, callback?: Callback<number>): Result<number, Context>
  }
}

export interface RedisPresenceOptions extends RedisOptions {
  /** Before every key; others may share the Redis. Default `fencepost`. */
  readonly prefix?: string
}

/**
 * A PresenceStore in Redis (6.2 or later). `start` resolves without a Redis that is down and rejects when it would evict keys. What is
 * written is as durable as Redis is set up: with a replica or append-only file that lags, a failover can bring an older record back.
 *
 * `compact` has nothing to do in memory. Redis' files are the operator's: where it keeps an append-only file, BGREWRITEAOF is asked for, which goes on
 * after `compact` has resolved; where Redis refuses that, a warn line says so. An RDB file holds old records until Redis writes its next.
 */
export function createRedisPresenceStore(
  { prefix = 'fencepost', ...options }: RedisPresenceOptions,
  { logger, now = Date.now }: { readonly logger: Logger; readonly now?: () => number },
): PresenceStore {
  const connection = createConnection(options, { logger, check: refuseEviction })
  const { redis, ask } = connection
  defineScripts(redis)
  const keys = (subject: Uint8Array) => {
    const tag = `${prefix}:{p${presenceBucket(subject)}}`
    return { record: `${tag}:r:${Buffer.from(subject).toString('base64url')}`, due: `${tag}:due` }
  }

  return {
    start: () => connection.connect(),
    async stop() {
      connection.disconnect()
    },
    healthy: () => connection.healthy(),
    async read(subject) {
      return decode(await ask(() => redis.getBuffer(keys(subject).record)))
    },
    async write(subject, expected, next): Promise<WriteOutcome> {
      const { record, due } = keys(subject)
      const answer = await ask(() =>
        redis.presenceWriteBuffer(
          record,
          due,
          expected ?? '',
          encode(next),
          Math.max(1, Math.ceil(next.expiresMs - now())),
          next.dueMs === null ? '' : String(next.dueMs),
          Buffer.from(subject),
        ),
      )
      return answer === 1 ? null : { current: decode(answer as Buffer | null) }
    },
    async due(bucket, nowMs, limit) {
      const list = `${prefix}:{p${bucket}}:due`
      const found = await ask(() => redis.zrangebyscoreBuffer(list, 0, nowMs, 'LIMIT', 0, limit))
      const subjects = found.map((member) => new Uint8Array(member))
      const there = await Promise.all(
        subjects.map(async (subject) => {
          const { record, due } = keys(subject)
          return (await ask(() => redis.presenceForget(record, due, Buffer.from(subject)))) === 0
        }),
      )
      return subjects.filter((_, i) => there[i])
    },
    async compact() {
      const info = await ask(() => redis.info('persistence'))
      if (!info.includes('aof_enabled:1')) return
      try {
        await ask(() => redis.bgrewriteaof())
      } catch (error) {
        const { cause } = error as StoreError
        if (!(cause instanceof Error) || cause.name !== 'ReplyError') throw error
        logger.warn({ command: 'BGREWRITEAOF', error: cause.message }, 'redis refuses: its file may keep old records')
      }
    },
    async scan(cursor, limit) {
      const [next, found] = await ask(() =>
        redis.scan(cursor === '' ? '0' : cursor, 'MATCH', `${escaped(prefix)}:{p*}:r:*`, 'COUNT', Math.max(limit, 100)),
      )
      return {
        subjects: found.map((key) => new Uint8Array(Buffer.from(key.slice(key.lastIndexOf(':') + 1), 'base64url'))),
        next: next === '0' ? null : next,
      }
    },
  }
}

/** What a pattern takes as it is. */
function escaped(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&')
}

function defineScripts(redis: Redis): void {
  redis.defineCommand('presenceWrite', { numberOfKeys: 2, lua: WRITE })
  redis.defineCommand('presenceForget', { numberOfKeys: 2, lua: FORGET })
}

function encode({ version, bytes }: RecordToStore): Buffer {
  return Buffer.concat([Buffer.from(version, 'latin1'), bytes])
}

function decode(value: Buffer | null): VersionedRecord | null {
  if (value === null) return null
  return {
    version: value.toString('latin1', 0, VERSION_LENGTH),
    bytes: new Uint8Array(value.subarray(VERSION_LENGTH)),
  }
}
