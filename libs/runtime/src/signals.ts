// SIGTERM and SIGINT stop in order, a second one ends at once, SIGHUP reloads.
import { constants } from 'node:os'
import type { Logger } from '@fencepost/model'

export interface SignalOptions {
  /** Stops everything; resolves with false when not all was in time. */
  readonly stop: (deadlineMs: number) => Promise<unknown>
  readonly deadlineMs: number
  readonly onReload?: () => unknown
  readonly logger: Logger
}

/**
 * Handles the signals of a service until one of them ends the process: 0 when all stopped in time, else 1; 130 or 143 when a
 * second one came first.
 */
export function runUntilSignal({ stop, deadlineMs, onReload, logger }: SignalOptions): void {
  let stopping = false
  const onStop = (signal: NodeJS.Signals): void => {
    // As a shell reports a process that a signal killed.
    if (stopping) process.exit(128 + constants.signals[signal])
    stopping = true
    logger.info({ signal, deadline_ms: deadlineMs }, 'stopping')
    stop(deadlineMs).then(
      (inTime) => {
        logger.info({}, inTime === false ? 'stopped, not everything in time' : 'stopped')
        process.exit(inTime === false ? 1 : 0)
      },
      (error: unknown) => {
        logger.error({ error: textOf(error) }, 'failed to stop')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', onStop)
  process.on('SIGINT', onStop)
  process.on('SIGHUP', () => {
    if (onReload === undefined || stopping) return
    // What is in force stays in force.
    Promise.resolve()
      .then(onReload)
      .catch((error: unknown) => logger.error({ error: textOf(error) }, 'failed to reload'))
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
