// /metrics by prom-client. Values are plain integers somewhere else, copied only when somebody scrapes.
import type { Histogram as Counts } from '@fencepost/model'
import { Counter, Gauge, type Metric, Registry } from 'prom-client'
import { addProcessMetrics } from './process-metrics.ts'

export interface Metrics {
  readonly contentType: string
  counter(name: string, help: string, read: () => number): void
  /** `read` yields one value per label; labels must come from a closed set. */
  counterByLabel(name: string, help: string, label: string, read: () => Iterable<readonly [string, number]>): void
  gauge(name: string, help: string, read: () => number): void
  /** Like `counterByLabel`, for what goes down too. */
  gaugeByLabel(name: string, help: string, label: string, read: () => Iterable<readonly [string, number]>): void
  histogram(name: string, help: string, source: Counts): void
  /** The exposition text of everything. */
  render(): Promise<string>
}

const NAME = /^fencepost_[a-z][a-z0-9_]*[a-z0-9]$/

/** A registry with what the process itself uses, and nothing else yet. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]

  const metrics: Metrics = {
    contentType: registry.contentType,
    counter(name, help, read) {
      checkName(name, '_total')
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(read())
        },
      })
    },
    counterByLabel(name, help, label, read) {
      checkName(name, '_total')
      new Counter({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset()
          for (const [value, count] of read()) this.inc({ [label]: value }, count)
        },
      })
    },
    gauge(name, help, read) {
      checkName(name)
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    },
    gaugeByLabel(name, help, label, read) {
      checkName(name)
      new Gauge({
        name,
        help,
        registers,
        labelNames: [label],
        collect() {
          this.reset()
          for (const [value, count] of read()) this.set({ [label]: value }, count)
        },
      })
    },
    histogram(name, help, source) {
      checkName(name, '_seconds')
      registry.registerMetric(copiedHistogram(name, help, source))
    },
    render: () => registry.metrics(),
  }
  addProcessMetrics(metrics)
  return metrics
}

/**
 * What the registry needs of a metric, with numbers that are counted elsewhere. prom-client's own Histogram can only count one
 * observation at a time.
 */
function copiedHistogram(name: string, help: string, source: Counts): Metric {
  const get = async () => {
    const { bounds, counts, sum } = source
    let below = 0
    const values: { metricName: string; labels: Record<string, string | number>; value: number }[] = bounds.map(
      (le, i) => {
        below += counts[i] as number
        return { metricName: `${name}_bucket`, labels: { le }, value: below }
      },
    )
    const count = below + (counts[bounds.length] as number)
    values.push(
      { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels: {}, value: sum },
      { metricName: `${name}_count`, labels: {}, value: count },
    )
    return { name, help, type: 'histogram', values, aggregator: 'sum' }
  }
  return { name, help, get, reset() {} } as unknown as Metric
}

function checkName(name: string, suffix = ''): void {
  if (!NAME.test(name) || !name.endsWith(suffix))
    throw new RangeError(`metric ${name} must match ${NAME.source}${suffix === '' ? '' : ` and end in ${suffix}`}`)
}
