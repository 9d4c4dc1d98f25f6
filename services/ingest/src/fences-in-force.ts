// The fences in force: loaded at start and again on SIGHUP, swapped in one step, kept when a new load fails.
import { createFenceIndex } from '@fencepost/match'
import type { Clock, FenceIndex, Logger } from '@fencepost/model'

export interface FencesInForce {
  /** The index in force. Ask again for every batch. */
  index(): FenceIndex
  /** Epoch ms of the last successful load; 0 before the first. */
  loadedAt(): number
  /** Why the last reload failed, or null. */
  lastError(): string | null
  /** @throws whatever the loader throws; the index in force stays */
  load(): Promise<void>
  /** Like `load`, but an error is logged and kept for `lastError`. Calls while one runs share one more after it. */
  reload(): Promise<void>
}

export function createFencesInForce(options: {
  readonly loadFences: () => Promise<FenceIndex>
  readonly logger: Logger
  readonly clock?: Clock
}): FencesInForce {
  const { loadFences, logger, clock = Date.now } = options
  let index = createFenceIndex([])
  let loadedAt = 0
  let lastError: string | null = null
  let running: Promise<void> | null = null
  let again = false
  let begun = 0
  let inForce = 0

  async function load(): Promise<void> {
    const turn = ++begun
    const next = await loadFences()
    if (turn < inForce) return // the first load was overtaken by a reload, which read what is newer
    inForce = turn
    index = next
    loadedAt = clock()
    lastError = null
    logger.info({ fences: next.size }, 'fences loaded')
  }

  /** Loads until nobody has asked since the last load began: what it reads may have changed behind it. */
  async function reloadAll(): Promise<void> {
    do {
      again = false
      try {
        await load()
      } catch (error) {
        lastError = error instanceof Error ? error.message : String(error)
        logger.error({ error: lastError, fences: index.size }, 'fences not reloaded; the ones in force stay')
      }
    } while (again)
    running = null
  }

  return {
    index: () => index,
    loadedAt: () => loadedAt,
    lastError: () => lastError,
    load,
    reload() {
      again = true
      running ??= reloadAll()
      return running
    },
  }
}
