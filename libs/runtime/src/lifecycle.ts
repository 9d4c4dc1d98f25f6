// Parts start in the order they were added and stop in reverse, each with its share of one deadline.
import type { Logger } from '@fencepost/model'

/** Whatever has a socket, a file or a timer. `stop` must be idempotent and safe before `start`. */
export interface Part {
  readonly name: string
  start(): Promise<void>
  stop(deadlineMs: number): Promise<void>
}

export interface Lifecycle {
  add(part: Part): void
  /** Starts every part in order; when one fails, stops those that had started and throws its error. */
  start(): Promise<void>
  /** Stops what has started, in reverse. A part that hangs or fails is logged by name and passed over; true = all in time. */
  stop(deadlineMs: number): Promise<boolean>
}

/** Time left for the parts of a start that failed. */
const FAILED_START_DEADLINE_MS = 5000

export function createLifecycle(logger: Logger): Lifecycle {
  const parts: Part[] = []
  const started: Part[] = []
  let stopping: Promise<boolean> | null = null

  async function stopStarted(deadlineMs: number): Promise<boolean> {
    const end = performance.now() + deadlineMs
    let inTime = true
    for (let part = started.pop(); part !== undefined; part = started.pop()) {
      // The last parts to stop are the ones that flush: each gets all that is left, but never less than a moment.
      const share = Math.max(50, end - performance.now())
      inTime = (await stopPart(part, share)) && inTime
    }
    return inTime
  }

  async function stopPart(part: Part, deadlineMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), deadlineMs)
    })
    try {
      const outcome = await Promise.race([part.stop(deadlineMs), late])
      if (outcome !== 'late') return true
      logger.error({ part: part.name, deadline_ms: Math.round(deadlineMs) }, 'part did not stop in time')
    } catch (error) {
      logger.error(
        { part: part.name, error: error instanceof Error ? error.message : String(error) },
        'part failed to stop',
      )
    } finally {
      clearTimeout(timer)
    }
    return false
  }

  return {
    add(part) {
      parts.push(part)
    },
    async start() {
      for (const part of parts) {
        started.push(part) // before its start: a part that failed halfway is stopped too
        try {
          await part.start()
        } catch (error) {
          await stopStarted(FAILED_START_DEADLINE_MS)
          throw error
        }
      }
    },
    stop(deadlineMs) {
      stopping ??= stopStarted(deadlineMs).finally(() => {
        stopping = null
      })
      return stopping
    },
  }
}
