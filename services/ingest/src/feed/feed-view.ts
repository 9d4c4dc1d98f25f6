// What a serving half knows from the feed beside the fences: campaigns, SDK keys, and how far the feed has come.
import { CampaignBook, readCampaign } from '@fencepost/match/eligibility'
import type { DocChange } from '@fencepost/model'
import type { FeedPlace } from '@fencepost/presence'
import type { KeyRing } from '../keys.ts'

/** From the main thread to every serving half. A plain object for `postMessage`. */
export interface FeedUpdate {
  /** What was known before is forgotten first. */
  readonly isWhole: boolean
  /** Campaigns and keys. */
  readonly docs: readonly DocChange[]
  readonly place: FeedPlace
}

export interface FeedView {
  readonly book: CampaignBook
  readonly place: () => FeedPlace
  apply(update: FeedUpdate): void
  /** Resolves with true when the feed has come to `place`, or with false if it has not in a second. */
  reached(place: FeedPlace): Promise<boolean>
}

const PATIENCE_MS = 1000
/** Fences that come from a file have no place in a feed: nobody is behind. */
const NO_FEED: FeedPlace = { epoch: 'file', seq: 0 }

export function createFeedView(keys: KeyRing): FeedView {
  let book = new CampaignBook()
  let place = NO_FEED
  const waiting = new Set<() => void>()

  function take({ kind, tenant, id, body }: DocChange): void {
    if (kind === 'key') keys.set(id, body === null ? null : { tenant, ...(JSON.parse(body) as { hash: string }) })
    else if (kind === 'campaign' && body === null) book.remove(tenant, id)
    else if (kind === 'campaign') {
      // Control has let it through; a zone that this node does not know is the one thing that may differ.
      const { campaign } = readCampaign(JSON.parse(body as string), { tenant, id })
      if (campaign === null) book.remove(tenant, id)
      else book.put(campaign)
    }
  }

  const isThere = (wanted: FeedPlace): boolean => place.epoch === wanted.epoch && place.seq >= wanted.seq

  return {
    get book() {
      return book
    },
    place: () => place,
    apply(update) {
      if (update.isWhole) {
        book = new CampaignBook()
        keys.clear()
      }
      for (const doc of update.docs) take(doc)
      place = update.place
      for (const look of [...waiting]) look()
    },
    reached(wanted) {
      if (isThere(wanted)) return Promise.resolve(true)
      return new Promise((resolve) => {
        const settle = (there: boolean): void => {
          clearTimeout(timer)
          waiting.delete(look)
          resolve(there)
        }
        const look = (): void => {
          if (isThere(wanted)) settle(true)
        }
        const timer = setTimeout(() => settle(false), PATIENCE_MS)
        waiting.add(look)
      })
    },
  }
}
