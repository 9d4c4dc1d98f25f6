// All that the feed has brought beside fences, as one update for whoever comes later.
import type { DocChange } from '@fencepost/model'
import type { FeedUpdate } from './feed-view.ts'

export interface ViewHub {
  take(update: FeedUpdate): void
  current(): FeedUpdate
}

export function createViewHub(): ViewHub {
  const docs = new Map<string, DocChange>()
  let place: FeedUpdate['place'] = { epoch: 'file', seq: 0 }
  return {
    take(update) {
      if (update.isWhole) docs.clear()
      for (const doc of update.docs) {
        const name = JSON.stringify([doc.kind, doc.tenant, doc.id])
        if (doc.body === null) docs.delete(name)
        else docs.set(name, doc)
      }
      place = update.place
    },
    current: () => ({ isWhole: true, docs: [...docs.values()], place }),
  }
}
