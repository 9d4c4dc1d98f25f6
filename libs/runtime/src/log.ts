// One JSON line per state change, on stdout. Nothing here adds a host name, an IP or a process id.
import type { Logger } from '@fencepost/model'
import { type DestinationStream, destination as fileDestination, pino, stdTimeFunctions } from 'pino'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** A logger of JSON lines `{level, time, …fields, msg}`, written synchronously so that the last line before an exit is there. */
export function createLogger(options: { level: LogLevel; destination?: DestinationStream }): Logger {
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.destination ?? fileDestination({ dest: 1, sync: true }),
  )
  return {
    info: (fields, msg) => log.info(fields, msg),
    warn: (fields, msg) => log.warn(fields, msg),
    error: (fields, msg) => log.error(fields, msg),
  }
}
