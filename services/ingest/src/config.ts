// Every setting of the node: name, default, unit and reason. services/standalone adds its own to these.
import { availableParallelism } from 'node:os'
import { DEFAULT_LIMITS } from '@fencepost/model'
import { type ConfigOf, setting } from '@fencepost/runtime'

/** What both services read. */
export const nodeSettings = {
  port: setting.int({
    env: 'FENCEPOST_PORT',
    default: 8080,
    min: 0,
    max: 65535,
    help: 'public port; 0 = any free one, logged in the "listening" line',
  }),
  host: setting.string({ env: 'FENCEPOST_HOST', default: '0.0.0.0', help: 'address the public port listens on' }),
  tlsCertFile: setting.string({
    env: 'FENCEPOST_TLS_CERT_FILE',
    optional: true,
    help: 'TLS at the public port: PEM of its certificate and those above it; none = plain HTTP',
  }),
  tlsKeyFile: setting.string({
    env: 'FENCEPOST_TLS_KEY_FILE',
    optional: true,
    help: 'TLS at the public port: PEM of its private key, which others must not be able to read',
  }),
  threads: setting.int({
    env: 'FENCEPOST_THREADS',
    default: 1,
    min: 1,
    max: 64,
    words: { auto: availableParallelism },
    help: 'threads that serve the public port, auto = one a core; limits of memory and rate are shared out among them',
  }),
  adminPort: setting.int({
    env: 'FENCEPOST_ADMIN_PORT',
    default: 8081,
    min: 0,
    max: 65535,
    help: 'port of /livez, /readyz, /metrics and /v1/events; 0 = any free one',
  }),
  adminHost: setting.string({
    env: 'FENCEPOST_ADMIN_HOST',
    default: '127.0.0.1',
    help: 'address the admin port listens on; any other than a loopback one needs FENCEPOST_ADMIN_TOKEN',
  }),
  adminTlsCertFile: setting.string({
    env: 'FENCEPOST_ADMIN_TLS_CERT_FILE',
    optional: true,
    help: 'TLS at the admin port: PEM of its certificate and those above it; none = plain HTTP',
  }),
  adminTlsKeyFile: setting.string({
    env: 'FENCEPOST_ADMIN_TLS_KEY_FILE',
    optional: true,
    help: 'TLS at the admin port: PEM of its private key, which others must not be able to read',
  }),
  adminToken: setting.secret({
    env: 'FENCEPOST_ADMIN_TOKEN',
    optional: true,
    help: 'bearer token for the admin port; /livez and /readyz answer without it',
  }),
  sdkKeys: setting.secret({
    env: 'FENCEPOST_SDK_KEYS',
    optional: true,
    help: 'tenant:key,tenant:key,… that may post pings; without any, every request is a 401',
  }),
  fences: setting.string({
    env: 'FENCEPOST_FENCES',
    optional: true,
    help: 'file of the fences: a GeoJSON FeatureCollection, or Features in lines; read again on SIGHUP; none = no fences',
  }),
  indexFile: setting.string({
    env: 'FENCEPOST_INDEX_FILE',
    optional: true,
    help: 'where the index of the fences is kept for the next start, which then need not make it; none = it is not (standalone: in its data folder)',
  }),
  fencesInvalid: setting.choice({
    env: 'FENCEPOST_FENCES_INVALID',
    choices: ['skip', 'repair', 'fail'],
    default: 'skip',
    help: 'an invalid fence is left out with a log line, repaired (crossed rings read even-odd), or ends the start',
  }),
  eventCoordinates: setting.choice({
    env: 'FENCEPOST_EVENT_COORDINATES',
    choices: ['none', 'coarse', 'exact'],
    default: 'coarse',
    help: 'coordinates in events: none, two decimals (about a kilometre), or as observed',
  }),
  eventFormat: setting.choice({
    env: 'FENCEPOST_EVENT_FORMAT',
    choices: ['json', 'msgpack'],
    default: 'json',
    help: 'encoding of event values',
  }),
  maxPingAgeS: setting.int({
    env: 'FENCEPOST_MAX_PING_AGE_S',
    default: 72 * 3600,
    min: 1,
    max: 100 * 365 * 86400,
    unit: 's',
    help: 'an older ping is refused as stale',
  }),
  maxPingFutureS: setting.int({
    env: 'FENCEPOST_MAX_PING_FUTURE_S',
    default: 300,
    min: 0,
    max: 86400,
    unit: 's',
    help: 'a ping further ahead of the server’s clock is refused as future',
  }),
  maxBodyBytes: setting.int({
    env: 'FENCEPOST_MAX_BODY_BYTES',
    default: DEFAULT_LIMITS.bodyBytes,
    min: 1024,
    max: 16 * 1024 * 1024,
    unit: 'bytes',
    help: 'largest body as sent; above it 413',
  }),
  maxInflatedBytes: setting.int({
    env: 'FENCEPOST_MAX_INFLATED_BYTES',
    default: DEFAULT_LIMITS.inflatedBytes,
    min: 1024,
    max: 64 * 1024 * 1024,
    unit: 'bytes',
    help: 'largest gzipped body after inflating; above it 413',
  }),
  maxBatch: setting.int({
    env: 'FENCEPOST_MAX_BATCH',
    default: DEFAULT_LIMITS.pingsPerBatch,
    min: 1,
    max: 10_000,
    unit: 'pings',
    help: 'most pings of one batch; above it 413',
  }),
  maxBodyMemoryBytes: setting.int({
    env: 'FENCEPOST_MAX_BODY_MEMORY_BYTES',
    default: 64 * 1024 * 1024,
    min: 1024 * 1024,
    max: 16 * 1024 ** 3,
    unit: 'bytes',
    help: 'memory promised to bodies that are being received, reserved at the headers; above it 503',
  }),
  maxInflightBytes: setting.int({
    env: 'FENCEPOST_MAX_INFLIGHT_BYTES',
    default: 64 * 1024 * 1024,
    min: 1024 * 1024,
    max: 16 * 1024 ** 3,
    unit: 'bytes',
    help: 'memory for events that are not durable yet; above it 503',
  }),
  maxInflightEvents: setting.int({
    env: 'FENCEPOST_MAX_INFLIGHT_EVENTS',
    default: 200_000,
    min: 1000,
    max: 100_000_000,
    unit: 'events',
    help: 'events that are not durable yet; above it 503',
  }),
  maxEventBytes: setting.int({
    env: 'FENCEPOST_MAX_EVENT_BYTES',
    default: 512 * 1024,
    min: 4096,
    max: 8 * 1024 * 1024,
    unit: 'bytes',
    help: 'largest event value; must fit the broker’s message.max.bytes; a larger one is event_too_large',
  }),
  bodyTimeoutMs: setting.int({
    env: 'FENCEPOST_BODY_TIMEOUT_MS',
    default: 9000,
    min: 100,
    max: 9500,
    unit: 'ms',
    help: 'a body that takes longer is answered 408; below the 10 s after which the HTTP server drops the connection',
  }),
  deliveryDeadlineMs: setting.int({
    env: 'FENCEPOST_DELIVERY_DEADLINE_MS',
    default: 8000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    help: 'events that are not durable by then make their request a 503',
  }),
  ratePerS: setting.int({
    env: 'FENCEPOST_RATE_LIMIT_PER_S',
    default: 0,
    min: 0,
    max: 10_000_000,
    unit: 'requests/s',
    help: 'requests a second and SDK key on average; above it 429; 0 = no limit',
  }),
  rateBurst: setting.int({
    env: 'FENCEPOST_RATE_LIMIT_BURST',
    default: 100,
    min: 1,
    max: 10_000_000,
    unit: 'requests',
    help: 'requests a key may send at once before the rate limit holds',
  }),
  corsOrigins: setting.list({
    env: 'FENCEPOST_CORS_ORIGINS',
    default: [],
    help: 'origins of web SDKs, comma separated, or *; none = no CORS headers',
  }),
  presence: setting.choice({
    env: 'FENCEPOST_PRESENCE',
    choices: ['on', 'choices', 'off'],
    default: 'on',
    help: 'choices = matches only, as far as each person’s stored choices permit; off = matches only, by the consent of the batches alone',
  }),
  presenceTtlS: setting.int({
    env: 'FENCEPOST_PRESENCE_TTL_S',
    default: 86_400,
    min: 60,
    max: 100 * 365 * 86_400,
    unit: 's',
    help: 'a device that is silent for so long has left; what is kept of it goes after twice as long',
  }),
  choiceRetentionS: setting.int({
    env: 'FENCEPOST_CHOICE_RETENTION_S',
    default: 10 * 365 * 86_400,
    min: 86_400,
    max: 100 * 365 * 86_400,
    unit: 's',
    help: 'what a person has chosen (consent, erasure, restriction) is kept for so long after it was last needed',
  }),
  requestRetentionS: setting.int({
    env: 'FENCEPOST_REQUEST_RETENTION_S',
    default: 2 * 365 * 86_400,
    min: 86_400,
    max: 100 * 365 * 86_400,
    unit: 's',
    help: 'requests about privacy and the proof of what was done are kept for so long',
  }),
  recipients: setting.string({
    env: 'FENCEPOST_RECIPIENTS',
    optional: true,
    help: 'JSON file of who is given personal data: [{id, name, address, categories, purpose, since}]; the API adds to it',
  }),
  beaconExitS: setting.int({
    env: 'FENCEPOST_BEACON_EXIT_S',
    default: 30,
    min: 1,
    max: 86_400,
    unit: 's',
    help: 'a visit to a beacon region ends so long after its last sighting',
  }),
  clockStepS: setting.int({
    env: 'FENCEPOST_CLOCK_STEP_S',
    default: 120,
    min: 1,
    max: 86_400,
    unit: 's',
    help: 'a jump of a phone’s clock by more than this means that it was set: what is known by it moves with it',
  }),
  presenceCache: setting.int({
    env: 'FENCEPOST_PRESENCE_CACHE',
    default: 20_000,
    min: 1,
    max: 10_000_000,
    unit: 'devices',
    help: 'records of devices kept in memory, about 1 kB each, which saves reading them; at most twice as many for a while',
  }),
  identityCache: setting.int({
    env: 'FENCEPOST_IDENTITY_CACHE',
    default: 50_000,
    min: 1,
    max: 10_000_000,
    unit: 'devices',
    help: 'pseudonyms kept in memory, about 500 bytes each, so that a busy device costs no HMAC',
  }),
  graceMs: setting.int({
    env: 'FENCEPOST_GRACE_MS',
    default: 0,
    min: 0,
    max: 300_000,
    unit: 'ms',
    help: 'after SIGTERM: time between “not ready” and closing the door, for the load balancer to notice',
  }),
  stopDeadlineMs: setting.int({
    env: 'FENCEPOST_STOP_DEADLINE_MS',
    default: 15_000,
    min: 100,
    max: 300_000,
    unit: 'ms',
    help: 'after the grace period: time to answer, flush and close',
  }),
  logLevel: setting.choice({
    env: 'FENCEPOST_LOG_LEVEL',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    help: 'lowest level that is logged',
  }),
} as const

/** What publishing to Kafka takes. */
export const kafkaSettings = {
  kafkaClientId: setting.string({ env: 'FENCEPOST_KAFKA_CLIENT_ID', default: 'fencepost', help: 'client.id' }),
  topicMatches: setting.string({
    env: 'FENCEPOST_TOPIC_MATCHES',
    default: 'fencepost.matches',
    help: 'topic of match events',
  }),
  topicTransitions: setting.string({
    env: 'FENCEPOST_TOPIC_TRANSITIONS',
    default: 'fencepost.transitions',
    help: 'topic of enter, dwell and exit',
  }),
  topicErasures: setting.string({
    env: 'FENCEPOST_TOPIC_ERASURES',
    default: 'fencepost.erasures',
    help: 'topic that tells consumers whom to forget',
  }),
  kafkaCreateTopics: setting.bool({
    env: 'FENCEPOST_KAFKA_CREATE_TOPICS',
    default: true,
    help: 'create topics that are missing; false = only check them',
  }),
  kafkaPartitions: setting.int({
    env: 'FENCEPOST_KAFKA_PARTITIONS',
    default: 12,
    min: 1,
    max: 10_000,
    help: 'partitions of a topic made here; one that exists keeps its own number',
  }),
  kafkaReplication: setting.int({
    env: 'FENCEPOST_KAFKA_REPLICATION',
    default: 0,
    min: 0,
    max: 32,
    help: 'replication factor of a topic made here; 0 = 3, or as many as the cluster has brokers',
  }),
  kafkaMinInsync: setting.int({
    env: 'FENCEPOST_KAFKA_MIN_INSYNC',
    default: 0,
    min: 0,
    max: 32,
    help: 'min.insync.replicas of a topic made here; 0 = one fewer than its replication factor, at least 1',
  }),
  kafkaRetentionS: setting.int({
    env: 'FENCEPOST_KAFKA_RETENTION_S',
    default: 30 * 86400,
    min: 60,
    max: 10 * 365 * 86400,
    unit: 's',
    help: 'retention of a topic made here; an existing topic that differs is logged',
  }),
  kafkaLingerMs: setting.int({
    env: 'FENCEPOST_KAFKA_LINGER_MS',
    default: 2,
    min: 0,
    max: 1000,
    unit: 'ms',
    help: 'how long a record waits for others to share its request',
  }),
  kafkaRequestTimeoutMs: setting.int({
    env: 'FENCEPOST_KAFKA_REQUEST_TIMEOUT_MS',
    default: 3000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    help: 'a broker that does not answer by then is asked again; well below the delivery deadline',
  }),
  kafkaTls: setting.bool({ env: 'FENCEPOST_KAFKA_TLS', default: false, help: 'TLS to the brokers' }),
  kafkaTlsCaFile: setting.string({
    env: 'FENCEPOST_KAFKA_TLS_CA_FILE',
    optional: true,
    help: 'PEM of the brokers’ authority; none = the system’s',
  }),
  kafkaTlsCertFile: setting.string({
    env: 'FENCEPOST_KAFKA_TLS_CERT_FILE',
    optional: true,
    help: 'PEM of the client’s certificate, for mutual TLS',
  }),
  kafkaTlsKeyFile: setting.string({
    env: 'FENCEPOST_KAFKA_TLS_KEY_FILE',
    optional: true,
    help: 'PEM of the client’s key, for mutual TLS',
  }),
  kafkaSaslMechanism: setting.choice({
    env: 'FENCEPOST_KAFKA_SASL_MECHANISM',
    choices: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    default: 'none',
    help: 'how to log in to the brokers',
  }),
  kafkaSaslUsername: setting.string({ env: 'FENCEPOST_KAFKA_SASL_USERNAME', optional: true, help: 'SASL user' }),
  kafkaSaslPassword: setting.secret({ env: 'FENCEPOST_KAFKA_SASL_PASSWORD', optional: true, help: 'SASL password' }),
} as const

/** Where nodes of a cluster keep what they share. */
export const redisSettings = {
  redisUrl: setting.secret({
    env: 'FENCEPOST_REDIS_URL',
    optional: true,
    help: 'redis://[user:password@]host:port[/db] or rediss://…, the same for every node: who is inside is kept there',
  }),
  redisTimeoutMs: setting.int({
    env: 'FENCEPOST_REDIS_TIMEOUT_MS',
    default: 1000,
    min: 10,
    max: 30_000,
    unit: 'ms',
    help: 'a command that Redis has not answered by then has failed, and its batch is a 503',
  }),
} as const

/** services/ingest: a node of a cluster, always with Kafka, keys given so that all nodes share them. */
export const ingestSettings = {
  ...nodeSettings,
  kafkaBrokers: setting.list({
    env: 'FENCEPOST_KAFKA_BROKERS',
    required: true,
    help: 'host:port,host:port of the brokers to begin with',
  }),
  ...kafkaSettings,
  ...redisSettings,
  dataDir: setting.string({
    env: 'FENCEPOST_DATA_DIR',
    default: '.fencepost/node',
    help: 'folder of the last good fences of the feed and of their index, for a start without Redis; each node its own',
  }),
  rootKey: setting.secret({
    env: 'FENCEPOST_ROOT_KEY',
    help: 'key of subjects and event ids, the same on every node, never changed; openssl rand -hex 32',
  }),
  pseudonymKey: setting.secret({
    env: 'FENCEPOST_PSEUDONYM_KEY',
    help: 'key of the pseudonyms in events, the same on every node; openssl rand -hex 32',
  }),
  oldPseudonymKeys: setting.secret({
    env: 'FENCEPOST_PSEUDONYM_KEYS_OLD',
    optional: true,
    help: 'keys of pseudonyms that were in use before, comma separated: events of their time are found by them, until none is kept any more',
  }),
} as const

export type NodeConfig = ConfigOf<typeof nodeSettings>
export type KafkaConfig = ConfigOf<typeof kafkaSettings> & { readonly kafkaBrokers: readonly string[] }
export type RedisConfig = ConfigOf<typeof redisSettings>
export type IngestConfig = ConfigOf<typeof ingestSettings>
