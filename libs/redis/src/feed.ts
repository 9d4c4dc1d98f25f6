// The feed in Redis: one script a step, which compares the head and so serialises whoever writes. A stage lies in a hash of its own until a
// step takes it; afterwards its documents are folded into the others in pieces, by whoever reads next.
import { randomBytes } from 'node:crypto'
import {
  type AuditEntry,
  DOC_KINDS,
  type Doc,
  type DocChange,
  type DocKind,
  type DocName,
  type FeedHead,
  type FeedStep,
  type FenceFeed,
  firstHead,
  type Logger,
  type NodeReport,
} from '@fencepost/model'
import { Redis } from 'ioredis'
import { createConnection, type RedisConnection, type RedisOptions, refuseEviction } from './client.ts'
import { type FeedCommands, withFeedCommands } from './feed-scripts.ts'

export interface RedisFeedOptions extends RedisOptions {
  /** Before every key; others may share the Redis. Default `fencepost`. */
  readonly prefix?: string
  /** Steps that are kept for nodes that come back. Default 10,000. */
  readonly maxSteps?: number
  /** Audit entries that are kept. Default 100,000. */
  readonly maxAudit?: number
}

/** Documents in one command, and fields in one script. */
const PAGE = 500
/** A node that has not reported for so long is gone. */
const REPORT_MS = 15_000

/** A FenceFeed in Redis (6.2 or later). `start` resolves without a Redis that is down and rejects when it would evict keys. */
export function createRedisFeed(
  options: RedisFeedOptions,
  { logger, now = Date.now }: { readonly logger: Logger; readonly now?: () => number },
): FenceFeed {
  return new RedisFeed(options, logger, now)
}

class RedisFeed implements FenceFeed {
  readonly #connection: RedisConnection
  readonly #redis: Redis & FeedCommands
  /** Subscribed, so that it can do nothing else. */
  readonly #listening: Redis
  readonly #listeners = new Set<() => void>()
  readonly #keys: string
  readonly #maxSteps: number
  readonly #maxAudit: number
  readonly #now: () => number

  constructor(
    { prefix = 'fencepost', maxSteps, maxAudit, ...options }: RedisFeedOptions,
    logger: Logger,
    now: () => number,
  ) {
    this.#connection = createConnection(options, { logger, check: refuseEviction })
    this.#redis = withFeedCommands(this.#connection.redis)
    this.#keys = `${prefix}:{feed}:`
    this.#maxSteps = maxSteps ?? 10_000
    this.#maxAudit = maxAudit ?? 100_000
    this.#now = now
    this.#listening = new Redis(options.url, {
      lazyConnect: true,
      retryStrategy: (times) => Math.min(50 * times, 1000),
      maxRetriesPerRequest: null,
    })
    // The other connection says what there is to say.
    this.#listening.on('error', () => {})
    // After a reconnect something may have been missed.
    for (const event of ['ready', 'message']) this.#listening.on(event, () => this.#tell())
  }

  async start(): Promise<void> {
    await this.#connection.connect()
    this.#listening.subscribe(this.#key('changed')).catch(() => {})
  }

  async stop(): Promise<void> {
    this.#connection.disconnect()
    this.#listening.disconnect()
  }

  healthy(): boolean {
    return this.#connection.healthy()
  }

  async head(): Promise<FeedHead> {
    const { epoch, hash } = firstHead(randomBytes(8).toString('hex'))
    const [theirs, seq, head] = await this.#ask(() => this.#redis.feedBegin(this.#key('head'), epoch, hash))
    return { epoch: theirs, seq: Number(seq), hash: head }
  }

  async append(expected: FeedHead, step: FeedStep): Promise<null | { readonly head: FeedHead }> {
    const { action, audit } = step
    const docs = 'docs' in action ? action.docs : []
    const other = await this.#ask(() =>
      this.#redis.feedAppend(
        this.#key('head'),
        this.#keys,
        expected.epoch,
        expected.hash,
        String(step.seq),
        step.hash,
        JSON.stringify(step),
        JSON.stringify({ ...audit, seq: step.seq }),
        String(this.#maxSteps),
        String(this.#maxAudit),
        'stage' in action ? action.stage : '',
        ...docs.flatMap(({ kind, tenant, id, body }) => [kind, tenant, id, body === null ? '-' : `+${body}`]),
      ),
    )
    if (other === null) return null
    return { head: { epoch: other[0], seq: Number(other[1]), hash: other[2] } }
  }

  async clear({ epoch, hash }: FeedHead): Promise<void> {
    const cleared = await this.#ask(() => this.#redis.feedClear(this.#key('head'), epoch, hash))
    if (cleared === 0) return
    const lists = ['steps', 'audit', 'stages', ...DOC_KINDS.map((kind) => `docs:${kind}`)]
    for (const kind of DOC_KINDS) {
      const tenants = await this.#ask(() => this.#redis.smembers(this.#key(`tenants:${kind}`)))
      lists.push(...tenants.map((tenant) => `ids:${kind}:${tenant}`), `tenants:${kind}`)
    }
    for (const name of lists) await this.#ask(() => this.#redis.unlink(this.#key(name)))
  }

  async stage(stage: string, docs: readonly DocChange[]): Promise<void> {
    const fields = docs.flatMap(({ kind, tenant, id, body }) => [`${kind}\0${tenant}\0${id}`, body ?? ''])
    if (fields.length > 0) await this.#ask(() => this.#redis.hset(this.#key(`stage:${stage}`), ...fields))
  }

  async unstage(stage: string): Promise<void> {
    if ((await this.#ask(() => this.#redis.hexists(this.#key('stages'), stage))) === 1)
      throw new Error('a step has taken the stage')
    await this.#ask(() => this.#redis.unlink(this.#key(`stage:${stage}`)))
  }

  async get(name: DocName): Promise<Doc | null> {
    await this.#fold()
    const stored = await this.#ask(() => this.#redis.hget(this.#key(`docs:${name.kind}`), `${name.tenant}\0${name.id}`))
    return stored === null ? null : docFrom(name, stored)
  }

  async list(kind: DocKind, tenant: string, after: string, limit: number): Promise<Doc[]> {
    await this.#fold()
    const from = after === '' ? '-' : `(${after}`
    const docs: Doc[] = []
    const ids = await this.#ask(() =>
      this.#redis.zrangebylex(this.#key(`ids:${kind}:${tenant}`), from, '+', 'LIMIT', 0, limit),
    )
    for (let at = 0; at < ids.length; at += PAGE) {
      const page = ids.slice(at, at + PAGE)
      const fields = page.map((id) => `${tenant}\0${id}`)
      const stored = await this.#ask(() => this.#redis.hmget(this.#key(`docs:${kind}`), ...fields))
      page.forEach((id, i) => {
        const text = stored[i] ?? null
        const doc = text === null ? null : docFrom({ kind, tenant, id }, text)
        if (doc !== null) docs.push(doc)
      })
    }
    return docs
  }

  async snapshot(take: (docs: readonly Doc[]) => void | Promise<void>): Promise<FeedHead> {
    const head = await this.head()
    for (const kind of DOC_KINDS) {
      await this.#fold()
      for (const tenant of await this.#ask(() => this.#redis.smembers(this.#key(`tenants:${kind}`)))) {
        for (let after = ''; ; ) {
          const docs = await this.list(kind, tenant, after, PAGE)
          if (docs.length === 0) break
          await take(docs)
          after = (docs.at(-1) as Doc).id
        }
      }
    }
    // One that was emptied or restored meanwhile is not what was read.
    const end = await this.head()
    if (end.epoch !== head.epoch || end.seq < head.seq) throw new Error('the feed was replaced while it was read')
    return head
  }

  async steps(after: number, limit: number): Promise<FeedStep[] | null> {
    const { seq } = await this.head()
    if (after > seq) return null
    const last = Math.min(seq, after + limit)
    if (last === after) return []
    const wanted = Array.from({ length: last - after }, (_, i) => String(after + 1 + i))
    const stored = await this.#ask(() => this.#redis.hmget(this.#key('steps'), ...wanted))
    if (stored.some((step) => step === null)) return null
    return stored.map((step) => JSON.parse(step as string) as FeedStep)
  }

  async audit(before: number, limit: number): Promise<(AuditEntry & { readonly seq: number })[]> {
    const { seq } = await this.head()
    // The newest is the first, and none is missing between two.
    const from = Math.max(0, seq - before + 1)
    const entries = await this.#ask(() => this.#redis.lrange(this.#key('audit'), from, from + limit - 1))
    return entries.map((entry) => JSON.parse(entry) as AuditEntry & { seq: number })
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async report(report: NodeReport): Promise<void> {
    await this.#ask(() => this.#redis.hset(this.#key('nodes'), report.node, JSON.stringify(report)))
  }

  async reports(): Promise<NodeReport[]> {
    const all = await this.#ask(() => this.#redis.hgetall(this.#key('nodes')))
    const since = this.#now() - REPORT_MS
    const reports = Object.values(all).map((text) => JSON.parse(text) as NodeReport)
    const gone = reports.filter(({ at }) => at < since).map(({ node }) => node)
    if (gone.length > 0) await this.#ask(() => this.#redis.hdel(this.#key('nodes'), ...gone))
    return reports.filter(({ at }) => at >= since)
  }

  /** Folds in the stages that steps have taken. Two that do it at once do the same. */
  async #fold(): Promise<void> {
    const stages = await this.#ask(() => this.#redis.hgetall(this.#key('stages')))
    const inOrder = Object.entries(stages).sort(([, a], [, b]) => Number(a) - Number(b))
    for (const [stage, seq] of inOrder) {
      let cursor = '0'
      do {
        const [next, fields] = await this.#ask(() =>
          this.#redis.hscan(this.#key(`stage:${stage}`), cursor, 'COUNT', PAGE),
        )
        cursor = next
        if (fields.length > 0)
          await this.#ask(() => this.#redis.feedFold(this.#key('head'), this.#keys, seq, ...fields))
      } while (cursor !== '0')
      await this.#ask(() => this.#redis.hdel(this.#key('stages'), stage))
      await this.#ask(() => this.#redis.unlink(this.#key(`stage:${stage}`)))
    }
  }

  #key(name: string): string {
    return `${this.#keys}${name}`
  }

  #ask<T>(command: () => Promise<T>): Promise<T> {
    return this.#connection.ask(command)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** What is kept: the step, a line end, the body; an empty body is a removal. */
function docFrom(name: DocName, stored: string): Doc | null {
  const end = stored.indexOf('\n')
  const body = stored.slice(end + 1)
  return body === '' ? null : { ...name, body, seq: Number(stored.slice(0, end)) }
}
