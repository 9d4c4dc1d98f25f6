// The door of campaigns: what is read, how, and what is refused with which code at which place.
import { DAYS } from '@fencepost/model'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CAMPAIGN_FAULTS,
  CAMPAIGN_LIMITS,
  campaignJson,
  MAX_CAMPAIGN_PROBLEMS,
  readCampaign,
} from '../../src/eligibility/index.ts'

const ADDRESS = { tenant: 'acme', id: 'summer' }

function read(raw: unknown, address: { tenant?: string; id?: string } = ADDRESS) {
  const { campaign, problems } = readCampaign(raw, address)
  expect(problems).toEqual([])
  return campaign!
}

/** `code place`, one for each problem. */
function faults(raw: unknown, address: { tenant?: string; id?: string } = ADDRESS): string[] {
  const { campaign, problems } = readCampaign(raw, address)
  expect(campaign === null).toBe(problems.length > 0)
  return problems.map(({ code, place }) => `${code} ${place}`)
}

const FULL = {
  id: 'summer',
  tenant: 'acme',
  version: 7,
  name: 'Summer',
  fences: ['shop-2', 'shop-1', 'shop-2'],
  tags: ['late', 'food', 'late'],
  begin: 1_748_728_800_000,
  end: '2025-07-01T00:00:00.5+02:00',
  days: ['sun', 'fri', 'fri'],
  slots: [
    { from: '22:00', to: '02:00' },
    { from: '09:00', to: '00:00' },
    { from: '22:00', to: '02:00' },
  ],
  time_zone: 'Europe/Berlin',
  triggers: { enter: true, dwell_s: [300, 60, 300], exit: false },
  cap: { max: 2, window_s: 86_400 },
  paused: true,
}

describe('readCampaign', () => {
  it('reads everything a campaign may say; lists are sets in our order', () => {
    expect(read(FULL)).toMatchObject({
      id: 'summer',
      tenant: 'acme',
      name: 'Summer',
      fences: ['shop-1', 'shop-2'],
      tags: ['food', 'late'],
      begin: 1_748_728_800_000,
      end: Date.UTC(2025, 5, 30, 22, 0, 0, 500),
      days: ['fri', 'sun'],
      slots: [
        { fromMin: 540, toMin: 1440 },
        { fromMin: 1320, toMin: 120 },
      ],
      timeZone: 'Europe/Berlin',
      triggers: { enter: true, dwellS: [60, 300], exit: false },
      cap: { max: 2, windowS: 86_400 },
      paused: true,
    })
  })

  it('fills in what is absent, and null is absent', () => {
    const expected = {
      id: 'summer',
      tenant: 'acme',
      name: null,
      fences: [],
      tags: [],
      begin: null,
      end: null,
      days: DAYS,
      slots: [{ fromMin: 0, toMin: 1440 }],
      timeZone: 'UTC',
      triggers: { enter: true, dwellS: [], exit: true },
      cap: null,
      paused: false,
    }
    expect(read({})).toMatchObject(expected)
    const nulls = Object.fromEntries(Object.keys(FULL).map((key) => [key, null]))
    expect(read(nulls)).toMatchObject(expected)
    const noTriggers = { triggers: { enter: null, dwell_s: null, exit: true } }
    expect(read(noTriggers).triggers).toEqual({ enter: false, dwellS: [], exit: true })
  })

  it('takes id and tenant from the object, the address, or both alike', () => {
    expect(read({ id: 'a', tenant: 'b' }, {})).toMatchObject({ id: 'a', tenant: 'b' })
    expect(read({ id: 'a' }, { tenant: 'b' })).toMatchObject({ id: 'a', tenant: 'b' })
    expect(faults({ id: 'other', tenant: 'else' })).toEqual(['bad_id /id', 'bad_tenant /tenant'])
    expect(faults({}, {})).toEqual(['bad_id /id', 'bad_tenant /tenant'])
  })

  it.each<[string, unknown]>([
    ['bad_campaign ', null],
    ['bad_campaign ', []],
    ['bad_campaign ', 'summer'],
    ['unknown_field /timezone', { timezone: 'UTC' }],
    ['unknown_field /a~1b~0c', { 'a/b~c': 1 }],
    ['unknown_field /slots/0/until', { time_zone: 'UTC', slots: [{ from: '00:00', to: '01:00', until: 1 }] }],
    ['unknown_field /triggers/dwell', { triggers: { enter: true, dwell: 60 } }],
    ['unknown_field /cap/window', { cap: { max: 1, window_s: 1, window: 1 } }],
    ['bad_version /version', { version: -1 }],
    ['bad_version /version', { version: '7' }],
    ['bad_version /version', { version: 2 ** 32 }],
    ['bad_name /name', { name: '' }],
    ['bad_name /name', { name: '\ud800' }],
    ['bad_fences /fences', { fences: 'shop' }],
    ['bad_fences /fences/1', { fences: ['shop', ''] }],
    ['bad_fences /fences/0', { fences: [7] }],
    ['bad_tags /tags', { tags: {} }],
    ['bad_tags /tags/0', { tags: [null] }],
    ['bad_instant /begin', { begin: '2025-06-01' }],
    ['bad_instant /begin', { begin: '2025-06-01T00:00:00' }],
    ['bad_instant /begin', { begin: '2025-02-29T00:00:00Z' }],
    ['bad_instant /begin', { begin: '2025-06-31T00:00:00Z' }],
    ['bad_instant /begin', { begin: '2025-13-01T00:00:00Z' }],
    ['bad_instant /begin', { begin: '2025-06-01T24:00:00Z' }],
    ['bad_instant /begin', { begin: '2025-06-01T23:59:60Z' }],
    ['bad_instant /begin', { begin: '1969-12-31T23:59:59Z' }],
    ['bad_instant /end', { end: -1 }],
    ['bad_instant /end', { end: 1.5 }],
    ['bad_instant /end', { end: true }],
    ['end_before_begin /end', { begin: 5, end: 5 }],
    ['end_before_begin /end', { begin: 5, end: 4 }],
    ['bad_days /days', { time_zone: 'UTC', days: [] }],
    ['bad_days /days', { time_zone: 'UTC', days: 'mon' }],
    ['bad_days /days/1', { time_zone: 'UTC', days: ['mon', 'Tue'] }],
    ['bad_slots /slots', { time_zone: 'UTC', slots: [] }],
    ['bad_slots /slots/0', { time_zone: 'UTC', slots: ['09:00-17:00'] }],
    ['bad_slot_time /slots/0/from', { time_zone: 'UTC', slots: [{ from: '24:00', to: '01:00' }] }],
    ['bad_slot_time /slots/0/from', { time_zone: 'UTC', slots: [{ to: '01:00' }] }],
    ['bad_slot_time /slots/0/to', { time_zone: 'UTC', slots: [{ from: '00:00', to: '24:01' }] }],
    ['bad_slot_time /slots/0/to', { time_zone: 'UTC', slots: [{ from: '00:00', to: '1:00' }] }],
    ['bad_slot_time /slots/0/to', { time_zone: 'UTC', slots: [{ from: '00:00', to: 60 }] }],
    ['empty_slot /slots/0', { time_zone: 'UTC', slots: [{ from: '09:00', to: '09:00' }] }],
    ['empty_slot /slots/0', { time_zone: 'UTC', slots: [{ from: '00:00', to: '00:00' }] }],
    ['missing_time_zone /time_zone', { days: ['mon'] }],
    ['missing_time_zone /time_zone', { slots: [{ from: '09:00', to: '17:00' }] }],
    ['bad_time_zone /time_zone', { time_zone: 'EST' }],
    ['bad_time_zone /time_zone', { time_zone: '+05:30' }],
    ['bad_time_zone /time_zone', { time_zone: 'SystemV/AST4' }],
    ['bad_time_zone /time_zone', { time_zone: 7 }],
    ['unknown_time_zone /time_zone', { time_zone: 'Europe/Atlantis' }],
    ['unknown_time_zone /time_zone', { time_zone: 'Europe/-/-/etc' }],
    ['bad_triggers /triggers', { triggers: ['enter'] }],
    ['no_trigger /triggers', { triggers: {} }],
    ['no_trigger /triggers', { triggers: { enter: false, dwell_s: [], exit: false } }],
    ['not_boolean /triggers/enter', { triggers: { enter: 'yes' } }],
    ['not_boolean /triggers/exit', { triggers: { exit: 1 } }],
    ['bad_dwell /triggers/dwell_s', { triggers: { dwell_s: 60 } }],
    ['bad_dwell /triggers/dwell_s/1', { triggers: { dwell_s: [60, 0] } }],
    ['bad_cap /cap', { cap: 3 }],
    ['bad_cap_max /cap/max', { cap: { max: 0, window_s: 60 } }],
    ['bad_cap_max /cap/max', { cap: { window_s: 60 } }],
    ['bad_cap_window /cap/window_s', { cap: { max: 1, window_s: 0.5 } }],
    ['not_boolean /paused', { paused: 'no' }],
  ])('refuses with %s', (fault, raw) => {
    expect(faults(raw)).toEqual([fault])
  })

  it('tells all that is wrong at once, each with its line', () => {
    const raw = { begin: 'soon', days: ['someday'], slots: [{ from: 1, to: 2 }], cap: {}, paused: 0 }
    expect(faults(raw)).toEqual([
      'bad_instant /begin',
      'bad_days /days/0',
      'bad_slot_time /slots/0/from',
      'bad_slot_time /slots/0/to',
      'missing_time_zone /time_zone',
      'bad_cap_max /cap/max',
      'bad_cap_window /cap/window_s',
      'not_boolean /paused',
    ])
    for (const { code, message } of readCampaign(raw, ADDRESS).problems) expect(message).toBe(CAMPAIGN_FAULTS[code])
  })

  it(`tells ${MAX_CAMPAIGN_PROBLEMS} problems and no more, in short places`, () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, 1]))
    expect(faults(many(MAX_CAMPAIGN_PROBLEMS))).toHaveLength(MAX_CAMPAIGN_PROBLEMS)
    expect(faults(many(MAX_CAMPAIGN_PROBLEMS + 1))).toHaveLength(MAX_CAMPAIGN_PROBLEMS)
    expect(faults({ ['x'.repeat(10_000)]: 1 })).toEqual([`unknown_field /${'x'.repeat(64)}`])
  })

  it.each<[string, number, (text: string) => unknown]>([
    ['id', CAMPAIGN_LIMITS.idBytes, (id) => ({ id })],
    ['tenant', CAMPAIGN_LIMITS.tenantBytes, (tenant) => ({ tenant })],
    ['name', CAMPAIGN_LIMITS.nameBytes, (name) => ({ name })],
    ['fences/0', CAMPAIGN_LIMITS.fenceIdBytes, (id) => ({ fences: [id] })],
    ['tags/0', CAMPAIGN_LIMITS.tagBytes, (tag) => ({ tags: [tag] })],
  ])('counts %s in bytes: %i are taken, one more is not', (place, bytes, make) => {
    const inFour = '🎪'.repeat(bytes / 4)
    const refused = (text: string) => faults({ id: 'a', tenant: 'b', ...(make(text) as object) }, {})
    expect(refused(inFour)).toEqual([])
    expect(refused(`${inFour}x`)).toEqual([expect.stringContaining(`/${place}`)])
  })

  it('says the limits in its lines', () => {
    const lines = Object.values(CAMPAIGN_FAULTS).join('\n')
    const { timeZoneBytes, ...rest } = CAMPAIGN_LIMITS
    for (const limit of Object.values(rest)) expect(lines).toMatch(new RegExp(`\\b${limit}\\b`))
    expect(CAMPAIGN_FAULTS.bad_time_zone).toContain(`${timeZoneBytes} bytes`)
    const place = 'Etc/'.padEnd(timeZoneBytes, 'x')
    expect(faults({ time_zone: place })).toEqual(['unknown_time_zone /time_zone'])
    expect(faults({ time_zone: `${place}x` })).toEqual(['bad_time_zone /time_zone'])
  })

  it('never repeats what it refused', () => {
    const secret = 'hush'
    const raw = { id: secret, name: [secret], fences: [[secret]], begin: secret, time_zone: secret, cap: secret }
    const { problems } = readCampaign(raw, ADDRESS)
    expect(problems.length).toBeGreaterThan(4)
    expect(JSON.stringify(problems)).not.toContain(secret)
  })

  it('reads again what it writes', () => {
    const campaign = read(FULL)
    expect(read(campaignJson(campaign))).toEqual(campaign)
    expect(read(JSON.parse(JSON.stringify(campaignJson(read({})))))).toEqual(read({}))
  })
})

describe('versions of campaigns', () => {
  it('are the same on every machine and every run', () => {
    expect(read(FULL).version).toBe(PINNED.full)
    expect(read({}).version).toBe(PINNED.empty)
  })

  it('do not depend on order, repeats, the name, or the version that was sent', () => {
    const { id, tenant, ...rest } = FULL
    const shuffled = {
      ...rest,
      name: 'Autumn',
      version: 8,
      fences: ['shop-1', 'shop-2'],
      days: ['fri', 'sun'],
      slots: FULL.slots.slice(0, 2).toReversed(),
      end: Date.parse(FULL.end),
    }
    expect(read(shuffled).version).toBe(read({ ...FULL, id, tenant }).version)
  })

  it('change with everything else', () => {
    const others = [
      { ...FULL, fences: ['shop-1'] },
      { ...FULL, tags: ['food'] },
      { ...FULL, fences: FULL.tags, tags: FULL.fences },
      { ...FULL, begin: FULL.begin + 1 },
      { ...FULL, end: null },
      { ...FULL, days: ['fri'] },
      { ...FULL, slots: FULL.slots.slice(0, 1) },
      { ...FULL, time_zone: 'Europe/Paris' },
      { ...FULL, triggers: { ...FULL.triggers, exit: true } },
      { ...FULL, triggers: { ...FULL.triggers, dwell_s: [60] } },
      { ...FULL, triggers: { ...FULL.triggers, enter: false } },
      { ...FULL, cap: null },
      { ...FULL, cap: { max: 3, window_s: 86_400 } },
      { ...FULL, cap: { max: 2, window_s: 86_401 } },
      { ...FULL, paused: false },
    ].map((raw) => read(raw).version)
    const elsewhere = [read({ ...FULL, id: 'x' }, { tenant: 'acme' }), read({ ...FULL, tenant: 'x' }, { id: 'summer' })]
    const all = [read(FULL).version, ...others, ...elsewhere.map(({ version }) => version)]
    expect(new Set(all).size).toBe(all.length)
  })
})

describe('any JSON', () => {
  it('is a campaign or has problems, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(...Object.keys(FULL)), (value, key) => {
        for (const raw of [value, { ...FULL, [key]: value }]) {
          const { campaign, problems } = readCampaign(raw)
          expect(campaign === null).toBe(problems.length > 0)
        }
      }),
      { seed: 9, numRuns: 3_000 },
    )
  })
})

/** Computed apart, with Python's hashlib and json, from the layout that `campaignVersion` documents. */
const PINNED = { full: 2_969_965_770, empty: 2_853_733_526 }
