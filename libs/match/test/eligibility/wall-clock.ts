// The rule of a schedule told a second time, as slowly and plainly as can be: ask Intl what the clock on the wall shows, read it
// as a person would. Shares nothing with the code that it judges, not even how a day of the week is found.
import type { Campaign, Day } from '@fencepost/model'

export interface WallClock {
  /** Sortable: year, month and day. */
  readonly date: number
  readonly day: Day
  /** Of the day, with its fraction. */
  readonly minute: number
}

const HOUR_MS = 3_600_000

export class WallClockOracle {
  readonly #format: Intl.DateTimeFormat
  readonly #daysBefore = new Map<number, Day>()

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      calendar: 'gregory',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      fractionalSecondDigits: 3,
    })
  }

  read(at: number): WallClock {
    const parts = Object.fromEntries(this.#format.formatToParts(at).map(({ type, value }) => [type, value]))
    const { year, month, day, weekday, hour, minute, second, fractionalSecond } = parts
    const seconds = Number(second) + Number(fractionalSecond) / 1000
    return {
      date: Number(`${year}${month}${day}`),
      day: weekday!.toLowerCase() as Day,
      minute: Number(hour) * 60 + Number(minute) + seconds / 60,
    }
  }

  /** The day that the clock showed before the day of `at`: hour by hour back until there is one. */
  dayBefore(at: number, date: number): Day {
    const known = this.#daysBefore.get(date)
    if (known !== undefined) return known
    for (let hours = 1; hours < 75; hours++) {
      const earlier = this.read(at - hours * HOUR_MS)
      if (earlier.date < date) {
        this.#daysBefore.set(date, earlier.day)
        return earlier.day
      }
    }
    throw new Error('no day before')
  }

  isOpen(campaign: Campaign, at: number, wall = this.read(at)): boolean {
    if (campaign.paused) return false
    if (campaign.begin !== null && at < campaign.begin) return false
    if (campaign.end !== null && at >= campaign.end) return false
    const { day, minute, date } = wall
    return campaign.slots.some(({ fromMin, toMin }) => {
      if (fromMin < toMin) return campaign.days.includes(day) && minute >= fromMin && minute < toMin
      if (minute >= fromMin && campaign.days.includes(day)) return true
      return minute < toMin && campaign.days.includes(this.dayBefore(at, date))
    })
  }
}
