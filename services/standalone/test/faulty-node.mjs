// A node like services/standalone but for one fault that the tests of durability must notice:
// `unsynced`: its journal leaves the sync out; `hasty`: it answers before the journal has the events.
import { join } from 'node:path'
import { createJournal } from '@fencepost/embedded'
import { createNode, loadFenceFile, nodeSettings } from '@fencepost/ingest'
import { createLogger, parseConfig } from '@fencepost/runtime'

const [fault, folder, fences] = process.argv.slice(2)
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
    unsafeNoSync: fault === 'unsynced',
  },
  { logger },
)
const hasty = {
  start: () => journal.start(),
  stop: (deadlineMs) => journal.stop(deadlineMs),
  hasRoom: (bytes, events) => journal.hasRoom(bytes, events),
  healthy: () => journal.healthy(),
  async publish(batch) {
    setTimeout(() => journal.publish(batch), 50)
  },
}
const node = createNode({
  config,
  logger,
  sink: fault === 'hasty' ? hasty : journal,
  rootKey: Buffer.alloc(32, 1),
  pseudonymKey: Buffer.alloc(32, 2),
  loadFences: () => loadFenceFile(fences, 'fail', logger),
})
await node.start()
