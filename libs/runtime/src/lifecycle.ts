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
  /**
   * Starts every part in order; when one fails, stops those that had started and throws its error. A stop in between ends the start: no
   * further part is started, and it throws.
   */
  start(): Promise<void>
  /** Stops what has started, in reverse. A part that hangs or fails is logged by name and passed over; true = all in time. */
  stop(deadlineMs: number): Promise<boolean>
}

/** Time left for the parts of a start that failed. */
const FAILED_START_DEADLINE_MS = 5000
/** Share of the deadline that is kept back for each part still to stop: who hangs must not take the time of who flushes. */
const RESERVED = 0.1
const MIN_SHARE_MS = 50

export function createLifecycle(logger: Logger): Lifecycle {
  const parts: Part[] = []
  const started: Part[] = []
  let stopping: Promise<boolean> | null = null
  let stops = 0

  async function stopStarted(deadlineMs: number): Promise<boolean> {
    const end = performance.now() + deadlineMs
    let inTime = true
    for (let part = started.pop(); part !== undefined; part = started.pop()) {
      const left = end - performance.now() - started.length * RESERVED * deadlineMs
      const share = Math.round(Math.max(MIN_SHARE_MS, left))
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
      logger.error({ part: part.name, deadline_ms: deadlineMs }, 'part did not stop in time')
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
      const stopsBefore = stops
      for (const part of parts) {
        started.push(part) // before its start: a part that failed halfway is stopped too
        try {
          await part.start()
          if (stops !== stopsBefore) throw new Error('stopped while starting')
        } catch (error) {
          await stopping
          // That stop may have come to this part before its start was through.
          if (!started.includes(part)) started.push(part)
          await stopStarted(FAILED_START_DEADLINE_MS)
          throw error
        }
      }
    },
    stop(deadlineMs) {
      stops++
      stopping ??= stopStarted(deadlineMs).finally(() => {
        stopping = null
      })
      return stopping
    },
  }
}
