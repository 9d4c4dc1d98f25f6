// The feed in LMDB. Every version of a document is a row of its own, so that a stage of a hundred thousand is written in pieces that nobody
// sees and becomes visible by one small row; what a version replaces is removed afterwards.
import { randomBytes } from 'node:crypto'
import {
  type AuditEntry,
  type Clock,
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
  StoreError,
} from '@fencepost/model'
import { errorText } from './commit-queue.ts'
import { type Change, openStore, type Store } from './store.ts'

export interface FeedOptions {
  readonly dir: string
  /** Steps that are kept for nodes that come back. Default 10,000. */
  readonly maxSteps?: number
  /** Audit entries that are kept. Default 100,000. */
  readonly maxAudit?: number
  readonly mapSize?: number
  /** 32 bytes: what is on disk is encrypted, but for the names of documents. A folder is from its first opening on, or never. */
  readonly encryptionKey?: Uint8Array | undefined
}

const MAP_SIZE = 4 * 1024 ** 3
/** Rows looked at or written in one go. */
const PAGE = 500
const TIDY_PAGE = 2000
/** A node that has not reported for so long is gone. */
const REPORT_MS = 15_000

const HEAD = 1
const STEP = 2
const STAGE = 3
const AUDIT = 4
const DOC = 5
/** Last use of an SDK key. */
const USED = 6
/** What a row's version is: of a step, or of a stage. */
const BY_STEP = 0
const BY_STAGE = 1

/** A FenceFeed in a folder of its own. Nothing is opened before `start`. */
export function createLmdbFeed(
  options: FeedOptions,
  { logger, now = Date.now }: { readonly logger: Logger; readonly now?: Clock },
): FenceFeed {
  return new LmdbFeed(options, logger, now)
}

class LmdbFeed implements FenceFeed {
  readonly #options: Required<Omit<FeedOptions, 'encryptionKey'>> & FeedOptions
  readonly #logger: Logger
  readonly #now: Clock
  readonly #listeners = new Set<() => void>()
  readonly #reports = new Map<string, NodeReport>()
  /** Seqs of stages that a step has taken and that have rows left. */
  readonly #stages = new Map<string, number>()
  #store: Store | null = null
  #head: FeedHead = firstHead('')
  /** Writes follow one another: each compares with what the one before has left. */
  #turn: Promise<unknown> = Promise.resolve()
  #stopped = false
  #tidying = false
  #tidyAgain = false

  constructor(options: FeedOptions, logger: Logger, now: Clock) {
    this.#options = { maxSteps: 10_000, maxAudit: 100_000, mapSize: MAP_SIZE, ...options }
    this.#logger = logger
    this.#now = now
  }

  async start(): Promise<void> {
    if (this.#store !== null) return
    const { dir, encryptionKey, mapSize } = this.#options
    const store = openStore({ dir, encryptionKey, mapSize })
    this.#store = store
    const stored = store.get(Buffer.from([HEAD]))
    if (stored === undefined) {
      this.#head = firstHead(randomBytes(8).toString('hex'))
      await store.write([{ key: Buffer.from([HEAD]), value: json(this.#head) }])
    } else this.#head = JSON.parse(stored.toString()) as FeedHead
    for (const key of store.keys(Buffer.from([STAGE]), Buffer.from([STAGE + 1]), 1_000_000))
      this.#stages.set(key.toString('latin1', 1), Number((store.get(key) as Buffer).toString()))
    void this.#tidy().catch((error: unknown) => this.#complain(error))
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    while (this.#tidying) {
      await this.#turn.catch(() => {})
      await nextTurn()
    }
    await this.#turn.catch(() => {})
    await this.#store?.close()
  }

  healthy(): boolean {
    return this.#store !== null && !this.#stopped
  }

  async head(): Promise<FeedHead> {
    this.#open()
    return this.#head
  }

  append(expected: FeedHead, step: FeedStep): Promise<null | { readonly head: FeedHead }> {
    return this.#queue(async () => {
      const head = this.#head
      if (head.hash !== expected.hash || head.epoch !== expected.epoch || step.seq !== head.seq + 1) return { head }
      const { action, seq } = step
      const next: FeedHead = { epoch: head.epoch, seq, hash: step.hash }
      const changes: Change[] = [
        { key: Buffer.from([HEAD]), value: json(next) },
        { key: numbered(STEP, seq), value: json(step) },
        { key: numbered(AUDIT, seq), value: json(step.audit) },
      ]
      if ('stage' in action) {
        changes.push({ key: stageKey(action.stage), value: Buffer.from(String(seq)) })
      } else {
        for (const change of action.docs) changes.push(...this.#replacing(change, seq))
      }
      const { maxSteps, maxAudit } = this.#options
      if (seq > maxSteps) changes.push({ key: numbered(STEP, seq - maxSteps), value: undefined })
      if (seq > maxAudit) changes.push({ key: numbered(AUDIT, seq - maxAudit), value: undefined })
      await this.#write(changes)
      this.#head = next
      if ('stage' in action) {
        this.#stages.set(action.stage, seq)
        void this.#tidy().catch((error: unknown) => this.#complain(error))
      }
      for (const listener of this.#listeners) listener()
      return null
    })
  }

  clear(expected: FeedHead): Promise<void> {
    return this.#queue(async () => {
      if (this.#head.hash !== expected.hash || this.#head.epoch !== expected.epoch) return
      const next = firstHead(randomBytes(8).toString('hex'))
      const store = this.#open()
      const keys = store.keys(Buffer.from([STEP]), Buffer.from([DOC + 1]), Number.MAX_SAFE_INTEGER)
      await this.#write([
        { key: Buffer.from([HEAD]), value: json(next) },
        ...keys.map((key) => ({ key, value: undefined })),
      ])
      this.#stages.clear()
      this.#head = next
    })
  }

  async stage(stage: string, docs: readonly DocChange[]): Promise<void> {
    // Nothing compares with it: no turn is needed.
    await this.#write(docs.map((change) => ({ key: rowKey(change, BY_STAGE, stage), value: bodyOf(change) })))
  }

  async unstage(stage: string): Promise<void> {
    if (this.#stages.has(stage)) throw new Error('a step has taken the stage')
    await this.#eachPage((keys) =>
      this.#write(keys.filter((key) => stageOf(key) === stage).map((key) => ({ key, value: undefined }))),
    )
  }

  async get(name: DocName): Promise<Doc | null> {
    const rows = this.#rowsOf(name)
    return this.#visible(name, rows)
  }

  async list(kind: DocKind, tenant: string, after: string, limit: number): Promise<Doc[]> {
    const docs: Doc[] = []
    const end = prefixEnd(docPrefix(kind, tenant))
    let from: Buffer = after === '' ? docPrefix(kind, tenant) : idEnd({ kind, tenant, id: after })
    while (docs.length < limit) {
      const keys = this.#open().keys(from, end, PAGE)
      if (keys.length === 0) break
      const groups = groupById(keys)
      // The last group may go on behind the page.
      const whole = keys.length < PAGE ? groups : groups.slice(0, -1)
      for (const [id, rows] of whole.length > 0 ? whole : groups) {
        const doc = this.#visible({ kind, tenant, id }, rows)
        if (doc !== null && docs.length < limit) docs.push(doc)
        from = idEnd({ kind, tenant, id })
      }
      if (keys.length < PAGE) break
    }
    return docs
  }

  async snapshot(take: (docs: readonly Doc[]) => void | Promise<void>): Promise<FeedHead> {
    const head = await this.head()
    for (const kind of DOC_KINDS) {
      for (const tenant of this.#tenantsOf(kind)) {
        for (let after = ''; ; ) {
          const docs = await this.list(kind, tenant, after, PAGE)
          if (docs.length === 0) break
          await take(docs)
          after = (docs.at(-1) as Doc).id
          await nextTurn()
        }
      }
    }
    return head
  }

  async steps(after: number, limit: number): Promise<FeedStep[] | null> {
    const store = this.#open()
    if (after > this.#head.seq) return null
    const keys = store.keys(numbered(STEP, after + 1), Buffer.from([STEP + 1]), limit)
    const steps = keys.map((key) => JSON.parse((store.get(key) as Buffer).toString()) as FeedStep)
    if (after < this.#head.seq && steps[0]?.seq !== after + 1) return null
    return steps
  }

  async audit(before: number, limit: number): Promise<(AuditEntry & { readonly seq: number })[]> {
    const store = this.#open()
    const entries: (AuditEntry & { seq: number })[] = []
    for (let below = before; below > 0 && entries.length < limit; ) {
      const key = store.lastKey(Buffer.concat([numbered(AUDIT, below - 1), Buffer.from([255])]), Buffer.from([AUDIT]))
      if (key === undefined) break
      below = key.readUIntBE(3, 6)
      entries.push({ ...(JSON.parse((store.get(key) as Buffer).toString()) as AuditEntry), seq: below })
    }
    return entries
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async report(report: NodeReport): Promise<void> {
    this.#reports.set(report.node, report)
  }

  async reports(): Promise<NodeReport[]> {
    const since = this.#now() - REPORT_MS
    return [...this.#reports.values()].filter(({ at }) => at >= since)
  }

  async noteUse(keys: readonly string[], day: string): Promise<void> {
    await this.#write(keys.map((key) => ({ key: usedKey(key), value: Buffer.from(day) })))
  }

  async lastUse(keys: readonly string[]): Promise<(string | null)[]> {
    return keys.map((key) => this.#open().get(usedKey(key))?.toString() ?? null)
  }

  #open(): Store {
    if (this.#store === null || this.#stopped) throw new StoreError('stopped', 'the feed is not running')
    return this.#store
  }

  async #write(changes: readonly Change[]): Promise<void> {
    try {
      await this.#open().write(changes)
    } catch (error) {
      if (error instanceof StoreError) throw error
      throw new StoreError('unavailable', 'the feed could not be written', { cause: error })
    }
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  #complain(error: unknown): void {
    if (!this.#stopped) this.#logger.error({ error: errorText(error) }, 'the feed could not be tidied')
  }

  #rowsOf(name: DocName): Buffer[] {
    return this.#open().keys(docKey(name), idEnd(name), PAGE)
  }

  /** The row that counts: the one of the latest step, or of the stage that a later one has taken. */
  #latest(rows: readonly Buffer[]): { readonly key: Buffer; readonly seq: number } | null {
    let latest: { key: Buffer; seq: number } | null = null
    for (const key of rows) {
      const seq = this.#seqOf(key)
      if (seq !== null && (latest === null || seq > latest.seq)) latest = { key, seq }
    }
    return latest
  }

  #seqOf(key: Buffer): number | null {
    const stage = stageOf(key)
    if (stage !== null) return this.#stages.get(stage) ?? null
    return key.readUIntBE(key.length - 6, 6)
  }

  #visible(name: DocName, rows: readonly Buffer[]): Doc | null {
    const latest = this.#latest(rows)
    if (latest === null) return null
    const value = this.#open().get(latest.key)
    if (value === undefined || value.length === 0) return null
    return { ...name, body: value.toString(), seq: latest.seq }
  }

  /** A document's new row, in place of those that others see now. */
  #replacing(change: DocChange, seq: number): Change[] {
    const visible = this.#rowsOf(change).filter((key) => this.#seqOf(key) !== null)
    const gone = visible.map((key): Change => ({ key, value: undefined }))
    if (change.body === null) return gone
    return [...gone, { key: rowKey(change, BY_STEP, seq), value: bodyOf(change) }]
  }

  /**
   * Makes rows of stages that were taken rows of their step, and drops what they replace: page by page, each a turn of its own, so that no
   * write waits for all of it.
   */
  async #tidy(): Promise<void> {
    this.#tidyAgain = true
    if (this.#tidying) return
    this.#tidying = true
    try {
      while (this.#tidyAgain && !this.#stopped) {
        this.#tidyAgain = false
        const taken = [...this.#stages.keys()]
        if (taken.length === 0) break
        await this.#eachPage((keys) => this.#tidyRows(keys))
        await this.#queue(() => this.#write(taken.map((stage) => ({ key: stageKey(stage), value: undefined }))))
        for (const stage of taken) this.#stages.delete(stage)
      }
    } finally {
      this.#tidying = false
    }
  }

  #tidyRows(keys: readonly Buffer[]): Promise<void> {
    const store = this.#open()
    const changes: Change[] = []
    for (const [, rows] of groupById(keys)) {
      const latest = this.#latest(rows)
      for (const key of rows) {
        const seq = this.#seqOf(key)
        if (seq === null || latest === null) continue // of a stage that may be taken yet
        if (key !== latest.key) changes.push({ key, value: undefined })
        else if (stageOf(key) !== null) {
          const value = store.get(key) as Buffer
          changes.push({ key, value: undefined })
          if (value.length > 0) changes.push({ key: versionKey(key, seq), value })
        }
      }
    }
    return this.#write(changes)
  }

  /** Hands over all rows of documents in turns, those of one document together. */
  async #eachPage(take: (keys: readonly Buffer[]) => Promise<void>): Promise<void> {
    for (let from: Buffer | null = Buffer.from([DOC]); from !== null && !this.#stopped; ) {
      const start: Buffer = from
      from = await this.#queue(async () => {
        const keys = this.#open().keys(start, Buffer.from([DOC + 1]), TIDY_PAGE)
        const groups = groupById(keys)
        const isLast = keys.length < TIDY_PAGE
        const whole = isLast || groups.length === 1 ? groups : groups.slice(0, -1)
        const rows = whole.flatMap(([, all]) => all)
        if (rows.length > 0) await take(rows)
        return isLast ? null : Buffer.concat([rows.at(-1) as Buffer, Buffer.from([0])])
      })
      await nextTurn()
    }
  }

  #tenantsOf(kind: DocKind): string[] {
    const tenants: string[] = []
    const end = Buffer.from([DOC, DOC_KINDS.indexOf(kind) + 1])
    for (let from: Buffer = Buffer.from([DOC, DOC_KINDS.indexOf(kind)]); ; ) {
      const [key] = this.#open().keys(from, end, 1)
      if (key === undefined) return tenants
      const length = key[2] as number
      const tenant = key.toString('utf8', 3, 3 + length)
      tenants.push(tenant)
      from = prefixEnd(docPrefix(kind, tenant))
    }
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function bodyOf({ body }: DocChange): Buffer {
  return Buffer.from(body ?? '')
}

function numbered(kind: number, number: number): Buffer {
  const key = Buffer.alloc(9)
  key[0] = kind
  key.writeUIntBE(Math.min(number, 2 ** 48 - 1), 3, 6)
  return key
}

function stageKey(stage: string): Buffer {
  return Buffer.concat([Buffer.from([STAGE]), Buffer.from(stage, 'latin1')])
}

/** Kind and tenant. */
function docPrefix(kind: DocKind, tenant: string): Buffer {
  const name = Buffer.from(tenant)
  return Buffer.concat([Buffer.from([DOC, DOC_KINDS.indexOf(kind), name.length]), name])
}

/** … and id, with the zero that ends it: ids hold none. */
function docKey({ kind, tenant, id }: DocName): Buffer {
  return Buffer.concat([docPrefix(kind, tenant), Buffer.from(id), Buffer.from([0])])
}

function idEnd(name: DocName): Buffer {
  const key = docKey(name)
  key[key.length - 1] = 1
  return key
}

function prefixEnd(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.from([255, 255])])
}

/** A version is 9 bytes: of a step its number, of a stage its name. */
const VERSION_BYTES = 9
const STAGE_BYTES = 8

function rowKey(name: DocName, by: typeof BY_STEP, seq: number): Buffer
function rowKey(name: DocName, by: typeof BY_STAGE, stage: string): Buffer
function rowKey(name: DocName, by: number, of: number | string): Buffer {
  const version = Buffer.alloc(VERSION_BYTES)
  version[0] = by
  if (typeof of === 'number') version.writeUIntBE(of, 3, 6)
  else if (of.length === STAGE_BYTES) version.write(of, 1, 'latin1')
  else throw new RangeError(`a stage is named by ${STAGE_BYTES} characters, got ${of.length}`)
  return Buffer.concat([docKey(name), version])
}

function versionKey(row: Buffer, seq: number): Buffer {
  const key: Buffer = Buffer.from(row)
  const at = key.length - VERSION_BYTES
  key.fill(0, at)
  key[at] = BY_STEP
  key.writeUIntBE(seq, at + 3, 6)
  return key
}

function stageOf(row: Buffer): string | null {
  const at = row.length - VERSION_BYTES
  return row[at] === BY_STAGE ? row.toString('latin1', at + 1) : null
}

/** Rows by document, in order. */
function groupById(rows: readonly Buffer[]): [id: string, rows: Buffer[]][] {
  const groups: [string, Buffer[]][] = []
  let last = ''
  for (const row of rows) {
    const whole = row.toString('latin1', 0, row.length - VERSION_BYTES)
    if (whole !== last) groups.push([idOf(row), []])
    last = whole
    groups.at(-1)?.[1].push(row)
  }
  return groups
}

function idOf(row: Buffer): string {
  return row.toString('utf8', 3 + (row[2] as number), row.length - VERSION_BYTES - 1)
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function usedKey(key: string): Buffer {
  return Buffer.concat([Buffer.from([USED]), Buffer.from(key)])
}
