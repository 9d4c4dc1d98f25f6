// The whole of Fencepost in one process: an ingest node on the journal (or on Kafka), keys and events in a data folder.
import { addControlRoutes, type PrivacyKit } from '@fencepost/control'
import {
  createJournal,
  createLmdbFeed,
  createLmdbPresenceStore,
  type Journal,
  openDataFolder,
  parseStoreKey,
} from '@fencepost/embedded'
import {
  createNode,
  type FencepostNode,
  type HeldEvents,
  type KafkaConfig,
  loadFenceFile,
  type NodeParts,
  type PresenceSource,
  type Privacy,
  pseudonymOfKey,
} from '@fencepost/ingest'
import type { Logger } from '@fencepost/model'
import { parseKey, parseKeys, type RecipientEntry, subjectSecret } from '@fencepost/policy'
import { readRegister } from '@fencepost/privacy'
import { redisOptionsFrom } from '@fencepost/redis'
import type { Metrics } from '@fencepost/runtime'
import type { StandaloneConfig } from './config.ts'
import { createEventsRoute } from './events.ts'

const KEY_BYTES = 32

/**
 * Composes the process.
 *
 * @throws Error when the data folder or a key in it cannot be used, or settings contradict each other
 */
export function createStandalone(config: StandaloneConfig, logger: Logger): FencepostNode {
  const folder = openDataFolder(config.dataDir)
  const secret = (name: string, file: string, given: string | undefined): Uint8Array =>
    given === undefined ? folder.loadOrCreateKey(file, KEY_BYTES) : parseKey(name, given)
  const encryptionKey =
    config.storeKey === undefined ? undefined : parseStoreKey('FENCEPOST_STORE_KEY', config.storeKey)
  const presence: PresenceSource | null =
    config.presence === 'off'
      ? null
      : config.redisUrl === undefined
        ? {
            store: createLmdbPresenceStore({ dir: folder.at('presence'), encryptionKey }, { logger }),
            requests: createLmdbPresenceStore({ dir: folder.at('requests'), encryptionKey }, { logger }),
          }
        : { redis: redisOptionsFrom({ ...config, redisUrl: config.redisUrl }) }
  const feed = createLmdbFeed({ dir: folder.at('feed'), encryptionKey }, { logger })
  // Fences of a file are the operator's; without one they are what control was given.
  const withFences = config.fences === undefined
  const rootKey = secret('FENCEPOST_ROOT_KEY', 'root', config.rootKey)
  const recipients = readRegister(config.recipients)
  const addControl: NodeParts['addRoutes'] = (admin, _guard, moment, privacy) =>
    addControlRoutes(admin, {
      feed,
      logger,
      adminToken: config.adminToken,
      fencesWritable: withFences,
      explain: {
        limits: { maxPingAgeMs: config.maxPingAgeS * 1000, maxPingFutureMs: config.maxPingFutureS * 1000 },
        moment() {
          const { index, book, feed } = moment()
          return { index, feed, campaignsOf: (tenant, fence) => book.of(tenant, fence).all }
        },
      },
      privacy: privacy === null ? null : privacyKitOf(privacy, { rootKey, recipients }),
    })
  const indexPath = config.indexFile ?? folder.at('fences.index')
  const shared = {
    config,
    feed: {
      feed,
      withFences,
      fencesPath: folder.at('feed-fences.ndjson'),
      loadFile: (path: string, cpuPercent: number) => loadFenceFile(path, 'skip', logger, { indexPath, cpuPercent }),
    },
    addRoutes: addControl,
    ...(presence === null ? {} : { presence }),
    recipients,
    logger,
    rootKey,
    pseudonymKey: secret('FENCEPOST_PSEUDONYM_KEY', 'pseudonym', config.pseudonymKey),
    oldPseudonymKeys: parseKeys('FENCEPOST_PSEUDONYM_KEYS_OLD', config.oldPseudonymKeys ?? ''),
    loadFences: (cpuPercent: number) =>
      loadFenceFile(config.fences, config.fencesInvalid, logger, { indexPath, cpuPercent }),
  }

  if (config.sink === 'kafka') return createNode({ ...shared, sink: { kafka: kafkaConfig(config) } })
  const journal = createJournal(
    {
      dir: folder.at('journal'),
      encryptionKey,
      retentionMs: config.journalRetentionS * 1000,
      retentionBytes: config.journalRetentionBytes,
      maxQueueBytes: config.maxInflightBytes,
      maxQueueEvents: config.maxInflightEvents,
      deliveryDeadlineMs: config.deliveryDeadlineMs,
    },
    { logger },
  )
  return createNode({
    ...shared,
    sink: journal,
    events: heldEventsOf(journal, config.journalRetentionS),
    addSinkMetrics: (metrics, refusedByThreads) => addJournalMetrics(metrics, journal, refusedByThreads),
    addRoutes(admin, guard, moment, privacy) {
      addControl(admin, guard, moment, privacy)
      admin.route(
        'get',
        '/v1/events',
        guard(
          createEventsRoute({
            journal,
            names: {
              matches: config.topicMatches,
              transitions: config.topicTransitions,
              erasures: config.topicErasures,
            },
            pseudonymOf: (key) => (privacy === null ? null : pseudonymOfKey(key, privacy.identities)),
            logger,
          }),
        ),
      )
    },
  })
}

function privacyKitOf(
  privacy: Privacy,
  { rootKey, recipients }: { readonly rootKey: Uint8Array; readonly recipients: readonly RecipientEntry[] },
): PrivacyKit {
  return {
    book: privacy.book,
    holdings: privacy.holdings,
    subjectOf(tenant, device) {
      const bytes = new TextEncoder().encode(device)
      return privacy.identities.of(tenant, bytes, 0, bytes.length).subject
    },
    subjectSecret: (tenant, number) => subjectSecret(rootKey, tenant, number),
    wake: () => privacy.runner.wake(),
    retention: () => privacy.retention.report(),
    recipients,
  }
}

/** The journal, as far as showing and erasing goes. */
function heldEventsOf(journal: Journal, keptS: number): HeldEvents {
  return {
    keptS,
    scan: (pseudonyms) => journal.scan(pseudonyms),
    erase: (pseudonyms) => journal.erase(pseudonyms),
    compact: () => journal.compact(),
    oldest: (topic) => journal.stats().topics.find((one) => one.topic === topic)?.oldestMs ?? null,
  }
}

function kafkaConfig(config: StandaloneConfig): StandaloneConfig & KafkaConfig {
  if (config.kafkaBrokers.length > 0) return config
  throw new Error('FENCEPOST_SINK is kafka: FENCEPOST_KAFKA_BROKERS must name the brokers to begin with')
}

function addJournalMetrics(metrics: Metrics, journal: Journal, refusedByThreads: () => number): void {
  const { counters } = journal
  metrics.counter('fencepost_journal_records_total', 'events written', () => counters.records)
  metrics.counter('fencepost_journal_bytes_total', 'bytes of frames written', () => counters.frameBytes)
  metrics.counterByLabel('fencepost_journal_commits_total', 'group commits by outcome', 'outcome', () => [
    ['durable', counters.commits],
    ['failed', counters.failedCommits],
  ])
  metrics.counterByLabel('fencepost_journal_refused_total', 'publishes refused, by reason', 'reason', () => [
    ['full', counters.rejectedFull + refusedByThreads()],
    ['deadline', counters.rejectedDeadline],
  ])
  metrics.counter('fencepost_journal_expired_total', 'frames that retention removed', () => counters.expiredFrames)
  metrics.counter('fencepost_journal_erased_total', 'events that erasures removed', () => counters.erasedRecords)
  metrics.counter('fencepost_journal_damaged_total', 'frames that could not be read', () => counters.damagedFrames)
  metrics.histogram('fencepost_journal_commit_seconds', 'one group commit, fsync included', journal.commitLatency)
}
