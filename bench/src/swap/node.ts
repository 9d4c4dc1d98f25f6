// The node of the swap bench: a real one, with a sink that has everything durable at once, told by IPC when its fences change.
import { createNode, loadFenceFile, nodeSettings } from '@fencepost/ingest'
import type { EventSink, Logger } from '@fencepost/model'
import { parseConfig } from '@fencepost/runtime'
import type { NodeOrder } from './protocol.ts'
import { fenceAt } from './scene.ts'

const sink: EventSink = {
  start: async () => {},
  stop: async () => {},
  hasRoom: () => true,
  healthy: () => true,
  publish: () => Promise.resolve(),
}
const logger: Logger = {
  info() {},
  warn: (_, message) => process.send?.({ kind: 'failed', error: message }),
  error: (_, message) => process.send?.({ kind: 'failed', error: message }),
}
let file = process.env['FENCES_FILE'] ?? ''
const node = createNode({
  config: parseConfig(nodeSettings, process.env),
  logger,
  sink,
  rootKey: Buffer.alloc(32, 1),
  pseudonymKey: Buffer.alloc(32, 2),
  loadFences: (cpuPercent) => loadFenceFile(file, 'fail', logger, { cpuPercent }),
})

process.on('message', (order: NodeOrder) => {
  change(order).then(
    () => process.send?.({ kind: 'changed' }),
    (error: unknown) => process.send?.({ kind: 'failed', error: String(error) }),
  )
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))

async function change(order: NodeOrder): Promise<void> {
  if (order.kind === 'edit') {
    await node.applyFences(Array.from({ length: order.count }, (_, i) => ({ put: fenceAt(i, order.side) })))
    return
  }
  file = order.file
  await node.reload()
}

const { port } = await node.start()
process.send?.({ kind: 'listening', port })
