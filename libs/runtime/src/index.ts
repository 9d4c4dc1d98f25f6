export {
  ConfigError,
  configFromCommandLine,
  type Environment,
  foreignNames,
  parseConfig,
  renderConfig,
  renderHelp,
} from './config.ts'
export { createLifecycle, type Lifecycle, type Part } from './lifecycle.ts'
export { createLogger, type LogLevel } from './log.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { type ConfigOf, type Schema, type Setting, setting } from './setting.ts'
export { runUntilSignal, type SignalOptions } from './signals.ts'
