// Where an epoch comes from: which copy it was filled from and what was written in it otherwise. Tells whether a copy of another epoch has
// something that this one must not lose.
import type { DocName, FeedHead, FeedOrigin, FenceFeed } from '@fencepost/model'

export interface Lineage {
  /** What it was filled from, in the order of the steps that did so; empty: it began with nothing. */
  readonly origins: readonly FeedOrigin[]
  /** The steps that filled it. */
  readonly filled: ReadonlySet<number>
  /** Names of the documents that other steps have taken out. */
  readonly gone: ReadonlySet<string>
  /** Epoch ms of the first step. */
  readonly begunAt: number
}

const PAGE = 200
/**
 * A copy is poured into an epoch that began with nothing only if that is no older: with an epoch of long ago the copy has nothing to do, as
 * when a folder is brought along from another cluster.
 */
export const YOUNG_MS = 24 * 3_600_000

/** Reads the steps up to `head`. Null: they are not all kept any more, or there are none. */
export async function readLineage(shared: FenceFeed, head: FeedHead): Promise<Lineage | null> {
  const origins: FeedOrigin[] = []
  const filled = new Set<number>()
  const gone = new Set<string>()
  let begunAt: number | null = null
  for (let at = 0; at < head.seq; ) {
    const steps = await shared.steps(at, PAGE)
    if (steps === null || steps.length === 0) return null
    for (const { seq, action, audit } of steps) {
      at = seq
      begunAt ??= audit.at
      if ('stage' in action) {
        if (action.from === undefined) continue
        origins.push(action.from)
        filled.add(seq)
      } else {
        for (const doc of action.docs) {
          if (doc.body === null) gone.add(nameText(doc))
          else gone.delete(nameText(doc))
        }
      }
    }
  }
  return begunAt === null ? null : { origins, filled, gone, begunAt }
}

/** Has a copy that had come to `place` of an earlier epoch something that the epoch lacks? */
export function lacksCopy({ origins, begunAt }: Lineage, place: FeedHead | null, now: number): boolean {
  if (origins.length === 0) return now - begunAt < YOUNG_MS
  if (place === null) return false
  const same = origins.filter(({ epoch }) => epoch === place.epoch)
  // Of an epoch that is not known here: somebody had more.
  return same.length > 0 && same.every(({ seq }) => seq < place.seq)
}

export function nameText({ kind, tenant, id }: DocName): string {
  return JSON.stringify([kind, tenant, id])
}
