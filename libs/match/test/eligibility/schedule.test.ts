// The table of schedules, asked in several orders: what was asked before must not change an answer.
import type { Campaign } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { explainCampaign, readCampaign, Schedule } from '../../src/eligibility/index.ts'
import { SCHEDULE_CASES, type ScheduleCase } from './schedule-cases.ts'

function campaignOf(content: ScheduleCase['campaign']): Campaign {
  const { campaign, problems } = readCampaign({ id: 'c', tenant: 't', ...content })
  expect(problems).toEqual([])
  return campaign!
}

function instantsOf({ open = [], closed = [] }: ScheduleCase): { at: number; text: string; expected: boolean }[] {
  return [
    ...open.map((text) => ({ at: Date.parse(text), text, expected: true })),
    ...closed.map((text) => ({ at: Date.parse(text), text, expected: false })),
  ]
}

describe('schedules', () => {
  it('have a table that is large enough, with no sentence twice and no instant misread', () => {
    expect(SCHEDULE_CASES.length).toBeGreaterThanOrEqual(80)
    expect(new Set(SCHEDULE_CASES.map(({ says }) => says)).size).toBe(SCHEDULE_CASES.length)
    const instants = SCHEDULE_CASES.flatMap(instantsOf)
    expect(instants.filter(({ at }) => !Number.isFinite(at))).toEqual([])
    expect(SCHEDULE_CASES.filter((one) => instantsOf(one).length === 0)).toEqual([])
  })

  it.each(SCHEDULE_CASES.map((one) => [one.says, one] as const))('%s', (_, one) => {
    const campaign = campaignOf(one.campaign)
    const instants = instantsOf(one)
    const expected = instants.map(({ text, expected }) => [text, expected])
    const fresh = instants.map(({ at, text }) => [text, new Schedule(campaign).isOpen(at)])
    expect(fresh).toEqual(expected)

    const kept = new Schedule(campaign)
    for (const order of [instants, instants.toReversed(), instants.toSorted((a, b) => a.at - b.at)]) {
      for (const { at, text, expected } of order) expect([text, kept.isOpen(at)]).toEqual([text, expected])
    }
    const explained = instants.map(({ at, text }) => [text, explainCampaign(campaign, at).open])
    expect(explained).toEqual(expected)
  })

  it.each([[Number.NaN], [8.64e15 + 2], [-8.64e15 - 2], [Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY]])(
    'are closed at %s, which is no instant, and go on as before',
    (at) => {
      const schedule = new Schedule(campaignOf({}))
      expect(schedule.isOpen(0)).toBe(true)
      expect(schedule.isOpen(at)).toBe(false)
      expect(schedule.isOpen(0)).toBe(true)
    },
  )

  it.each(['Pacific/Kiritimati', 'Etc/GMT+12', 'Europe/Berlin'])(
    'are open at the first and last instants there are, in %s',
    (zone) => {
      const schedule = new Schedule(
        campaignOf({ time_zone: zone, days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] }),
      )
      for (const at of [-8.64e15, 8.64e15]) expect(schedule.isOpen(at)).toBe(true)
    },
  )

  it('keep an answer for as long as it holds, and say so', () => {
    const schedule = new Schedule(campaignOf({ time_zone: 'Europe/Berlin', slots: [{ from: '09:00', to: '17:00' }] }))
    schedule.isOpen(Date.parse('2025-06-18T12:00:00+02:00'))
    expect([schedule.from, schedule.until]).toEqual([
      Date.parse('2025-06-18T09:00:00+02:00'),
      Date.parse('2025-06-18T17:00:00+02:00'),
    ])
    schedule.isOpen(Date.parse('2025-06-18T08:00:00+02:00'))
    expect(schedule.until).toBe(Date.parse('2025-06-18T09:00:00+02:00'))
  })

  it('refuse a zone that the door would not have let in', () => {
    const campaign = { ...campaignOf({}), timeZone: 'Mars/Olympus' }
    expect(() => new Schedule(campaign)).toThrow(RangeError)
    expect(() => explainCampaign(campaign, 0)).toThrow(RangeError)
  })
})
