// A control node of a cluster: the API over the feed in Redis, and a durable copy of it.
import { createLmdbFeed, openDataFolder, parseStoreKey } from '@fencepost/embedded'
import type { Logger } from '@fencepost/model'
import { createRedisFeed, redisOptionsFrom } from '@fencepost/redis'
import { createLifecycle } from '@fencepost/runtime'
import { createHttpServer } from '@fencepost/server'
import { addControlRoutes } from './app.ts'
import type { ControlConfig } from './config.ts'
import { createMirror } from './mirror.ts'
import { createPrivacyOfCluster } from './privacy-of-cluster.ts'
import { createTenantMoments } from './tenant-index.ts'

export interface ControlNode {
  start(): Promise<{ readonly adminPort: number }>
  stop(deadlineMs: number): Promise<boolean>
}

/** Pings as old and as far ahead as this are taken by nodes as they come. */
const LIMITS = { maxPingAgeMs: 72 * 3_600_000, maxPingFutureMs: 300_000 }

/** @throws Error when the data folder cannot be used, or the port is open to others without a token */
export function createControlNode(config: ControlConfig, logger: Logger): ControlNode {
  const { adminHost: host, adminPort: port, adminToken, storeKey } = config
  if (adminToken === undefined && !/^(localhost|::1|127(\.\d{1,3}){3})$/.test(host))
    throw new Error(
      `FENCEPOST_ADMIN_HOST is ${host}, which others can reach: set FENCEPOST_ADMIN_TOKEN, or use 127.0.0.1`,
    )
  const folder = openDataFolder(config.dataDir)
  const shared = createRedisFeed(redisOptionsFrom(config), { logger })
  const encryptionKey = storeKey === undefined ? undefined : parseStoreKey('FENCEPOST_STORE_KEY', storeKey)
  const local = createLmdbFeed({ dir: folder.at('feed'), encryptionKey }, { logger })
  const mirror = createMirror({ shared, local, placePath: folder.at('feed.place'), logger, clock: Date.now })
  const privacy = createPrivacyOfCluster(config, { feed: shared, logger })
  const { adminTlsCertFile: certFile, adminTlsKeyFile: keyFile } = config
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Error(
      'FENCEPOST_ADMIN_TLS_CERT_FILE and FENCEPOST_ADMIN_TLS_KEY_FILE go together; one of them is not set',
    )
  const tls = certFile === undefined || keyFile === undefined ? {} : { tls: { certFile, keyFile } }
  const server = createHttpServer({ name: 'admin', host, port, logger, ...tls })
  addControlRoutes(server, {
    feed: mirror.guarded,
    logger,
    adminToken,
    fencesWritable: true,
    explain: { moment: createTenantMoments(shared), limits: LIMITS },
    privacy: privacy?.kit ?? null,
  })
  const answer = (exchange: Parameters<Parameters<typeof server.route>[2]>[0], status: number, body: unknown): void =>
    exchange.answer(status, 'application/json', `${JSON.stringify(body)}\n`)
  server.route('get', '/livez', (exchange) => answer(exchange, 200, { live: true }))
  server.route('get', '/readyz', (exchange) => {
    const ready = shared.healthy()
    answer(exchange, ready ? 200 : 503, { ready, feed: ready ? 'connected' : 'not connected', copy: mirror.state() })
  })

  let adminPort = 0
  const lifecycle = createLifecycle(logger)
  lifecycle.add({ name: 'copy', start: () => local.start(), stop: (deadlineMs) => local.stop(deadlineMs) })
  lifecycle.add({ name: 'feed', start: () => shared.start(), stop: (deadlineMs) => shared.stop(deadlineMs) })
  for (const part of privacy?.parts ?? []) lifecycle.add(part)
  lifecycle.add({ name: 'mirror', start: () => mirror.start(), stop: () => mirror.stop() })
  lifecycle.add({
    name: 'admin port',
    start: async () => {
      adminPort = (await server.start()).port
    },
    stop: (deadlineMs) => server.stop(deadlineMs),
  })
  return {
    async start() {
      await lifecycle.start()
      logger.info({ port: adminPort, admin_port: adminPort }, 'listening')
      return { adminPort }
    },
    stop: (deadlineMs) => lifecycle.stop(deadlineMs),
  }
}
