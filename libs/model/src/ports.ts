// The ports: what the pipeline needs of the world. Each has one contract suite in ../contract that every adapter runs.
import type { PingColumns } from './columns.ts'
import type { FenceFacts } from './fences.ts'
import type { RecordBatch } from './records.ts'

/** Where events go. Two adapters: the journal (libs/embedded) and Kafka (libs/kafka). */
export interface EventSink {
  start(): Promise<void>
  /** Writes out what is queued, then closes; gives up at the deadline. Idempotent, safe before `start`. */
  stop(deadlineMs: number): Promise<void>
  /** May `bytes` more (as `recordBatchBytes` counts them) and `events` more be published now? */
  hasRoom(bytes: number, events: number): boolean
  /**
   * Resolves once every record is durable (broker acks=all, or fsynced), in the order given among batches of one key.
   * Rejects with a SinkError when it could not be made durable by the delivery deadline: then the records may or may not be
   * written, and sending them again is safe because their ids are stable. A full sink rejects at once.
   */
  publish(batch: RecordBatch): Promise<void>
  /** Is the sink connected, as far as it knows? For readiness; `publish` finds out for itself. */
  healthy(): boolean
}

/** Why a publish failed. Always retryable by the client. */
export class SinkError extends Error {
  readonly code: 'full' | 'deadline' | 'stopped' | 'io'
  constructor(code: SinkError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SinkError'
    this.code = code
  }
}

/** Where the records of devices are. Two adapters: LMDB (libs/embedded) and Redis (libs/redis). It knows nothing of what is in them. */
export interface PresenceStore {
  /** @throws Error when it cannot be used as it is set up; a store that is down is not an error, `healthy` tells */
  start(): Promise<void>
  /** Idempotent, safe before `start`. */
  stop(deadlineMs: number): Promise<void>
  /** Does it answer, as far as it knows? */
  healthy(): boolean
  /** The record of a subject, or null. Rejects with a StoreError, within a bounded time. */
  read(subject: Uint8Array): Promise<VersionedRecord | null>
  /**
   * Writes a record if the one that is there has the version `expected` (null: if there is none). Resolves once it is durable as far as the
   * store goes. Rejects with a StoreError: then it may or may not be written.
   */
  write(subject: Uint8Array, expected: string | null, next: RecordToStore): Promise<WriteOutcome>
  /** Subjects of bucket 0..PRESENCE_BUCKETS - 1 that are due at `nowMs`, the longest due first, at most `limit`. */
  due(bucket: number, nowMs: number, limit: number): Promise<Uint8Array[]>
  /**
   * Resolves when the bytes of records that were overwritten or forgotten before the call are gone from the files that the store keeps; reads and writes
   * go on. What a server keeps beside its memory is its operator's: the adapter says what it asks for. Takes as long as copying the store. Rejects
   * with a StoreError, having lost nothing.
   */
  compact(): Promise<void>
  /**
   * Subjects that have a record, in no order, about `limit` at a time: '' begins, then the `next` of the answer before, until that is null.
   * Those that were there all the time come at least once.
   */
  scan(cursor: string, limit: number): Promise<{ readonly subjects: Uint8Array[]; readonly next: string | null }>
}

/** Due-lists are kept by bucket, so that many nodes can share the sweep, and a cluster of stores the records. */
export const PRESENCE_BUCKETS = 256

/** The bucket of a subject: subjects are hashes, so that their first byte is as good as any. */
export function presenceBucket(subject: Uint8Array): number {
  return subject[0] as number
}

/** Characters of a record's version. */
export const VERSION_LENGTH = 12

export interface VersionedRecord {
  /** VERSION_LENGTH characters of ASCII, another after every write, whoever writes. */
  readonly version: string
  readonly bytes: Uint8Array
}

export interface RecordToStore extends VersionedRecord {
  /** Epoch ms at which a sweep is to look at it, or null: never. */
  readonly dueMs: number | null
  /** Epoch ms from which on it may be forgotten. */
  readonly expiresMs: number
}

/** Null: written. Else what is there, and nothing was written. */
export type WriteOutcome = null | { readonly current: VersionedRecord | null }

/** Why a store did not answer. Always retryable. */
export class StoreError extends Error {
  readonly code: 'unavailable' | 'full' | 'stopped'
  constructor(code: StoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}

/** The fences of one moment. Immutable: a change is a new index, swapped between two batches. */
export interface FenceIndex {
  /** Number of fences. */
  readonly size: number
  /**
   * Fence by slot, without its shape: an index may keep that in a form of its own. A slot stands for a fence in this index and no
   * other.
   *
   * @throws RangeError for a slot that the index does not have
   */
  fence(slot: number): FenceFacts
  /** Is there any fence about which nothing is told? */
  readonly hasSensitive: boolean
  /** Is the fence at a slot one about which nothing is told? */
  isSensitive(slot: number): boolean
  /**
   * Slots of the fences of `tenant` (and of every tenant, and sensitive ones whosever they are) that hold the point into `out`, replacing what it held: each once, in order
   * of the fences' ids (UTF-16 code units), then of tenant.
   */
  matchInto(tenant: string, lon: number, lat: number, out: SlotList): void
  /** The same for a beacon sighting; `id` holds the whole id of the kind at `offset`. */
  matchBeaconInto(tenant: string, kind: number, id: Uint8Array, offset: number, out: SlotList): void
  /**
   * Every ping of the batch whose `reason` is 0, into `out`, replacing what it held; without fences that have expired at the ping's own `at`.
   */
  matchBatchInto(tenant: string, columns: PingColumns, out: BatchHits): void
  /** The fence of that id that `tenant` sees, or null. */
  find(tenant: string, id: string): FenceFacts | null
  /**
   * Metres from a point that is outside to the fence that `tenant` sees by that id, where its border has a margin; Infinity where it has none
   * or there is no such place. Along the ellipsoid for circles, of polygons right to a per cent within some tens of kilometres.
   */
  distanceM(tenant: string, id: string, lon: number, lat: number): number
  /** Every fence that `matchInto` looks at for this point, in order of id, and why it is a hit or not. For people and tests: it allocates. */
  explain(tenant: string, lon: number, lat: number): MatchStep[]
}

/** One fence, or one polygon of it, that a match looked at. */
export interface MatchStep {
  readonly fence: FenceFacts
  readonly inside: boolean
  /**
   * `cell_inside`: the fence holds all of the ping's cell. `within_radius`, `beyond_radius`, `in_polygon`, `outside_polygon`: the exact test.
   * `changed_since`: it was removed, or another step tells of its new shape.
   */
  readonly rule: 'cell_inside' | 'within_radius' | 'beyond_radius' | 'in_polygon' | 'outside_polygon' | 'changed_since'
  /** Metres to the nearest edge, where the shape was looked at; of a polygon only about right. */
  readonly edgeM: number | null
  /** What of the index answered. */
  readonly seenBy: string
}

/** A growing list of slots, owned by the caller and reused. */
export class SlotList {
  slots: Uint32Array = new Uint32Array(64)
  length = 0

  push(slot: number): void {
    if (this.length === this.slots.length) this.#grow()
    this.slots[this.length++] = slot
  }

  #grow(): void {
    const larger = new Uint32Array(this.slots.length * 2)
    larger.set(this.slots)
    this.slots = larger
  }
}

/** The hits of a batch: those of ping i are `list.slots[starts[i]] … list.slots[starts[i + 1] - 1]`, in the order of `matchInto`. */
export class BatchHits {
  readonly starts: Uint32Array
  readonly list: SlotList = new SlotList()
  /** Pings with at least one hit. */
  matched = 0

  constructor(capacity: number) {
    this.starts = new Uint32Array(capacity + 1)
  }
}

/** Wall clock in epoch ms. Injected, so that tests can set it. */
export type Clock = () => number

/** What L2 and services log with: one line per state change, never per ping, never an id or a coordinate. */
export interface Logger {
  info(fields: Readonly<Record<string, unknown>>, msg: string): void
  warn(fields: Readonly<Record<string, unknown>>, msg: string): void
  error(fields: Readonly<Record<string, unknown>>, msg: string): void
}

/** Swallows everything; for tests and tools. */
export const silentLogger: Logger = { info() {}, warn() {}, error() {} }
