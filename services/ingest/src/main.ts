// `node services/ingest/dist/main.js`: one ingest node of a cluster.
import { parseKey, parseKeys } from '@fencepost/policy'
import { readRegister } from '@fencepost/privacy'
import { configFromCommandLine, createLogger, runUntilSignal } from '@fencepost/runtime'
import { createNode } from './app.ts'
import { ingestSettings } from './config.ts'
import { feedOf } from './feed/source.ts'
import { loadFenceFile } from './fence-file.ts'
import { presenceOf } from './presence/source.ts'

const config = configFromCommandLine(ingestSettings, {
  usage: 'node services/ingest/dist/main.js [--help] [--print-config]',
  about: 'One ingest node: takes pings, matches them against the fences, publishes the matches to Kafka.',
})
const logger = createLogger({ level: config.logLevel })

try {
  const node = createNode({
    config,
    logger,
    sink: { kafka: config },
    ...presenceOf(config),
    ...feedOf(config, logger),
    rootKey: parseKey('FENCEPOST_ROOT_KEY', config.rootKey),
    pseudonymKey: parseKey('FENCEPOST_PSEUDONYM_KEY', config.pseudonymKey),
    oldPseudonymKeys: parseKeys('FENCEPOST_PSEUDONYM_KEYS_OLD', config.oldPseudonymKeys ?? ''),
    recipients: readRegister(config.recipients),
    loadFences: (cpuPercent) =>
      loadFenceFile(config.fences, config.fencesInvalid, logger, { indexPath: config.indexFile, cpuPercent }),
  })
  runUntilSignal({
    stop: (deadlineMs) => node.stop(deadlineMs),
    deadlineMs: config.stopDeadlineMs,
    onReload: () => node.reload(),
    logger,
  })
  await node.start()
} catch (error) {
  logger.error({ error: error instanceof Error ? error.message : String(error) }, 'could not start')
  process.exit(1)
}
