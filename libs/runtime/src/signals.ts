// SIGTERM and SIGINT stop in order, a second one ends at once, SIGHUP reloads.
import type { Logger } from '@fencepost/model'

export interface SignalOptions {
  /** Stops everything; true or nothing = in time. */
  readonly stop: (deadlineMs: number) => Promise<boolean | void>
  readonly deadlineMs: number
  readonly onReload?: () => unknown
  readonly logger: Logger
}

/** Exit code after a second signal: 128 + SIGTERM, as a shell reports a killed process. */
const KILLED = 143

/** Handles the signals of a service until one of them ends the process: 0 when all stopped in time, else 1. */
export function runUntilSignal({ stop, deadlineMs, onReload, logger }: SignalOptions): void {
  let stopping = false
  const onStop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(KILLED)
    stopping = true
    logger.info({ signal, deadline_ms: deadlineMs }, 'stopping')
    stop(deadlineMs).then(
      (inTime) => {
        logger.info({}, inTime === false ? 'stopped, not everything in time' : 'stopped')
        process.exit(inTime === false ? 1 : 0)
      },
      (error: unknown) => {
        logger.error({ error: error instanceof Error ? error.message : String(error) }, 'failed to stop')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', onStop)
  process.on('SIGINT', onStop)
  process.on('SIGHUP', () => onReload?.())
}
