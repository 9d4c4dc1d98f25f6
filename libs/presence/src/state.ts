// What is known of where a device is, and what one batch or one sweep changes about it. All immutable values.
import type { CapState, FenceCampaigns, Naming, TransitionFacts, VisitCampaigns } from '@fencepost/match/eligibility'
import type { FenceFacts, Transition, TransitionKind } from '@fencepost/model'

/** One stay in one fence that has not ended. */
export interface Visit {
  /** Id of the fence. */
  readonly fence: string
  /** Version of the fence when it was last seen to hold the device. */
  readonly version: number
  /** It was entered by a beacon sighting, and only sightings keep it. */
  readonly beacon: boolean
  /** Number of the visit: observed time of the entering ping, or one more than the device's visit before. */
  readonly visit: number
  /** Observed time of the entering ping, and the same instant by the server's clock, epoch ms. */
  readonly entered: number
  readonly enteredAt: number
  /** Of the last ping that was inside. */
  readonly seen: number
  readonly seenAt: number
  /** Observed time from which on the device has been outside, not yet for long enough to be an exit; null = it is inside. */
  readonly outside: number | null
  /** Dwells of this visit that were made, seconds, ascending. */
  readonly dwelled: readonly number[]
  readonly campaigns: VisitCampaigns
}

/** One device. */
export interface PresenceState {
  /** Observed time of the last ping that moved presence, or null, and the same instant by the server's clock. */
  readonly last: number | null
  readonly lastAt: number
  /** When its last batch was received, epoch ms. */
  readonly received: number
  /** received - sent of that batch. */
  readonly skew: number
  /** Number of its last visit; 0 = it had none. */
  readonly lastVisit: number
  /** By fence id. */
  readonly visits: readonly Visit[]
  readonly caps: CapState
}

export const NOWHERE: PresenceState = {
  last: null,
  lastAt: 0,
  received: 0,
  skew: 0,
  lastVisit: 0,
  visits: [],
  caps: [],
}

/** What one ping says about presence. */
export interface Observation {
  readonly observed: number
  readonly at: number
  readonly beacon: boolean
  /** Metres, or null: not known. */
  readonly accuracyM: number | null
  /** Orders pings of one observed time, whatever their order in the body: negative, 0 or positive like a comparison. */
  readonly tie: readonly number[]
  /** Fences that hold it, by id. */
  readonly hits: readonly FenceFacts[]
  /** Metres from the ping to the fence of that id, 0 inside; Infinity where that cannot be said. Asked only at a border with a margin. */
  readonly distanceM: (fence: string) => number
}

/** One batch, all of one device. */
export interface PresenceBatch {
  /** By the server's clock and by the phone's, epoch ms. */
  readonly received: number
  readonly sent: number
  /** In any order. */
  readonly observations: readonly Observation[]
}

/** The fences and campaigns of one moment, as one tenant sees them. */
export interface PresenceRules {
  /** The fence of that id, or null: there is none. */
  fence(id: string): FenceFacts | null
  /** Is nothing told of the fence of that id? Absent = of every fence something is. */
  isSilent?(id: string): boolean
  campaigns(fence: FenceFacts): FenceCampaigns
  /** Names the campaigns in an exit from a fence that is no longer there. */
  nameGone(transition: TransitionFacts, visit: VisitCampaigns, caps: CapState): Naming
}

export interface PresenceSettings {
  /** Silence after which a device is taken to have left. */
  readonly ttlMs: number
  /** A beacon visit ends so long after its last sighting. */
  readonly beaconExitMs: number
  /** A jump of received - sent by more than this means that the phone's clock was set. */
  readonly clockStepMs: number
  /** Open visits of a device; more are counted and not opened. */
  readonly maxVisits: number
  /** No ping is begun once so many transitions are made: the rest of a batch comes in another step. */
  readonly maxTransitions: number
}

export const PRESENCE_DEFAULTS: PresenceSettings = {
  ttlMs: 86_400_000,
  beaconExitMs: 30_000,
  clockStepMs: 120_000,
  maxVisits: 1024,
  maxTransitions: 1024,
}

/** The id of a transition, of EVENT_ID_BYTES; the same whenever it is made. */
export type TransitionIds = (kind: TransitionKind, fence: string, visit: number, dwellS: number | null) => Uint8Array

export interface Advance {
  readonly state: PresenceState
  /** In the order in which they are to be published. */
  readonly transitions: readonly Transition[]
  /** Observations that were late, repeated, or not the first location of their instant. */
  readonly late: number
  /** Visits that were not opened, because so many are open. */
  readonly crowded: number
  /** Observed times after this one are still to be taken, in another step; null = all are. */
  readonly more: boolean
}
