// What a control node needs for requests about privacy: the records that the nodes keep in Redis, and the keys that name devices in them. The
// nodes carry the requests out.
import type { FenceFeed, Logger } from '@fencepost/model'
import { createIdentities, parseKey, parseKeys, subjectSecret } from '@fencepost/policy'
import { createHoldings, createRequestBook, oldestKept, REQUESTS_PREFIX, readRegister } from '@fencepost/privacy'
import { createRedisPresenceStore, redisOptionsFrom } from '@fencepost/redis'
import type { Part } from '@fencepost/runtime'
import type { ControlConfig } from './config.ts'
import type { PrivacyKit } from './privacy.ts'

/**
 * Null where the keys are not given: there are no such routes then.
 *
 * @throws Error when only one of the keys is given, one is too short, or the register cannot be read
 */
export function createPrivacyOfCluster(
  config: ControlConfig,
  { feed, logger }: { readonly feed: FenceFeed; readonly logger: Logger },
): { readonly kit: PrivacyKit; readonly parts: readonly Part[] } | null {
  const { rootKey: root, pseudonymKey: pseudonym } = config
  if (root === undefined && pseudonym === undefined) return null
  if (root === undefined || pseudonym === undefined)
    throw new Error('requests about privacy need both FENCEPOST_ROOT_KEY and FENCEPOST_PSEUDONYM_KEY')
  const rootKey = parseKey('FENCEPOST_ROOT_KEY', root)
  const identities = createIdentities({
    rootKey,
    pseudonymKey: parseKey('FENCEPOST_PSEUDONYM_KEY', pseudonym),
    oldPseudonymKeys: parseKeys('FENCEPOST_PSEUDONYM_KEYS_OLD', config.oldPseudonymKeys ?? ''),
    cacheSize: 1000,
  })
  const redis = redisOptionsFrom(config)
  const records = createRedisPresenceStore(redis, { logger })
  const requests = createRedisPresenceStore({ ...redis, prefix: REQUESTS_PREFIX }, { logger })
  const part = (name: string, store: typeof records): Part => ({
    name,
    start: () => store.start(),
    stop: (deadlineMs) => store.stop(deadlineMs),
  })
  const book = createRequestBook(requests, config.requestRetentionS * 1000)
  const kit: PrivacyKit = {
    book,
    holdings: createHoldings({
      records,
      pseudonymsOf: identities.pseudonymsOf,
      events: null,
      decode: () => null,
      clock: Date.now,
    }),
    subjectOf(tenant, device) {
      const bytes = new TextEncoder().encode(device)
      return identities.of(tenant, bytes, 0, bytes.length).subject
    },
    subjectSecret: (tenant, number) => subjectSecret(rootKey, tenant, number),
    wake() {},
    async retention() {
      const reports = await feed.reports()
      const { isPart, ...oldest } = await oldestKept({ records, book })
      return { nodes: reports.map(({ node, at, retention }) => ({ node, at, retention })), oldest, is_part: isPart }
    },
    recipients: readRegister(config.recipients),
  }
  return { kit, parts: [part('records', records), part('requests', requests)] }
}
