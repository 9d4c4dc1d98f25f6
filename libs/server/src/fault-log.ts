// Exceptions of route handlers: counted each, logged once when they begin and once when they have stopped.
import type { Logger } from '@fencepost/model'

/** Quiet time after which the next exception is news again. */
export const FAULT_QUIET_MS = 10_000

export class FaultLog {
  readonly #server: string
  readonly #logger: Logger
  readonly #onError: ((error: unknown) => void) | null
  #since = 0
  #last = 0
  #timer: NodeJS.Timeout | null = null

  constructor(server: string, logger: Logger, onError: ((error: unknown) => void) | null) {
    this.#server = server
    this.#logger = logger
    this.#onError = onError
  }

  /** Never throws: it runs where an exception would end the process. */
  record(error: unknown): void {
    this.#since++
    if (this.#timer === null) {
      this.#last = this.#since
      this.#timer = setInterval(() => this.#look(), FAULT_QUIET_MS)
      this.#timer.unref()
      this.#logger.error(
        { server: this.#server, ...describe(error) },
        'a route handler failed; the request was answered 503',
      )
    }
    try {
      this.#onError?.(error)
    } catch {
      // The callback is the caller's; a fault in it must not become a second answer.
    }
  }

  #look(): void {
    if (this.#since !== this.#last) {
      this.#last = this.#since
      return
    }
    this.#logger.info({ server: this.#server, faults: this.#since }, 'route handlers have stopped failing')
    this.stop()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#since = 0
  }
}

/** Kind and place of an error. Not its message: a parser's would quote the body. */
function describe(error: unknown): { error: string; at?: string } {
  if (!(error instanceof Error)) return { error: typeof error }
  const frame = error.stack?.split('\n').find((line) => line.startsWith('    at '))
  return frame === undefined ? { error: error.name } : { error: error.name, at: frame.trim() }
}
