// When campaigns are open, as a table: what they say, instants with the local offset written out, and the answer to each.

export interface ScheduleCase {
  readonly says: string
  /** As at the door, without id and tenant. */
  readonly campaign: Readonly<Record<string, unknown>>
  readonly open?: readonly string[]
  readonly closed?: readonly string[]
}

const BERLIN = 'Europe/Berlin'
const NEW_YORK = 'America/New_York'

function on(timeZone: string, days: string, ...slots: readonly string[]): Readonly<Record<string, unknown>> {
  return {
    time_zone: timeZone,
    ...(days === '' ? {} : { days: days.split(' ') }),
    ...(slots.length === 0 ? {} : { slots: slots.map((slot) => ({ from: slot.slice(0, 5), to: slot.slice(6) })) }),
  }
}

const plain: readonly ScheduleCase[] = [
  {
    says: 'nothing said: always open',
    campaign: {},
    open: ['1970-01-01T00:00:00Z', '2025-06-15T12:00:00Z', '2199-12-31T23:59:59Z'],
  },
  {
    says: 'one day: from its first millisecond to its last',
    campaign: on(BERLIN, 'wed'),
    open: ['2025-06-18T00:00:00+02:00', '2025-06-18T23:59:59.999+02:00'],
    closed: ['2025-06-17T23:59:59.999+02:00', '2025-06-19T00:00:00+02:00'],
  },
  {
    says: 'one slot: open when it begins, closed when it ends',
    campaign: on(BERLIN, '', '09:00-17:30'),
    open: ['2025-06-18T09:00:00+02:00', '2025-06-18T17:29:59.999+02:00'],
    closed: ['2025-06-18T08:59:59.999+02:00', '2025-06-18T17:30:00+02:00'],
  },
  {
    says: 'a slot is read in the zone, not in UTC',
    campaign: on(BERLIN, '', '09:00-10:00'),
    open: ['2025-06-18T07:30:00Z', '2025-12-18T08:30:00Z'],
    closed: ['2025-06-18T09:30:00Z', '2025-12-18T09:30:00Z'],
  },
  {
    says: 'a day is read in the zone: Monday morning in Auckland is Sunday in UTC',
    campaign: on('Pacific/Auckland', 'mon'),
    open: ['2025-06-15T20:00:00Z'],
    closed: ['2025-06-16T20:00:00Z'],
  },
  {
    says: 'two slots with lunch between them',
    campaign: on(BERLIN, '', '09:00-12:00', '13:00-18:00'),
    open: ['2025-06-18T11:59:59+02:00', '2025-06-18T13:00:00+02:00'],
    closed: ['2025-06-18T12:00:00+02:00', '2025-06-18T12:59:59+02:00'],
  },
  {
    says: 'slots that touch leave no gap',
    campaign: on(BERLIN, '', '09:00-12:00', '12:00-18:00'),
    open: ['2025-06-18T11:59:59.999+02:00', '2025-06-18T12:00:00+02:00'],
    closed: ['2025-06-18T18:00:00+02:00'],
  },
  {
    says: 'slots that overlap are open in both and between',
    campaign: on(BERLIN, '', '09:00-15:00', '12:00-18:00'),
    open: ['2025-06-18T09:00:00+02:00', '2025-06-18T13:00:00+02:00', '2025-06-18T17:59:59+02:00'],
    closed: ['2025-06-18T18:00:00+02:00'],
  },
  {
    says: 'a slot within another changes nothing when it ends',
    campaign: on(BERLIN, '', '09:00-18:00', '12:00-13:00'),
    open: ['2025-06-18T13:00:00+02:00', '2025-06-18T12:59:59+02:00'],
    closed: ['2025-06-18T18:00:00+02:00'],
  },
  {
    says: 'a slot of one minute',
    campaign: on(BERLIN, '', '12:00-12:01'),
    open: ['2025-06-18T12:00:00+02:00', '2025-06-18T12:00:59.999+02:00'],
    closed: ['2025-06-18T11:59:59.999+02:00', '2025-06-18T12:01:00+02:00'],
  },
  {
    says: '24:00 is the end of the day',
    campaign: on(BERLIN, 'wed', '18:00-24:00'),
    open: ['2025-06-18T23:59:59.999+02:00'],
    closed: ['2025-06-19T00:00:00+02:00', '2025-06-18T17:59:59+02:00'],
  },
  {
    says: 'a slot until 00:00 ends at the midnight that follows',
    campaign: on(BERLIN, 'wed', '18:00-00:00'),
    open: ['2025-06-18T23:59:59.999+02:00'],
    closed: ['2025-06-19T00:00:00+02:00', '2025-06-18T00:00:00+02:00'],
  },
  {
    says: '00:00 to 24:00 is the whole day',
    campaign: on(BERLIN, 'wed', '00:00-24:00'),
    open: ['2025-06-18T00:00:00+02:00', '2025-06-18T12:00:00+02:00'],
    closed: ['2025-06-19T00:00:00+02:00'],
  },
  {
    says: 'paused is closed, whatever else it says',
    campaign: { ...on(BERLIN, ''), paused: true },
    closed: ['2025-06-18T12:00:00+02:00', '1970-01-01T00:00:00Z'],
  },
]

const weekEnds: readonly ScheduleCase[] = [
  {
    says: 'working days: Friday midnight ends them, Monday midnight begins them',
    campaign: on(BERLIN, 'mon tue wed thu fri'),
    open: ['2025-06-20T23:59:59.999+02:00', '2025-06-23T00:00:00+02:00'],
    closed: ['2025-06-21T00:00:00+02:00', '2025-06-22T23:59:59.999+02:00'],
  },
  {
    says: 'the week end: Saturday and Sunday, whole',
    campaign: on(BERLIN, 'sat sun'),
    open: ['2025-06-21T00:00:00+02:00', '2025-06-22T00:00:00+02:00', '2025-06-22T23:59:59.999+02:00'],
    closed: ['2025-06-20T23:59:59.999+02:00', '2025-06-23T00:00:00+02:00'],
  },
  {
    says: 'Sunday’s night runs into Monday, over the end of the week',
    campaign: on(BERLIN, 'sun', '20:00-04:00'),
    open: ['2025-06-22T20:00:00+02:00', '2025-06-23T03:59:59.999+02:00'],
    closed: ['2025-06-23T04:00:00+02:00', '2025-06-22T03:00:00+02:00', '2025-06-23T20:00:00+02:00'],
  },
  {
    says: 'Monday’s slots do not begin on Sunday night',
    campaign: on(BERLIN, 'mon', '20:00-04:00'),
    open: ['2025-06-23T20:00:00+02:00', '2025-06-24T03:00:00+02:00'],
    closed: ['2025-06-23T03:00:00+02:00', '2025-06-22T20:00:00+02:00'],
  },
  {
    says: 'week ends are where the shop is: Friday evening in New York is Saturday in Berlin',
    campaign: on(NEW_YORK, 'sat'),
    open: ['2025-06-21T06:00:00+02:00'],
    closed: ['2025-06-21T05:59:59+02:00'],
  },
  {
    says: 'days at both ends of the week only',
    campaign: on(BERLIN, 'mon sun', '22:00-02:00'),
    open: [
      '2025-06-22T23:00:00+02:00',
      '2025-06-23T01:00:00+02:00',
      '2025-06-23T23:00:00+02:00',
      '2025-06-24T01:00:00+02:00',
    ],
    closed: ['2025-06-22T01:00:00+02:00', '2025-06-24T23:00:00+02:00'],
  },
  {
    says: 'the leap day is a Thursday in 2024',
    campaign: on(BERLIN, 'thu'),
    open: ['2024-02-29T12:00:00+01:00'],
    closed: ['2024-02-28T12:00:00+01:00', '2024-03-01T12:00:00+01:00'],
  },
  {
    says: 'the year’s end: New Year’s Eve is a Wednesday in 2025, and its night is Thursday’s',
    campaign: on(BERLIN, 'wed', '22:00-04:00'),
    open: ['2025-12-31T22:00:00+01:00', '2026-01-01T03:59:59+01:00'],
    closed: ['2026-01-01T04:00:00+01:00', '2026-01-01T22:00:00+01:00'],
  },
]

const overnight: readonly ScheduleCase[] = [
  {
    says: 'Friday’s night covers Saturday 01:00, and Friday 01:00 is Thursday’s',
    campaign: on(BERLIN, 'fri', '22:00-02:00'),
    open: [
      '2025-06-20T22:00:00+02:00',
      '2025-06-20T23:59:59.999+02:00',
      '2025-06-21T00:00:00+02:00',
      '2025-06-21T01:00:00+02:00',
    ],
    closed: [
      '2025-06-20T01:00:00+02:00',
      '2025-06-20T21:59:59.999+02:00',
      '2025-06-21T02:00:00+02:00',
      '2025-06-21T22:00:00+02:00',
    ],
  },
  {
    says: 'every night, with no gap at midnight',
    campaign: on(BERLIN, '', '22:00-02:00'),
    open: ['2025-06-20T23:59:59.999+02:00', '2025-06-21T00:00:00+02:00', '2025-06-21T01:59:59.999+02:00'],
    closed: ['2025-06-21T02:00:00+02:00', '2025-06-21T12:00:00+02:00'],
  },
  {
    says: 'almost round the clock: closed for one minute a day',
    campaign: on(BERLIN, '', '12:01-12:00'),
    open: ['2025-06-20T12:01:00+02:00', '2025-06-20T11:59:59.999+02:00', '2025-06-21T00:00:00+02:00'],
    closed: ['2025-06-20T12:00:00+02:00', '2025-06-20T12:00:59.999+02:00'],
  },
  {
    says: 'a night that ends a minute past midnight',
    campaign: on(BERLIN, 'fri', '23:59-00:01'),
    open: ['2025-06-20T23:59:00+02:00', '2025-06-21T00:00:59.999+02:00'],
    closed: ['2025-06-21T00:01:00+02:00', '2025-06-20T00:00:30+02:00', '2025-06-21T23:59:30+02:00'],
  },
  {
    says: 'a night and a morning on one day',
    campaign: on(BERLIN, 'fri', '22:00-02:00', '08:00-10:00'),
    open: ['2025-06-20T08:00:00+02:00', '2025-06-20T23:00:00+02:00', '2025-06-21T01:00:00+02:00'],
    closed: ['2025-06-21T08:30:00+02:00', '2025-06-20T12:00:00+02:00'],
  },
  {
    says: 'last night’s tail overlaps this morning’s slot',
    campaign: on(BERLIN, 'fri sat', '22:00-06:00', '05:00-07:00'),
    open: ['2025-06-21T05:30:00+02:00', '2025-06-21T06:00:00+02:00', '2025-06-22T05:59:59+02:00'],
    closed: ['2025-06-22T06:00:00+02:00', '2025-06-21T07:00:00+02:00', '2025-06-20T04:59:00+02:00'],
  },
  {
    says: 'two nights that overlap',
    campaign: on(BERLIN, 'fri', '20:00-01:00', '23:00-03:00'),
    open: ['2025-06-20T20:00:00+02:00', '2025-06-21T01:00:00+02:00', '2025-06-21T02:59:59+02:00'],
    closed: ['2025-06-21T03:00:00+02:00'],
  },
  {
    says: 'a night that runs on for 23 hours is still of the day it began on',
    campaign: on(BERLIN, 'fri', '12:00-11:00'),
    open: ['2025-06-21T10:59:59+02:00'],
    closed: ['2025-06-21T11:00:00+02:00', '2025-06-20T10:59:59+02:00', '2025-06-21T12:00:00+02:00'],
  },
  {
    says: 'in New York the night is theirs',
    campaign: on(NEW_YORK, 'fri', '22:00-02:00'),
    open: ['2025-06-21T05:59:59Z', '2025-06-21T02:00:00Z'],
    closed: ['2025-06-21T06:00:00Z', '2025-06-21T01:59:59Z'],
  },
]

const edges: readonly ScheduleCase[] = [
  {
    says: 'the beginning is included, the end is not',
    campaign: { begin: '2025-06-01T00:00:00+02:00', end: '2025-07-01T00:00:00+02:00' },
    open: ['2025-06-01T00:00:00+02:00', '2025-06-30T23:59:59.999+02:00'],
    closed: ['2025-05-31T23:59:59.999+02:00', '2025-07-01T00:00:00+02:00'],
  },
  {
    says: 'a campaign of one millisecond',
    campaign: { begin: 1_750_000_000_000, end: 1_750_000_000_001 },
    open: ['2025-06-15T15:06:40.000Z'],
    closed: ['2025-06-15T15:06:39.999Z', '2025-06-15T15:06:40.001Z'],
  },
  {
    says: 'only a beginning: open for good',
    campaign: { begin: '2025-06-01T00:00:00Z' },
    open: ['2025-06-01T00:00:00Z', '2525-06-01T00:00:00Z'],
    closed: ['2025-05-31T23:59:59.999Z', '1970-01-01T00:00:00Z'],
  },
  {
    says: 'only an end: open ever since',
    campaign: { end: '2025-06-01T00:00:00Z' },
    open: ['1970-01-01T00:00:00Z', '2025-05-31T23:59:59.999Z'],
    closed: ['2025-06-01T00:00:00Z'],
  },
  {
    says: 'a beginning in the middle of a slot cuts it',
    campaign: { ...on(BERLIN, '', '09:00-17:00'), begin: '2025-06-18T12:00:00+02:00' },
    open: ['2025-06-18T12:00:00+02:00', '2025-06-19T09:00:00+02:00'],
    closed: ['2025-06-18T11:59:59.999+02:00', '2025-06-18T17:00:00+02:00'],
  },
  {
    says: 'an end in the middle of a slot cuts it',
    campaign: { ...on(BERLIN, '', '09:00-17:00'), end: '2025-06-18T12:00:00+02:00' },
    open: ['2025-06-18T11:59:59.999+02:00'],
    closed: ['2025-06-18T12:00:00+02:00', '2025-06-19T09:00:00+02:00'],
  },
  {
    says: 'an end in the middle of a night cuts it',
    campaign: { ...on(BERLIN, 'fri', '22:00-02:00'), end: '2025-06-21T01:00:00+02:00' },
    open: ['2025-06-21T00:59:59.999+02:00'],
    closed: ['2025-06-21T01:00:00+02:00'],
  },
  {
    says: 'a beginning after a night began leaves its tail: the night is Friday’s, begun or not',
    campaign: { ...on(BERLIN, 'fri', '22:00-02:00'), begin: '2025-06-21T00:00:00+02:00' },
    open: ['2025-06-21T00:00:00+02:00', '2025-06-21T01:59:59+02:00', '2025-06-27T22:00:00+02:00'],
    closed: ['2025-06-20T23:00:00+02:00', '2025-06-21T02:00:00+02:00'],
  },
  {
    says: 'a whole campaign between two slots is never open',
    campaign: {
      ...on(BERLIN, '', '09:00-10:00'),
      begin: '2025-06-18T11:00:00+02:00',
      end: '2025-06-19T08:00:00+02:00',
    },
    closed: ['2025-06-18T09:30:00+02:00', '2025-06-18T12:00:00+02:00', '2025-06-19T09:30:00+02:00'],
  },
  {
    says: 'a beginning at the instant that the clock is set forward',
    campaign: { ...on(BERLIN, '', '02:00-04:00'), begin: '2025-03-30T01:00:00Z' },
    open: ['2025-03-30T01:00:00Z'],
    closed: ['2025-03-30T00:59:59.999Z'],
  },
  {
    says: 'a beginning in the second of two equal hours',
    campaign: { ...on(BERLIN, '', '02:00-03:00'), begin: '2025-10-26T02:30:00+01:00' },
    open: ['2025-10-26T02:30:00+01:00'],
    closed: ['2025-10-26T02:30:00+02:00', '2025-10-26T02:29:59+01:00'],
  },
  {
    says: 'the far past keeps the same rules',
    campaign: on(BERLIN, 'thu', '09:00-17:00'),
    open: ['1970-01-01T09:00:00+01:00', '1923-06-14T12:00:00+01:00'],
    closed: ['1970-01-01T08:59:59+01:00', '1923-06-15T12:00:00+01:00'],
  },
  {
    says: 'before zones were kept, the sun’s own time counts: New York is 4:56:02 behind',
    campaign: on(NEW_YORK, '', '12:00-13:00'),
    open: ['1850-06-15T16:56:02Z', '1850-06-15T17:56:01.999Z'],
    closed: ['1850-06-15T16:56:01.999Z', '1850-06-15T17:56:02Z'],
  },
  {
    says: 'the far future keeps today’s rules: summer time in 2400',
    campaign: on(BERLIN, '', '12:00-13:00'),
    open: ['2400-07-01T10:30:00Z', '2400-01-05T11:30:00Z'],
    closed: ['2400-07-01T11:30:00Z', '2400-01-05T10:30:00Z'],
  },
]

const summerTime: readonly ScheduleCase[] = [
  {
    says: 'Berlin, spring: a slot round the skipped hour is an hour shorter',
    campaign: on(BERLIN, '', '01:00-04:00'),
    open: [
      '2025-03-30T01:00:00+01:00',
      '2025-03-30T01:59:59.999+01:00',
      '2025-03-30T03:00:00+02:00',
      '2025-03-30T03:59:59+02:00',
    ],
    closed: ['2025-03-30T00:59:59+01:00', '2025-03-30T04:00:00+02:00'],
  },
  {
    says: 'Berlin, spring: a slot that lies in the skipped hour does not take place that day',
    campaign: on(BERLIN, '', '02:15-02:45'),
    open: ['2025-03-29T02:15:00+01:00', '2025-03-31T02:30:00+02:00'],
    closed: ['2025-03-30T01:59:59+01:00', '2025-03-30T03:00:00+02:00', '2025-03-30T03:30:00+02:00'],
  },
  {
    says: 'Berlin, spring: exactly the skipped hour',
    campaign: on(BERLIN, 'sun', '02:00-03:00'),
    closed: ['2025-03-30T01:59:59.999+01:00', '2025-03-30T03:00:00+02:00'],
    open: ['2025-04-06T02:00:00+02:00'],
  },
  {
    says: 'Berlin, spring: a slot that begins in the skipped hour opens when the hour has been skipped',
    campaign: on(BERLIN, '', '02:30-04:00'),
    open: ['2025-03-30T03:00:00+02:00', '2025-03-30T03:59:59+02:00'],
    closed: ['2025-03-30T01:59:59.999+01:00', '2025-03-30T04:00:00+02:00'],
  },
  {
    says: 'Berlin, spring: a slot that ends in the skipped hour closes when the hour is skipped',
    campaign: on(BERLIN, '', '01:00-02:30'),
    open: ['2025-03-30T01:59:59.999+01:00'],
    closed: ['2025-03-30T03:00:00+02:00', '2025-03-30T03:29:00+02:00'],
  },
  {
    says: 'Berlin, spring: a slot that ends as the hour is skipped loses nothing',
    campaign: on(BERLIN, '', '00:00-02:00'),
    open: ['2025-03-30T01:59:59.999+01:00'],
    closed: ['2025-03-30T03:00:00+02:00'],
  },
  {
    says: 'Berlin, spring: a slot that begins after the skipped hour loses nothing',
    campaign: on(BERLIN, '', '03:00-04:00'),
    open: ['2025-03-30T03:00:00+02:00', '2025-03-30T03:59:59+02:00'],
    closed: ['2025-03-30T01:59:59.999+01:00'],
  },
  {
    says: 'Berlin, spring: Saturday’s night is an hour shorter and ends by the new clock',
    campaign: on(BERLIN, 'sat', '22:00-06:00'),
    open: ['2025-03-29T22:00:00+01:00', '2025-03-30T01:30:00+01:00', '2025-03-30T05:59:59+02:00'],
    closed: ['2025-03-30T06:00:00+02:00', '2025-03-30T05:00:00+01:00'],
  },
  {
    says: 'Berlin, spring: a night that ends in the skipped hour ends when it is skipped',
    campaign: on(BERLIN, 'sat', '22:00-02:30'),
    open: ['2025-03-30T01:59:59.999+01:00'],
    closed: ['2025-03-30T03:00:00+02:00'],
  },
  {
    says: 'Berlin, spring: the Sunday is a Sunday for 23 hours',
    campaign: on(BERLIN, 'sun'),
    open: ['2025-03-30T00:00:00+01:00', '2025-03-30T23:59:59.999+02:00'],
    closed: ['2025-03-29T23:59:59.999+01:00', '2025-03-31T00:00:00+02:00', '2025-03-30T23:30:00+01:00'],
  },
  {
    says: 'Berlin, autumn: a slot in the hour that comes twice is open twice',
    campaign: on(BERLIN, '', '02:15-02:45'),
    open: [
      '2025-10-26T02:15:00+02:00',
      '2025-10-26T02:44:59+02:00',
      '2025-10-26T02:15:00+01:00',
      '2025-10-26T02:44:59+01:00',
    ],
    closed: ['2025-10-26T02:45:00+02:00', '2025-10-26T02:14:59+01:00', '2025-10-26T02:45:00+01:00'],
  },
  {
    says: 'Berlin, autumn: exactly the hour that comes twice is open for two hours',
    campaign: on(BERLIN, '', '02:00-03:00'),
    open: [
      '2025-10-26T02:00:00+02:00',
      '2025-10-26T02:59:59.999+02:00',
      '2025-10-26T02:00:00+01:00',
      '2025-10-26T02:59:59+01:00',
    ],
    closed: ['2025-10-26T01:59:59+02:00', '2025-10-26T03:00:00+01:00'],
  },
  {
    says: 'Berlin, autumn: a slot that begins in the double hour closes again as the hour comes back',
    campaign: on(BERLIN, '', '02:30-04:00'),
    open: [
      '2025-10-26T02:30:00+02:00',
      '2025-10-26T02:59:59+02:00',
      '2025-10-26T02:30:00+01:00',
      '2025-10-26T03:59:59+01:00',
    ],
    closed: ['2025-10-26T02:00:00+01:00', '2025-10-26T02:29:59+01:00', '2025-10-26T04:00:00+01:00'],
  },
  {
    says: 'Berlin, autumn: a slot that ends in the double hour opens again as the hour comes back',
    campaign: on(BERLIN, '', '01:00-02:30'),
    open: ['2025-10-26T02:29:59+02:00', '2025-10-26T02:00:00+01:00', '2025-10-26T02:29:59+01:00'],
    closed: ['2025-10-26T02:30:00+02:00', '2025-10-26T02:59:59+02:00', '2025-10-26T02:30:00+01:00'],
  },
  {
    says: 'Berlin, autumn: a slot round the double hour is an hour longer',
    campaign: on(BERLIN, '', '01:00-04:00'),
    open: [
      '2025-10-26T01:00:00+02:00',
      '2025-10-26T02:30:00+02:00',
      '2025-10-26T02:30:00+01:00',
      '2025-10-26T03:59:59+01:00',
    ],
    closed: ['2025-10-26T00:59:59+02:00', '2025-10-26T04:00:00+01:00'],
  },
  {
    says: 'Berlin, autumn: Saturday’s night is an hour longer',
    campaign: on(BERLIN, 'sat', '22:00-06:00'),
    open: ['2025-10-25T22:00:00+02:00', '2025-10-26T02:30:00+01:00', '2025-10-26T05:59:59+01:00'],
    closed: ['2025-10-26T06:00:00+01:00'],
  },
  {
    says: 'Berlin, autumn: the Sunday is a Sunday for 25 hours',
    campaign: on(BERLIN, 'sun'),
    open: ['2025-10-26T00:00:00+02:00', '2025-10-26T23:59:59.999+01:00'],
    closed: ['2025-10-25T23:59:59.999+02:00', '2025-10-27T00:00:00+01:00'],
  },
  {
    says: 'New York, spring: 02:30 does not exist',
    campaign: on(NEW_YORK, 'sun', '02:30-03:30'),
    open: ['2025-03-09T07:00:00Z', '2025-03-09T07:29:59Z'],
    closed: ['2025-03-09T06:59:59.999Z', '2025-03-09T07:30:00Z'],
  },
  {
    says: 'New York, autumn: 01:30 comes twice',
    campaign: on(NEW_YORK, 'sun', '01:30-01:45'),
    open: ['2025-11-02T05:30:00Z', '2025-11-02T06:30:00Z'],
    closed: ['2025-11-02T05:45:00Z', '2025-11-02T06:15:00Z', '2025-11-02T06:45:00Z'],
  },
  {
    says: 'the weeks between the changes: New York is on summer time, Berlin not yet',
    campaign: on(NEW_YORK, '', '09:00-10:00'),
    open: ['2025-03-20T14:30:00+01:00', '2025-04-03T15:30:00+02:00'],
    closed: ['2025-03-20T15:30:00+01:00'],
  },
  {
    says: 'London, spring: the hour from 01:00 is skipped',
    campaign: on('Europe/London', '', '01:00-02:00'),
    open: ['2025-03-29T01:30:00Z', '2025-03-31T01:30:00+01:00'],
    closed: ['2025-03-30T00:59:59Z', '2025-03-30T01:00:00Z'],
  },
  {
    says: 'Dublin, autumn: 01:30 comes twice there too',
    campaign: on('Europe/Dublin', '', '01:30-01:31'),
    open: ['2025-10-26T00:30:00Z', '2025-10-26T01:30:00Z'],
    closed: ['2025-10-26T01:00:00Z'],
  },
  {
    says: 'Sydney: summer begins in October',
    campaign: on('Australia/Sydney', '', '02:00-03:00'),
    open: [
      '2025-10-04T02:30:00+10:00',
      '2025-10-06T02:30:00+11:00',
      '2025-04-06T02:30:00+11:00',
      '2025-04-06T02:30:00+10:00',
    ],
    closed: ['2025-10-05T01:59:59+10:00', '2025-10-05T03:00:00+11:00'],
  },
  {
    says: 'Casablanca goes back an hour for Ramadan',
    campaign: on('Africa/Casablanca', '', '20:00-22:00'),
    open: ['2025-02-20T19:30:00Z', '2025-03-10T20:30:00Z'],
    closed: ['2025-02-20T21:30:00Z', '2025-03-10T19:30:00Z'],
  },
  {
    says: 'Troll skips two hours',
    campaign: on('Antarctica/Troll', '', '02:00-03:00'),
    open: ['2025-03-29T02:30:00Z', '2025-03-31T02:30:00+02:00'],
    closed: ['2025-03-30T00:59:59Z', '2025-03-30T01:00:00Z'],
  },
  {
    says: 'Phoenix never changes',
    campaign: on('America/Phoenix', 'sun', '02:00-03:00'),
    open: ['2025-03-09T02:30:00-07:00', '2025-11-02T02:30:00-07:00'],
    closed: ['2025-03-09T03:00:00-07:00'],
  },
]

const changesAtMidnight: readonly ScheduleCase[] = [
  {
    says: 'Havana, spring: Sunday begins at 01:00',
    campaign: on('America/Havana', 'sun'),
    open: ['2025-03-09T01:00:00-04:00'],
    closed: ['2025-03-08T23:59:59.999-05:00'],
  },
  {
    says: 'Havana, spring: a night that ends at 00:30 ends at midnight',
    campaign: on('America/Havana', 'sat', '22:00-00:30'),
    open: ['2025-03-08T23:59:59.999-05:00'],
    closed: ['2025-03-09T01:00:00-04:00'],
  },
  {
    says: 'Havana, autumn: the first hour of Sunday comes twice',
    campaign: on('America/Havana', 'sat', '22:00-00:30'),
    open: ['2025-11-02T00:15:00-04:00', '2025-11-02T00:15:00-05:00'],
    closed: ['2025-11-02T00:45:00-04:00', '2025-11-02T00:45:00-05:00'],
  },
  {
    says: 'Cairo, autumn: the last hour of Thursday comes twice',
    campaign: on('Africa/Cairo', 'thu', '23:00-24:00'),
    open: ['2025-10-30T23:30:00+03:00', '2025-10-30T23:30:00+02:00'],
    closed: ['2025-10-30T22:59:59+03:00', '2025-10-31T00:00:00+02:00'],
  },
  {
    says: 'Cairo, spring: Friday begins at 01:00',
    campaign: on('Africa/Cairo', 'fri', '00:30-02:00'),
    open: ['2025-04-25T01:00:00+03:00'],
    closed: ['2025-04-24T23:59:59.999+02:00', '2025-04-25T02:00:00+03:00'],
  },
  {
    says: 'Beirut, autumn: Saturday’s last hour again, and only then Sunday',
    campaign: on('Asia/Beirut', 'sun'),
    open: ['2025-10-26T00:00:00+02:00'],
    closed: ['2025-10-25T23:59:59.999+03:00', '2025-10-25T23:00:00+02:00', '2025-10-25T23:59:59.999+02:00'],
  },
  {
    says: 'Santiago, autumn: Saturday’s night has 23:00 to 24:00 twice',
    campaign: on('America/Santiago', 'sat', '23:30-00:30'),
    open: ['2025-04-05T23:45:00-03:00', '2025-04-05T23:45:00-04:00', '2025-04-06T00:15:00-04:00'],
    closed: ['2025-04-05T23:15:00-04:00', '2025-04-06T00:30:00-04:00'],
  },
  {
    says: 'Santiago, spring: the night loses its hour after midnight',
    campaign: on('America/Santiago', 'sat', '22:00-02:00'),
    open: ['2025-09-06T23:59:59.999-04:00', '2025-09-07T01:00:00-03:00', '2025-09-07T01:59:59-03:00'],
    closed: ['2025-09-07T02:00:00-03:00'],
  },
  {
    says: 'St. John’s, 2010: a minute of Sunday, then Saturday again; the night is Saturday’s all through',
    campaign: on('America/St_Johns', 'sat', '22:00-02:00'),
    open: [
      '2010-11-07T00:00:30-02:30',
      '2010-11-06T23:01:00-03:30',
      '2010-11-07T00:00:30-03:30',
      '2010-11-07T01:59:59-03:30',
    ],
    closed: ['2010-11-07T02:00:00-03:30', '2010-11-06T21:59:59-02:30'],
  },
  {
    says: 'St. John’s, 2010: that minute of Sunday is Sunday',
    campaign: on('America/St_Johns', 'sun'),
    open: ['2010-11-07T00:00:00-02:30', '2010-11-07T00:00:59.999-02:30', '2010-11-07T00:00:00-03:30'],
    closed: ['2010-11-06T23:59:59.999-02:30', '2010-11-06T23:01:00-03:30', '2010-11-06T23:59:59.999-03:30'],
  },
  {
    says: 'Pyongyang, 2018: Friday ends half an hour early',
    campaign: on('Asia/Pyongyang', 'fri', '23:00-24:00'),
    open: ['2018-05-04T23:29:59.999+08:30'],
    closed: ['2018-05-05T00:00:00+09:00'],
  },
]

const oddOffsets: readonly ScheduleCase[] = [
  {
    says: 'Kolkata is half an hour off',
    campaign: on('Asia/Kolkata', '', '09:00-10:00'),
    open: ['2025-06-18T03:30:00Z', '2025-06-18T04:29:59Z'],
    closed: ['2025-06-18T03:29:59Z', '2025-06-18T04:30:00Z'],
  },
  {
    says: 'Kathmandu is a quarter off',
    campaign: on('Asia/Kathmandu', 'wed'),
    open: ['2025-06-17T18:15:00Z', '2025-06-18T18:14:59.999Z'],
    closed: ['2025-06-17T18:14:59.999Z', '2025-06-18T18:15:00Z'],
  },
  {
    says: 'Eucla is three quarters off',
    campaign: on('Australia/Eucla', '', '00:00-00:15'),
    open: ['2025-06-17T15:15:00Z'],
    closed: ['2025-06-17T15:14:59Z', '2025-06-17T15:30:00Z'],
  },
  {
    says: 'the Marquesas are half an hour off, to the west',
    campaign: on('Pacific/Marquesas', 'tue', '23:30-24:00'),
    open: ['2025-06-18T09:00:00Z', '2025-06-18T09:29:59Z'],
    closed: ['2025-06-18T08:59:59Z', '2025-06-18T09:30:00Z'],
  },
  {
    says: 'St. John’s, spring: half-hour offset, whole hour skipped',
    campaign: on('America/St_Johns', '', '02:00-03:00'),
    open: ['2025-03-08T02:30:00-03:30', '2025-03-10T02:30:00-02:30'],
    closed: ['2025-03-09T01:59:59-03:30', '2025-03-09T03:00:00-02:30'],
  },
  {
    says: 'Lord Howe, spring: only half an hour is skipped',
    campaign: on('Australia/Lord_Howe', 'sun', '02:00-03:00'),
    open: ['2025-10-05T02:30:00+11:00', '2025-10-05T02:59:59+11:00'],
    closed: ['2025-10-05T01:59:59+10:30', '2025-10-05T03:00:00+11:00'],
  },
  {
    says: 'Lord Howe, autumn: only half an hour comes twice',
    campaign: on('Australia/Lord_Howe', 'sun', '01:30-02:00'),
    open: [
      '2025-04-06T01:30:00+11:00',
      '2025-04-06T01:59:59+11:00',
      '2025-04-06T01:30:00+10:30',
      '2025-04-06T01:59:59+10:30',
    ],
    closed: ['2025-04-06T01:29:59+11:00', '2025-04-06T02:00:00+10:30'],
  },
  {
    says: 'Chatham, autumn: changes at a quarter to four',
    campaign: on('Pacific/Chatham', '', '03:00-03:30'),
    open: ['2025-04-06T03:15:00+13:45', '2025-04-06T03:15:00+12:45'],
    closed: ['2025-04-06T03:35:00+13:45', '2025-04-06T02:59:59+12:45', '2025-04-06T03:30:00+12:45'],
  },
  {
    says: 'Kiritimati is fourteen hours ahead: its Thursday begins on Wednesday morning UTC',
    campaign: on('Pacific/Kiritimati', 'thu'),
    open: ['2025-06-18T10:00:00Z'],
    closed: ['2025-06-18T09:59:59.999Z', '2025-06-19T10:00:00Z'],
  },
  {
    says: 'Etc/GMT+12 is twelve hours behind, as its sign does not say',
    campaign: on('Etc/GMT+12', 'wed'),
    open: ['2025-06-18T12:00:00Z', '2025-06-19T11:59:59.999Z'],
    closed: ['2025-06-18T11:59:59.999Z'],
  },
  {
    says: 'Caracas, 2016: half an hour is skipped and never comes back',
    campaign: on('America/Caracas', '', '02:30-03:00'),
    open: ['2016-04-30T02:45:00-04:30', '2016-05-02T02:45:00-04:00'],
    closed: ['2016-05-01T02:29:59-04:30', '2016-05-01T03:00:00-04:00'],
  },
]

const skippedDays: readonly ScheduleCase[] = [
  {
    says: 'Apia, 2011: there was no Friday 30 December',
    campaign: on('Pacific/Apia', 'fri'),
    open: ['2011-12-23T12:00:00-10:00', '2012-01-06T12:00:00+14:00'],
    closed: ['2011-12-29T23:59:59.999-10:00', '2011-12-31T00:00:00+14:00', '2011-12-30T12:00:00Z'],
  },
  {
    says: 'Apia, 2011: Thursday’s night goes on into Saturday, as midnight came after it all the same',
    campaign: on('Pacific/Apia', 'thu', '22:00-02:00'),
    open: ['2011-12-29T23:59:59.999-10:00', '2011-12-31T00:00:00+14:00', '2011-12-31T01:59:59+14:00'],
    closed: ['2011-12-31T02:00:00+14:00', '2012-01-01T01:00:00+14:00'],
  },
  {
    says: 'Apia, 2011: Friday’s night did not take place, its tail neither',
    campaign: on('Pacific/Apia', 'fri', '22:00-02:00'),
    open: ['2011-12-24T01:00:00-10:00'],
    closed: ['2011-12-29T23:00:00-10:00', '2011-12-31T01:00:00+14:00'],
  },
  {
    says: 'Apia, 2011: Saturday’s night is as ever',
    campaign: on('Pacific/Apia', 'sat', '22:00-02:00'),
    open: ['2011-12-31T22:00:00+14:00', '2012-01-01T01:59:59+14:00'],
    closed: ['2011-12-31T01:00:00+14:00', '2012-01-01T02:00:00+14:00'],
  },
  {
    says: 'Apia, 2011: every day is open all through',
    campaign: on('Pacific/Apia', ''),
    open: ['2011-12-30T09:59:59.999Z', '2011-12-30T10:00:00Z'],
  },
  {
    says: 'Kwajalein, 1993: there was no Saturday 21 August',
    campaign: on('Pacific/Kwajalein', 'fri', '23:00-01:00'),
    open: ['1993-08-20T23:30:00-12:00', '1993-08-22T00:30:00+12:00'],
    closed: ['1993-08-22T01:00:00+12:00', '1993-08-21T12:00:00-12:00'],
  },
  {
    says: 'Kiritimati, 1994: the last day of the year was skipped',
    campaign: on('Pacific/Kiritimati', 'sat'),
    open: ['1994-12-24T12:00:00-10:00', '1995-01-07T12:00:00+14:00'],
    closed: ['1994-12-30T23:59:59.999-10:00', '1995-01-01T00:00:00+14:00'],
  },
  {
    says: 'Manila, 1844: the last day of the year was skipped there as well, by the sun’s own time',
    campaign: on('Asia/Manila', 'mon', '23:00-01:00'),
    open: ['1844-12-30T23:30:00-15:56', '1845-01-01T00:30:00+08:04'],
    closed: ['1845-01-01T01:30:00+08:04'],
  },
]

export const SCHEDULE_CASES: readonly ScheduleCase[] = [
  ...plain,
  ...weekEnds,
  ...overnight,
  ...edges,
  ...summerTime,
  ...changesAtMidnight,
  ...oddOffsets,
  ...skippedDays,
]
