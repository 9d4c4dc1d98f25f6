// DESIGN section 10 as a table: batches and sweeps of one device, and the transitions that come of each.
import type { Campaign } from '@fencepost/model'
import type { PresenceSettings } from '../src/index.ts'
import type { FenceTable, PingRow } from './support.ts'

/** A batch, or a look at the clock, and what it makes. */
export type Step = (
  | { readonly pings: readonly PingRow[]; readonly receivedS?: number; readonly skewS?: number }
  | { readonly sweepS: number }
) & {
  /** Fences from now on, in place of those before. */
  readonly fences?: FenceTable
  readonly makes: readonly string[]
}

export interface Case {
  readonly title: string
  readonly fences: FenceTable
  readonly campaigns?: readonly Campaign[]
  readonly settings?: Partial<PresenceSettings>
  readonly steps: readonly Step[]
}

const PLAIN: FenceTable = { a: {}, b: {}, c: {} }

function campaign(id: string, more: Partial<Campaign>): Campaign {
  return {
    id,
    tenant: 'acme',
    version: 1,
    name: null,
    fences: ['a'],
    tags: [],
    begin: null,
    end: null,
    days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
    slots: [{ fromMin: 0, toMin: 1440 }],
    timeZone: 'UTC',
    triggers: { enter: true, dwellS: [], exit: true },
    cap: null,
    paused: false,
    ...more,
  }
}

export const CASES: readonly Case[] = [
  {
    title: 'a device enters, stays and leaves',
    fences: PLAIN,
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { pings: [[20, 'a']], makes: [] },
      { pings: [[30, '']], makes: ['exit a @30'] },
      { pings: [[40, '']], makes: [] },
    ],
  },
  {
    title: 'at one ping exits come before enters, each by id',
    fences: PLAIN,
    steps: [
      { pings: [[10, 'c b']], makes: ['enter b @10', 'enter c @10'] },
      { pings: [[20, 'a']], makes: ['exit b @20', 'exit c @20', 'enter a @20'] },
    ],
  },
  {
    title: 'pings of a batch are taken by observed time, whatever their order in the body',
    fences: PLAIN,
    steps: [
      {
        pings: [
          [30, ''],
          [10, 'a'],
          [20, 'a b'],
        ],
        makes: ['enter a @10', 'enter b @20', 'exit a @30', 'exit b @30'],
      },
    ],
  },
  {
    title: 'of several locations of one instant the first by coordinates counts',
    fences: PLAIN,
    steps: [
      {
        pings: [
          [10, 'a', { tie: [2, 0] }],
          [10, 'b', { tie: [1, 9] }],
          [10, 'c', { tie: [1, 10] }],
        ],
        makes: ['enter b @10'],
      },
      { pings: [[10, 'c', { tie: [0, 0] }]], makes: [] },
    ],
  },
  {
    title: 'a late ping moves nothing, and one that comes again neither',
    fences: PLAIN,
    steps: [
      { pings: [[100, 'a']], makes: ['enter a @100'] },
      { pings: [[50, '']], receivedS: 101, makes: [] },
      { pings: [[100, '']], receivedS: 102, makes: [] },
      { pings: [[101, '']], receivedS: 103, makes: ['exit a @101'] },
    ],
  },
  {
    title: 'numbers of visits go on when the clock does not',
    fences: PLAIN,
    steps: [{ pings: [[10, 'a b c']], makes: ['enter a @10', 'enter b @10', 'enter c @10'] }],
  },
  {
    title: 'a dwell is made by the first ping at its due time or after it, at the due time',
    fences: { a: { dwellS: 60 } },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { pings: [[69, 'a']], makes: [] },
      { pings: [[75, 'a']], makes: ['dwell a 60 @70'] },
      { pings: [[500, 'a']], makes: [] },
    ],
  },
  {
    title: 'a dwell exactly due is made',
    fences: { a: { dwellS: 60 } },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { pings: [[70, 'a']], makes: ['dwell a 60 @70'] },
    ],
  },
  {
    title: 'a ping outside makes the dwell that was due before its exit, and not one that was not',
    fences: { a: { dwellS: 60 }, b: { dwellS: 90 } },
    steps: [
      { pings: [[10, 'a b']], makes: ['enter a @10', 'enter b @10'] },
      { pings: [[80, '']], makes: ['dwell a 60 @70', 'exit a @80', 'exit b @80'] },
    ],
  },
  {
    title: 'dwells of others come between exits and enters',
    fences: { a: {}, b: { dwellS: 5 }, c: {} },
    steps: [
      { pings: [[10, 'b c']], makes: ['enter b @10', 'enter c @10'] },
      { pings: [[20, 'a b']], makes: ['exit c @20', 'dwell b 5 @15', 'enter a @20'] },
    ],
  },
  {
    title: 'dwells are those of the fence and of its campaigns, each once a visit',
    fences: { a: { dwellS: 60 } },
    campaigns: [campaign('x', { triggers: { enter: true, dwellS: [30, 60, 90], exit: false } })],
    steps: [
      { pings: [[0, 'a']], makes: ['enter a @0 (x)'] },
      { pings: [[65, 'a']], makes: ['dwell a 30 @30 (x)', 'dwell a 60 @60 (x)'] },
      { sweepS: 95, makes: ['dwell a 90 @90 (x)'] },
      { pings: [[100, '']], makes: [] },
      { pings: [[110, 'a']], makes: ['enter a @110 (x)'] },
    ],
  },
  {
    title: 'a fence whose campaigns are all closed publishes nothing, yet the device is inside',
    fences: { a: {} },
    campaigns: [campaign('x', { begin: 100_000 })],
    steps: [
      { pings: [[10, 'a']], makes: [] },
      { pings: [[110, 'a']], makes: [] },
      { pings: [[120, '']], makes: [] },
      { pings: [[130, 'a']], makes: ['enter a @130 (x)'] },
    ],
  },
  {
    title: 'an exit names the campaigns that saw the enter, though they have ended since',
    fences: { a: {} },
    campaigns: [campaign('x', { end: 50_000 })],
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10 (x)'] },
      { pings: [[60, '']], makes: ['exit a @60 (x)'] },
    ],
  },
  {
    title: 'a cap is kept over visits',
    fences: { a: {} },
    campaigns: [campaign('x', { cap: { max: 1, windowS: 100 }, triggers: { enter: true, dwellS: [], exit: false } })],
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10 (x)'] },
      { pings: [[20, '']], makes: [] },
      { pings: [[30, 'a']], makes: [] },
      { pings: [[40, '']], makes: [] },
      { pings: [[110, 'a']], makes: ['enter a @110 (x)'] },
    ],
  },
  {
    title: 'a sweep makes dwells at their due time, once',
    fences: { a: { dwellS: 60 } },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { sweepS: 69, makes: [] },
      { sweepS: 70, makes: ['dwell a 60 @70'] },
      { sweepS: 71, makes: [] },
      { pings: [[80, 'a']], makes: [] },
    ],
  },
  {
    title: 'a sweep leaves a device alone whose next batch may be on its way',
    fences: { a: { dwellS: 60 } },
    steps: [
      { pings: [[10, 'a']], receivedS: 1000, skewS: 0, makes: ['enter a @10'] },
      { sweepS: 1002, makes: [] },
      { pings: [[20, '']], receivedS: 1002, makes: ['exit a @20'] },
      { sweepS: 1010, makes: [] },
    ],
  },
  {
    title: 'a silent device leaves once: by the sweep',
    fences: { a: {}, b: { dwellS: 7200 } },
    settings: { ttlMs: 3_600_000 },
    steps: [
      { pings: [[10, 'a b']], makes: ['enter a @10', 'enter b @10'] },
      { sweepS: 3609, makes: [] },
      { sweepS: 3610, makes: ['exit a @3610 silent', 'exit b @3610 silent'] },
      { sweepS: 9999, makes: [] },
      { pings: [[10_000, 'a']], makes: ['enter a @10000'] },
    ],
  },
  {
    title: 'a silent device leaves once: by its next ping, with the same time',
    fences: { a: {} },
    settings: { ttlMs: 3_600_000 },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { pings: [[5000, 'a']], makes: ['exit a @3610 silent', 'enter a @5000'] },
    ],
  },
  {
    title: 'silence is counted from the last receive: a batch of late pings breaks it',
    fences: { a: {} },
    settings: { ttlMs: 3_600_000 },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { pings: [[5, '']], receivedS: 3000, makes: [] },
      { sweepS: 4000, makes: [] },
    ],
  },
  {
    title: 'a dwell that was due before the silence ended is made before the exit',
    fences: { a: { dwellS: 60 } },
    settings: { ttlMs: 3_600_000 },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { sweepS: 5000, makes: ['dwell a 60 @70', 'exit a @3610 silent'] },
    ],
  },
  {
    title: 'a location decides nothing about beacons, a sighting nothing about places',
    fences: { a: {}, b: {} },
    steps: [
      {
        pings: [
          [10, 'a'],
          [10, 'b', { beacon: true }],
        ],
        makes: ['enter a @10', 'enter b @10'],
      },
      { pings: [[20, '']], makes: ['exit a @20'] },
      { pings: [[25, 'b', { beacon: true }]], makes: [] },
    ],
  },
  {
    title: 'a beacon visit ends thirty seconds after its last sighting, told by the next ping',
    fences: { a: {}, b: {} },
    steps: [
      { pings: [[10, 'b', { beacon: true }]], makes: ['enter b @10'] },
      { pings: [[30, 'b', { beacon: true }]], makes: [] },
      { pings: [[60, '']], makes: [] },
      { pings: [[61, 'a']], makes: ['exit b @60', 'enter a @61'] },
    ],
  },
  {
    title: 'a beacon visit ends by the sweep',
    fences: { b: {} },
    steps: [
      { pings: [[10, 'b', { beacon: true }]], makes: ['enter b @10'] },
      { sweepS: 39, makes: [] },
      { sweepS: 40, makes: ['exit b @40'] },
    ],
  },
  {
    title: 'a beacon that is seen again after it was gone begins another visit',
    fences: { b: { dwellS: 20 } },
    steps: [
      { pings: [[10, 'b', { beacon: true }]], makes: ['enter b @10'] },
      { pings: [[100, 'b', { beacon: true }]], makes: ['dwell b 20 @30', 'exit b @40', 'enter b @100'] },
    ],
  },
  {
    title: 'sightings of one instant all count',
    fences: { a: {}, b: {} },
    steps: [
      {
        pings: [
          [10, 'b', { beacon: true, tie: [1] }],
          [10, 'a', { beacon: true, tie: [2] }],
        ],
        makes: ['enter a @10', 'enter b @10'],
      },
    ],
  },
  {
    title: 'a fence that is gone ends its visits at the next ping, and says so',
    fences: { a: {}, b: {} },
    steps: [
      { pings: [[10, 'a b']], makes: ['enter a @10', 'enter b @10'] },
      { pings: [[20, 'b']], fences: { b: {} }, makes: ['exit a @20 fence_removed'] },
      { pings: [[30, 'b']], makes: [] },
    ],
  },
  {
    title: 'a fence that is gone ends its visits by a sweep',
    fences: { a: {} },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { sweepS: 20, fences: {}, makes: ['exit a @20 fence_removed'] },
      { sweepS: 30, makes: [] },
    ],
  },
  {
    title: 'a fence that has expired ends its visits then, and nobody enters it',
    fences: { a: { expiresAt: 50_000 } },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { pings: [[60, 'a']], makes: ['exit a @50 fence_expired'] },
      { pings: [[70, 'a']], makes: [] },
    ],
  },
  {
    title: 'a fence expires for a silent device too',
    fences: { a: { expiresAt: 50_000, dwellS: 20 } },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { sweepS: 55, makes: ['dwell a 20 @30', 'exit a @50 fence_expired'] },
    ],
  },
  {
    title: 'with a margin an exit needs the circle of uncertainty clear of the edge by more than it',
    fences: { a: { border: { exitMarginM: 20 } } },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { pings: [[20, '', { distanceM: 20 }]], makes: [] },
      { pings: [[30, '', { distanceM: 50, accuracyM: 30 }]], makes: [] },
      { pings: [[40, '', { distanceM: 50, accuracyM: 29 }]], makes: ['exit a @40'] },
    ],
  },
  {
    title: 'a location that is not accurate enough makes no transition',
    fences: { a: { border: { minAccuracyM: 50 } }, b: {} },
    steps: [
      { pings: [[10, 'a b', { accuracyM: 51 }]], makes: ['enter b @10'] },
      { pings: [[20, 'a b']], makes: [] },
      { pings: [[30, 'a b', { accuracyM: 50 }]], makes: ['enter a @30'] },
      { pings: [[40, '', { accuracyM: 80 }]], makes: ['exit b @40'] },
      { pings: [[50, '', { accuracyM: 10 }]], makes: ['exit a @50'] },
    ],
  },
  {
    title: 'an exit counts only after so long outside; a ping inside begins anew',
    fences: { a: { border: { exitAfterS: 30 } } },
    steps: [
      { pings: [[10, 'a']], makes: ['enter a @10'] },
      { pings: [[20, '']], makes: [] },
      { pings: [[49, 'a']], makes: [] },
      { pings: [[60, '']], makes: [] },
      { pings: [[89, '']], makes: [] },
      { pings: [[90, '']], makes: ['exit a @90'] },
    ],
  },
  {
    title: 'a phone whose clock was set forward keeps its visits, and its old pings stay late',
    fences: { a: { dwellS: 60 } },
    steps: [
      { pings: [[1000, 'a']], receivedS: 1000, skewS: 0, makes: ['enter a @1000'] },
      // An hour ahead from now on: 4610 is 1010 as it was.
      { pings: [[4610, 'a']], receivedS: 1010, skewS: -3600, makes: [] },
      { pings: [[4605, '']], receivedS: 1011, skewS: -3600, makes: [] },
      { pings: [[4670, 'a']], receivedS: 1070, skewS: -3600, makes: ['dwell a 60 @4660'] },
    ],
  },
  {
    title: 'a phone whose clock was set back is not late for an hour',
    fences: { a: {} },
    steps: [
      { pings: [[5000, 'a']], receivedS: 1000, skewS: -4000, makes: ['enter a @5000'] },
      { pings: [[1010, '']], receivedS: 1010, skewS: 0, makes: ['exit a @1010'] },
    ],
  },
  {
    title: 'two minutes more or less are the network’s',
    fences: { a: {} },
    steps: [
      { pings: [[1000, 'a']], receivedS: 1000, skewS: 0, makes: ['enter a @1000'] },
      { pings: [[990, '']], receivedS: 1120, skewS: 120, makes: [] },
    ],
  },
  {
    title: 'more open visits than there may be are not opened',
    fences: PLAIN,
    settings: { maxVisits: 2 },
    steps: [
      { pings: [[10, 'a b c']], makes: ['enter a @10', 'enter b @10'] },
      { pings: [[20, 'b c']], makes: ['exit a @20', 'enter c @20'] },
    ],
  },
]
