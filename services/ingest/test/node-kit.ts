// What the tests of the pipeline share: a sink that the test holds the strings of, and batches in the named shape.
import { createFenceIndex } from '@fencepost/match'
import { BatchHits, type EventSink, type Fence, type RecordBatch, recordValue, SinkError } from '@fencepost/model'
import { createIdentities } from '@fencepost/policy'
import { createDecoder, createEventEncoder } from '@fencepost/wire'
import { Counters } from '../src/counters.ts'
import { createFeedView } from '../src/feed/feed-view.ts'
import { InFlight } from '../src/in-flight.ts'
import { parseSdkKeys } from '../src/keys.ts'
import { createPipeline, type Pipeline } from '../src/pipeline.ts'
import { createMoments } from '../src/presence/source.ts'

export const NOW = Date.UTC(2026, 2, 15, 12)

/** A sink in memory that makes records durable when the test says so. */
export interface HeldSink extends EventSink {
  readonly batches: RecordBatch[]
  /** 'durable' resolves at once, 'hold' waits for `settle`, an error code rejects. */
  mode: 'durable' | 'hold' | SinkError['code']
  settle(error?: Error): void
}

export function heldSink(): HeldSink {
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = []
  return {
    batches: [],
    mode: 'durable',
    start: async () => {},
    stop: async () => {},
    hasRoom: () => true,
    healthy: () => true,
    publish(batch) {
      this.batches.push(batch)
      if (this.mode === 'durable') return Promise.resolve()
      if (this.mode === 'hold') return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
      return Promise.reject(new SinkError(this.mode, 'as the test wants it'))
    },
    settle(error) {
      for (const { resolve, reject } of waiting.splice(0)) error === undefined ? resolve() : reject(error)
    },
  }
}

export function circle(id: string, lon: number, lat: number, radiusM: number, tenant: string | null = null): Fence {
  return {
    id,
    version: 1,
    tenant,
    name: null,
    shape: { kind: 'circle', lon, lat, radiusM },
    tags: [],
    campaigns: ['spring'],
    dwellS: null,
  }
}

export interface Kit {
  readonly pipeline: Pipeline
  readonly counters: Counters
  readonly sink: HeldSink
  /** Sends one JSON batch and reads the outcome. */
  send(batch: unknown, tenant?: string): Promise<Answer | string>
}

export interface Answer {
  readonly received: number
  readonly accepted: number
  readonly matched: number
  readonly rejected: readonly (readonly [number, string])[]
}

/** `campaigns`: of the tenant `acme`, by id. */
export function kit(
  fences: readonly Fence[],
  {
    maxEventBytes = 65_536,
    campaigns = {},
  }: { readonly maxEventBytes?: number; readonly campaigns?: Readonly<Record<string, object>> } = {},
): Kit {
  const view = createFeedView(parseSdkKeys(''))
  view.apply({
    isWhole: true,
    docs: Object.entries(campaigns).map(([id, campaign]) => ({
      kind: 'campaign',
      tenant: 'acme',
      id,
      body: JSON.stringify(campaign),
    })),
    place: { epoch: 'test', seq: 1 },
  })
  const counters = new Counters()
  const sink = heldSink()
  const index = createFenceIndex(fences)
  const pipeline = createPipeline({
    decoder: createDecoder({ maxPings: 1000, maxAgeMs: 72 * 3600_000, maxFutureMs: 300_000 }),
    moment: createMoments(() => index, view),
    subjects: null,
    onMinor: null,
    inFlight: new InFlight(),
    hits: new BatchHits(1000),
    identities: createIdentities({ rootKey: Buffer.alloc(32, 1), pseudonymKey: Buffer.alloc(32, 2) }),
    encoder: createEventEncoder({
      coordinates: 'exact',
      contentType: 'application/json',
      maxEventBytes,
      maxBatchBytes: 1_000_000,
    }),
    sink,
    counters,
    clock: () => NOW,
  })
  return {
    pipeline,
    counters,
    sink,
    async send(batch, tenant = 'acme') {
      const outcome = await pipeline.take(Buffer.from(JSON.stringify(batch)), 'json', tenant)
      return typeof outcome === 'string' ? outcome : (JSON.parse(Buffer.from(outcome).toString()) as Answer)
    },
  }
}

/** A batch of `pings` from `phone-1`, consent given. */
export function batchOf(pings: readonly unknown[], more: Record<string, unknown> = {}): Record<string, unknown> {
  return { v: 1, device: 'phone-1', sent: NOW, consent: true, pings, ...more }
}

/** A location ping. */
export function at(lon: number, lat: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { type: 'location', age: 1000, lat, lon, ...more }
}

/** Values of every record the sink has got, in order. */
export function eventsOf(sink: HeldSink): Record<string, unknown>[] {
  return sink.batches.flatMap((batch) =>
    Array.from({ length: batch.count }, (_, i) => JSON.parse(Buffer.from(recordValue(batch, i)).toString())),
  )
}

/** The law of pings: every decoded one has exactly one outcome, or waits for the sink. */
export function lawOfPings(counters: Counters): { decoded: number; outcomes: number } {
  const rejected = counters.rejected.reduce((sum, count) => sum + count, 0)
  return { decoded: counters.decoded, outcomes: counters.accepted + rejected + counters.failed }
}
