// Schedules against the slow oracle: minute by minute over every change of twenty zones, and anywhere at random.
import { type Campaign, DAYS } from '@fencepost/model'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { explainCampaign, Schedule } from '../../src/eligibility/index.ts'
import { WallClockOracle } from './wall-clock.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Twenty that change, at every hour and by every amount there is, and what else is odd. */
const CHANGING = [
  'Africa/Cairo',
  'Africa/Casablanca',
  'America/Asuncion',
  'America/Havana',
  'America/Los_Angeles',
  'America/New_York',
  'America/Nuuk',
  'America/Santiago',
  'America/St_Johns',
  'Antarctica/Troll',
  'Asia/Beirut',
  'Asia/Gaza',
  'Asia/Jerusalem',
  'Asia/Tehran',
  'Atlantic/Azores',
  'Australia/Adelaide',
  'Australia/Lord_Howe',
  'Europe/Berlin',
  'Europe/London',
  'Pacific/Chatham',
]

const minuteOfDay = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 1439 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 16 }).map((quarter) => quarter * 15) },
  { weight: 1, arbitrary: fc.integer({ min: 88, max: 95 }).map((quarter) => quarter * 15) },
)
const slot = fc
  .tuple(minuteOfDay, minuteOfDay)
  .filter(([from, to]) => from !== to)
  .map(([fromMin, to]) => ({ fromMin, toMin: to === 0 ? 1440 : to }))
const content = fc.record({
  days: fc.subarray([...DAYS], { minLength: 1 }),
  slots: fc.array(slot, { minLength: 1, maxLength: 4 }),
})

function campaignOf(
  timeZone: string,
  { days, slots }: Pick<Campaign, 'days' | 'slots'>,
  more: Partial<Campaign> = {},
): Campaign {
  const triggers = { enter: true, dwellS: [], exit: true }
  const links = { id: 'c', tenant: 't', version: 0, name: null, fences: [], tags: [] }
  return { ...links, begin: null, end: null, days, slots, timeZone, triggers, cap: null, paused: false, ...more }
}

/** Hours within which the local clock does not go on by an hour, found with the oracle's own eyes. */
function changes(oracle: WallClockOracle, from: number, until: number): number[] {
  const found: number[] = []
  let before = oracle.read(from)
  for (let at = from; at < until; at += DAY_MS) {
    const after = oracle.read(at + DAY_MS)
    if (after.minute !== before.minute) {
      for (let hour = at; hour < at + DAY_MS; hour += HOUR_MS) {
        const step = oracle.read(hour + HOUR_MS).minute - oracle.read(hour).minute
        if (step !== 60 && step !== 60 - 1440) found.push(hour)
      }
    }
    before = after
  }
  return found
}

describe('schedules against the clock on the wall', () => {
  it.each(CHANGING)('agree in %s, minute by minute over every change from 2020 to 2030', (timeZone) => {
    const oracle = new WallClockOracle(timeZone)
    const hours = changes(oracle, Date.UTC(2020, 0, 1), Date.UTC(2031, 0, 1))
    expect(hours.length).toBeGreaterThan(4)
    const campaigns = fc.sample(content, { seed: 20_250_330, numRuns: 40 }).map((one) => campaignOf(timeZone, one))
    const schedules = campaigns.map((campaign) => ({ campaign, schedule: new Schedule(campaign) }))
    const wrong: unknown[] = []
    for (const hour of hours) {
      for (let at = hour - 90 * MINUTE_MS; at < hour + 150 * MINUTE_MS; at += MINUTE_MS) {
        const wall = oracle.read(at)
        for (const { campaign, schedule } of schedules) {
          const expected = oracle.isOpen(campaign, at, wall)
          if (schedule.isOpen(at) !== expected) wrong.push({ at, expected, slots: campaign.slots, days: campaign.days })
        }
      }
    }
    expect(wrong).toEqual([])
  })

  it.each([
    ['Pacific/Apia', '2011-12-30T10:00:00Z', 'skips a day'],
    ['Pacific/Fakaofo', '2011-12-30T11:00:00Z', 'skips a day'],
    ['Pacific/Kwajalein', '1993-08-21T12:00:00Z', 'skips a day'],
    ['Pacific/Kwajalein', '1969-09-30T13:00:00Z', 'has a day twice'],
    ['Pacific/Kiritimati', '1994-12-31T10:00:00Z', 'skips a day'],
    ['Asia/Manila', '1844-12-31T15:56:00Z', 'skips a day'],
    ['America/Juneau', '1867-10-18T12:00:00Z', 'has a day twice'],
    ['America/St_Johns', '2010-11-07T02:31:00Z', 'has a minute of tomorrow'],
    ['Asia/Pyongyang', '2018-05-04T15:00:00Z', 'loses half an hour at midnight'],
  ])('agree in %s around %s, where it %s', (timeZone, instant) => {
    const oracle = new WallClockOracle(timeZone)
    const campaigns = fc.sample(content, { seed: 1_844, numRuns: 30 }).map((one) => campaignOf(timeZone, one))
    const schedules = campaigns.map((campaign) => ({ campaign, schedule: new Schedule(campaign) }))
    const middle = Date.parse(instant)
    const wrong: unknown[] = []
    for (let at = middle - 3 * DAY_MS; at < middle + 3 * DAY_MS; at += 7 * MINUTE_MS) {
      const wall = oracle.read(at)
      for (const { campaign, schedule } of schedules) {
        if (schedule.isOpen(at) !== oracle.isOpen(campaign, at, wall)) wrong.push({ at, slots: campaign.slots })
      }
    }
    expect(wrong).toEqual([])
  })

  it('agree for any campaign, zone and instant, and keep an answer exactly as long as it holds', () => {
    const oracles = new Map<string, WallClockOracle>()
    const instant = fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2031, 0) }) },
      { weight: 1, arbitrary: fc.integer({ min: Date.UTC(1840, 0), max: Date.UTC(2400, 0) }) },
    )
    const anywhere = fc.record({
      timeZone: fc.constantFrom(...Intl.supportedValuesOf('timeZone').filter((name) => name.includes('/'))),
      content,
      at: instant,
      steps: fc.array(fc.integer({ min: -3 * DAY_MS, max: 3 * DAY_MS }), { minLength: 4, maxLength: 4 }),
      beginIn: fc.option(fc.integer({ min: -2 * DAY_MS, max: DAY_MS }), { nil: null }),
      endIn: fc.option(fc.integer({ min: DAY_MS, max: 2 * DAY_MS }), { nil: null }),
    })
    fc.assert(
      fc.property(anywhere, ({ timeZone, content, at, steps, beginIn, endIn }) => {
        const begin = beginIn === null ? null : at + beginIn
        const end = endIn === null ? null : at + endIn
        const campaign = campaignOf(timeZone, content, { begin, end })
        const oracle = oracles.get(timeZone) ?? new WallClockOracle(timeZone)
        oracles.set(timeZone, oracle)
        const schedule = new Schedule(campaign)
        for (const step of [0, ...steps]) {
          const time = at + step
          const expected = oracle.isOpen(campaign, time)
          expect(schedule.isOpen(time)).toBe(expected)
          expect(schedule.from <= time && time < schedule.until).toBe(true)
          for (const edge of [schedule.from, schedule.until - 1]) {
            if (Number.isFinite(edge)) expect(oracle.isOpen(campaign, edge)).toBe(expected)
          }
          const { open, local, changesAt } = explainCampaign(campaign, time)
          expect(open).toBe(expected)
          expect(local?.day).toBe(oracle.read(time).day)
          if (changesAt !== null) {
            expect(oracle.isOpen(campaign, changesAt)).toBe(!expected)
            expect(oracle.isOpen(campaign, changesAt - 1)).toBe(expected)
          }
        }
      }),
      { seed: 20_111_230, numRuns: 1_500 },
    )
  })
})
