// `node services/standalone/dist/main.js`: ingest and its journal in one process; with --demo, what `make run` shows.
import { configFromCommandLine, createLogger, runUntilSignal } from '@fencepost/runtime'
import { createStandalone } from './app.ts'
import { standaloneSettings } from './config.ts'
import { DEMO_KEY, demoEnvironment, runDemo } from './demo.ts'

const demo = process.argv.includes('--demo')
const config = configFromCommandLine(
  standaloneSettings,
  {
    usage: 'node services/standalone/dist/main.js [--demo] [--help] [--print-config]',
    about: 'Fencepost in one process: takes pings, matches them against the fences, keeps the matches in a journal.',
    flags: ['--demo'],
  },
  demo ? { env: demoEnvironment(process.env) } : {},
)
const logger = createLogger({ level: config.logLevel })

try {
  const node = createStandalone(config, logger)
  runUntilSignal({
    stop: (deadlineMs) => node.stop(deadlineMs),
    deadlineMs: config.stopDeadlineMs,
    onReload: () => node.reload(),
    logger,
  })
  const listening = await node.start()
  if (demo) await runDemo(listening, DEMO_KEY, config.dataDir)
} catch (error) {
  logger.error({ error: error instanceof Error ? error.message : String(error) }, 'could not start')
  process.exit(1)
}
