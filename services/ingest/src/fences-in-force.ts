// The fences in force: loaded at start and again on SIGHUP, swapped in one step, kept when a new load fails.
import { openFenceIndex, type PackedFences, packFences } from '@fencepost/match'
import type { Clock, FenceIndex, Logger } from '@fencepost/model'

export interface FencesInForce {
  /** The index in force. Ask again for every batch. */
  index(): FenceIndex
  /** What it was opened from, for another thread. */
  packed(): PackedFences
  /** Epoch ms of the last successful load; 0 before the first. */
  loadedAt(): number
  /** Why the last reload failed, or null. */
  lastError(): string | null
  /** @throws whatever the loader throws; the index in force stays */
  load(): Promise<void>
  /** Like `load`, but an error is logged and kept for `lastError`. Calls while one runs share one more after it. */
  reload(): Promise<void>
  /** Puts fences in force that were not loaded from anywhere. */
  publish(packed: PackedFences): void
  /** Puts in force the fences that were, with some changed. */
  amend(packed: PackedFences): void
  /** Calls `listener` when other fences than those before have been put in force by a load or `publish`. One listener. */
  onReplace(listener: (packed: PackedFences) => void): void
  /** Calls `listener` with the fences that have come into force, every time. One listener; a later one replaces it. */
  onChange(listener: (packed: PackedFences) => void): void
}

export function createFencesInForce(options: {
  /** Given the part of the time that it may spend on it, in percent. */
  readonly loadFences: (cpuPercent: number) => Promise<PackedFences>
  /** That part for a load while others are in force; the first has all of it. */
  readonly buildCpuPercent: number
  readonly logger: Logger
  readonly clock?: Clock
}): FencesInForce {
  const { loadFences, buildCpuPercent, logger, clock = Date.now } = options
  let packed = packFences([])
  let index = openFenceIndex(packed)
  let listener: (packed: PackedFences) => void = () => {}
  let replaceListener: (packed: PackedFences) => void = () => {}
  let loadedAt = 0
  let lastError: string | null = null
  let running: Promise<void> | null = null
  let again = false
  let begun = 0
  let inForce = 0

  async function load(): Promise<void> {
    const turn = ++begun
    const next = await loadFences(loadedAt === 0 ? 100 : buildCpuPercent)
    if (turn < inForce) return // the first load was overtaken by a reload, which read what is newer
    inForce = turn
    publish(next)
    lastError = null
    logger.info({ fences: index.size }, 'fences loaded')
  }

  function publish(next: PackedFences): void {
    loadedAt = clock()
    amend(next)
    replaceListener(next)
  }

  function amend(next: PackedFences): void {
    packed = next
    index = openFenceIndex(packed)
    listener(packed)
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
    packed: () => packed,
    loadedAt: () => loadedAt,
    lastError: () => lastError,
    load,
    reload() {
      again = true
      running ??= reloadAll()
      return running
    },
    publish,
    amend,
    onReplace(next) {
      replaceListener = next
    },
    onChange(next) {
      listener = next
    },
  }
}
