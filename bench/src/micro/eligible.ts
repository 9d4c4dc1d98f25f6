// Is a campaign open at an instant? The kept answer and a fresh one, against asking Intl for the fields of the local time.
import { readCampaign, Schedule } from '@fencepost/match/eligibility'
import { type Campaign, DAYS, type Day } from '@fencepost/model'
import { seededRandom } from '@fencepost/testbed/random'
import type { Arm, Case } from '../measure.ts'

const PINGS = 1000
const HOUR_MS = 3_600_000
/** A Friday, 23:30 in Berlin: within the slot that passes midnight. */
const NOW = Date.parse('2025-06-20T23:30:00+02:00')

export function eligibleCases(): Case[] {
  const raw = {
    id: 'nights',
    tenant: 'bench',
    days: ['fri', 'sat'],
    slots: [
      { from: '12:00', to: '14:00' },
      { from: '22:00', to: '02:00' },
    ],
    time_zone: 'Europe/Berlin',
  }
  const { campaign } = readCampaign(raw)
  if (campaign === null) throw new Error('the campaign of the bench is refused')
  const random = seededRandom(61)
  const fresh = Float64Array.from({ length: PINGS }, () => NOW - random() * HOUR_MS)
  const spread = Float64Array.from({ length: PINGS }, () => NOW - random() * 365 * 24 * HOUR_MS)
  const make = (name: string, instants: Float64Array): Case => ({
    name,
    unit: 'ping',
    operations: PINGS,
    arms: [scheduleArm(campaign, instants), intlArm(campaign, instants)],
  })
  return [make('eligible, the last hour', fresh), make('eligible, anywhere in a year', spread)]
}

function scheduleArm(campaign: Campaign, instants: Float64Array): Arm {
  const schedule = new Schedule(campaign)
  return {
    name: 'libs/match',
    pass() {
      let open = 0
      for (let i = 0; i < instants.length; i++) if (schedule.isOpen(instants[i] as number)) open++
      return open
    },
  }
}

/** What a service does that asks for the local day and time at every ping, with its formatter kept. */
function intlArm({ timeZone, days, slots }: Campaign, instants: Float64Array): Arm {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
  })
  const runsOn = (day: number): boolean => days.includes(DAYS[(day + 7) % 7] as (typeof DAYS)[number])
  const isOpen = (at: number): boolean => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
    const day = DAYS.indexOf(parts['weekday']?.toLowerCase() as Day)
    const minute = Number(parts['hour']) * 60 + Number(parts['minute'])
    return slots.some(({ fromMin, toMin }) => {
      if (fromMin < toMin) return runsOn(day) && minute >= fromMin && minute < toMin
      return (minute >= fromMin && runsOn(day)) || (minute < toMin && runsOn(day - 1))
    })
  }
  return {
    name: 'Intl at every ping',
    pass() {
      let open = 0
      for (let i = 0; i < instants.length; i++) if (isOpen(instants[i] as number)) open++
      return open
    },
  }
}
