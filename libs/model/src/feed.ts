// The feed: documents that control writes and nodes follow. A step changes some of them; steps form a hash chain, so that a node knows
// whether what it has is what the step was made from.
import { createHash } from 'node:crypto'

export const DOC_KINDS = ['tenant', 'fence', 'campaign', 'key', 'token', 'recipient'] as const
export type DocKind = (typeof DOC_KINDS)[number]

/** What a document is called. `tenant` is '' for what belongs to none. */
export interface DocName {
  readonly kind: DocKind
  readonly tenant: string
  readonly id: string
}

export interface Doc extends DocName {
  /** JSON. */
  readonly body: string
  /** Step that it was last changed by. */
  readonly seq: number
}

/** A document as it is from now on; null: it is gone. */
export interface DocChange extends DocName {
  readonly body: string | null
}

/** Where the feed is. An epoch begins when a store is filled anew; seqs count within it. */
export interface FeedHead {
  readonly epoch: string
  readonly seq: number
  /** Of the last step, or of the epoch's beginning. */
  readonly hash: string
}

/** Who did what, for people. No secrets. */
export interface AuditEntry {
  readonly at: number
  readonly who: string
  readonly what: string
  readonly tenant: string
}

/** Where a copy of a feed had come to. */
export type FeedOrigin = Pick<FeedHead, 'epoch' | 'seq'>

/** What a step does: changes, or the documents of a stage, all at once; `from`: of a copy that a store is filled anew from. */
export type FeedAction =
  | { readonly docs: readonly DocChange[] }
  | { readonly stage: string; readonly from?: FeedOrigin }

export interface FeedStep {
  readonly seq: number
  readonly prev: string
  readonly hash: string
  readonly action: FeedAction
  readonly audit: AuditEntry
}

/** How far a node is, as it last said. */
export interface NodeReport {
  readonly node: string
  readonly epoch: string
  readonly seq: number
  /** Epoch ms of the report. */
  readonly at: number
  /** Why it is not further, or null. */
  readonly problem: string | null
  /** Since when its oldest batch has been under way, epoch ms, or null: at `at` there was none. */
  readonly inFlightSince: number | null
  /** How long it keeps data, stated against actual, or null: it does not say. Plain JSON. */
  readonly retention: unknown
}

/** The feed as control and nodes see it. Two adapters: LMDB (libs/embedded) and Redis (libs/redis). */
export interface FenceFeed {
  start(): Promise<void>
  stop(deadlineMs: number): Promise<void>
  healthy(): boolean
  /** Rejects with a StoreError. */
  head(): Promise<FeedHead>
  /** Makes the step `stepAfter(head, …)` of `expected`, or tells what the head is instead (and changed nothing). */
  append(expected: FeedHead, step: FeedStep): Promise<null | { readonly head: FeedHead }>
  /** Forgets everything, if the head is still this one: the next `head` begins another epoch. */
  clear(expected: FeedHead): Promise<void>
  /** Adds documents to a stage: nobody sees them before a step takes it. */
  stage(stage: string, docs: readonly DocChange[]): Promise<void>
  /** Forgets a stage that no step has taken. */
  unstage(stage: string): Promise<void>
  get(name: DocName): Promise<Doc | null>
  /** Documents of a kind and tenant after id `after` (exclusive; '' = from the first), by id in bytes of UTF-8, at most `limit`. */
  list(kind: DocKind, tenant: string, after: string, limit: number): Promise<Doc[]>
  /**
   * Hands over every document, in pieces, as they were at or after the returned head: steps after it may be in already, and doing those
   * again changes nothing.
   */
  snapshot(take: (docs: readonly Doc[]) => void | Promise<void>): Promise<FeedHead>
  /** Steps after `seq`, at most `limit`, or null: they are not all kept any more. */
  steps(after: number, limit: number): Promise<FeedStep[] | null>
  /** The latest entries, newest first, of steps before `before`. */
  audit(before: number, limit: number): Promise<(AuditEntry & { readonly seq: number })[]>
  /** Calls `listener` when there may be a new step. Returns what ends that. */
  watch(listener: () => void): () => void
  report(report: NodeReport): Promise<void>
  /** Nodes that have reported lately. */
  reports(): Promise<NodeReport[]>
  /** Notes that these SDK keys were used on that day, as YYYY-MM-DD. */
  noteUse(keys: readonly string[], day: string): Promise<void>
  /** The day noted last of each of these keys, or null: none was. */
  lastUse(keys: readonly string[]): Promise<(string | null)[]>
}

/** The hash that a step gives the chain. */
export function stepHash(prev: string, action: FeedAction, audit: AuditEntry): string {
  return createHash('sha256')
    .update(prev)
    .update('\0')
    .update(JSON.stringify([action, audit]))
    .digest('hex')
}

/** The step after `head` that does this. */
export function stepAfter(head: FeedHead, action: FeedAction, audit: AuditEntry): FeedStep {
  return { seq: head.seq + 1, prev: head.hash, hash: stepHash(head.hash, action, audit), action, audit }
}

/** The head of an epoch before its first step. */
export function firstHead(epoch: string): FeedHead {
  return { epoch, seq: 0, hash: createHash('sha256').update(`fencepost feed\0${epoch}`).digest('hex') }
}

/** Is it a step, made from this head, and whole? What comes out of a store may be anything. */
export function isNextStep(value: unknown, head: FeedHead): value is FeedStep {
  if (!isObject(value) || !isAction(value['action'])) return false
  const { seq, prev, hash, action, audit } = value as unknown as FeedStep
  return seq === head.seq + 1 && prev === head.hash && hash === stepHash(prev, action, audit)
}

function isAction(action: unknown): boolean {
  if (!isObject(action)) return false
  const { stage, docs } = action
  return typeof stage === 'string' || (Array.isArray(docs) && docs.every(isChange))
}

function isChange(value: unknown): boolean {
  if (!isObject(value)) return false
  const { kind, tenant, id, body } = value
  return [kind, tenant, id].every((name) => typeof name === 'string') && (body === null || typeof body === 'string')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
