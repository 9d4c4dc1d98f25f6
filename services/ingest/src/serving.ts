// The half of a node that serves: decoder, pipeline, door, public port. Composed in the main thread, or in each of several.
import {
  BatchHits,
  type Clock,
  type EventSink,
  type FenceIndex,
  type Logger,
  type PresenceStore,
} from '@fencepost/model'
import {
  createIdentities,
  DEFAULT_RULES,
  type Identity,
  privacyPage,
  type RecipientEntry,
  type RetentionRow,
  subjectSecret,
} from '@fencepost/policy'
import { createRequestBook } from '@fencepost/privacy'
import { createBodyBudget, createCors, createHttpServer, type HttpServer } from '@fencepost/server'
import { createDecoder, createEventEncoder } from '@fencepost/wire'
import type { NodeConfig } from './config.ts'
import { Counters } from './counters.ts'
import { createDoor, type DoorParts } from './door.ts'
import { createFeedView, type FeedView } from './feed/feed-view.ts'
import { InFlight } from './in-flight.ts'
import { parseSdkKeys } from './keys.ts'
import { createPipeline, type PipelineMoment } from './pipeline.ts'
import { createMoments, createPresence } from './presence/source.ts'
import type { Sweeper } from './presence/sweeper.ts'
import { addPrivacyDoor } from './privacy/door.ts'
import { createErasures, type Erasures } from './privacy/erasures.ts'
import { createRateLimit } from './rate-limit.ts'
import { tlsOf } from './tls.ts'

export interface ServingParts {
  readonly config: NodeConfig
  readonly logger: Logger
  readonly sink: EventSink
  readonly rootKey: Uint8Array
  readonly pseudonymKey: Uint8Array
  /** Records of devices and requests about privacy, where there are any, and whether this half goes round the due-lists too. */
  readonly presence: {
    readonly store: PresenceStore
    readonly requests: PresenceStore
    readonly sweeps: boolean
  } | null
  /** The index in force; asked once a batch. */
  readonly index: () => FenceIndex
  /** What the page for people tells. */
  readonly retention: readonly RetentionRow[]
  readonly recipients: readonly RecipientEntry[]
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
  /** Since when its oldest batch has been under way, epoch ms, or null. */
  inFlightSince(): number | null
  /** Ids of SDK keys that have let somebody in since this was last asked. */
  takeUsedKeys(): string[]
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
  const inFlight = new InFlight()
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
          inFlight,
          store: parts.presence.store,
          counters: counters.presence,
        })
  const erasures =
    parts.presence === null || presence === null
      ? null
      : createErasures({
          subjects: presence.subjects,
          book: createRequestBook(parts.presence.requests, config.requestRetentionS * 1000),
          clock,
        })
  const onMinor = (of: { readonly identity: Identity; readonly tenant: string }): Promise<void> =>
    (erasures as Erasures).askForMinor({ subject: of.identity.subject, tenant: of.tenant }).then((isNew) => {
      if (isNew) counters.privacy.minors++
    })
  const pipeline = createPipeline({
    decoder: createDecoder({
      maxPings: config.maxBatch,
      maxAgeMs: config.maxPingAgeS * 1000,
      maxFutureMs: config.maxPingFutureS * 1000,
    }),
    moment,
    subjects: presence?.subjects ?? null,
    onMinor: erasures === null ? null : onMinor,
    inFlight,
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
    ...tlsOf('FENCEPOST_TLS', config.tlsCertFile, config.tlsKeyFile),
    onError: () => {
      // The server has answered it and logged where it was.
      counters.refused.internal++
    },
    ...(parts.maxOpenBodies === undefined ? {} : { maxOpenBodies: parts.maxOpenBodies }),
    ...(parts.maxConnections === undefined ? {} : { maxConnections: parts.maxConnections }),
  })
  const budget = createBodyBudget({ maxBytes: config.maxBodyMemoryBytes })
  const cors = config.corsOrigins.length === 0 ? null : createCors({ origins: config.corsOrigins })
  const rateLimit = createRateLimit({
    keys: keys.numbers,
    perSecond: config.ratePerS,
    burst: config.rateBurst,
    clock,
  })
  const onPings = createDoor({
    pipeline,
    keys,
    rateLimit,
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
  if (presence !== null && erasures !== null)
    addPrivacyDoor(server, {
      keys,
      rateLimit,
      cors: cors === null ? null : createCors({ origins: config.corsOrigins, methods: 'GET, PUT, DELETE' }),
      budget,
      closed: parts.closed,
      identities,
      tenant: view.tenant,
      subjectSecret: (tenant, number) => subjectSecret(parts.rootKey, tenant, number),
      subjects: presence.subjects,
      erasures,
      counters: counters.privacy,
      clock,
    })
  server.route('get', '/privacy', (exchange) => {
    const recipients = [...parts.recipients, ...view.recipients()]
    const { ageLimit } = DEFAULT_RULES
    const page = privacyPage({
      retention: parts.retention,
      recipients,
      ageLimit,
      coordinates: config.eventCoordinates,
    })
    exchange.answer(200, 'text/html; charset=utf-8', page)
  })
  const sweeper = parts.presence?.sweeps === true ? (presence?.sweeper ?? null) : null
  return {
    server,
    counters,
    sweeper,
    view,
    moment,
    bodyMemoryBytes: () => budget.reserved,
    inFlightSince: () => inFlight.since(clock()),
    takeUsedKeys: keys.takeUsed,
  }
}
