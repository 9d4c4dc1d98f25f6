// The half of a node that serves: decoder, pipeline, door, public port. Composed in the main thread, or in each of several.
import {
  BatchHits,
  type Clock,
  type EventSink,
  type FenceIndex,
  type Logger,
  type PresenceStore,
} from '@fencepost/model'
import { createIdentities } from '@fencepost/policy'
import { createBodyBudget, createCors, createHttpServer, type HttpServer } from '@fencepost/server'
import { createDecoder, createEventEncoder } from '@fencepost/wire'
import type { NodeConfig } from './config.ts'
import { Counters } from './counters.ts'
import { createDoor, type DoorParts } from './door.ts'
import { createFeedView, type FeedView } from './feed/feed-view.ts'
import { parseSdkKeys } from './keys.ts'
import { createPipeline, type PipelineMoment } from './pipeline.ts'
import { createMoments, createPresence } from './presence/source.ts'
import type { Sweeper } from './presence/sweeper.ts'
import { createRateLimit } from './rate-limit.ts'

export interface ServingParts {
  readonly config: NodeConfig
  readonly logger: Logger
  readonly sink: EventSink
  readonly rootKey: Uint8Array
  readonly pseudonymKey: Uint8Array
  /** Presence, where it is on: its store, and whether this half goes round the due-lists too. */
  readonly presence: { readonly store: PresenceStore; readonly sweeps: boolean } | null
  /** The index in force; asked once a batch. */
  readonly index: () => FenceIndex
  readonly closed: DoorParts['closed']
  readonly clock: Clock
  /** Limits of the HTTP server where they are not its own defaults. */
  readonly maxOpenBodies?: number
  readonly maxConnections?: number
}

export interface Serving {
  /** Not listening yet. */
  readonly server: HttpServer
  readonly counters: Counters
  /** What it knows from the feed beside the fences. */
  readonly view: FeedView
  /** What the next batch would be matched with. */
  readonly moment: () => PipelineMoment
  /** To be started and stopped with the server; null where another half sweeps. */
  readonly sweeper: Sweeper | null
  /** Memory promised to bodies that are being received. */
  bodyMemoryBytes(): number
}

/** Bytes of events that one batch may make before its remaining pings are `event_too_large`. */
const MAX_BATCH_EVENT_BYTES = 16 * 1024 * 1024

/** @throws RangeError for keys that cannot be read */
export function createServing(parts: ServingParts): Serving {
  const { config, logger, sink, clock } = parts
  const counters = new Counters()
  const identities = createIdentities({
    rootKey: parts.rootKey,
    pseudonymKey: parts.pseudonymKey,
    cacheSize: config.identityCache,
  })
  const keys = parseSdkKeys(config.sdkKeys ?? '')
  const view = createFeedView(keys)
  const moment = createMoments(parts.index, view)
  const presence =
    parts.presence === null
      ? null
      : createPresence({
          config,
          logger,
          sink,
          clock,
          identities,
          moment,
          reached: view.reached,
          store: parts.presence.store,
          counters: counters.presence,
        })
  const pipeline = createPipeline({
    decoder: createDecoder({
      maxPings: config.maxBatch,
      maxAgeMs: config.maxPingAgeS * 1000,
      maxFutureMs: config.maxPingFutureS * 1000,
    }),
    moment,
    subjects: presence?.subjects ?? null,
    hits: new BatchHits(config.maxBatch),
    identities,
    encoder: createEventEncoder({
      coordinates: config.eventCoordinates,
      contentType: config.eventFormat === 'json' ? 'application/json' : 'application/msgpack',
      maxEventBytes: config.maxEventBytes,
      maxBatchBytes: Math.min(MAX_BATCH_EVENT_BYTES, config.maxInflightBytes / 2),
    }),
    sink,
    counters,
    clock,
  })

  const server = createHttpServer({
    name: 'public',
    host: config.host,
    port: config.port,
    logger,
    onError: () => {
      // The server has answered it and logged where it was.
      counters.refused.internal++
    },
    ...(parts.maxOpenBodies === undefined ? {} : { maxOpenBodies: parts.maxOpenBodies }),
    ...(parts.maxConnections === undefined ? {} : { maxConnections: parts.maxConnections }),
  })
  const budget = createBodyBudget({ maxBytes: config.maxBodyMemoryBytes })
  const cors = config.corsOrigins.length === 0 ? null : createCors({ origins: config.corsOrigins })
  const onPings = createDoor({
    pipeline,
    keys,
    rateLimit: createRateLimit({ keys: keys.numbers, perSecond: config.ratePerS, burst: config.rateBurst, clock }),
    cors,
    budget,
    hasRoom: () => sink.hasRoom(1, 1),
    closed: parts.closed,
    counters,
    limits: {
      bodyBytes: config.maxBodyBytes,
      inflatedBytes: config.maxInflatedBytes,
      bodyTimeoutMs: config.bodyTimeoutMs,
    },
  })
  server.route('post', '/v1/pings', onPings)
  if (cors !== null) server.route('options', '/v1/pings', (exchange) => cors.preflight(exchange))
  const sweeper = parts.presence?.sweeps === true ? (presence?.sweeper ?? null) : null
  return { server, counters, sweeper, view, moment, bodyMemoryBytes: () => budget.reserved }
}
