// When a campaign is open. The rule: while begin <= at < end, and the clock on the wall in its zone reads a time within a slot of
// a day it runs on. The answer is kept with the stretch it holds for, so that the next ping costs two comparisons.
import { type Campaign, DAYS } from '@fencepost/model'
import { MAX_INSTANT_MS, type Zone, zoneOf } from './zones.ts'

export const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** Index into DAYS of a local day, counted from 1 January 1970, which was a Thursday. */
export function dayIndex(localDay: number): number {
  return (((localDay + 3) % 7) + 7) % 7
}

/**
 * The local day before `localDay` as seen at the instant `at` of it: the last one that the clock showed before. Mostly the day
 * before; where a zone skipped a day (Apia had no 30 December 2011) the one before that.
 */
export function dayBefore(zone: Zone, localDay: number, at: number): number {
  const midnight = localDay * DAY_MS
  let time = at
  // Each round goes one span back; a day holds two at most, or three where a block of spans ends in it.
  for (let rounds = 0; rounds < 4; rounds++) {
    zone.seek(time)
    if (zone.from + zone.offsetMs < midnight) return localDay - 1
    time = zone.from - 1
    if (time < -MAX_INSTANT_MS) break
    zone.seek(time)
    const last = Math.floor((time + zone.offsetMs) / DAY_MS)
    if (last < localDay) return last
  }
  return localDay - 1
}

/** One campaign's calendar. Holds nothing but the last answer; 24 slots are looked through in well under a microsecond. */
export class Schedule {
  readonly #zone: Zone
  readonly #begin: number
  readonly #end: number
  /** Bit i: it runs on DAYS[i]. */
  readonly #days: number
  /** from, to of each slot, ms from local midnight. */
  readonly #slots: Float64Array
  readonly #passesMidnight: boolean
  readonly #paused: boolean
  #from = 0
  #until = 0
  #open = false

  /** Throws a RangeError when the zone is not known here: the door refuses such a campaign. */
  constructor(campaign: Campaign) {
    const zone = zoneOf(campaign.timeZone)
    if (zone === null) throw new RangeError('unknown time zone')
    this.#zone = zone
    this.#begin = campaign.begin ?? Number.NEGATIVE_INFINITY
    this.#end = campaign.end ?? Number.POSITIVE_INFINITY
    this.#days = campaign.days.reduce((bits, day) => bits | (1 << DAYS.indexOf(day)), 0)
    this.#slots = Float64Array.from(
      campaign.slots.flatMap(({ fromMin, toMin }) => [fromMin, toMin]),
      toMs,
    )
    this.#passesMidnight = campaign.slots.some(({ fromMin, toMin }) => toMin < fromMin)
    this.#paused = campaign.paused
  }

  /** Is it open at `at`, epoch ms? Never outside ±8.64e15, the instants that exist. */
  isOpen(at: number): boolean {
    return at >= this.#from && at < this.#until ? this.#open : this.#seek(at)
  }

  /** First instant that the last answer is known to hold for. */
  get from(): number {
    return this.#from
  }

  /** Instant up to which, itself excluded, the last answer is known to hold. */
  get until(): number {
    return this.#until
  }

  #seek(at: number): boolean {
    if (!(at >= -MAX_INSTANT_MS && at <= MAX_INSTANT_MS)) return this.#keep(0, 0, false)
    if (this.#paused) return this.#keep(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, false)
    if (at < this.#begin) return this.#keep(Number.NEGATIVE_INFINITY, this.#begin, false)
    if (at >= this.#end) return this.#keep(this.#end, Number.POSITIVE_INFINITY, false)
    const zone = this.#zone
    zone.seek(at)
    const { from, until, offsetMs } = zone
    const localDay = Math.floor((at + offsetMs) / DAY_MS)
    const midnight = localDay * DAY_MS - offsetMs
    const time = at - midnight
    const today = this.#runsOn(localDay)
    const tails = this.#passesMidnight && this.#runsOn(dayBefore(zone, localDay, at))
    const slots = this.#slots
    // Every edge of a slot narrows the stretch [low, high) of the local day that this answer holds for.
    let low = 0
    let high = DAY_MS
    let open = false
    for (let i = 0; i < slots.length; i += 2) {
      const opens = slots[i] as number
      const closes = slots[i + 1] as number
      if (closes > opens) {
        if (!today) continue
        if (time < opens) high = Math.min(high, opens)
        else if (time >= closes) low = Math.max(low, closes)
        else {
          low = Math.max(low, opens)
          high = Math.min(high, closes)
          open = true
        }
        continue
      }
      if (today) {
        if (time < opens) high = Math.min(high, opens)
        else {
          low = Math.max(low, opens)
          open = true
        }
      }
      if (tails) {
        if (time >= closes) low = Math.max(low, closes)
        else {
          high = Math.min(high, closes)
          open = true
        }
      }
    }
    return this.#keep(Math.max(midnight + low, from, this.#begin), Math.min(midnight + high, until, this.#end), open)
  }

  #runsOn(localDay: number): boolean {
    return ((this.#days >> dayIndex(localDay)) & 1) === 1
  }

  #keep(from: number, until: number, open: boolean): boolean {
    this.#from = from
    this.#until = until
    this.#open = open
    return open
  }
}

function toMs(minutes: number): number {
  return minutes * MINUTE_MS
}
