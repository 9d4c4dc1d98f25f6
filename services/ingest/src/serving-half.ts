// Where a node serves: in the main thread, which then has no other, or in several threads of its own. The rest of the node cannot
// tell the difference.

import type { KafkaSink } from '@fencepost/kafka'
import type { Clock, EventSink, Logger, PresenceStore } from '@fencepost/model'
import type { RecipientEntry, RetentionRow } from '@fencepost/policy'
import type { Metrics } from '@fencepost/runtime'
import type { NodeParts, Stage } from './app.ts'
import type { FeedUpdate } from './feed/feed-view.ts'
import type { FencesInForce } from './fences-in-force.ts'
import { kafkaSinkFrom } from './kafka-sink.ts'
import { presenceStoreFrom, requestStoreFrom } from './presence/source.ts'
import { createServing } from './serving.ts'
import type { ServingCounts } from './serving-counts.ts'
import { createFencePublisher } from './threads/fence-swap.ts'
import { createServingThreads, type ThreadState } from './threads/serving-threads.ts'

export interface ServingHalf {
  /** Rejects with the reason when it cannot listen. */
  start(): Promise<{ readonly port: number }>
  /** Answers what is open, writes out its own sinks, closes. */
  stop(deadlineMs: number): Promise<void>
  /** The sink of the main thread, for the node to start and stop; null where every thread has its own. */
  readonly mainSink: EventSink | null
  /** The same where it is Kafka. */
  readonly mainKafka: KafkaSink | null
  /** The stores of presence and requests of the main thread, likewise. */
  readonly mainStore: PresenceStore | null
  readonly mainRequests: PresenceStore | null
  /** Since when its oldest batch has been under way, epoch ms, or null. */
  inFlightSince(): number | null
  /** Ids of SDK keys that have let somebody in since this was last asked. */
  takeUsedKeys(): string[]
  /** Tells every serving half what the feed has brought beside fences. */
  publishView(update: FeedUpdate): void
  /** Everything counted; as new as the last `refresh`. */
  readonly counts: ServingCounts
  refresh(): Promise<void>
  /** Can pings be taken and made durable? */
  ready(): boolean
  sinkHealthy(): boolean
  /** What it adds to /readyz and /metrics. */
  detail(): Readonly<Record<string, unknown>>
  addMetrics(metrics: Metrics): void
  /** Publishes that threads refused for a sink of the main thread. */
  refusedFull(): number
}

export interface ServingHalfParts
  extends Pick<NodeParts, 'config' | 'sink' | 'presence' | 'rootKey' | 'pseudonymKey' | 'clock'> {
  readonly logger: Logger
  readonly retention: readonly RetentionRow[]
  readonly recipients: readonly RecipientEntry[]
  readonly fences: FencesInForce
  readonly stage: () => Stage
}

export function createServingHalf(parts: ServingHalfParts): ServingHalf {
  return parts.config.threads === 1 ? inThisThread(parts) : inOtherThreads(parts)
}

function inThisThread(parts: ServingHalfParts): ServingHalf {
  const { fences, stage, presence, clock = Date.now as Clock } = parts
  const kafka = 'kafka' in parts.sink ? kafkaSinkFrom(parts.sink.kafka, parts.logger) : null
  const sink = kafka ?? (parts.sink as EventSink)
  const store = presence === undefined ? null : presenceStoreFrom(presence, parts.logger)
  const requests = presence === undefined ? null : requestStoreFrom(presence, parts.logger)
  const { server, counters, sweeper, view, bodyMemoryBytes, inFlightSince, takeUsedKeys } = createServing({
    ...parts,
    presence: store === null || requests === null ? null : { store, requests, sweeps: true },
    sink,
    clock,
    index: fences.index,
    closed: () => (stage() === 'starting' ? 'not_ready' : stage() === 'stopping' ? 'stopping' : null),
  })
  return {
    async start() {
      const listening = await server.start()
      sweeper?.start()
      return listening
    },
    async stop(deadlineMs) {
      await Promise.all([server.stop(deadlineMs), sweeper?.stop()])
    },
    mainSink: sink,
    mainKafka: kafka,
    mainStore: store,
    mainRequests: requests,
    inFlightSince,
    takeUsedKeys,
    publishView: view.apply,
    counts: {
      counters,
      http: server.counters,
      kafka: kafka?.counters ?? null,
      get bodyMemoryBytes() {
        return bodyMemoryBytes()
      },
    },
    refresh: async () => {},
    ready: () => sink.healthy() && store?.healthy() !== false,
    sinkHealthy: () => sink.healthy(),
    detail: () => (store === null ? {} : { presence: store.healthy() ? 'connected' : 'not connected' }),
    addMetrics() {},
    refusedFull: () => 0,
  }
}

function inOtherThreads(parts: ServingHalfParts): ServingHalf {
  const { config, logger, sink, fences, presence } = parts
  const mainSink = 'kafka' in sink ? null : sink
  const mainStore = presence !== undefined && 'store' in presence ? presence.store : null
  const mainRequests = presence !== undefined && 'requests' in presence ? presence.requests : null
  const publisher = createFencePublisher(fences.packed())
  fences.onChange(publisher.publish)
  const threads = createServingThreads({
    config,
    logger,
    sink,
    ...(presence === undefined ? {} : { presence }),
    recipients: parts.recipients,
    retention: parts.retention,
    // Of their own: a view may lie in a pool with bytes of others, all of which would be cloned.
    rootKey: Uint8Array.from(parts.rootKey),
    pseudonymKey: Uint8Array.from(parts.pseudonymKey),
    fences: publisher,
  })
  const serving = () => threads.states().filter(({ state }) => state === 'serving')
  const sinkHealthy = (): boolean =>
    mainSink === null
      ? serving().length > 0 && serving().every(({ sink: own }) => own === 'connected')
      : mainSink.healthy()
  const storeHealthy = (): boolean =>
    presence === undefined || (mainStore === null ? serving().some(({ store }) => store) : mainStore.healthy())
  return {
    start: threads.start,
    stop: threads.stop,
    mainSink,
    mainKafka: null,
    mainStore,
    mainRequests,
    inFlightSince: () => {
      const since = threads.states().flatMap(({ inFlightSince }) => inFlightSince ?? [])
      return since.length === 0 ? null : Math.min(...since)
    },
    takeUsedKeys: threads.takeUsedKeys,
    publishView: threads.publishView,
    counts: threads.counts,
    refresh: threads.refresh,
    // A thread that is being replaced has no port: the kernel gives its clients to the others. One that hangs still has.
    ready: () =>
      sinkHealthy() &&
      storeHealthy() &&
      serving().length > 0 &&
      threads.states().every(({ state }) => state !== 'not answering'),
    sinkHealthy,
    detail: () => ({
      ...(presence === undefined ? {} : { presence: storeHealthy() ? 'connected' : 'not connected' }),
      threads: threads.states().map(({ thread, state, sink }) => ({ thread, state, sink })),
    }),
    addMetrics(metrics) {
      const byThread = (read: (state: ThreadState) => number) => (): [string, number][] =>
        threads.states().map((state) => [String(state.thread), read(state)])
      metrics.counter(
        'fencepost_worker_replaced_total',
        'serving threads that have taken the place of one that failed',
        threads.replaced,
      )
      metrics.gaugeByLabel(
        'fencepost_worker_up',
        '1 while a serving thread serves, by its number',
        'thread',
        byThread(({ state }) => (state === 'serving' ? 1 : 0)),
      )
      metrics.gaugeByLabel(
        'fencepost_worker_connections',
        'open connections of a serving thread, by its number',
        'thread',
        byThread(({ connections }) => connections),
      )
    },
    refusedFull: threads.refusedFull,
  }
}
