// A service in small for signals.it.test.ts. argv: how its stop behaves; settings come from the environment.
import { configFromCommandLine, createLifecycle, createLogger, runUntilSignal, setting } from '@fencepost/runtime'

const schema = {
  stop: setting.choice({
    env: 'FENCEPOST_STOP',
    choices: ['quick', 'hangs', 'fails', 'late'],
    default: 'quick',
    help: 'how',
  }),
  key: setting.secret({ env: 'FENCEPOST_KEY', optional: true, help: 'a key' }),
}
const config = configFromCommandLine(schema, {
  about: 'A service in small.',
  usage: 'child [--demo]',
  flags: ['--demo'],
})
const logger = createLogger({ level: 'info' })
const lifecycle = createLifecycle(logger)
const stops = {
  quick: async () => {},
  hangs: () => new Promise(() => setInterval(() => {}, 1000)),
  late: () => new Promise(() => setInterval(() => {}, 1000)),
  fails: () => Promise.reject(new Error('broken')),
}
lifecycle.add({ name: 'part', start: async () => {}, stop: stops[config.stop] })
let reloads = 0
runUntilSignal({
  stop: config.stop === 'hangs' ? stops.hangs : (deadlineMs) => lifecycle.stop(deadlineMs),
  deadlineMs: 200,
  onReload() {
    if (++reloads === 2) throw new Error('bad file')
    logger.info({ reloads }, 'reloaded')
  },
  logger,
})
await lifecycle.start()
setInterval(() => {}, 1000)
logger.info({}, 'up')
