// One node, composed top to bottom: what it is made of, the order it starts in, and what it lets go of when it stops.

import { randomBytes } from 'node:crypto'
import type { PackedFences } from '@fencepost/match'
import type { CampaignBook } from '@fencepost/match/eligibility'
import type { Clock, EventSink, FenceFeed, FenceIndex, Logger } from '@fencepost/model'
import type { RecipientEntry } from '@fencepost/policy'
import { createLifecycle, createMetrics, type Metrics } from '@fencepost/runtime'
import { checkTls, createHttpServer, type HttpServer } from '@fencepost/server'
import { addAdminRoutes, createGuard, type Guard, isLoopback, type Readiness } from './admin.ts'
import type { KafkaConfig, NodeConfig } from './config.ts'
import { createFeedView } from './feed/feed-view.ts'
import { createFollower } from './feed/follower.ts'
import type { FenceEdit } from './fence-edit.ts'
import { createFenceKeeper } from './fence-keeper.ts'
import { createFencesInForce } from './fences-in-force.ts'
import { addKafkaMetrics } from './kafka-sink.ts'
import { parseSdkKeys } from './keys.ts'
import { addNodeMetrics } from './node-metrics.ts'
import { createMoments, type PresenceSource } from './presence/source.ts'
import { addPrivacyMetrics, composePrivacy, type Privacy } from './privacy/half.ts'
import type { HeldEvents } from './privacy/hands.ts'
import { retentionOf } from './privacy/retention.ts'
import { createServingHalf } from './serving-half.ts'
import { tlsOf } from './tls.ts'

export interface NodeParts {
  readonly config: NodeConfig
  readonly logger: Logger
  /** A sink of the main thread, or settings from which every thread that serves makes its own. */
  readonly sink: EventSink | { readonly kafka: NodeConfig & KafkaConfig }
  /** Where it is kept which fences a device is in and what its person has chosen; absent = nothing is kept. */
  readonly presence?: PresenceSource
  /** Who is given personal data, as the settings say; absent = nobody. */
  readonly recipients?: readonly RecipientEntry[]
  /** Where events are kept in this process, to be shown and erased; absent = they go elsewhere. */
  readonly events?: HeldEvents
  /** Adds the metrics of a sink of the main thread. Threads that publish through it refuse by themselves what it has no room for. */
  readonly addSinkMetrics?: (metrics: Metrics, refusedByThreads: () => number) => void
  readonly rootKey: Uint8Array
  readonly pseudonymKey: Uint8Array
  /** Those in use before. */
  readonly oldPseudonymKeys?: readonly Uint8Array[]
  /**
   * Where the fences come from; called at start and at every reload, with the part of the time that it may spend, in percent. Must not
   * work for long on a thread that serves.
   */
  readonly loadFences: (cpuPercent: number) => Promise<PackedFences>
  /** What is followed for campaigns and keys, and, where `withFences`, for the fences too, in place of `loadFences`. */
  readonly feed?: NodeFeed
  /** Single fences are going to be changed: what makes changes starts with the node, and the first does not wait for it (80 ms). */
  readonly changesFences?: boolean
  /** Routes that a service adds to the admin port. */
  readonly addRoutes?: (admin: HttpServer, guard: Guard, moment: () => NodeMoment, privacy: Privacy | null) => void
  /** Of the main thread. */
  readonly clock?: Clock
}

export interface NodeFeed {
  readonly feed: FenceFeed
  readonly withFences: boolean
  /** Where a load of the feed writes its fences down. */
  readonly fencesPath: string
  readonly loadFile: (path: string, cpuPercent: number) => Promise<PackedFences>
}

/** What a ping would be matched with now, in the main thread. */
export interface NodeMoment {
  readonly index: FenceIndex
  readonly book: CampaignBook
  readonly feed: { readonly epoch: string; readonly seq: number }
}

export interface FencepostNode {
  /** Starts every part in order; resolves when the public port listens. */
  start(): Promise<{ readonly port: number; readonly adminPort: number }>
  /** Not ready, a grace period, then door, sink and admin port are closed in that order. Idempotent; true = all in time. */
  stop(deadlineMs: number): Promise<boolean>
  /** Loads the fences again and swaps the index in one step; on an error the one in force stays. */
  reload(): Promise<void>
  /** Puts other fences in force, in every thread at one instant. */
  publishIndex(packed: PackedFences): void
  /**
   * Changes single fences, all in one step, and resolves when that is in force in every thread. A load or `publishIndex` replaces them.
   *
   * @throws Error (rejects) when they cannot be made, and RangeError when too many wait; the fences in force stay
   */
  applyFences(changes: readonly FenceEdit[]): Promise<void>
}

/** Where the node is on its way from start to stop. */
export type Stage = 'starting' | 'serving' | 'leaving' | 'stopping'

/**
 * Composes a node.
 *
 * @throws RangeError for keys that cannot be read, Error for an admin port that is open to others without a token and for limits
 * that do not divide by the number of threads
 */
export function createNode(parts: NodeParts): FencepostNode {
  const { config, logger } = parts
  if (config.adminToken === undefined && !isLoopback(config.adminHost))
    throw new Error(
      `FENCEPOST_ADMIN_HOST is ${config.adminHost}, which others can reach: set FENCEPOST_ADMIN_TOKEN, or use 127.0.0.1`,
    )

  const metrics = createMetrics()
  const view = createFeedView(parseSdkKeys(''))
  const { buildCpuPercent } = config
  const fences = createFencesInForce({
    ...parts,
    buildCpuPercent,
    loadFences: (percent) =>
      follower === null || !parts.feed?.withFences ? parts.loadFences(percent) : follower.load(),
  })
  const keeper = createFenceKeeper({ first: fences.packed(), publish: fences.amend, buildCpuPercent, logger })
  fences.onReplace(keeper.rebase)
  let stage: Stage = 'starting'
  const retention = retentionOf('kafka' in parts.sink ? parts.sink.kafka : config, {
    journalS: parts.events?.keptS ?? null,
    inRedis: parts.presence !== undefined && 'redis' in parts.presence,
  })
  const serving = createServingHalf({
    ...parts,
    recipients: parts.recipients ?? [],
    retention,
    fences,
    stage: () => stage,
  })

  const { feed: followed } = parts
  const follower =
    followed === undefined
      ? null
      : createFollower({
          ...followed,
          buildCpuPercent,
          logger,
          clock: parts.clock ?? Date.now,
          name: `node-${randomBytes(6).toString('hex')}`,
          inFlightSince: serving.inFlightSince,
          takeUsedKeys: serving.takeUsedKeys,
          retention: () => privacy?.privacy.retention.brief() ?? null,
          publishIndex: fences.publish,
          applyFences: keeper.apply,
          publishView(update) {
            view.apply(update)
            serving.publishView(update)
          },
        })

  const readiness = (): Readiness => ({
    ready: stage === 'serving' && serving.ready(),
    detail: {
      stage,
      sink: serving.sinkHealthy() ? 'connected' : 'not connected',
      fences: fences.index().size,
      fences_loaded_at: fences.loadedAt() === 0 ? null : new Date(fences.loadedAt()).toISOString(),
      fences_error: fences.lastError(),
      ...(follower === null ? {} : { feed: follower.state() }),
      ...(privacy === null ? {} : { retention: retentionState(privacy.privacy.retention.differing()) }),
      ...serving.detail(),
    },
  })
  const adminServer = createHttpServer({
    name: 'admin',
    host: config.adminHost,
    port: config.adminPort,
    logger,
    ...tlsOf('FENCEPOST_ADMIN_TLS', config.adminTlsCertFile, config.adminTlsKeyFile),
  })
  // Said before anything is started, whichever thread it will be that serves.
  const { tls } = tlsOf('FENCEPOST_TLS', config.tlsCertFile, config.tlsKeyFile)
  const certificates: [string, number][] = []
  if (tls !== undefined) certificates.push(['public', checkTls(tls) / 1000])
  const guard = createGuard(config.adminToken)
  addAdminRoutes(adminServer, {
    guard,
    metrics: {
      contentType: metrics.contentType,
      async render() {
        await serving.refresh()
        return metrics.render()
      },
    },
    readiness,
  })
  const privacy = composePrivacy({ ...parts, retention, serving, view, moment: createMoments(fences.index, view) })
  parts.addRoutes?.(
    adminServer,
    guard,
    () => ({ index: fences.index(), book: view.book, feed: view.place() }),
    privacy?.privacy ?? null,
  )
  addNodeMetrics(metrics, {
    counts: serving.counts,
    threads: config.threads,
    presence: parts.presence !== undefined,
    fences: () => fences.index().size,
    fencesLoadedAt: fences.loadedAt,
    sinkHealthy: serving.sinkHealthy,
  })
  if (follower !== null)
    metrics.gauge(
      'fencepost_feed_following',
      '1 while the feed is followed, 0 while the last good of it is in force',
      () => (follower.state().problem === null ? 1 : 0),
    )
  serving.addMetrics(metrics)
  metrics.gaugeByLabel('fencepost_tls_expires_timestamp_seconds', 'when the certificate of a port ends', 'port', () => {
    const { certificateExpiresMs: admin } = adminServer
    return admin === null ? certificates : [...certificates, ['admin', admin / 1000]]
  })
  if (privacy !== null) addPrivacyMetrics(metrics, privacy.privacy)
  if (serving.counts.kafka !== null) addKafkaMetrics(metrics, serving.counts.kafka)
  parts.addSinkMetrics?.(metrics, serving.refusedFull)

  const listening = { port: 0, adminPort: 0 }
  const lifecycle = createLifecycle(logger)
  if (followed !== undefined)
    lifecycle.add({
      name: 'feed',
      start: () => followed.feed.start(),
      stop: (deadlineMs) => followed.feed.stop(deadlineMs),
    })
  lifecycle.add({
    name: 'admin port',
    start: async () => {
      listening.adminPort = (await adminServer.start()).port
    },
    stop: (deadlineMs) => adminServer.stop(deadlineMs),
  })
  const { mainSink, mainStore } = serving
  if (mainSink !== null)
    lifecycle.add({ name: 'sink', start: () => mainSink.start(), stop: (deadlineMs) => mainSink.stop(deadlineMs) })
  if (mainStore !== null)
    lifecycle.add({
      name: 'presence',
      start: () => mainStore.start(),
      stop: (deadlineMs) => mainStore.stop(deadlineMs),
    })
  lifecycle.add({
    name: 'fences',
    start: async () => {
      await fences.load()
      if (follower !== null && followed?.withFences !== true) await follower.load()
      if (parts.changesFences === true || followed?.withFences === true) keeper.begin()
    },
    stop: () => keeper.stop(),
  })
  lifecycle.add({
    name: 'public port',
    start: async () => {
      listening.port = (await serving.start()).port
    },
    stop: (deadlineMs) => serving.stop(deadlineMs),
  })

  for (const part of privacy?.parts ?? []) lifecycle.add(part)
  if (follower !== null)
    lifecycle.add({ name: 'follower', start: async () => follower.start(), stop: () => follower.stop() })

  return {
    async start() {
      if (follower === null && parseSdkKeys(config.sdkKeys ?? '').size === 0)
        logger.warn({}, 'FENCEPOST_SDK_KEYS is empty: every request will be answered 401')
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
    publishIndex: fences.publish,
    applyFences: keeper.apply,
  }
}

function retentionState(differing: readonly string[]): string {
  return differing.length === 0 ? 'as stated' : `not as stated: ${differing.join(', ')}`
}
