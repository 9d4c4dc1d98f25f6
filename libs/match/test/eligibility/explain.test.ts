// Why a campaign is open or closed: the rule, the local time, the slot and what comes next.
import type { Campaign } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { explainCampaign, readCampaign, SCHEDULE_RULES } from '../../src/eligibility/index.ts'

function campaignOf(content: Readonly<Record<string, unknown>>): Campaign {
  return readCampaign({ id: 'c', tenant: 't', ...content }).campaign!
}

const NIGHTS = {
  begin: '2025-03-01T00:00:00+01:00',
  end: '2025-11-01T00:00:00+01:00',
  days: ['fri', 'sat'],
  slots: [
    { from: '22:00', to: '02:30' },
    { from: '12:00', to: '14:00' },
  ],
  time_zone: 'Europe/Berlin',
}
const NIGHT = { from: '22:00', to: '02:30' }
const NOON = { from: '12:00', to: '14:00' }

describe('explainCampaign', () => {
  it.each([
    ['2025-02-28T22:30:00+01:00', 'not_begun', null, '2025-03-01T00:00:00+01:00'],
    ['2025-11-01T00:00:00+01:00', 'ended', null, null],
    ['2025-06-20T22:30:00+02:00', 'in_slot', { ...NIGHT, day: 'fri' }, '2025-06-21T02:30:00+02:00'],
    ['2025-06-21T01:00:00+02:00', 'in_slot', { ...NIGHT, day: 'fri' }, '2025-06-21T02:30:00+02:00'],
    ['2025-06-22T01:00:00+02:00', 'in_slot', { ...NIGHT, day: 'sat' }, '2025-06-22T02:30:00+02:00'],
    ['2025-06-20T01:00:00+02:00', 'not_this_day', { ...NIGHT, day: 'thu' }, '2025-06-20T12:00:00+02:00'],
    ['2025-06-22T12:30:00+02:00', 'not_this_day', { ...NOON, day: 'sun' }, '2025-06-27T12:00:00+02:00'],
    ['2025-06-20T16:00:00+02:00', 'outside_slots', null, '2025-06-20T22:00:00+02:00'],
    ['2025-06-16T16:00:00+02:00', 'outside_slots', null, '2025-06-20T12:00:00+02:00'],
    ['2025-10-31T23:00:00+01:00', 'in_slot', { ...NIGHT, day: 'fri' }, '2025-11-01T00:00:00+01:00'],
    // The clock goes forward at 02:00, past the end of the slot; and back at 03:00, into it once more.
    ['2025-03-30T01:30:00+01:00', 'in_slot', { ...NIGHT, day: 'sat' }, '2025-03-30T03:00:00+02:00'],
    ['2025-10-26T02:45:00+02:00', 'outside_slots', null, '2025-10-26T02:00:00+01:00'],
    ['2025-10-26T02:15:00+01:00', 'in_slot', { ...NIGHT, day: 'sat' }, '2025-10-26T02:30:00+01:00'],
  ])('at %s: %s', (instant, rule, slot, changes) => {
    const explained = explainCampaign(campaignOf(NIGHTS), Date.parse(instant))
    const changesAt = changes === null ? null : Date.parse(changes)
    expect(explained).toMatchObject({ rule, open: rule === 'in_slot', slot, changesAt })
    expect(explained.message).toBe(SCHEDULE_RULES[explained.rule])
  })

  it.each([
    ['Europe/Berlin', '2025-10-26T00:30:00Z', '2025-10-26', '02:30:00', 'sun', '+02:00'],
    ['Europe/Berlin', '2025-10-26T01:30:00Z', '2025-10-26', '02:30:00', 'sun', '+01:00'],
    ['Asia/Kathmandu', '2025-06-17T18:15:59.999Z', '2025-06-18', '00:00:59', 'wed', '+05:45'],
    ['Pacific/Marquesas', '2025-06-18T09:00:00Z', '2025-06-17', '23:30:00', 'tue', '-09:30'],
    ['America/New_York', '1850-06-15T16:56:02Z', '1850-06-15', '12:00:00', 'sat', '-04:56:02'],
    ['UTC', '1970-01-01T00:00:00Z', '1970-01-01', '00:00:00', 'thu', '+00:00'],
  ])('tells the local time in %s at %s', (timeZone, instant, date, time, day, offset) => {
    const { local } = explainCampaign(campaignOf({ time_zone: timeZone }), Date.parse(instant))
    expect(local).toEqual({ timeZone, date, time, day, offset })
  })

  it('says paused before anything else, and that this does not change by itself', () => {
    const paused = campaignOf({ ...NIGHTS, paused: true })
    for (const instant of ['2025-01-01T00:00:00Z', '2025-06-20T21:00:00Z', '2026-01-01T00:00:00Z']) {
      expect(explainCampaign(paused, Date.parse(instant))).toMatchObject({
        rule: 'paused',
        open: false,
        changesAt: null,
      })
    }
  })

  it('knows what never changes: open round the clock, ended, begun for good', () => {
    const at = Date.parse('2025-06-20T12:00:00Z')
    expect(explainCampaign(campaignOf({}), at)).toMatchObject({ open: true, changesAt: null })
    expect(explainCampaign(campaignOf({ end: at }), at)).toMatchObject({ open: false, changesAt: null })
    expect(explainCampaign(campaignOf({ begin: at + 1 }), at)).toMatchObject({ open: false, changesAt: at + 1 })
    const end = at + 4000 * 86_400_000
    expect(explainCampaign(campaignOf({ end }), at)).toMatchObject({ open: true, changesAt: end })
  })

  it('looks past a beginning in the middle of a closed week, and sees when nothing comes after it', () => {
    const at = Date.parse('2025-06-20T12:00:00Z')
    const fridays = { days: ['fri'], time_zone: 'UTC', begin: '2030-06-01T00:00:00Z' }
    expect(explainCampaign(campaignOf(fridays), at)).toMatchObject({
      rule: 'not_begun',
      changesAt: Date.parse('2030-06-07T00:00:00Z'),
    })
    const none = { ...fridays, end: '2030-06-02T00:00:00Z' }
    expect(explainCampaign(campaignOf(none), at)).toMatchObject({ rule: 'not_begun', changesAt: null })
  })

  it('finds the next change among as many slots as there may be', () => {
    const slots = Array.from({ length: 24 }, (_, hour) => ({
      from: `${String(hour).padStart(2, '0')}:30`,
      to: `${String(hour).padStart(2, '0')}:10`,
    }))
    const mondays = campaignOf({ time_zone: 'Europe/Berlin', slots, days: ['mon'] })
    const changeAfter = (instant: string): number | null => explainCampaign(mondays, Date.parse(instant)).changesAt
    expect(changeAfter('2025-06-10T12:00:00+02:00')).toBe(Date.parse('2025-06-10T23:10:00+02:00'))
    expect(changeAfter('2025-06-10T23:10:00+02:00')).toBe(Date.parse('2025-06-16T00:30:00+02:00'))
    expect(changeAfter('2025-06-16T00:30:00+02:00')).toBe(Date.parse('2025-06-17T23:10:00+02:00'))
  })

  it.each([[Number.NaN], [8.64e15 + 2], [-8.64e15 - 2]])('knows that %s is no instant', (at) => {
    expect(explainCampaign(campaignOf({}), at)).toMatchObject({
      rule: 'no_such_instant',
      open: false,
      local: null,
      changesAt: null,
    })
  })

  it.each([[8.64e15], [-8.64e15]])('tells the local time at %s, the outermost there is', (at) => {
    for (const zone of ['Pacific/Kiritimati', 'Etc/GMT+12']) {
      expect(explainCampaign(campaignOf({ time_zone: zone }), at)).toMatchObject({ open: true, rule: 'in_slot' })
    }
  })
})
