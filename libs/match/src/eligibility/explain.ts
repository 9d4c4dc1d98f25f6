// Why a campaign is open or closed at an instant: the rule that decided, and the local time that it was asked with.
import { type Campaign, DAYS, type Day, type Slot } from '@fencepost/model'
import { slotTime } from './campaign-door.ts'
import { DAY_MS, dayBefore, dayIndex, Schedule } from './schedule.ts'
import { MAX_INSTANT_MS, zoneOf } from './zones.ts'

/** In the order in which they are asked; the first that applies decides. */
export const SCHEDULE_RULES = {
  no_such_instant: 'closed: there is no such instant',
  paused: 'closed: the campaign is paused',
  not_begun: 'closed: the campaign has not begun',
  ended: 'closed: the campaign has ended',
  in_slot: 'open: the local time lies in a slot of a day that the campaign runs on',
  not_this_day: 'closed: a slot holds the local time, but the campaign does not run on its day',
  outside_slots: 'closed: no slot holds the local time',
} as const

export type ScheduleRule = keyof typeof SCHEDULE_RULES

/** What the clock on the wall showed. */
export interface LocalTime {
  readonly timeZone: string
  /** YYYY-MM-DD; years outside 0..9999 with a sign and six digits, as in ISO 8601. */
  readonly date: string
  /** HH:MM:SS */
  readonly time: string
  readonly day: Day
  /** From UTC: +01:00, -00:16:08 */
  readonly offset: string
}

export interface CampaignExplanation {
  readonly open: boolean
  readonly rule: ScheduleRule
  readonly message: string
  /** Null only where there is no such instant. */
  readonly local: LocalTime | null
  /** The slot that holds the local time, and the day it began on; null where none does. */
  readonly slot: { readonly from: string; readonly to: string; readonly day: Day } | null
  /** The first instant after `at` with the other answer, epoch ms; null = never again, as far as is known today. */
  readonly changesAt: number | null
}

/**
 * The twin of `Schedule.isOpen` for people: the same answer with its reason. Throws a RangeError when the time zone is not known
 * here.
 */
export function explainCampaign(campaign: Campaign, at: number): CampaignExplanation {
  const zone = zoneOf(campaign.timeZone)
  if (zone === null) throw new RangeError('unknown time zone')
  if (!(at >= -MAX_INSTANT_MS && at <= MAX_INSTANT_MS)) return explained('no_such_instant', null, null, null)
  zone.seek(at)
  const { offsetMs } = zone
  const localMs = at + offsetMs
  const today = Math.floor(localMs / DAY_MS)
  const yesterday = dayBefore(zone, today, at)
  const minute = (localMs - today * DAY_MS) / 60_000
  const local = localTime(campaign.timeZone, localMs, offsetMs)
  const changesAt = findChange(campaign, at)

  if (campaign.paused) return explained('paused', local, null, changesAt)
  if (campaign.begin !== null && at < campaign.begin) return explained('not_begun', local, null, changesAt)
  if (campaign.end !== null && at >= campaign.end) return explained('ended', local, null, changesAt)

  let other: CampaignExplanation['slot'] = null
  for (const slot of campaign.slots) {
    for (const localDay of daysHolding(slot, minute, today, yesterday)) {
      const day = DAYS[dayIndex(localDay)] as Day
      const found = { from: slotTime(slot.fromMin), to: slotTime(slot.toMin), day }
      if (campaign.days.includes(day)) return explained('in_slot', local, found, changesAt)
      other ??= found
    }
  }
  return explained(other === null ? 'outside_slots' : 'not_this_day', local, other, changesAt)
}

/** The local days on which the slot, begun there, holds this minute of `today`. */
function daysHolding(slot: Slot, minute: number, today: number, yesterday: number): number[] {
  const { fromMin, toMin } = slot
  if (fromMin < toMin) return minute >= fromMin && minute < toMin ? [today] : []
  const days: number[] = []
  if (minute >= fromMin) days.push(today)
  if (minute < toMin) days.push(yesterday)
  return days
}

function explained(
  rule: ScheduleRule,
  local: LocalTime | null,
  slot: CampaignExplanation['slot'],
  changesAt: number | null,
): CampaignExplanation {
  return { open: rule === 'in_slot', rule, message: SCHEDULE_RULES[rule], local, slot, changesAt }
}

function localTime(timeZone: string, localMs: number, offsetMs: number): LocalTime {
  // Local time may lie just outside what a Date holds: at most a day, where nobody has fences.
  const clamped = Math.max(-MAX_INSTANT_MS, Math.min(MAX_INSTANT_MS, localMs))
  const iso = new Date(clamped).toISOString()
  const mark = iso.indexOf('T')
  return {
    timeZone,
    date: iso.slice(0, mark),
    time: iso.slice(mark + 1, mark + 9),
    day: DAYS[dayIndex(Math.floor(clamped / DAY_MS))] as Day,
    offset: offsetText(offsetMs),
  }
}

function offsetText(offsetMs: number): string {
  const seconds = Math.abs(offsetMs) / 1000
  const text = `${offsetMs < 0 ? '-' : '+'}${slotTime(Math.floor(seconds / 60))}`
  return seconds % 60 === 0 ? text : `${text}:${String(seconds % 60).padStart(2, '0')}`
}

/** A schedule repeats every week, and a zone skips an hour or a day only now and then: after two quiet weeks only the end is left. */
const QUIET_MS = 15 * DAY_MS
/** Two quiet weeks of 24 slots, with every edge and every span of the zone. */
const MAX_STEPS = 2_000

function findChange(campaign: Campaign, at: number): number | null {
  const schedule = new Schedule(campaign)
  const now = schedule.isOpen(at)
  const quietUntil = Math.max(at, campaign.begin ?? at) + QUIET_MS
  for (let step = 0; step < MAX_STEPS; step++) {
    const next = schedule.until
    if (next > MAX_INSTANT_MS) return null
    if (next > quietUntil) return now ? campaign.end : null
    if (schedule.isOpen(next) !== now) return next
  }
  return null
}
