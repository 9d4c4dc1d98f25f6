// The fences of one tenant as an index, for explanations where no pings are matched. Made when it is asked for, kept until the feed moves.
import { normaliseFeature } from '@fencepost/geo'
import { createFenceIndex } from '@fencepost/match'
import { CampaignBook, readCampaign } from '@fencepost/match/eligibility'
import type { Doc, DocKind, Fence, FenceFeed } from '@fencepost/model'
import type { ExplainMoment } from './explain.ts'

const PAGE = 500

/** The moment of a tenant as the feed has it now. Takes about a second for 50,000 fences, once for each change. */
export function createTenantMoments(feed: FenceFeed): (tenant: string) => Promise<ExplainMoment> {
  let last: { readonly tenant: string; readonly moment: ExplainMoment } | null = null
  return async (tenant) => {
    const { epoch, seq } = await feed.head()
    const { feed: place } = last?.moment ?? {}
    if (last?.tenant === tenant && place?.epoch === epoch && place.seq === seq) return last.moment
    const fences: Fence[] = []
    await each(feed, 'fence', tenant, ({ body }) => {
      fences.push(normaliseFeature(JSON.parse(body), { position: 0, repair: false }))
    })
    const book = new CampaignBook()
    await each(feed, 'campaign', tenant, ({ body, id }) => {
      const { campaign } = readCampaign(JSON.parse(body), { tenant, id })
      if (campaign !== null) book.put(campaign)
    })
    const moment: ExplainMoment = {
      index: createFenceIndex(fences),
      feed: { epoch, seq },
      campaignsOf: (of, fence) => book.of(of, fence).all,
    }
    last = { tenant, moment }
    return moment
  }
}

/** Calls `take` with each document that it can use. */
async function each(feed: FenceFeed, kind: DocKind, tenant: string, take: (doc: Doc) => void): Promise<void> {
  for (let after = ''; ; ) {
    const docs = await feed.list(kind, tenant, after, PAGE)
    for (const doc of docs) {
      try {
        take(doc)
      } catch {
        // Written past control: nodes leave out what cannot be used, too.
      }
    }
    if (docs.length < PAGE) return
    after = (docs.at(-1) as Doc).id
  }
}
