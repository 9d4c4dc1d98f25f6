// Which campaigns a transition names, and whether it is published at all: one rule, one function.
import type { CampaignBook, RunningCampaign } from './campaign-book.ts'
import { type CapState, takeCap } from './frequency-cap.ts'

/** What the campaigns of a visit's fence need to remember of it until its exit. Kept with the visit; mostly empty. */
export interface VisitCampaigns {
  /** Ids of campaigns with an exit trigger that were open at the visit's enter or at a dwell of it. */
  readonly seen: readonly string[]
  /** Those of them with a cap that were named in the visit: the cap does not count their exit. */
  readonly named: readonly string[]
  /** No campaign had a say at the last enter or dwell: should the fence be gone at the exit, it is published all the same. */
  readonly free: boolean
}

export const UNSEEN: VisitCampaigns = { seen: [], named: [], free: false }
const FREE: VisitCampaigns = { seen: [], named: [], free: true }

export interface TransitionFacts {
  readonly kind: 'enter' | 'dwell' | 'exit'
  /** Epoch ms by the server's clock: what schedules are asked with. */
  readonly at: number
  /** Ms by the clock that orders the device's pings: what caps are counted with. */
  readonly time: number
  /** `capTag` of the transition's id. */
  readonly tag: number
  /** Of a dwell: after how many seconds. */
  readonly dwellS?: number
  /** The dwell is the fence's own, not only that of a campaign. */
  readonly ownDwell?: boolean
}

/** What became of each campaign, with the line for whoever asks why. */
export const VERDICTS = {
  named: 'named',
  paused: 'not named: the campaign is paused',
  no_trigger: 'not named: the campaign has no trigger for this transition',
  closed: 'not named: the campaign is closed at this time',
  not_seen: 'not named: the campaign was closed when the visit began and at its dwells',
  capped: 'not named: the frequency cap is used up',
} as const

export type Verdict = keyof typeof VERDICTS

export interface Naming {
  /** A fence without campaigns always publishes; one with campaigns only what names one of them. */
  readonly publish: boolean
  /** Ids of the named, in the order of the fence's campaigns. */
  readonly campaigns: readonly string[]
  /** One for each of the fence's campaigns. */
  readonly verdicts: readonly Verdict[]
  /** What the visit is to remember now, and the counts of the device: both are unchanged objects where nothing changed. */
  readonly visit: VisitCampaigns
  readonly caps: CapState
}

/**
 * Names campaigns of a fence in a transition. An enter or a dwell names those that have the trigger, are open at its `at` and have
 * room in their cap. An exit names those that have the trigger and saw the visit, that is were open at its enter or a dwell of it,
 * whether open now or not; their cap counts it unless the visit has named them before. A paused campaign is neither named nor
 * sees. An id without a campaign behind it has no schedule and no cap: it is named in everything that the fence does by itself.
 */
export function nameCampaigns(
  running: readonly RunningCampaign[],
  transition: TransitionFacts,
  visit: VisitCampaigns,
  caps: CapState,
): Naming {
  const campaigns: string[] = []
  const verdicts: Verdict[] = []
  const isExit = transition.kind === 'exit'
  let remembered = isExit ? visit : withFree(visit, running.every(isUnknown))
  let counts = caps
  for (const one of running) {
    const { id, campaign } = one
    const sees = !isExit && one.isOpen(transition.at)
    let verdict = judge(one, transition, visit, sees)
    const cap = campaign?.cap ?? null
    if (verdict === 'named' && cap !== null && !(isExit && visit.named.includes(id))) {
      const answer = takeCap(counts, { campaign: id, cap, time: transition.time, tag: transition.tag })
      counts = answer.state
      if (!answer.allowed) verdict = 'capped'
    }
    if (verdict === 'named') campaigns.push(id)
    if (sees && campaign?.triggers.exit === true) {
      remembered = remember(remembered, id, cap !== null && verdict === 'named')
    }
    verdicts.push(verdict)
  }
  const publish = running.length === 0 || campaigns.length > 0
  return { publish, campaigns, verdicts, visit: remembered, caps: counts }
}

/**
 * The same for the exit from a fence that is no longer there, from what the visit remembers: it names those that saw the visit
 * and are still known, and is published if it names one or if no campaign had a say.
 */
export function nameCampaignsOfGone(
  book: CampaignBook,
  tenant: string,
  transition: TransitionFacts,
  visit: VisitCampaigns,
  caps: CapState,
): Naming {
  const running = visit.seen.map((id) => book.running(tenant, id)).filter((one) => one !== null)
  const naming = nameCampaigns(running, transition, visit, caps)
  return { ...naming, publish: visit.free || naming.campaigns.length > 0 }
}

/**
 * Seconds inside after which a visit to the fence dwells, ascending: the fence's own and those of its campaigns, open or not, as
 * presence knows no schedules.
 */
export function dwellThresholds(ownS: number | null, running: readonly RunningCampaign[]): readonly number[] {
  const all = new Set(ownS === null ? [] : [ownS])
  for (const { campaign } of running) for (const seconds of campaign?.triggers.dwellS ?? []) all.add(seconds)
  return [...all].sort((a, b) => a - b)
}

/** All but the cap. */
function judge(one: RunningCampaign, transition: TransitionFacts, visit: VisitCampaigns, sees: boolean): Verdict {
  const { campaign, id } = one
  if (campaign === null) return transition.kind === 'dwell' && transition.ownDwell !== true ? 'no_trigger' : 'named'
  if (campaign.paused) return 'paused'
  if (!hasTrigger(campaign.triggers, transition)) return 'no_trigger'
  if (transition.kind === 'exit') return visit.seen.includes(id) ? 'named' : 'not_seen'
  return sees ? 'named' : 'closed'
}

function hasTrigger(
  triggers: { readonly enter: boolean; readonly dwellS: readonly number[]; readonly exit: boolean },
  { kind, dwellS }: TransitionFacts,
): boolean {
  if (kind === 'enter') return triggers.enter
  if (kind === 'exit') return triggers.exit
  return dwellS !== undefined && triggers.dwellS.includes(dwellS)
}

function isUnknown({ campaign }: RunningCampaign): boolean {
  return campaign === null
}

function withFree(visit: VisitCampaigns, free: boolean): VisitCampaigns {
  if (visit.free === free) return visit
  if (visit.seen.length === 0) return free ? FREE : UNSEEN
  return { ...visit, free }
}

function remember(visit: VisitCampaigns, id: string, nowNamed: boolean): VisitCampaigns {
  const { seen, named, free } = visit
  const newlySeen = !seen.includes(id)
  const newlyNamed = nowNamed && !named.includes(id)
  if (!newlySeen && !newlyNamed) return visit
  return { seen: newlySeen ? [...seen, id] : seen, named: newlyNamed ? [...named, id] : named, free }
}
