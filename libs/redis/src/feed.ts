// The feed in Redis. A stage lies in keys of its own that nobody reads until a step takes it: then it lies over the documents, and its rows
// are moved among them afterwards, page by page. So no script touches more than a page, and readers see all of a stage or nothing.
import { randomBytes } from 'node:crypto'
import {
  type AuditEntry,
  type Clock,
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
  StoreError,
} from '@fencepost/model'
import { createConnection, type RedisConnection, type RedisOptions, refuseEviction } from './client.ts'
import {
  ALL_ROWS,
  docOf,
  mergeRows,
  pieces,
  type RowPage,
  type RowRange,
  rowName,
  rowsAfter,
  rowValue,
} from './feed-rows.ts'
import { type FeedKeys, feedKeys, feedScripts, type HeadReply } from './feed-scripts.ts'
import { createFeedWatch, type FeedWatch } from './feed-watch.ts'

export interface RedisFeedOptions extends RedisOptions {
  /** Before every key; others may share the Redis. Default `fencepost`. */
  readonly prefix?: string
  /** Steps that are kept for nodes that come back. Default 10,000. */
  readonly maxSteps?: number
  /** Audit entries that are kept. Default 100,000. */
  readonly maxAudit?: number
}

/** Rows that one script reads or writes, and their bytes: a few milliseconds, in which Redis does nothing else. */
const PAGE_ROWS = 500
const PAGE_BYTES = 1024 * 1024
/** Steps in one answer; it ends before with the step that brings it to so many bytes. */
const MAX_FOLLOW = 1000
const FOLLOW_BYTES = 4 * 1024 * 1024
/** A stage that no step takes is gone then: whoever made it is, too. */
const STAGE_MS = 3_600_000
/** A node that has not reported for so long is gone. */
const REPORT_MS = 15_000
const STAGE_NAME = /^[\w-]{1,64}$/

/**
 * A FenceFeed in Redis (6.2 or later). `start` resolves without a Redis that is down and rejects when it would evict keys. What fails is a
 * StoreError within the command timeout; a write may have been made then. `steps` answers with fewer than `limit` when they are large.
 *
 * @throws RangeError for a `maxSteps` or `maxAudit` below 1
 */
export function createRedisFeed(
  options: RedisFeedOptions,
  { logger, now = Date.now }: { readonly logger: Logger; readonly now?: Clock },
): FenceFeed {
  return new RedisFeed(options, logger, now)
}

class RedisFeed implements FenceFeed {
  readonly #maxSteps: number
  readonly #maxAudit: number
  readonly #logger: Logger
  readonly #now: Clock
  readonly #keys: FeedKeys
  readonly #connection: RedisConnection
  readonly #scripts: ReturnType<typeof feedScripts>
  readonly #watch: FeedWatch
  /** Pieces that this process has written of a stage: a step takes all of them or none. */
  readonly #pieces = new Map<string, number>()
  #tidying: Promise<void> | null = null

  constructor(
    { prefix = 'fencepost', maxSteps = 10_000, maxAudit = 100_000, ...options }: RedisFeedOptions,
    logger: Logger,
    now: Clock,
  ) {
    for (const [name, value] of Object.entries({ maxSteps, maxAudit }))
      if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be 1 or more, got ${value}`)
    this.#maxSteps = maxSteps
    this.#maxAudit = maxAudit
    this.#logger = logger
    this.#now = now
    this.#keys = feedKeys(prefix)
    this.#connection = createConnection(options, { logger, check: refuseEviction })
    this.#scripts = feedScripts(this.#connection.redis, this.#keys)
    const { url, commandTimeoutMs = 1000 } = options
    this.#watch = createFeedWatch({ url, commandTimeoutMs, ...this.#keys }, logger)
  }

  async start(): Promise<void> {
    await this.#connection.connect()
    // Whoever took a stage may have ended before it was tidied.
    if (this.healthy()) this.#tidy()
  }

  async stop(): Promise<void> {
    this.#connection.disconnect()
    await this.#watch.stop()
    await this.#tidying
  }

  healthy(): boolean {
    return this.#connection.healthy()
  }

  async head(): Promise<FeedHead> {
    const { epoch, hash } = firstHead(randomBytes(8).toString('hex'))
    return headOf(await this.#ask(() => this.#scripts.begin(epoch, hash)))
  }

  async append(expected: FeedHead, step: FeedStep): Promise<null | { readonly head: FeedHead }> {
    const { action, audit, seq, hash } = step
    const begin = firstHead(randomBytes(8).toString('hex'))
    const stage = 'stage' in action ? stageName(action.stage) : ''
    const docs = 'docs' in action ? action.docs : []
    const rows = docs.flatMap((change) => [rowName(change), rowValue(change, seq)])
    const reply = await this.#ask(() =>
      this.#scripts.append(
        ...[begin.epoch, begin.hash, expected.epoch, expected.hash, seq, hash],
        ...[JSON.stringify(step), JSON.stringify(audit), this.#maxSteps, this.#maxAudit],
        ...[stage, this.#pieces.get(stage) ?? 0],
        ...rows,
      ),
    )
    if (reply === 'gone') throw new StoreError('unavailable', 'Redis has lost what was staged')
    if (typeof reply !== 'number') return { head: headOf(reply) }
    this.#pieces.delete(stage)
    if (reply > 0) this.#tidy()
    return null
  }

  async clear({ epoch, hash }: FeedHead): Promise<void> {
    await this.#ask(() => this.#scripts.clear(epoch, hash))
  }

  /** @throws RangeError for a stage whose name is not 1..64 letters, digits, "_" or "-" */
  async stage(stage: string, docs: readonly DocChange[]): Promise<void> {
    stageName(stage)
    for (const piece of pieces(docs, PAGE_ROWS, PAGE_BYTES)) {
      const rows = piece.flatMap((change) => [rowName(change), change.body ?? ''])
      const isOpen = await this.#ask(() => this.#scripts.stage(stage, STAGE_MS, ...rows))
      if (isOpen === 0) throw new Error('a step has taken the stage')
      this.#pieces.set(stage, (this.#pieces.get(stage) ?? 0) + 1)
    }
  }

  async unstage(stage: string): Promise<void> {
    stageName(stage)
    const isOpen = await this.#ask(() => this.#scripts.unstage(stage))
    if (isOpen === 0) throw new Error('a step has taken the stage')
    this.#pieces.delete(stage)
  }

  async get(name: DocName): Promise<Doc | null> {
    const row = rowName(name)
    const value = await this.#ask(() => this.#scripts.get(row))
    return value === null ? null : docOf(name, value)
  }

  async list(kind: DocKind, tenant: string, after: string, limit: number): Promise<Doc[]> {
    const docs: Doc[] = []
    let { from, to } = rowsAfter(kind, tenant, after)
    while (docs.length < limit) {
      const page = await this.#page({ from, to }, Math.min(PAGE_ROWS, limit - docs.length))
      docs.push(...page.docs.slice(0, limit - docs.length))
      if (page.next === null) break
      from = page.next
    }
    return docs
  }

  async snapshot(take: (docs: readonly Doc[]) => void | Promise<void>): Promise<FeedHead> {
    const head = await this.head()
    for (let from: string | null = ALL_ROWS.from; from !== null; ) {
      const page = await this.#page({ from, to: ALL_ROWS.to }, PAGE_ROWS, head)
      if (page.docs.length > 0) await take(page.docs)
      from = page.next
    }
    return head
  }

  async steps(after: number, limit: number): Promise<FeedStep[] | null> {
    const steps = await this.#ask(() => this.#scripts.follow(after, Math.min(limit, MAX_FOLLOW), FOLLOW_BYTES))
    try {
      return steps?.map((step) => JSON.parse(step) as FeedStep) ?? null
    } catch {
      return null // one that was not written by us is as good as none
    }
  }

  async audit(before: number, limit: number): Promise<(AuditEntry & { readonly seq: number })[]> {
    if (before < 1 || limit < 1) return []
    const { redis } = this.#connection
    const last = `${Math.min(before, Number.MAX_SAFE_INTEGER) - 1}-0`
    const found = await this.#ask(() => redis.xrevrange(this.#keys.audit, last, '-', 'COUNT', limit))
    return found.map(([id, [, entry]]) => ({
      ...(JSON.parse(entry as string) as AuditEntry),
      seq: Number.parseInt(id, 10),
    }))
  }

  watch(listener: () => void): () => void {
    return this.#watch.add(listener)
  }

  async report(report: NodeReport): Promise<void> {
    const { node, at } = report
    await this.#ask(() => this.#scripts.report(node, at, JSON.stringify(report), this.#now() - REPORT_MS, REPORT_MS))
  }

  async reports(): Promise<NodeReport[]> {
    const since = this.#now() - REPORT_MS
    const all = await this.#ask(() => this.#connection.redis.hvals(this.#keys.reports))
    const reports = all.map((report) => JSON.parse(report) as NodeReport).filter(({ at }) => at >= since)
    return reports.sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  async noteUse(keys: readonly string[], day: string): Promise<void> {
    if (keys.length === 0) return
    const fields = keys.flatMap((key) => [key, day])
    await this.#ask(() => this.#connection.redis.hset(this.#keys.used, ...fields))
  }

  async lastUse(keys: readonly string[]): Promise<(string | null)[]> {
    return keys.length === 0 ? [] : this.#ask(() => this.#connection.redis.hmget(this.#keys.used, ...keys))
  }

  #ask<T>(command: () => Promise<T>): Promise<T> {
    return this.#connection.ask(command)
  }

  /** @param since pages belong together only while the feed goes on from this head */
  async #page({ from, to }: RowRange, rows: number, since?: FeedHead): Promise<RowPage> {
    const [epoch, seq, ...sources] = await this.#ask(() => this.#scripts.page(from, to, rows, PAGE_BYTES))
    if (since !== undefined && (epoch !== since.epoch || Number(seq) < since.seq))
      throw new StoreError('unavailable', 'Redis lost documents while they were read')
    return mergeRows(sources)
  }

  /** Moves what taken stages hold among the documents. Several may do so at once: each page is whoever's comes first. */
  #tidy(): void {
    this.#tidying ??= this.#tidyAll()
      .catch((error: Error) => {
        if (this.healthy()) this.#logger.warn({ error: error.message }, 'a stage could not be tidied for now')
      })
      .finally(() => {
        this.#tidying = null
      })
  }

  async #tidyAll(): Promise<void> {
    while ((await this.#ask(() => this.#scripts.tidy(PAGE_ROWS, PAGE_BYTES))) > 0);
  }
}

function headOf([epoch, seq, hash]: HeadReply): FeedHead {
  return { epoch, seq: Number(seq), hash }
}

function stageName(stage: string): string {
  if (!STAGE_NAME.test(stage)) throw new RangeError('a stage is named by 1..64 letters, digits, "_" or "-"')
  return stage
}
