import { Batch, PING_REASON_CODES, pingReasonCode } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import {
  choose,
  DEFAULT_RULES,
  isMinor,
  isOfUse,
  MAX_EVIDENCE,
  mayKeepPresence,
  NO_CHOICE,
  objectToMarketing,
  type PrivacyState,
  packPrivacy,
  permitted,
  permittedByBatch,
  refuseAll,
  type Suppression,
  suppress,
  unpackPrivacy,
  withdraw,
} from '../src/index.ts'
import { CASES, purposesOf } from './permission-cases.ts'

const NOW = Date.UTC(2026, 6, 1)
const FOUND = { visits: 1, caps: 2, pending: 3, choices: 4 }
const CHOICE = { chosenAt: 5, textVersion: 'v1' }

function suppressed(why: Suppression['why'], request = 'r_1'): Suppression {
  return { since: NOW, why, request, found: FOUND }
}

function storedOf(text: string): PrivacyState | null {
  if (text === 'none') return null
  if (text === 'erased' || text === 'minor') return { ...NO_CHOICE, suppressed: suppressed(text) }
  return { ...NO_CHOICE, purposes: purposesOf(text), restricted: text.includes('restricted') }
}

function batchOf(text: string): Batch {
  const batch = new Batch(4)
  if (text === 'minor') batch.minor = true
  const { location, analytics, marketing } = purposesOf(text === 'minor' ? 'L' : text)
  return Object.assign(batch, { consent: location === true, analytics, marketing })
}

const SHORT = { no_consent: 'no', minor: 'min', restricted: 'res' } as const

describe('what may be told', () => {
  it('is a table of more than 80 cases', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(80)
  })

  it.each(CASES.filter(({ sensitive }) => !sensitive))(
    'chosen $stored, batch $batch, explicit $explicit: $outcome',
    ({ stored, batch, explicit, outcome }) => {
      const rules = { ...DEFAULT_RULES, consentExplicit: explicit }
      const { refused, matches, transitions } = permitted(
        permittedByBatch(batchOf(batch), rules, NOW),
        storedOf(stored),
        rules,
      )
      const told = `${matches ? 'M' : '.'}${transitions ? 'T' : '.'}`
      expect(refused === null ? told : SHORT[refused]).toBe(outcome)
      if (refused !== null) expect(told).toBe('..')
    },
  )

  it('refuses every ping of a batch that is refused, whatever else was wrong with it, and no more', () => {
    const batch = batchOf('-')
    batch.columns.count = 3
    batch.columns.reason.set([0, pingReasonCode('bad_coords'), 0, 0])
    refuseAll(batch, 'no_consent')
    expect(Array.from(batch.columns.reason, (code) => PING_REASON_CODES[code])).toEqual([
      'no_consent',
      'no_consent',
      'no_consent',
      'ok',
    ])
  })
})

describe('minors', () => {
  it.each([
    [2013, true], // turns 13 in this year, perhaps tomorrow
    [2014, true],
    [2026, true],
    [2012, false],
    [1900, false],
  ])('born in %d, limit 13: %s', (year, minor) => {
    expect(isMinor(year, 13, NOW)).toBe(minor)
    const batch = batchOf('L')
    batch.birthYear = year
    expect(permittedByBatch(batch, DEFAULT_RULES, NOW).refused).toBe(minor ? 'minor' : null)
  })

  it('are known until the end of the year in which they reach the tenant’s own limit', () => {
    expect(isMinor(2010, 16, NOW)).toBe(true)
    expect(isMinor(2009, 16, NOW)).toBe(false)
    expect(isMinor(2013, 13, Date.UTC(2026, 11, 31, 23, 59, 59))).toBe(true)
    expect(isMinor(2013, 13, Date.UTC(2027, 0, 1))).toBe(false)
  })
})

describe('choices', () => {
  const given = choose(NO_CHOICE, { purposes: purposesOf('L+a+m'), ...CHOICE, isNoMinor: false }, 'person', 1)

  it('withdrawing gives nothing back, and leaves its evidence', () => {
    const less = withdraw(given, { purposes: purposesOf('-a'), ...CHOICE }, 'sdk', 2)
    expect(less.purposes).toEqual(purposesOf('L-a+m'))
    const none = withdraw(less, { purposes: purposesOf('-L+a'), ...CHOICE }, 'sdk', 3)
    expect(none.purposes).toEqual(purposesOf('-L-a+m'))
    expect(withdraw(none, { purposes: purposesOf('L+a'), ...CHOICE }, 'sdk', 4).purposes).toEqual(none.purposes)
    expect(none.evidence.map(({ at, by }) => [at, by])).toEqual([
      [1, 'person'],
      [2, 'sdk'],
      [3, 'sdk'],
    ])
    expect(none.evidence[1]).toEqual({ at: 2, by: 'sdk', purposes: purposesOf('-a'), ...CHOICE })
  })

  it('choosing takes the place of what was chosen, and ends what an erasure left, but not a minor’s', () => {
    const anew = { purposes: purposesOf('L'), ...CHOICE }
    const erased = suppress(given, suppressed('erased'))
    expect(erased).toEqual({ ...NO_CHOICE, suppressed: suppressed('erased') })
    expect(choose(erased, { ...anew, isNoMinor: false }, 'person', 2).suppressed).toBeNull()
    expect(
      choose(erased, { purposes: purposesOf('-L'), ...CHOICE, isNoMinor: true }, 'person', 2).suppressed,
    ).not.toBeNull()
    const minor = suppress(given, suppressed('minor'))
    expect(choose(minor, { ...anew, isNoMinor: false }, 'person', 2).suppressed?.why).toBe('minor')
    expect(choose(minor, { ...anew, isNoMinor: true }, 'person', 2).suppressed).toBeNull()
  })

  it('a suppression keeps what the first erasure found, and a minor’s stays one', () => {
    const first = suppress(given, suppressed('erased', 'r_1'))
    expect(suppress(first, suppressed('erased', 'r_2')).suppressed?.request).toBe('r_1')
    expect(suppress(first, suppressed('minor', 'r_3')).suppressed?.why).toBe('minor')
    const minor = suppress(given, suppressed('minor', 'r_1'))
    expect(suppress(minor, suppressed('erased', 'r_2')).suppressed).toEqual(suppressed('minor', 'r_1'))
  })

  it('an objection refuses marketing alone; its end leaves marketing to location', () => {
    const objected = objectToMarketing(given, false, 'admin', 2)
    expect(objected.purposes).toEqual(purposesOf('L+a-m'))
    expect(objectToMarketing(objected, true, 'admin', 3).purposes).toEqual(purposesOf('L+a'))
    // A later choice that does not name marketing is no answer to it; one that does is.
    const choosing = (text: string) =>
      choose(objected, { purposes: purposesOf(text), ...CHOICE, isNoMinor: false }, 'person', 3)
    expect([choosing('L').purposes, choosing('L').objected]).toEqual([purposesOf('L-m'), true])
    expect([choosing('L+m').purposes, choosing('L+m').objected]).toEqual([purposesOf('L+m'), false])
  })

  it('keep the first evidence and the latest, never more than there is room for', () => {
    let state = given
    for (let at = 2; at < 200; at++) state = withdraw(state, { purposes: purposesOf('-a'), ...CHOICE }, 'sdk', at)
    expect(state.evidence).toHaveLength(MAX_EVIDENCE)
    expect([state.evidence[0]?.at, state.evidence.at(-1)?.at]).toEqual([1, 199])
  })

  it('say whether they are of use, and whether it may be kept where a device is', () => {
    expect(isOfUse(NO_CHOICE)).toBe(false)
    expect(mayKeepPresence(NO_CHOICE)).toBe(true)
    for (const text of ['-L', '-m', 'erased', 'minor']) {
      const state = storedOf(text) as PrivacyState
      expect([text, isOfUse(state), mayKeepPresence(state)]).toEqual([text, true, false])
    }
    for (const text of ['-a', 'L', 'restricted']) expect(mayKeepPresence(storedOf(text) as PrivacyState)).toBe(true)
  })

  it('come back from their packed form as they were', () => {
    for (const state of [NO_CHOICE, given, suppress(given, suppressed('minor')), { ...given, restricted: true }])
      expect(unpackPrivacy(JSON.parse(JSON.stringify(packPrivacy(state))))).toEqual(state)
  })
})
