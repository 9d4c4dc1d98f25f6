import { Histogram } from '@fencepost/model'
import { describe, expect, test } from 'vitest'
import { createMetrics, type Metrics } from '../src/index.ts'

/** The exposition's lines of one metric. */
async function linesOf(metrics: Metrics, name: string): Promise<string[]> {
  return (await metrics.render()).split('\n').filter((line) => line.startsWith(name))
}

describe('metrics', () => {
  test('copy plain numbers at every scrape', async () => {
    const metrics = createMetrics()
    const counted = { requests: 3, open: 5 }
    const reasons = new Map([['stale', 1]])
    metrics.counter('fencepost_requests_total', 'requests', () => counted.requests)
    metrics.counterByLabel('fencepost_pings_rejected_total', 'pings', 'reason', () => reasons)
    metrics.gauge('fencepost_open_requests', 'open', () => counted.open)
    expect(await linesOf(metrics, 'fencepost_requests_total')).toEqual(['fencepost_requests_total 3'])
    expect(await linesOf(metrics, 'fencepost_requests_total')).toEqual(['fencepost_requests_total 3'])
    counted.requests = 4
    counted.open = 0
    reasons.set('future', 2)
    expect(await linesOf(metrics, 'fencepost_requests_total')).toEqual(['fencepost_requests_total 4'])
    expect(await linesOf(metrics, 'fencepost_open_requests')).toEqual(['fencepost_open_requests 0'])
    expect(await linesOf(metrics, 'fencepost_pings_rejected_total')).toEqual([
      'fencepost_pings_rejected_total{reason="stale"} 1',
      'fencepost_pings_rejected_total{reason="future"} 2',
    ])
  })

  test('show a gauge by label, without the labels that are gone', async () => {
    const metrics = createMetrics()
    let up: [string, number][] = [
      ['1', 1],
      ['2', 0],
    ]
    metrics.gaugeByLabel('fencepost_up', 'up', 'thread', () => up)
    expect(await linesOf(metrics, 'fencepost_up')).toEqual(['fencepost_up{thread="1"} 1', 'fencepost_up{thread="2"} 0'])
    up = [['2', 1]]
    expect(await linesOf(metrics, 'fencepost_up')).toEqual(['fencepost_up{thread="2"} 1'])
  })

  test('show a histogram with cumulative buckets, sum and count', async () => {
    const metrics = createMetrics()
    const seconds = new Histogram([0.1, 1])
    metrics.histogram('fencepost_request_seconds', 'time', seconds)
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value)
    const text = await metrics.render()
    expect(text).toContain('# HELP fencepost_request_seconds time\n# TYPE fencepost_request_seconds histogram\n')
    expect(await linesOf(metrics, 'fencepost_request_seconds')).toEqual([
      'fencepost_request_seconds_bucket{le="0.1"} 2',
      'fencepost_request_seconds_bucket{le="1"} 3',
      'fencepost_request_seconds_bucket{le="+Inf"} 4',
      'fencepost_request_seconds_sum 7.65',
      'fencepost_request_seconds_count 4',
    ])
  })

  test('include the process: CPU, memory, event loop', async () => {
    const text = await createMetrics().render()
    for (const name of [
      'fencepost_process_cpu_user_seconds_total',
      'fencepost_process_resident_memory_bytes',
      'fencepost_event_loop_busy_ratio',
    ]) {
      expect(text).toMatch(new RegExp(`^${name} `, 'm'))
    }
  })

  test('of two nodes in one process do not mix', async () => {
    const [one, other] = [createMetrics(), createMetrics()]
    one.counter('fencepost_requests_total', 'requests', () => 1)
    expect(await linesOf(other, 'fencepost_requests_total')).toEqual([])
  })

  test.each([
    ['requests_total'],
    ['fencepost_Requests_total'],
    ['fencepost_requests-total'],
    ['fencepost_requests'],
    ['fencepost__total'],
  ])('refuse the counter name %s', (name) => {
    expect(() => createMetrics().counter(name, 'help', () => 0)).toThrow(RangeError)
  })

  test('refuse a histogram that does not say seconds, and a name twice', () => {
    const metrics = createMetrics()
    expect(() => metrics.histogram('fencepost_request_ms', 'time', new Histogram())).toThrow(RangeError)
    metrics.gauge('fencepost_fences', 'fences', () => 1)
    expect(() => metrics.gauge('fencepost_fences', 'fences', () => 1)).toThrow('fencepost_fences')
  })
})
