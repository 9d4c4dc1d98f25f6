// The moves of single visits: opened, dwelled in, ended. Every transition is made here, named by its campaigns.
import { capTag, dwellThresholds, type Naming, nameCampaigns, UNSEEN } from '@fencepost/match/eligibility'
import type { ExitReason, FenceFacts, Transition, TransitionKind } from '@fencepost/model'
import type { PresenceRules, PresenceSettings, PresenceState, TransitionIds, Visit } from './state.ts'

/** An instant by both clocks, epoch ms. */
export interface Instant {
  readonly observed: number
  readonly at: number
}

export interface MoveParts {
  readonly rules: PresenceRules
  readonly settings: PresenceSettings
  readonly ids: TransitionIds
}

/** A device's state while one step works on it. */
export class Moves {
  readonly transitions: Transition[] = []
  crowded = 0
  readonly #rules: PresenceRules
  readonly #settings: PresenceSettings
  readonly #ids: TransitionIds
  #lastVisit: number
  #caps: PresenceState['caps']

  constructor(state: PresenceState, { rules, settings, ids }: MoveParts) {
    this.#rules = rules
    this.#settings = settings
    this.#ids = ids
    this.#lastVisit = state.lastVisit
    this.#caps = state.caps
  }

  get counts(): Pick<PresenceState, 'lastVisit' | 'caps'> {
    return { lastVisit: this.#lastVisit, caps: this.#caps }
  }

  /** The visit that begins now, or null where too many are open. */
  enter(fence: FenceFacts, beacon: boolean, now: Instant, open: number): Visit | null {
    if (open >= this.#settings.maxVisits) {
      this.crowded++
      return null
    }
    const number = Math.max(now.observed, this.#lastVisit + 1)
    this.#lastVisit = number
    const visit: Visit = {
      fence: fence.id,
      version: fence.version,
      beacon,
      visit: number,
      entered: now.observed,
      enteredAt: now.at,
      seen: now.observed,
      seenAt: now.at,
      outside: null,
      dwelled: [],
      campaigns: UNSEEN,
    }
    const naming = this.#make('enter', visit, fence, now, {})
    return naming.visit === visit.campaigns ? visit : { ...visit, campaigns: naming.visit }
  }

  /** The visit with the dwells that are due by `until`, on the clock that `clock` names. */
  dwell(visit: Visit, fence: FenceFacts, until: number, clock: 'observed' | 'at'): Visit {
    const { all } = this.#rules.campaigns(fence)
    if (fence.dwellS === null && all.length === 0) return visit
    let after = visit
    for (const seconds of dwellThresholds(fence.dwellS, all)) {
      const due = dueOf(visit, seconds)
      if (due[clock] > until) break
      if (visit.dwelled.includes(seconds)) continue
      const naming = this.#make('dwell', after, fence, due, { dwellS: seconds })
      after = { ...after, dwelled: [...after.dwelled, seconds], campaigns: naming.visit }
    }
    return after
  }

  /** `fence` null: it is no longer there. */
  exit(visit: Visit, fence: FenceFacts | null, now: Instant, reason: ExitReason | null): void {
    this.#make('exit', visit, fence, now, { reason })
  }

  #make(
    kind: TransitionKind,
    visit: Visit,
    fence: FenceFacts | null,
    { observed, at }: Instant,
    { reason = null, dwellS = null }: { readonly reason?: ExitReason | null; readonly dwellS?: number | null },
  ): Naming {
    const id = this.#ids(kind, visit.fence, visit.visit, dwellS)
    const facts = {
      kind,
      at,
      time: observed,
      tag: capTag(id),
      ...(dwellS === null ? {} : { dwellS, ownDwell: fence?.dwellS === dwellS }),
    }
    const naming =
      fence === null
        ? this.#rules.nameGone(facts, visit.campaigns, this.#caps)
        : nameCampaigns(this.#rules.campaigns(fence).all, facts, visit.campaigns, this.#caps)
    this.#caps = naming.caps
    if (naming.publish) {
      this.transitions.push({
        kind,
        reason,
        fence: visit.fence,
        version: fence?.version ?? visit.version,
        campaigns: naming.campaigns,
        visit: visit.visit,
        at,
        observed,
        dwellS,
        since: kind === 'enter' ? null : visit.entered,
        id,
      })
    }
    return naming
  }
}

/** When a dwell of a visit is due. */
export function dueOf(visit: Visit, seconds: number): Instant {
  return { observed: visit.entered + seconds * 1000, at: visit.enteredAt + seconds * 1000 }
}

/** Has the fence ended by its own date? */
export function isExpired(fence: FenceFacts, at: number): boolean {
  return fence.expiresAt !== undefined && at >= fence.expiresAt
}
