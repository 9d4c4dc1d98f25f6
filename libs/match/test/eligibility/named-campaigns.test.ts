// The rule of names, by its table; and what a visit and a device have to remember for it.
import type { FenceFacts } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import {
  CampaignBook,
  type CapState,
  dwellThresholds,
  NO_CAPS,
  nameCampaigns,
  nameCampaignsOfGone,
  readCampaign,
  type TransitionFacts,
  UNSEEN,
  VERDICTS,
  type VisitCampaigns,
} from '../../src/eligibility/index.ts'
import { NAMING_CASES, type NamingCase } from './naming-cases.ts'

function fenceOf(campaigns: readonly string[], dwellS: number | null): FenceFacts {
  return { id: 'f', version: 1, tenant: null, name: null, tags: [], campaigns, dwellS }
}

function bookOf(campaigns: NamingCase['campaigns']): CampaignBook {
  const book = new CampaignBook()
  for (const [id, content] of Object.entries(campaigns)) {
    const { campaign, problems } = readCampaign({ id, tenant: 't', ...content })
    expect(problems).toEqual([])
    book.put(campaign!)
  }
  return book
}

function runningOf({ campaigns, unknown = [] }: Pick<NamingCase, 'campaigns' | 'unknown'>) {
  return bookOf(campaigns).of('t', fenceOf([...Object.keys(campaigns), ...unknown], null)).all
}

const at = (time: string): number => Date.parse(`2025-06-20T${time}Z`)

describe('nameCampaigns', () => {
  it.each(NAMING_CASES.map((one) => [one.says, one] as const))('%s', (_, one) => {
    const running = runningOf(one)
    const visits = new Map<number, VisitCampaigns>()
    let caps: CapState = NO_CAPS
    one.steps.forEach(({ kind, at: time, dwellS, visit = 0, again, names, verdicts }, step) => {
      const facts = { kind, at: at(time), time: at(time), tag: again ?? step }
      const ownDwell = dwellS === one.fenceDwellS
      const transition: TransitionFacts = dwellS === undefined ? facts : { ...facts, dwellS, ownDwell }
      const before = visits.get(visit) ?? UNSEEN
      const naming = nameCampaigns(running, transition, before, caps)
      expect([step, naming.publish, naming.campaigns]).toEqual([step, names !== 'none', names === 'none' ? [] : names])
      expect(naming.verdicts).toHaveLength(running.length)
      if (verdicts !== undefined) expect([step, naming.verdicts]).toEqual([step, verdicts])
      expect(nameCampaigns(running, transition, before, caps)).toEqual(naming)
      visits.set(visit, naming.visit)
      caps = naming.caps
    })
  })

  it('has every verdict in its table', () => {
    const told = NAMING_CASES.flatMap(({ steps }) => steps.flatMap(({ verdicts = [] }) => verdicts))
    expect(new Set(told)).toEqual(new Set(Object.keys(VERDICTS)))
  })

  it('remembers only who wants the exit and saw the visit, and changes nothing where nothing changed', () => {
    const cap = { max: 1, window_s: 60 }
    const running = runningOf({
      campaigns: {
        a: { triggers: { enter: true } },
        b: {},
        c: { triggers: { exit: true } },
        d: { paused: true },
        f: { cap },
      },
      unknown: ['e'],
    })
    const enter: TransitionFacts = { kind: 'enter', at: at('09:00:00'), time: 0, tag: 1 }
    const first = nameCampaigns(running, enter, UNSEEN, NO_CAPS)
    expect(first.visit).toEqual({ seen: ['b', 'c', 'f'], named: ['f'], free: false })
    const dwell: TransitionFacts = { kind: 'dwell', at: at('09:01:00'), time: 0, tag: 2, dwellS: 60 }
    const second = nameCampaigns(running, dwell, first.visit, first.caps)
    expect(second.visit).toBe(first.visit)
    const exit = nameCampaigns(running, { ...enter, kind: 'exit', tag: 3 }, second.visit, second.caps)
    expect(exit.visit).toBe(first.visit)
    expect([second.caps, exit.caps]).toEqual([first.caps, first.caps])
    expect(second.caps).toBe(first.caps)
    expect(UNSEEN).toEqual({ seen: [], named: [], free: false })
  })

  it('asks schedules with `at` and caps with `time`', () => {
    const running = runningOf({
      campaigns: {
        a: {
          cap: { max: 1, window_s: 60 },
          triggers: { enter: true },
          time_zone: 'UTC',
          slots: [{ from: '09:00', to: '10:00' }],
        },
      },
    })
    const facts = { kind: 'enter', at: at('09:00:00'), time: 0, tag: 1 } as const
    const first = nameCampaigns(running, facts, UNSEEN, NO_CAPS)
    expect(first.campaigns).toEqual(['a'])
    const soon = { ...facts, at: at('09:59:00'), time: 59_999, tag: 2 }
    expect(nameCampaigns(running, soon, UNSEEN, first.caps).verdicts).toEqual(['capped'])
    expect(nameCampaigns(running, { ...soon, time: 60_000 }, UNSEEN, first.caps).verdicts).toEqual(['named'])
    expect(nameCampaigns(running, { ...facts, at: at('10:00:00'), tag: 3 }, UNSEEN, NO_CAPS).verdicts).toEqual([
      'closed',
    ])
  })
})

describe('the exit from a fence that is gone', () => {
  const enter: TransitionFacts = { kind: 'enter', at: at('09:00:00'), time: 0, tag: 1 }
  const exit: TransitionFacts = { kind: 'exit', at: at('09:30:00'), time: 1_800_000, tag: 2 }
  const capped = { cap: { max: 1, window_s: 86_400 } }

  it.each<[string, NamingCase['campaigns'], readonly string[], boolean, readonly string[]]>([
    ['is published when no campaign had a say', {}, [], true, []],
    ['is published without names when only unknown ids were listed', {}, ['elsewhere'], true, []],
    ['names who saw the enter', { a: {}, b: { triggers: { exit: true } } }, [], true, ['a', 'b']],
    ['is not published when all were closed', { a: { end: 1 } }, [], false, []],
    ['is not published when nobody wants exits', { a: { triggers: { enter: true } } }, [], false, []],
    ['is free of a cap that counted the enter', { a: capped }, [], true, ['a']],
  ])('%s', (_, campaigns, unknown, publish, names) => {
    const book = bookOf(campaigns)
    const running = book.of('t', fenceOf([...Object.keys(campaigns), ...unknown], null)).all
    const entered = nameCampaigns(running, enter, UNSEEN, NO_CAPS)
    const left = nameCampaignsOfGone(book, 't', exit, entered.visit, entered.caps)
    expect([left.publish, left.campaigns]).toEqual([publish, names])
    expect(left.caps).toBe(entered.caps)
  })

  it('does not name a campaign that is gone as well, nor one that is paused by now', () => {
    const book = bookOf({ a: {}, b: {}, c: {} })
    const entered = nameCampaigns(book.of('t', fenceOf(['a', 'b', 'c'], null)).all, enter, UNSEEN, NO_CAPS)
    book.remove('t', 'a')
    book.put({ ...book.get('t', 'b')!, paused: true })
    const left = nameCampaignsOfGone(book, 't', exit, entered.visit, entered.caps)
    expect([left.publish, left.campaigns]).toEqual([true, ['c']])
    book.remove('t', 'c')
    expect(nameCampaignsOfGone(book, 't', exit, entered.visit, entered.caps).publish).toBe(false)
  })
})

describe('dwellThresholds', () => {
  it('are those of the fence and of its campaigns, open, closed or paused, each once and ascending', () => {
    const running = runningOf({
      campaigns: {
        a: { triggers: { dwell_s: [600, 60] } },
        b: { triggers: { dwell_s: [300, 60] }, paused: true },
        c: { triggers: { dwell_s: [1000] }, end: 1 },
        d: {},
      },
      unknown: ['e'],
    })
    expect(dwellThresholds(120, running)).toEqual([60, 120, 300, 600, 1000])
    expect(dwellThresholds(60, running)).toEqual([60, 300, 600, 1000])
    expect(dwellThresholds(null, runningOf({ campaigns: { d: {} } }))).toEqual([])
  })
})
