// The JSON Schema says what the door does: whatever the door takes it takes, and what it takes and the door does not has one of a
// few reasons that a schema cannot tell.
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CAMPAIGN_LIMITS, campaignJson, readCampaign } from '../../src/eligibility/index.ts'
import { SCHEDULE_CASES } from './schedule-cases.ts'

const schema = JSON.parse(readFileSync(new URL('../../schema/campaign.schema.json', import.meta.url), 'utf8'))
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictRequired: false })
const takes = ajv.compile(schema)
const ADDRESS = { tenant: 't', id: 'c' }

const DOOR_ONLY = new Set(['end_before_begin', 'empty_slot', 'unknown_time_zone', 'bad_instant'])
/** Refused by the door for their bytes, of which a schema counts characters. */
const BYTES = new Set(['bad_id', 'bad_tenant', 'bad_name', 'bad_fences', 'bad_tags'])

/** Values that are taken somewhere and refused elsewhere. */
const odd = fc.constantFrom<unknown>(null, '', 0, -1, 1.5, true, 'x', [], {}, [null], [''], [0], ['x'], ['mon'], [{}])
const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ minLength: 1, maxLength, size: 'max' })
const oneIn = (weight: number, rare: fc.Arbitrary<unknown>, good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: weight - 1, arbitrary: good }, { weight: 1, arbitrary: rare })

const time = oneIn(
  40,
  fc.constantFrom('24:00', '24:01', '9:00', '12:60', '25:00', '12:00:00', ' 12:00', '12:00\n', '١٢:00'),
  fc.constantFrom('00:00', '09:00', '12:30', '22:00', '23:59', '02:30'),
)
const slot = oneIn(60, odd, fc.record({ from: time, to: time }))
const instant = oneIn(
  12,
  fc.constantFrom<unknown>(
    CAMPAIGN_LIMITS.instantMs + 1,
    '2025-02-30T00:00:00Z',
    '2025-01-01T00:00:00',
    '2025-01-01',
    '2025-01-01T24:00:00Z',
    '1969-01-01T00:00:00Z',
    '9999-12-31T23:59:59-01:00',
  ),
  fc.oneof(
    fc.integer({ min: 0, max: CAMPAIGN_LIMITS.instantMs }),
    fc.constantFrom('2025-01-01T00:00:00Z', '2025-01-01T00:00:00.5+05:45', '2024-02-29T00:00:00.123-09:30'),
  ),
)
const zone = oneIn(
  10,
  fc.constantFrom('Europe/Nowhere', 'EST', 'utc', '+01:00', 'Europe/', 'Europe/Berlin '),
  fc.constantFrom('Europe/Berlin', 'UTC', 'Asia/Kolkata', 'Etc/GMT+5', 'America/Argentina/Ushuaia'),
)
const dwells = fc.array(oneIn(60, fc.constantFrom(0, 604_801, 1.5), fc.integer({ min: 1, max: 604_800 })), {
  maxLength: 8,
})
const FIELDS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  id: fc.constant('c'),
  tenant: fc.constant('t'),
  version: oneIn(20, fc.constant(2 ** 32), fc.constantFrom(0, 1, 2 ** 32 - 1)),
  name: oneIn(20, fc.string({ minLength: 200, maxLength: 300, size: 'max', unit: 'binary' }), text(256)),
  fences: fc.array(text(8), { maxLength: 4 }),
  tags: fc.array(oneIn(60, text(70), text(8)), { maxLength: 4 }),
  begin: instant,
  end: instant,
  days: fc.array(fc.constantFrom('mon', 'tue', 'sun'), { minLength: 1, maxLength: 7 }),
  slots: fc.array(slot, { minLength: 1, maxLength: 3 }),
  time_zone: zone,
  triggers: fc.record({ enter: fc.boolean(), dwell_s: dwells, exit: fc.boolean() }, { requiredKeys: [] }),
  cap: fc.record({
    max: oneIn(20, fc.constantFrom(0, 101), fc.constantFrom(1, 100)),
    window_s: oneIn(20, fc.constantFrom(0, 2_678_401), fc.constantFrom(1, 2_678_400)),
  }),
  paused: fc.boolean(),
}
/** Up to two fields put wrong, or new ones put in, at the top or one step down. */
const spoilt = fc.array(
  fc.tuple(fc.constantFrom(...Object.keys(FIELDS), 'colour', 'triggers.enter', 'triggers.x', 'cap.max', 'cap.x'), odd),
  { maxLength: 2 },
)
const input = fc.tuple(fc.record(FIELDS, { requiredKeys: [] }), spoilt).map(([made, faults]) => {
  const raw = JSON.parse(JSON.stringify(made)) as Record<string, unknown>
  for (const [path, value] of faults) {
    const [key, inner] = path.split('.') as [string, string?]
    if (inner === undefined) raw[key] = value
    else if (typeof raw[key] === 'object' && raw[key] !== null) raw[key] = { ...raw[key], [inner]: value }
  }
  return raw
})

describe('the schema of a campaign', () => {
  it('agrees with the door on any object', () => {
    const seen = { both: 0, door: 0, neither: 0 }
    fc.assert(
      fc.property(oneIn(40, odd, input), (raw) => {
        const { campaign, problems } = readCampaign(raw, ADDRESS)
        const bySchema = takes(raw)
        if (campaign !== null) {
          expect(takes.errors ?? []).toEqual([])
          seen.both++
        } else if (bySchema) {
          for (const { code } of problems)
            expect(DOOR_ONLY.has(code) || BYTES.has(code) ? 'as told' : code).toBe('as told')
          seen.door++
        } else seen.neither++
      }),
      { seed: 2_020_12, numRuns: 10_000 },
    )
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(500)
  })

  it('takes its own examples, every case of the table, and what the door writes', () => {
    const all = [...schema.examples, ...SCHEDULE_CASES.map(({ campaign }) => campaign)]
    for (const raw of all) {
      const { campaign } = readCampaign(raw, ADDRESS)
      expect([raw, takes(raw), takes(campaignJson(campaign!))]).toEqual([raw, true, true])
    }
  })

  it.each<[string, number, (length: number) => unknown]>([
    ['fences', CAMPAIGN_LIMITS.fences, (length) => ({ fences: Array.from({ length }, (_, i) => `${i}`) })],
    ['a fence’s id', CAMPAIGN_LIMITS.fenceIdBytes, (length) => ({ fences: ['x'.repeat(length)] })],
    ['tags', CAMPAIGN_LIMITS.tags, (length) => ({ tags: Array.from({ length }, (_, i) => `${i}`) })],
    ['a tag', CAMPAIGN_LIMITS.tagBytes, (length) => ({ tags: ['x'.repeat(length)] })],
    ['a name', CAMPAIGN_LIMITS.nameBytes, (length) => ({ name: 'x'.repeat(length) })],
    ['the beginning', CAMPAIGN_LIMITS.instantMs, (begin) => ({ begin })],
    ['the end', CAMPAIGN_LIMITS.instantMs, (end) => ({ end })],
    ['days', 7, (length) => ({ time_zone: 'UTC', days: Array.from({ length }, () => 'mon') })],
    [
      'slots',
      CAMPAIGN_LIMITS.slots,
      (length) => ({ time_zone: 'UTC', slots: Array.from({ length }, () => ({ from: '00:00', to: '01:00' })) }),
    ],
    [
      'dwells',
      CAMPAIGN_LIMITS.dwells,
      (length) => ({ triggers: { dwell_s: Array.from({ length }, (_, i) => i + 1) } }),
    ],
    ['a dwell', CAMPAIGN_LIMITS.dwellS, (seconds) => ({ triggers: { dwell_s: [seconds] } })],
    ['a cap', CAMPAIGN_LIMITS.capMax, (max) => ({ cap: { max, window_s: 1 } })],
    ['a window', CAMPAIGN_LIMITS.capWindowS, (seconds) => ({ cap: { max: 1, window_s: seconds } })],
  ])('has the door’s limit of %s: %i and not one more', (_, limit, make) => {
    const doorTakes = (size: number): boolean => readCampaign(make(size), ADDRESS).campaign !== null
    expect([doorTakes(limit), takes(make(limit))]).toEqual([true, true])
    expect([doorTakes(limit + 1), takes(make(limit + 1))]).toEqual([false, false])
  })
})
