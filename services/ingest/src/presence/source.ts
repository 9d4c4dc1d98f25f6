// Where a serving half gets its store of presence from, and what it makes of it.
import type { Clock, ContentType, EventSink, FenceIndex, Logger, PresenceStore } from '@fencepost/model'
import type { Identities } from '@fencepost/policy'
import type { PresenceSettings } from '@fencepost/presence'
import { PRESENCE_DEFAULTS } from '@fencepost/presence'
import { REQUESTS_PREFIX } from '@fencepost/privacy'
import { createRedisPresenceStore, type RedisOptions, redisOptionsFrom } from '@fencepost/redis'
import type { NodeConfig, RedisConfig } from '../config.ts'
import { createFeedView, type FeedView } from '../feed/feed-view.ts'
import type { InFlight } from '../in-flight.ts'
import { parseSdkKeys } from '../keys.ts'
import type { PipelineMoment } from '../pipeline.ts'
import type { PresenceCounters } from './counters.ts'
import { rulesOf } from './rules.ts'
import { createSubjects, type Subjects } from './subjects.ts'
import { createSweeper, type Sweeper } from './sweeper.ts'

/** Stores of the main thread, or settings from which every thread that serves makes its own: records of devices, and requests about privacy. */
export type PresenceSource =
  | { readonly store: PresenceStore; readonly requests: PresenceStore }
  | { readonly redis: RedisOptions }

/**
 * What a node of a cluster is given for its settings.
 *
 * @throws Error when presence is on and there is no Redis to keep it in
 */
export function presenceOf(config: NodeConfig & RedisConfig): { readonly presence?: PresenceSource } {
  if (config.presence === 'off') return {}
  const { redisUrl } = config
  if (redisUrl === undefined)
    throw new Error(
      `FENCEPOST_PRESENCE is ${config.presence}: set FENCEPOST_REDIS_URL, or FENCEPOST_PRESENCE=off for matches only`,
    )
  return { presence: { redis: redisOptionsFrom({ ...config, redisUrl }) } }
}

/** Where requests about privacy are kept beside the records: under keys of their own. */
export function requestStoreFrom(source: PresenceSource, logger: Logger): PresenceStore {
  if ('requests' in source) return source.requests
  return createRedisPresenceStore({ ...source.redis, prefix: REQUESTS_PREFIX }, { logger })
}

export function presenceStoreFrom(source: PresenceSource, logger: Logger): PresenceStore {
  return 'store' in source ? source.store : createRedisPresenceStore(source.redis, { logger })
}

/** The moment of an index, a book and a place in the feed, made anew when one of them is another. */
export function createMoments(
  index: () => FenceIndex,
  view: Pick<FeedView, 'book' | 'place' | 'tenant'> = createFeedView(parseSdkKeys('')),
): () => PipelineMoment {
  let { book } = view
  const momentOf = (of: FenceIndex): PipelineMoment => ({
    index: of,
    book,
    feed: view.place(),
    rules: rulesOf(of, book),
    tenantRules: view.tenant,
  })
  let last = momentOf(index())
  return () => {
    const now = index()
    if (now !== last.index || view.book !== book) {
      book = view.book
      last = momentOf(now)
    } else if (view.place() !== last.feed) last = { ...last, feed: view.place() }
    return last
  }
}

export interface Presence {
  readonly subjects: Subjects
  readonly sweeper: Sweeper
}

export function createPresence(parts: {
  readonly config: NodeConfig
  readonly store: PresenceStore
  readonly sink: EventSink
  readonly identities: Identities
  readonly counters: PresenceCounters
  readonly moment: () => PipelineMoment
  readonly reached: FeedView['reached']
  readonly inFlight?: InFlight
  readonly logger: Logger
  readonly clock: Clock
}): Presence {
  const { config, store, counters, logger } = parts
  const contentType: ContentType = config.eventFormat === 'json' ? 'application/json' : 'application/msgpack'
  const subjects = createSubjects({
    ...parts,
    keepsPresence: config.presence === 'on',
    settings: presenceSettings(config),
    contentType,
    cacheSize: config.presenceCache,
    choicesKeptMs: config.choiceRetentionS * 1000,
  })
  return { subjects, sweeper: createSweeper({ subjects, counters, logger, ready: () => store.healthy() }) }
}

export function presenceSettings(config: NodeConfig): PresenceSettings {
  return {
    ...PRESENCE_DEFAULTS,
    ttlMs: config.presenceTtlS * 1000,
    beaconExitMs: config.beaconExitS * 1000,
    clockStepMs: config.clockStepS * 1000,
  }
}
