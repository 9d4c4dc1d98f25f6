// A node like services/standalone but for one thing: its journal does not sync. The test of durability must notice it.
import { join } from 'node:path'
import { createJournal } from '@fencepost/embedded'
import { createNode, loadFenceFile, nodeSettings } from '@fencepost/ingest'
import { createLogger, parseConfig } from '@fencepost/runtime'

const [folder, fences] = process.argv.slice(2)
const config = parseConfig(nodeSettings, process.env)
const logger = createLogger({ level: 'info' })
const journal = createJournal(
  {
    dir: join(folder, 'journal'),
    retentionMs: 3_600_000,
    retentionBytes: 1 << 28,
    maxQueueBytes: config.maxInflightBytes,
    maxQueueEvents: config.maxInflightEvents,
    deliveryDeadlineMs: config.deliveryDeadlineMs,
    unsafeNoSync: true,
  },
  { logger },
)
const node = createNode({
  config,
  logger,
  sink: journal,
  rootKey: Buffer.alloc(32, 1),
  pseudonymKey: Buffer.alloc(32, 2),
  loadFences: async () => (await loadFenceFile(fences, 'fail', logger)).fences,
})
await node.start()
