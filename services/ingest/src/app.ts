// One node, composed top to bottom: what it is made of, the order it starts in, and what it lets go of when it stops.

import { BatchHits, type Clock, type EventSink, type FenceIndex, type Logger } from '@fencepost/model'
import { createIdentities } from '@fencepost/policy'
import { createLifecycle, createMetrics, type Metrics } from '@fencepost/runtime'
import { createBodyBudget, createCors, createHttpServer, type HttpServer } from '@fencepost/server'
import { createDecoder, createEventEncoder } from '@fencepost/wire'
import { addAdminRoutes, createGuard, type Guard, isLoopback, type Readiness } from './admin.ts'
import type { NodeConfig } from './config.ts'
import { Counters } from './counters.ts'
import { createDoor } from './door.ts'
import { createFencesInForce } from './fences-in-force.ts'
import { parseSdkKeys } from './keys.ts'
import { addNodeMetrics } from './node-metrics.ts'
import { createPipeline } from './pipeline.ts'
import { createRateLimit } from './rate-limit.ts'

export interface NodeParts {
  readonly config: NodeConfig
  readonly logger: Logger
  readonly sink: EventSink
  /** Adds the sink's own metrics. */
  readonly addSinkMetrics?: (metrics: Metrics) => void
  readonly rootKey: Uint8Array
  readonly pseudonymKey: Uint8Array
  /** Where the fences come from; called at start and at every reload. Must not work for long on the thread that serves. */
  readonly loadFences: () => Promise<FenceIndex>
  /** Routes that a service adds to the admin port. */
  readonly addRoutes?: (admin: HttpServer, guard: Guard) => void
  readonly clock?: Clock
}

export interface FencepostNode {
  /** Starts every part in order; resolves when the public port listens. */
  start(): Promise<{ readonly port: number; readonly adminPort: number }>
  /** Not ready, a grace period, then door, sink and admin port are closed in that order. Idempotent; true = all in time. */
  stop(deadlineMs: number): Promise<boolean>
  /** Loads the fences again and swaps the index in one step; on an error the one in force stays. */
  reload(): Promise<void>
}

/** Bytes of events that one batch may make before its remaining pings are `event_too_large`. */
const MAX_BATCH_EVENT_BYTES = 16 * 1024 * 1024

/**
 * Composes a node.
 *
 * @throws RangeError for keys that cannot be read, Error for an admin port that is open to others without a token
 */
export function createNode(parts: NodeParts): FencepostNode {
  const { config, logger, sink, clock = Date.now } = parts
  if (config.adminToken === undefined && !isLoopback(config.adminHost))
    throw new Error(
      `FENCEPOST_ADMIN_HOST is ${config.adminHost}, which others can reach: set FENCEPOST_ADMIN_TOKEN, or use 127.0.0.1`,
    )

  const keys = parseSdkKeys(config.sdkKeys ?? '')
  const counters = new Counters()
  const metrics = createMetrics()
  const fences = createFencesInForce(parts)
  let stage: 'starting' | 'serving' | 'leaving' | 'stopping' = 'starting'

  const pipeline = createPipeline({
    decoder: createDecoder({
      maxPings: config.maxBatch,
      maxAgeMs: config.maxPingAgeS * 1000,
      maxFutureMs: config.maxPingFutureS * 1000,
    }),
    index: fences.index,
    hits: new BatchHits(config.maxBatch),
    identities: createIdentities({
      rootKey: parts.rootKey,
      pseudonymKey: parts.pseudonymKey,
      cacheSize: config.identityCache,
    }),
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

  const publicServer = createHttpServer({
    name: 'public',
    host: config.host,
    port: config.port,
    logger,
    onError: () => {
      // The server has answered it and logged where it was.
      counters.refused.internal++
    },
  })
  const budget = createBodyBudget({ maxBytes: config.maxBodyMemoryBytes })
  const cors = config.corsOrigins.length === 0 ? null : createCors({ origins: config.corsOrigins })
  const onPings = createDoor({
    pipeline,
    keys,
    rateLimit: createRateLimit({ keys: keys.size, perSecond: config.ratePerS, burst: config.rateBurst, clock }),
    cors,
    budget,
    hasRoom: () => sink.hasRoom(1, 1),
    closed: () => (stage === 'starting' ? 'not_ready' : stage === 'stopping' ? 'stopping' : null),
    counters,
    limits: {
      bodyBytes: config.maxBodyBytes,
      inflatedBytes: config.maxInflatedBytes,
      bodyTimeoutMs: config.bodyTimeoutMs,
    },
  })
  publicServer.route('post', '/v1/pings', onPings)
  if (cors !== null) publicServer.route('options', '/v1/pings', (exchange) => cors.preflight(exchange))

  const readiness = (): Readiness => ({
    ready: stage === 'serving' && sink.healthy(),
    detail: {
      stage,
      sink: sink.healthy() ? 'connected' : 'not connected',
      fences: fences.index().size,
      fences_loaded_at: fences.loadedAt() === 0 ? null : new Date(fences.loadedAt()).toISOString(),
      fences_error: fences.lastError(),
    },
  })
  const adminServer = createHttpServer({ name: 'admin', host: config.adminHost, port: config.adminPort, logger })
  const guard = createGuard(config.adminToken)
  addAdminRoutes(adminServer, { guard, metrics, readiness })
  parts.addRoutes?.(adminServer, guard)
  addNodeMetrics(metrics, {
    counters,
    budget,
    publicServer,
    fences: () => fences.index().size,
    fencesLoadedAt: fences.loadedAt,
    sinkHealthy: () => sink.healthy(),
  })
  parts.addSinkMetrics?.(metrics)

  const listening = { port: 0, adminPort: 0 }
  const lifecycle = createLifecycle(logger)
  lifecycle.add({
    name: 'admin port',
    start: async () => {
      listening.adminPort = (await adminServer.start()).port
    },
    stop: (deadlineMs) => adminServer.stop(deadlineMs),
  })
  lifecycle.add({ name: 'sink', start: () => sink.start(), stop: (deadlineMs) => sink.stop(deadlineMs) })
  lifecycle.add({ name: 'fences', start: fences.load, stop: async () => {} })
  lifecycle.add({
    name: 'public port',
    start: async () => {
      listening.port = (await publicServer.start()).port
    },
    stop: (deadlineMs) => publicServer.stop(deadlineMs),
  })

  return {
    async start() {
      if (keys.size === 0) logger.warn({}, 'FENCEPOST_SDK_KEYS is empty: every request will be answered 401')
      await lifecycle.start()
      stage = 'serving'
      logger.info({ port: listening.port, admin_port: listening.adminPort }, 'listening')
      return listening
    },
    async stop(deadlineMs) {
      if (stage === 'serving' && config.graceMs > 0) {
        stage = 'leaving'
        logger.info({ grace_ms: config.graceMs }, 'not ready any more, still serving')
        await new Promise((resolve) => setTimeout(resolve, config.graceMs))
      }
      stage = 'stopping'
      return lifecycle.stop(deadlineMs)
    },
    reload: fences.reload,
  }
}
