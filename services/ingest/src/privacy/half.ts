// The half of a node that carries out requests about privacy, in the main thread: its own hold on the records, and what shows what is held.
import type { CheckedTopics, KafkaSink } from '@fencepost/kafka'
import type { Clock, EventSink, FenceFeed, Logger, PresenceStore, StoredRecord } from '@fencepost/model'
import { createIdentities, type Identities, type RetentionRow } from '@fencepost/policy'
import {
  createHoldings,
  createRequestBook,
  createRunner,
  type Holdings,
  type RequestBook,
  type Runner,
} from '@fencepost/privacy'
import type { Metrics, Part } from '@fencepost/runtime'
import { decodeEvent } from '@fencepost/wire'
import type { NodeParts } from '../app.ts'
import type { NodeConfig } from '../config.ts'
import type { FeedView } from '../feed/feed-view.ts'
import { kafkaSinkFrom } from '../kafka-sink.ts'
import type { PipelineMoment } from '../pipeline.ts'
import { PresenceCounters } from '../presence/counters.ts'
import { createPresence, presenceStoreFrom, requestStoreFrom } from '../presence/source.ts'
import type { ServingHalf } from '../serving-half.ts'
import { createHands, type HeldEvents } from './hands.ts'
import { createRetentionWatch, type RetentionWatch } from './retention.ts'

interface HalfParts {
  readonly config: NodeConfig
  readonly logger: Logger
  readonly records: PresenceStore
  readonly requests: PresenceStore
  readonly feed: Pick<FenceFeed, 'reports'>
  readonly sink: EventSink
  /** Where events are kept in this process; null = they go elsewhere. */
  readonly events: HeldEvents | null
  readonly rootKey: Uint8Array
  readonly pseudonymKey: Uint8Array
  readonly oldPseudonymKeys?: readonly Uint8Array[]
  readonly moment: () => PipelineMoment
  readonly reached: FeedView['reached']
  readonly retention: readonly RetentionRow[]
  readonly checkTopics: (() => Promise<CheckedTopics>) | null
  /** No other node runs the same requests. */
  readonly isAlone: boolean
  readonly clock: Clock
}

export interface Privacy {
  readonly book: RequestBook
  readonly holdings: Holdings
  readonly runner: Runner
  readonly identities: Identities
  readonly retention: RetentionWatch
}

export interface PrivacyParts extends Pick<NodeParts, 'config' | 'logger' | 'presence' | 'feed' | 'sink' | 'events'> {
  readonly rootKey: Uint8Array
  readonly pseudonymKey: Uint8Array
  readonly oldPseudonymKeys?: readonly Uint8Array[]
  readonly serving: Pick<ServingHalf, 'mainSink' | 'mainKafka' | 'mainStore' | 'mainRequests'>
  readonly view: Pick<FeedView, 'reached'>
  readonly moment: () => PipelineMoment
  readonly retention: readonly RetentionRow[]
  readonly clock?: Clock
}

/**
 * Composes it from what the main thread has, and from connections of its own where threads have theirs; `parts` are to be started and
 * stopped with the node, in that order. Null: nothing is kept, or there is no feed that tells what other nodes have under way.
 */
export function composePrivacy(
  of: PrivacyParts,
): { readonly privacy: Privacy; readonly parts: readonly Part[] } | null {
  const { config, logger, presence, feed, serving, view } = of
  if (presence === undefined || feed === undefined) return null
  const parts: Part[] = []
  const owned = <T extends Omit<Part, 'name'>>(name: string, part: T): T => {
    parts.push({ name, start: () => part.start(), stop: (deadlineMs) => part.stop(deadlineMs) })
    return part
  }
  const { mainSink, mainKafka, mainStore, mainRequests } = serving
  const kafka = mainKafka ?? (mainSink === null ? kafkaSinkFrom((of.sink as KafkaSource).kafka, logger) : null)
  const privacy = createPrivacy({
    ...of,
    config,
    records: mainStore ?? owned('records', presenceStoreFrom(presence, logger)),
    requests: mainRequests ?? owned('requests', requestStoreFrom(presence, logger)),
    sink: mainSink ?? owned('announcements', kafka as KafkaSink),
    checkTopics: kafka === null ? null : () => kafka.checkTopics(),
    feed: feed.feed,
    events: of.events ?? null,
    reached: view.reached,
    isAlone: 'store' in presence,
    clock: of.clock ?? Date.now,
  })
  if (mainRequests !== null) owned('requests', mainRequests)
  const { runner, retention } = privacy
  parts.push({
    name: 'privacy',
    async start() {
      runner.start()
      retention.start()
    },
    async stop() {
      await Promise.all([runner.stop(), retention.stop()])
    },
  })
  return { privacy, parts }
}

type KafkaSource = Extract<NodeParts['sink'], { kafka: unknown }>

/** A step of another node that has not ended by then is begun again. */
const LEASE_MS = 30_000

function createPrivacy(parts: HalfParts): Privacy {
  const { config, logger, records, requests, events, clock, sink } = parts
  const { rootKey, pseudonymKey, oldPseudonymKeys = [] } = parts
  const identities = createIdentities({ rootKey, pseudonymKey, oldPseudonymKeys, cacheSize: 1000 })
  const { subjects } = createPresence({
    ...parts,
    store: records,
    identities,
    counters: new PresenceCounters(),
  })
  const book = createRequestBook(requests, config.requestRetentionS * 1000)
  const hands = createHands({
    ...parts,
    subjects,
    identities,
    contentType: config.eventFormat === 'json' ? 'application/json' : 'application/msgpack',
    deliveryDeadlineMs: config.deliveryDeadlineMs,
    sink,
  })
  return {
    book,
    identities,
    holdings: createHoldings({
      records,
      pseudonymsOf: identities.pseudonymsOf,
      events: events === null ? null : (pseudonyms) => events.scan(pseudonyms),
      decode: decodeRecordValue,
      clock,
    }),
    retention: createRetentionWatch({
      ...parts,
      book,
      rows: parts.retention,
      journalOldest: (topic) => events?.oldest(topic) ?? null,
    }),
    runner: createRunner({ book, hands, clock, logger, leaseMs: parts.isAlone ? 0 : LEASE_MS }),
  }
}

function decodeRecordValue({ value, headers }: StoredRecord): unknown {
  const isMsgpack = headers['content-type'] === 'application/msgpack'
  return decodeEvent(value, isMsgpack ? 'application/msgpack' : 'application/json')
}

/** What requests about privacy and retention show at /metrics. */
export function addPrivacyMetrics(metrics: Metrics, { runner, retention }: Privacy): void {
  const { counters } = runner
  metrics.counter(
    'fencepost_privacy_requests_finished_total',
    'requests about privacy that this node has carried out',
    () => counters.finished,
  )
  metrics.counter(
    'fencepost_privacy_requests_failed_total',
    'steps of such requests that failed and are tried again',
    () => counters.failures,
  )
  metrics.gauge(
    'fencepost_retention_differs',
    'stores and topics that do not keep data for as long as is stated',
    () => retention.differing().length,
  )
}
