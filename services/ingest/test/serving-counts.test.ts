import { describe, expect, it } from 'vitest'
import {
  createServingCounts,
  type ServingCounts,
  settleEnded,
  setValues,
  sumInto,
  valuesOf,
} from '../src/serving-counts.ts'
import { lawOfPings } from './node-kit.ts'

/** Counts of a thread that is in the middle of things. */
function busy(withKafka = false): ServingCounts {
  const counts = createServingCounts(withKafka)
  const { counters, http } = counts
  Object.assign(counters, { requests: 20, answered: 9, aborted: 1, decoded: 30, accepted: 25, failed: 3, pending: 7 })
  counters.refused.overloaded = 4
  counters.rejected[2] = 2
  counters.requestSeconds.observe(0.003)
  counters.publishSeconds.observe(20)
  Object.assign(http, { requests: 22, open: 6, aborted: 1, connections: 5 })
  if (counts.kafka !== null) Object.assign(counts.kafka, { recordsPublished: 8, queuedEvents: 3, queuedBytes: 99 })
  counts.bodyMemoryBytes = 1000
  return counts
}

/** As another thread has them. */
function sent(counts: ServingCounts): ServingCounts {
  const received = createServingCounts(counts.kafka !== null)
  setValues(received, structuredClone(valuesOf(counts)))
  return received
}

describe('counts of a serving half', () => {
  it.each([false, true])('arrive in another thread as they were (with Kafka: %s)', (withKafka) => {
    expect(sent(busy(withKafka))).toEqual(busy(withKafka))
  })

  it('are summed number by number, over any that were settled too, and a sum can be added to', () => {
    const total = createServingCounts(true)
    sumInto(total, [busy(true), sent(busy(true)), settleEnded(busy(true))])
    expect(total.counters).toMatchObject({ requests: 60, answered: 27, pending: 14, failed: 16 })
    expect(total.counters.refused.overloaded).toBe(12)
    expect(total.counters.rejected[2]).toBe(6)
    expect(total.counters.requestSeconds.counts.reduce((sum, count) => sum + count, 0)).toBe(3)
    expect(total.counters.publishSeconds.sum).toBe(60)
    expect(total.http).toMatchObject({ requests: 66, open: 12, connections: 10 })
    expect(total.kafka).toMatchObject({ recordsPublished: 24, queuedEvents: 6, queuedBytes: 198 })
    expect(total.bodyMemoryBytes).toBe(2000)
    sumInto(total, [total, busy(true)])
    expect([total.counters.requests, total.http.requests, total.bodyMemoryBytes]).toEqual([80, 88, 3000])
  })

  it('of a thread that has ended obey both laws, leave nothing open and take nothing back', () => {
    const before = busy(true)
    const after = settleEnded(busy(true))
    const { counters } = after
    expect(lawOfPings(counters)).toEqual({ decoded: 37, outcomes: 37 })
    expect(counters.requests).toBe(counters.answered + counters.aborted + counters.refused.overloaded)
    expect([counters.pending, after.http.open, after.http.connections, after.bodyMemoryBytes]).toEqual([0, 0, 0, 0])
    expect(after.kafka).toMatchObject({ recordsPublished: 8, queuedEvents: 0, queuedBytes: 0 })
    for (const name of ['requests', 'answered', 'aborted', 'decoded', 'accepted', 'failed', 'matched'] as const)
      expect(counters[name], name).toBeGreaterThanOrEqual(before.counters[name])
  })
})
