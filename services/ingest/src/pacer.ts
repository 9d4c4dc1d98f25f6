// Says when something that is told now and then may be told again.
import type { Clock } from '@fencepost/model'

/** Returns a function that answers true at most once in `everyMs`, the first time no sooner than that after now. */
export function createPacer(everyMs: number, clock: Clock): () => boolean {
  let due = clock() + everyMs
  return () => {
    const now = clock()
    if (now < due) return false
    due = now + everyMs
    return true
  }
}
