// Which campaigns a transition names: visits as a table. Every campaign is read at the door; times are those of one Friday, UTC.

export interface NamingStep {
  readonly kind: 'enter' | 'dwell' | 'exit'
  /** HH:MM:SS of 20 June 2025, a Friday. */
  readonly at: string
  readonly dwellS?: number
  /** The visit, where it is not the first. */
  readonly visit?: number
  /** The same transition once more: the tag of that step, by index. */
  readonly again?: number
  /** Ids that are named; `none`: not published; empty: published without a name. */
  readonly names: readonly string[] | 'none'
  /** One for each campaign of the fence, where the case is about them. */
  readonly verdicts?: readonly string[]
}

export interface NamingCase {
  readonly says: string
  readonly campaigns: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Ids that the fence lists and nobody knows. */
  readonly unknown?: readonly string[]
  readonly fenceDwellS?: number
  readonly steps: readonly NamingStep[]
}

const ALL = { enter: true, dwell_s: [60], exit: true }
const MORNING = { time_zone: 'UTC', slots: [{ from: '08:00', to: '12:00' }] }
const AFTERNOON = { time_zone: 'UTC', slots: [{ from: '12:00', to: '18:00' }] }
const ONCE_A_DAY = { max: 1, window_s: 86_400 }

export const NAMING_CASES: readonly NamingCase[] = [
  {
    says: 'a fence without campaigns publishes everything, without names',
    campaigns: {},
    fenceDwellS: 60,
    steps: [
      { kind: 'enter', at: '09:00:00', names: [], verdicts: [] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: [] },
      { kind: 'exit', at: '09:02:00', names: [] },
    ],
  },
  {
    says: 'an open campaign with every trigger is named in everything',
    campaigns: { a: { triggers: ALL } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['a'], verdicts: ['named'] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: ['a'] },
      { kind: 'exit', at: '09:02:00', names: ['a'] },
    ],
  },
  {
    says: 'a closed campaign silences the fence',
    campaigns: { a: { triggers: ALL, ...AFTERNOON } },
    fenceDwellS: 60,
    steps: [
      { kind: 'enter', at: '09:00:00', names: 'none', verdicts: ['closed'] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: 'none', verdicts: ['closed'] },
      { kind: 'exit', at: '09:02:00', names: 'none', verdicts: ['not_seen'] },
    ],
  },
  {
    says: 'a paused campaign silences the fence and sees nothing',
    campaigns: { a: { triggers: ALL, paused: true } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: 'none', verdicts: ['paused'] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: 'none', verdicts: ['paused'] },
      { kind: 'exit', at: '09:02:00', names: 'none', verdicts: ['paused'] },
    ],
  },
  {
    says: 'a campaign that has ended silences the fence',
    campaigns: { a: { end: '2025-06-20T09:00:00Z' } },
    steps: [
      { kind: 'enter', at: '08:59:59', names: ['a'] },
      { kind: 'exit', at: '09:30:00', names: ['a'] },
      { kind: 'enter', at: '09:40:00', visit: 1, names: 'none', verdicts: ['closed'] },
      { kind: 'exit', at: '09:50:00', visit: 1, names: 'none', verdicts: ['not_seen'] },
    ],
  },
  {
    says: 'one open campaign among closed ones is named alone',
    campaigns: { a: AFTERNOON, b: MORNING, c: { paused: true } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['b'], verdicts: ['closed', 'named', 'paused'] },
      { kind: 'exit', at: '10:00:00', names: ['b'], verdicts: ['not_seen', 'named', 'paused'] },
    ],
  },
  {
    says: 'names come in the order of ids',
    campaigns: { c: {}, a: {}, b: {} },
    steps: [{ kind: 'enter', at: '09:00:00', names: ['a', 'b', 'c'] }],
  },
  {
    says: 'a campaign without an enter trigger leaves the enter unpublished',
    campaigns: { a: { triggers: { dwell_s: [60] } } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: 'none', verdicts: ['no_trigger'] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: ['a'] },
      { kind: 'exit', at: '09:02:00', names: 'none', verdicts: ['no_trigger'] },
    ],
  },
  {
    says: 'dwells go by their seconds, each to those who asked for them',
    campaigns: { a: { triggers: { dwell_s: [60, 300] } }, b: { triggers: { dwell_s: [300] } } },
    fenceDwellS: 120,
    steps: [
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: ['a'], verdicts: ['named', 'no_trigger'] },
      { kind: 'dwell', at: '09:02:00', dwellS: 120, names: 'none', verdicts: ['no_trigger', 'no_trigger'] },
      { kind: 'dwell', at: '09:05:00', dwellS: 300, names: ['a', 'b'] },
    ],
  },
  {
    says: 'a campaign that says nothing of triggers wants enter and exit, and no dwell',
    campaigns: { a: {} },
    fenceDwellS: 60,
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['a'] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: 'none' },
      { kind: 'exit', at: '09:02:00', names: ['a'] },
    ],
  },
  {
    says: 'an exit names who saw the enter, closed by now or not',
    campaigns: { a: MORNING },
    steps: [
      { kind: 'enter', at: '11:59:59', names: ['a'] },
      { kind: 'exit', at: '12:30:00', names: ['a'], verdicts: ['named'] },
    ],
  },
  {
    says: 'an exit does not name who opened during the visit and saw neither enter nor dwell',
    campaigns: { a: AFTERNOON },
    steps: [
      { kind: 'enter', at: '11:59:59', names: 'none' },
      { kind: 'exit', at: '12:30:00', names: 'none', verdicts: ['not_seen'] },
    ],
  },
  {
    says: 'an exit names who saw a dwell, having opened during the visit',
    campaigns: { a: { ...AFTERNOON, triggers: ALL } },
    steps: [
      { kind: 'enter', at: '11:59:30', names: 'none' },
      { kind: 'dwell', at: '12:00:30', dwellS: 60, names: ['a'] },
      { kind: 'exit', at: '12:30:00', names: ['a'] },
    ],
  },
  {
    says: 'a dwell that others asked for is seen as well',
    campaigns: { a: { ...AFTERNOON, triggers: { exit: true } }, b: { triggers: { dwell_s: [60] } } },
    steps: [
      { kind: 'enter', at: '11:59:30', names: 'none', verdicts: ['no_trigger', 'no_trigger'] },
      { kind: 'dwell', at: '12:00:30', dwellS: 60, names: ['b'], verdicts: ['no_trigger', 'named'] },
      { kind: 'exit', at: '12:30:00', names: ['a'], verdicts: ['named', 'no_trigger'] },
    ],
  },
  {
    says: 'a campaign for exits alone sees the enter without being named in it',
    campaigns: { a: { ...MORNING, triggers: { exit: true } } },
    steps: [
      { kind: 'enter', at: '11:00:00', names: 'none', verdicts: ['no_trigger'] },
      { kind: 'exit', at: '13:00:00', names: ['a'] },
    ],
  },
  {
    says: 'what one visit saw does not count for the next',
    campaigns: { a: MORNING },
    steps: [
      { kind: 'enter', at: '11:00:00', names: ['a'] },
      { kind: 'exit', at: '11:30:00', names: ['a'] },
      { kind: 'enter', at: '12:30:00', visit: 1, names: 'none' },
      { kind: 'exit', at: '12:40:00', visit: 1, names: 'none', verdicts: ['not_seen'] },
    ],
  },
  {
    says: 'a used cap silences the fence until there is room again',
    campaigns: { a: { triggers: { enter: true }, cap: { max: 2, window_s: 3600 } } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['a'] },
      { kind: 'enter', at: '09:10:00', visit: 1, names: ['a'] },
      { kind: 'enter', at: '09:20:00', visit: 2, names: 'none', verdicts: ['capped'] },
      { kind: 'enter', at: '10:00:00', visit: 3, names: ['a'] },
      { kind: 'enter', at: '10:05:00', visit: 4, names: 'none' },
    ],
  },
  {
    says: 'a used cap of one leaves the other named',
    campaigns: { a: { cap: ONCE_A_DAY }, b: {} },
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['a', 'b'] },
      { kind: 'exit', at: '09:10:00', names: ['a', 'b'] },
      { kind: 'enter', at: '09:20:00', visit: 1, names: ['b'], verdicts: ['capped', 'named'] },
    ],
  },
  {
    says: 'the exit of a visit that named the campaign is not counted',
    campaigns: { a: { cap: { max: 2, window_s: 86_400 } } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['a'] },
      { kind: 'exit', at: '09:10:00', names: ['a'] },
      { kind: 'enter', at: '09:20:00', visit: 1, names: ['a'] },
      { kind: 'exit', at: '09:30:00', visit: 1, names: ['a'] },
      { kind: 'enter', at: '09:40:00', visit: 2, names: 'none' },
      { kind: 'exit', at: '09:50:00', visit: 2, names: 'none', verdicts: ['capped'] },
    ],
  },
  {
    says: 'enter and dwell are counted each',
    campaigns: { a: { triggers: ALL, cap: ONCE_A_DAY } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['a'] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: 'none', verdicts: ['capped'] },
      { kind: 'exit', at: '09:02:00', names: ['a'] },
    ],
  },
  {
    says: 'an exit that is the first to name the campaign is counted',
    campaigns: { a: { triggers: { exit: true }, cap: ONCE_A_DAY } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: 'none' },
      { kind: 'exit', at: '09:10:00', names: ['a'] },
      { kind: 'enter', at: '09:20:00', visit: 1, names: 'none' },
      { kind: 'exit', at: '09:30:00', visit: 1, names: 'none', verdicts: ['capped'] },
    ],
  },
  {
    says: 'closed is not counted',
    campaigns: { a: { ...AFTERNOON, triggers: { enter: true }, cap: ONCE_A_DAY } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: 'none', verdicts: ['closed'] },
      { kind: 'enter', at: '13:00:00', visit: 1, names: ['a'] },
      { kind: 'enter', at: '14:00:00', visit: 2, names: 'none', verdicts: ['capped'] },
    ],
  },
  {
    says: 'a transition that is computed again gets its answer again and is counted once',
    campaigns: { a: { triggers: { enter: true }, cap: { max: 2, window_s: 3600 } } },
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['a'] },
      { kind: 'enter', at: '09:00:00', again: 0, names: ['a'] },
      { kind: 'enter', at: '09:10:00', visit: 1, names: ['a'] },
      { kind: 'enter', at: '09:20:00', visit: 2, names: 'none' },
      { kind: 'enter', at: '09:00:00', again: 0, names: ['a'] },
      { kind: 'enter', at: '09:20:00', visit: 2, again: 3, names: 'none' },
    ],
  },
  {
    says: 'an id that nobody knows is named in all that the fence does by itself',
    campaigns: {},
    unknown: ['elsewhere'],
    fenceDwellS: 60,
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['elsewhere'] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: ['elsewhere'] },
      { kind: 'exit', at: '09:02:00', names: ['elsewhere'] },
    ],
  },
  {
    says: 'an id that nobody knows is not named in a dwell that only another campaign asked for',
    campaigns: { a: { triggers: { dwell_s: [300] } } },
    unknown: ['elsewhere'],
    fenceDwellS: 60,
    steps: [
      { kind: 'enter', at: '09:00:00', names: ['elsewhere'], verdicts: ['no_trigger', 'named'] },
      { kind: 'dwell', at: '09:01:00', dwellS: 60, names: ['elsewhere'] },
      { kind: 'dwell', at: '09:05:00', dwellS: 300, names: ['a'], verdicts: ['named', 'no_trigger'] },
    ],
  },
]
