// `node services/control/dist/main.js`: one control node of a cluster.
import { configFromCommandLine, createLogger, runUntilSignal } from '@fencepost/runtime'
import { controlSettings } from './config.ts'
import { createControlNode } from './node.ts'

const config = configFromCommandLine(controlSettings, {
  usage: 'node services/control/dist/main.js [--help] [--print-config]',
  about: 'One control node: the API over fences, campaigns, keys and tokens; writes the feed that nodes follow.',
})
const logger = createLogger({ level: config.logLevel })

try {
  const node = createControlNode(config, logger)
  runUntilSignal({
    stop: (deadlineMs) => node.stop(deadlineMs),
    deadlineMs: config.stopDeadlineMs,
    onReload: async () => {},
    logger,
  })
  await node.start()
} catch (error) {
  logger.error({ error: error instanceof Error ? error.message : String(error) }, 'could not start')
  process.exit(1)
}
