// A journal in a thread of its own, behind a host of sink proxies: the main thread's part in a node with several threads.
import { parentPort, workerData } from 'node:worker_threads'
import { createJournal } from '@fencepost/embedded'
import { silentLogger } from '@fencepost/model'
import { createSinkHost } from '../../ingest/dist/threads/sink-host.js'

const { dir, limits, ports } = workerData
const journal = createJournal(
  {
    dir,
    retentionMs: 3_600_000,
    retentionBytes: 1 << 26,
    deliveryDeadlineMs: 10_000,
    maxQueueBytes: limits.maxBytes,
    maxQueueEvents: limits.maxEvents,
  },
  { logger: silentLogger },
)
const host = createSinkHost(journal, limits)
let attached = null

const orders = {
  async start() {
    await journal.start()
    attached ??= ports.map((port, i) => host.attach(i + 1, port))
  },
  detach: async (thread) => attached[thread - 1].detach(),
  async read(topic) {
    if (!journal.healthy()) await journal.start()
    return journal.read(topic, null, 10_000).records.map(({ record }) => record)
  },
  async stop(deadlineMs) {
    await journal.stop(deadlineMs)
    host.stop()
  },
  async end() {
    await journal.stop(10_000)
    process.exit(0)
  },
}
parentPort.postMessage({ room: host.room.memory })
parentPort.on('message', async ({ number, order, argument }) => {
  try {
    parentPort.postMessage({ number, value: await orders[order](argument) })
  } catch (error) {
    parentPort.postMessage({ number, error: String(error) })
  }
})
