// What a serving half knows from the feed beside the fences: campaigns, SDK keys, tenants' rules, and how far the feed has come.
import { CampaignBook, readCampaign } from '@fencepost/match/eligibility'
import type { DocChange, DocKind } from '@fencepost/model'
import { DEFAULT_RULES, type RecipientEntry, type TenantRules } from '@fencepost/policy'
import type { FeedPlace } from '@fencepost/presence'
import type { KeyRing } from '../keys.ts'

/** From the main thread to every serving half. A plain object for `postMessage`. */
export interface FeedUpdate {
  /** What was known before is forgotten first. */
  readonly isWhole: boolean
  /** Of the kinds in VIEW_KINDS. */
  readonly docs: readonly DocChange[]
  readonly place: FeedPlace
}

/** Kinds of documents that a serving half is to know. */
export const VIEW_KINDS: ReadonlySet<DocKind> = new Set(['campaign', 'key', 'tenant', 'recipient'])

/** What a tenant has set. */
export interface TenantView extends TenantRules {
  /** Numbers of the secrets that its backend may sign with, the newest first. */
  readonly subjectSecrets: readonly number[]
}

export interface FeedView {
  readonly book: CampaignBook
  readonly tenant: (tenant: string) => TenantView
  /** The register of every tenant. */
  readonly recipients: () => readonly RecipientEntry[]
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
  const tenants = new Map<string, TenantView>()
  const recipients = new Map<string, RecipientEntry>()
  const waiting = new Set<() => void>()

  function take({ kind, tenant, id, body }: DocChange): void {
    if (kind === 'tenant' && body === null) tenants.delete(tenant)
    else if (kind === 'tenant') tenants.set(tenant, tenantViewOf(JSON.parse(body as string) as TenantBody))
    else if (kind === 'recipient' && body === null) recipients.delete(`${tenant}\0${id}`)
    else if (kind === 'recipient') recipients.set(`${tenant}\0${id}`, JSON.parse(body as string) as RecipientEntry)
    else if (kind === 'key') keys.set(id, body === null ? null : { tenant, ...(JSON.parse(body) as { hash: string }) })
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
    recipients: () => [...recipients.values()],
    tenant: (tenant) => tenants.get(tenant) ?? DEFAULT_TENANT,
    apply(update) {
      if (update.isWhole) {
        book = new CampaignBook()
        keys.clear()
        tenants.clear()
        recipients.clear()
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

const DEFAULT_TENANT: TenantView = { ...DEFAULT_RULES, subjectSecrets: [1] }

/** A tenant's document, as far as it is for nodes. */
interface TenantBody {
  readonly consent_explicit?: boolean
  readonly age_limit?: number
  readonly subject_secrets?: readonly number[]
}

function tenantViewOf({
  consent_explicit: explicit,
  age_limit: ageLimit,
  subject_secrets: secrets,
}: TenantBody): TenantView {
  return {
    consentExplicit: explicit ?? DEFAULT_TENANT.consentExplicit,
    ageLimit: ageLimit ?? DEFAULT_TENANT.ageLimit,
    subjectSecrets: secrets ?? DEFAULT_TENANT.subjectSecrets,
  }
}
