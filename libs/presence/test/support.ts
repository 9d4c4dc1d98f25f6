// What the tests of presence share: fences and campaigns in memory, pings as short rows, transitions as short lines.
import { CampaignBook, nameCampaignsOfGone } from '@fencepost/match/eligibility'
import type { Campaign, FenceFacts, Transition } from '@fencepost/model'
import {
  type Observation,
  PRESENCE_DEFAULTS,
  type PresenceBatch,
  type PresenceRules,
  type PresenceSettings,
  type TransitionIds,
} from '../src/index.ts'

export type FenceTable = Readonly<Record<string, Partial<FenceFacts>>>

export function factsOf(id: string, more: Partial<FenceFacts> = {}): FenceFacts {
  return { id, version: 1, tenant: null, name: null, tags: [], campaigns: [], dwellS: null, ...more }
}

export function rulesOf(fences: FenceTable, campaigns: readonly Campaign[] = []): PresenceRules {
  const book = new CampaignBook()
  for (const campaign of campaigns) book.put(campaign)
  const facts = new Map(Object.entries(fences).map(([id, more]) => [id, factsOf(id, more)]))
  return {
    fence: (id) => facts.get(id) ?? null,
    campaigns: (fence) => book.of('acme', fence),
    nameGone: (transition, visit, caps) => nameCampaignsOfGone(book, 'acme', transition, visit, caps),
  }
}

/** A readable id, unique for what it stands for in one test. */
export const ids: TransitionIds = (kind, fence, visit, dwellS) =>
  Buffer.from(`${kind[0]}${fence}/${visit}/${dwellS ?? ''}`.padEnd(16, ' ').slice(-16))

export function partsOf(rules: PresenceRules, settings: Partial<PresenceSettings> = {}) {
  return { rules, ids, settings: { ...PRESENCE_DEFAULTS, ...settings } }
}

/** One ping: seconds, the fences that hold it, and what is special about it. */
export type PingRow = readonly [
  seconds: number,
  fences: string,
  more?: {
    readonly beacon?: true
    readonly accuracyM?: number
    readonly tie?: readonly number[]
    readonly distanceM?: number
  },
]

export function observe(rules: PresenceRules, [seconds, fences, more = {}]: PingRow): Observation {
  const hits = fences.split(' ').flatMap((id) => rules.fence(id) ?? [])
  const { beacon = false, accuracyM = null, tie = [0, 0], distanceM = Number.POSITIVE_INFINITY } = more
  return {
    observed: seconds * 1000,
    at: seconds * 1000,
    beacon,
    accuracyM,
    tie,
    hits: [...hits].sort((a, b) => (a.id < b.id ? -1 : 1)),
    distanceM: () => distanceM,
  }
}

/** A batch that is received when its last ping is observed, or at `receivedS`. */
export function batchOf(rules: PresenceRules, pings: readonly PingRow[], receivedS?: number, skewS = 0): PresenceBatch {
  const received = (receivedS ?? Math.max(...pings.map(([seconds]) => seconds))) * 1000
  return { received, sent: received - skewS * 1000, observations: pings.map((ping) => observe(rules, ping)) }
}

/** `enter a @10`, `dwell a 60 @70`, `exit a @80 silent (spring)`. */
export function lineOf({ kind, fence, observed, dwellS, reason, campaigns }: Transition): string {
  const named = campaigns.length === 0 ? '' : ` (${campaigns.join(' ')})`
  return `${kind} ${fence}${dwellS === null ? '' : ` ${dwellS}`} @${observed / 1000}${reason === null ? '' : ` ${reason}`}${named}`
}
