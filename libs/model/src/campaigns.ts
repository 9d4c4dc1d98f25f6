// What a campaign is once it has passed the door: checked, sorted, every default filled in. libs/match makes these.

/** Days of the local calendar, in the order of a `days` list. */
export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Day = (typeof DAYS)[number]

/** A stretch of the local day, in minutes from its midnight: open from `fromMin`, closed from `toMin` on. */
export interface Slot {
  /** 0..1439 */
  readonly fromMin: number
  /** 1..1440. Less than `fromMin`: the slot passes midnight and ends on the next day. Never equal to it. */
  readonly toMin: number
}

/** Which transitions a campaign wants to be named in. */
export interface Triggers {
  readonly enter: boolean
  /** Dwells after so many seconds inside, ascending. */
  readonly dwellS: readonly number[]
  readonly exit: boolean
}

/** A frequency cap: no `windowS` seconds name the campaign more than `max` times to one device. */
export interface Cap {
  readonly max: number
  readonly windowS: number
}

/** What a customer runs on fences. Immutable; a change is a new object with another version. */
export interface Campaign {
  readonly id: string
  readonly tenant: string
  /** Another number after every change of what it does; the same on every node. */
  readonly version: number
  readonly name: string | null
  /** Ids of fences it runs on, beside those that carry one of `tags` and those that name it themselves. */
  readonly fences: readonly string[]
  readonly tags: readonly string[]
  /** Epoch ms, the first instant it runs; null = always did. */
  readonly begin: number | null
  /** Epoch ms, the first instant it no longer runs; null = for good. */
  readonly end: number | null
  /** At least one, from Monday on. A slot that passes midnight belongs to the day it begins on. */
  readonly days: readonly Day[]
  /** At least one, by beginning; they may overlap. */
  readonly slots: readonly Slot[]
  /** IANA name of the zone that days and slots are read in. */
  readonly timeZone: string
  readonly triggers: Triggers
  readonly cap: Cap | null
  readonly paused: boolean
}
