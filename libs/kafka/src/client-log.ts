// What kafkajs says, in our log: warnings and errors only, a few lines between two changes of state, the rest counted. Its
// extra fields (stacks, requests) stay behind.
import type { Logger } from '@fencepost/model'
import type { LogEntry } from 'kafkajs'

const LINES_PER_STATE = 3
const MAX_MESSAGE = 200

export class ClientLog {
  readonly #logger: Logger
  #left = LINES_PER_STATE
  #swallowed = 0

  constructor(logger: Logger) {
    this.#logger = logger
  }

  readonly creator =
    () =>
    ({ namespace, log }: LogEntry): void => {
      if (this.#left === 0) {
        this.#swallowed++
        return
      }
      this.#left--
      this.#logger.warn({ part: namespace, message: String(log.message).slice(0, MAX_MESSAGE) }, 'kafka client')
    }

  /** The state has changed: a few lines more, and how many were swallowed since the last change. */
  reset(): number {
    const swallowed = this.#swallowed
    this.#left = LINES_PER_STATE
    this.#swallowed = 0
    return swallowed
  }
}
