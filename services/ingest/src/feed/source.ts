// Where a node of a cluster gets its fences, campaigns and keys from: the feed in Redis, where there is one.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@fencepost/model'
import { createRedisFeed, redisOptionsFrom } from '@fencepost/redis'
import type { NodeFeed } from '../app.ts'
import type { IngestConfig } from '../config.ts'
import { loadFenceFile } from '../fence-file.ts'

export function feedOf(config: IngestConfig, logger: Logger): { readonly feed?: NodeFeed } {
  const { redisUrl, dataDir } = config
  if (redisUrl === undefined) return {}
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const indexPath = config.indexFile ?? join(dataDir, 'fences.index')
  return {
    feed: {
      feed: createRedisFeed(redisOptionsFrom({ ...config, redisUrl }), { logger }),
      // Fences of a file are the operator's.
      withFences: config.fences === undefined,
      fencesPath: join(dataDir, 'feed-fences.ndjson'),
      loadFile: (path, cpuPercent) => loadFenceFile(path, 'skip', logger, { indexPath, cpuPercent }),
    },
  }
}
