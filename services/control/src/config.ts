// Every setting of a control node: name, default, unit and reason.
import { type ConfigOf, setting } from '@fencepost/runtime'

export const controlSettings = {
  adminPort: setting.int({
    env: 'FENCEPOST_ADMIN_PORT',
    default: 8082,
    min: 0,
    max: 65535,
    help: 'port of the API; 0 = any free one, logged in the "listening" line',
  }),
  adminHost: setting.string({
    env: 'FENCEPOST_ADMIN_HOST',
    default: '127.0.0.1',
    help: 'address the API listens on; any other than a loopback one needs FENCEPOST_ADMIN_TOKEN',
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
    help: 'the owner’s token; without it everybody who reaches the port is the owner',
  }),
  redisUrl: setting.secret({
    env: 'FENCEPOST_REDIS_URL',
    help: 'redis://[user:password@]host:port[/db] or rediss://…, where the nodes follow the feed',
  }),
  redisTlsCaFile: setting.string({
    env: 'FENCEPOST_REDIS_TLS_CA_FILE',
    optional: true,
    help: 'PEM of the authority behind a rediss:// server; none = the system’s',
  }),
  redisTimeoutMs: setting.int({
    env: 'FENCEPOST_REDIS_TIMEOUT_MS',
    default: 2000,
    min: 10,
    max: 30_000,
    unit: 'ms',
    help: 'a command that Redis has not answered by then has failed',
  }),
  rootKey: setting.secret({
    env: 'FENCEPOST_ROOT_KEY',
    optional: true,
    help: 'the nodes’ root key: needed for requests about privacy, which ask for a device by its id',
  }),
  pseudonymKey: setting.secret({
    env: 'FENCEPOST_PSEUDONYM_KEY',
    optional: true,
    help: 'the nodes’ key of pseudonyms: needed with FENCEPOST_ROOT_KEY',
  }),
  oldPseudonymKeys: setting.secret({
    env: 'FENCEPOST_PSEUDONYM_KEYS_OLD',
    optional: true,
    help: 'keys of pseudonyms that were in use before, comma separated: events of their time are found by them, until none is kept any more',
  }),
  requestRetentionS: setting.int({
    env: 'FENCEPOST_REQUEST_RETENTION_S',
    default: 2 * 365 * 86_400,
    min: 86_400,
    max: 100 * 365 * 86_400,
    unit: 's',
    help: 'requests about privacy and the proof of what was done are kept for so long; the same as on the nodes',
  }),
  recipients: setting.string({
    env: 'FENCEPOST_RECIPIENTS',
    optional: true,
    help: 'JSON file of who is given personal data: [{id, name, address, categories, purpose, since}]; the API adds to it',
  }),
  dataDir: setting.string({
    env: 'FENCEPOST_DATA_DIR',
    default: '.fencepost/control',
    help: 'folder of the durable copy of the feed, mode 0700; one process at a time',
  }),
  storeKey: setting.secret({
    env: 'FENCEPOST_STORE_KEY',
    optional: true,
    help: 'encrypts the copy of the feed on disk; 64 hex digits (openssl rand -hex 32), from the first start on or never',
  }),
  stopDeadlineMs: setting.int({
    env: 'FENCEPOST_STOP_DEADLINE_MS',
    default: 15_000,
    min: 100,
    max: 300_000,
    unit: 'ms',
    help: 'after SIGTERM: time to answer and close',
  }),
  logLevel: setting.choice({
    env: 'FENCEPOST_LOG_LEVEL',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    help: 'lowest level that is logged',
  }),
} as const

export type ControlConfig = ConfigOf<typeof controlSettings>
