// Changes as steps of the feed: built on what is there, and built again when somebody else was faster.
import { type Clock, type DocChange, type FeedAction, type FenceFeed, StoreError, stepAfter } from '@fencepost/model'
import type { Principal } from './access.ts'
import { Problem } from './problem.ts'

export interface Writer {
  /** Makes one step of what `build` says of the documents as they are; it may be asked several times. Returns its seq. */
  write(
    principal: Principal,
    audit: { readonly what: string; readonly tenant: string },
    build: () => FeedAction | readonly DocChange[] | Promise<FeedAction | readonly DocChange[]>,
  ): Promise<number>
}

/** Others may write at the same time; that many in a row is more than there are. */
const ATTEMPTS = 50

export function createWriter(feed: FenceFeed, clock: Clock): Writer {
  return {
    async write({ name }, { what, tenant }, build) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const head = await feed.head()
        const built = await build()
        const action: FeedAction = Array.isArray(built) ? { docs: built } : (built as FeedAction)
        const step = stepAfter(head, action, { at: clock(), who: name, what, tenant })
        if ((await feed.append(head, step)) === null) return step.seq
      }
      throw new StoreError('unavailable', 'others wrote all the time')
    },
  }
}

/** What a store that fails is to whoever asked. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error
  return error instanceof StoreError ? new Problem('unavailable') : null
}
