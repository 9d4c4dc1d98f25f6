import { describe, expect, it } from 'vitest'
import { ALL_WELL, type ConsumedEvent, Ledger, type SentPing } from '../src/ledger.ts'

const FIRST: SentPing = { device: 'phone', observed: 1000, lat: 1, lon: 2, fences: ['a', 'b'] }
const SECOND: SentPing = { device: 'phone', observed: 2000, lat: 1, lon: 2, ref: 'r2', fences: ['a'] }
const OUTSIDE: SentPing = { device: 'phone', observed: 3000, lat: 9, lon: 9, fences: [] }

/** The event that a sound service makes of a ping. */
function eventOf(ping: SentPing, more: Partial<ConsumedEvent['value']> = {}): ConsumedEvent {
  const { observed, lat, lon, ref, fences } = ping
  const id = String(observed)
  return {
    key: 'pseudonym',
    headers: { ce_id: id, tenant: 'acme' },
    value: {
      v: 1,
      id,
      tenant: 'acme',
      device: 'pseudonym',
      at: observed,
      observed,
      received: observed,
      type: 'location',
      lat,
      lon,
      fences: fences.map((fence) => ({ id: fence, version: 1, campaigns: [] })),
      index: 0,
      ...(ref === undefined ? {} : { ref }),
      ...more,
    },
  }
}

/** First is acknowledged before Second and Outside are sent; Second is not acknowledged at first. */
function books(): Ledger {
  const ledger = new Ledger('acme')
  ledger.sending([FIRST])
  ledger.acknowledged([FIRST])
  ledger.sending([SECOND, OUTSIDE])
  return ledger
}

describe('the ledger', () => {
  it('finds nothing against a sound service, whose copies differ where they may', () => {
    const copy = eventOf(FIRST, {
      at: 7,
      received: 8,
      batch: 'later',
      index: 5,
      fences: [
        { id: 'a', version: 2, campaigns: ['spring'] },
        { id: 'b', version: 2, campaigns: [] },
      ],
    })
    const { verdict, evidence } = books().judge([eventOf(FIRST), eventOf(SECOND), copy])
    expect(verdict).toEqual(ALL_WELL)
    expect(evidence).toEqual({ sentPings: 3, acknowledgedHits: 1, events: 3, copies: 1 })
  })

  it('takes the absence of what was not acknowledged, and of a ping outside every fence', () => {
    expect(books().judge([eventOf(FIRST)]).verdict).toEqual(ALL_WELL)
  })

  it.each([
    ['lost', 'an acknowledged ping without an event', [eventOf(SECOND)]],
    ['invented', 'an event of no ping', [eventOf(FIRST), eventOf({ ...FIRST, observed: 5 })]],
    ['invented', 'an event of a ping outside every fence', [eventOf(FIRST), eventOf({ ...OUTSIDE, fences: ['a'] })]],
    ['invented', 'other coordinates', [eventOf(FIRST), eventOf(FIRST, { lat: 1.0000001 })]],
    ['invented', 'a missing fence', [eventOf({ ...FIRST, fences: ['a'] })]],
    ['invented', 'a ref of another ping', [eventOf(FIRST), eventOf(SECOND, { ref: 'r1' })]],
    ['invented', 'another tenant', [eventOf(FIRST, { tenant: 'other' })]],
    ['invented', 'a key that is not the device', [{ ...eventOf(FIRST), key: 'other' }]],
    ['invented', 'a header that is not the id', [{ ...eventOf(FIRST), headers: { ce_id: '5', tenant: 'acme' } }]],
    ['invented', 'a second pseudonym', [eventOf(FIRST), { ...eventOf(SECOND, { device: 'second' }), key: 'second' }]],
    [
      'disagreeing',
      'a copy with another id',
      [eventOf(FIRST), { ...eventOf(FIRST, { id: 'x' }), headers: { ce_id: 'x', tenant: 'acme' } }],
    ],
    [
      'disagreeing',
      'one id for two pings',
      [eventOf(FIRST), { ...eventOf(SECOND, { id: '1000' }), headers: { ce_id: '1000', tenant: 'acme' } }],
    ],
    ['disagreeing', 'a copy with an accuracy', [eventOf(FIRST), eventOf(FIRST, { accuracy: 5 })]],
    ['misordered', 'what was sent after the 200 first', [eventOf(SECOND), eventOf(FIRST)]],
  ] as const)('calls it %s: %s', (list, _, events) => {
    expect(books().judge(events).verdict[list]).toHaveLength(1)
  })

  it('lets a repeat of what was sent before the 200 come first', () => {
    const ledger = new Ledger('acme')
    ledger.sending([SECOND])
    ledger.sending([FIRST])
    ledger.acknowledged([FIRST])
    ledger.sending([SECOND])
    expect(ledger.judge([eventOf(SECOND), eventOf(FIRST)]).verdict).toEqual(ALL_WELL)
  })
})
