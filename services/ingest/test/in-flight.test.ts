// Since when something has been under way, and what an erasure waits for because of it.
import type { NodeReport } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { InFlight } from '../src/in-flight.ts'
import { createHands } from '../src/privacy/hands.ts'

const NOW = 1_800_000_000_000

describe('what is under way', () => {
  it('is told since the oldest of it began, at most a second earlier', () => {
    const flights = new InFlight()
    expect(flights.since(NOW)).toBeNull()
    const first = flights.begin(NOW + 900)
    const second = flights.begin(NOW + 2100)
    expect(flights.since(NOW + 5000)).toBe(NOW)
    flights.end(first)
    expect(flights.since(NOW + 5000)).toBe(NOW + 2000)
    const third = flights.begin(NOW + 4999)
    flights.end(second)
    expect(flights.since(NOW + 5000)).toBe(NOW + 4000)
    expect(flights.since(NOW + 4999)).toBe(NOW + 4000)
    flights.end(third)
    expect(flights.since(NOW + 5000)).toBeNull()
  })

  it('is right over minutes, many at once and in any order', () => {
    const flights = new InFlight()
    const begun = Array.from({ length: 2000 }, (_, i) => ({ at: NOW + i * 100, second: flights.begin(NOW + i * 100) }))
    const now = NOW + 200_000
    while (begun.length > 0) {
      expect(flights.since(now)).toBe(Math.floor(Math.min(...begun.map(({ at }) => at)) / 1000) * 1000)
      for (const { second } of begun.splice(Math.floor(begun.length / 3), 100)) flights.end(second)
    }
    expect(flights.since(now)).toBeNull()
  })
})

describe('an erasure', () => {
  const SINCE = NOW
  const DEADLINE_MS = 8000
  const report = (at: number, inFlightSince: number | null): NodeReport => ({
    node: `node-${at}`,
    epoch: 'e',
    seq: 1,
    at,
    problem: null,
    inFlightSince,
    retention: null,
  })

  it.each<[string, NodeReport[], number, boolean]>([
    ['nodes that have nothing under way', [report(SINCE + 3000, null), report(SINCE + 2500, null)], 3000, true],
    ['what has begun later is no concern', [report(SINCE + 3000, SINCE + 1000)], 3000, true],
    ['something from before', [report(SINCE + 3000, null), report(SINCE + 3000, SINCE - 1000)], 3000, false],
    ['something of that very second', [report(SINCE + 3000, SINCE)], 3000, false],
    ['a node that has not reported since', [report(SINCE + 3000, null), report(SINCE - 5, null)], 3000, false],
    ['a report too early to know of every thread', [report(SINCE + 2499, null)], 2600, false],
    ['nobody who reports', [], 3000, false],
    ['a dead node, until its deadline is over', [report(SINCE - 5, SINCE - 100)], DEADLINE_MS + 1999, false],
    ['a dead node, once it is', [report(SINCE - 5, SINCE - 100)], DEADLINE_MS + 2000, true],
  ])('waits: %s', async (_what, reports, afterMs, isOver) => {
    const { delivered } = createHands({
      feed: { reports: async () => reports },
      deliveryDeadlineMs: DEADLINE_MS,
      clock: () => SINCE + afterMs,
      events: null,
      identities: { pseudonymsOf: () => [] },
    } as never)
    expect(await delivered(SINCE)).toBe(isOver)
  })
})
