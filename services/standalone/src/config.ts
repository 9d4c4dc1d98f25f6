// The node's settings, and what the embedded parts add: where the data lies and how long the journal keeps it.
import { kafkaSettings, nodeSettings, redisSettings } from '@fencepost/ingest'
import { type ConfigOf, setting } from '@fencepost/runtime'

export const standaloneSettings = {
  ...nodeSettings,
  sink: setting.choice({
    env: 'FENCEPOST_SINK',
    choices: ['journal', 'kafka'],
    default: 'journal',
    help: 'where events go: the journal in the data folder, or Kafka',
  }),
  dataDir: setting.string({
    env: 'FENCEPOST_DATA_DIR',
    default: '.fencepost',
    help: 'folder of the journal and of the keys made at the first start; mode 0700',
  }),
  journalRetentionS: setting.int({
    env: 'FENCEPOST_JOURNAL_RETENTION_S',
    default: 7 * 86400,
    min: 60,
    max: 10 * 365 * 86400,
    unit: 's',
    help: 'older events are removed from the journal',
  }),
  journalRetentionBytes: setting.int({
    env: 'FENCEPOST_JOURNAL_RETENTION_BYTES',
    default: 4 * 1024 ** 3,
    min: 1024 * 1024,
    max: 1024 ** 4,
    unit: 'bytes',
    help: 'the oldest events are removed from a journal above it',
  }),
  kafkaBrokers: setting.list({
    env: 'FENCEPOST_KAFKA_BROKERS',
    default: [],
    help: 'host:port,host:port of the brokers to begin with; needed with FENCEPOST_SINK=kafka',
  }),
  ...kafkaSettings,
  ...redisSettings,
  rootKey: setting.secret({
    env: 'FENCEPOST_ROOT_KEY',
    optional: true,
    help: 'key of subjects and event ids, never changed; made and kept in the data folder when not given',
  }),
  pseudonymKey: setting.secret({
    env: 'FENCEPOST_PSEUDONYM_KEY',
    optional: true,
    help: 'key of the pseudonyms in events; made and kept in the data folder when not given',
  }),
  oldPseudonymKeys: setting.secret({
    env: 'FENCEPOST_PSEUDONYM_KEYS_OLD',
    optional: true,
    help: 'keys of pseudonyms that were in use before, comma separated: events of their time are found by them, until none is kept any more',
  }),
  storeKey: setting.secret({
    env: 'FENCEPOST_STORE_KEY',
    optional: true,
    help: 'encrypts journal, presence, requests and feed on disk; 64 hex digits (openssl rand -hex 32), from the first start on or never',
  }),
} as const

export type StandaloneConfig = ConfigOf<typeof standaloneSettings>
