// /metrics by prom-client. Values are plain integers somewhere else, copied only when somebody scrapes.
import type { Histogram as Counts } from '@fencepost/model'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  readonly contentType: string
  counter(name: string, help: string, read: () => number): void
  /** `read` yields one value per label; labels must come from a closed set. */
  counterByLabel(name: string, help: string, label: string, read: () => Iterable<readonly [string, number]>): void
  gauge(name: string, help: string, read: () => number): void
  histogram(name: string, help: string, source: Counts): void
  /** The exposition text of everything. */
  render(): Promise<string>
}

const NAME = /^fencepost_[a-z][a-z0-9_]*[a-z0-9]$/

/** An empty registry with Node's own process metrics under `fencepost_`. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'fencepost_' })
  const registers = [registry]

  return {
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
    histogram(name, help, source) {
      checkName(name, '_seconds')
      registry.registerMetric(new CopiedHistogram(name, help, source))
    },
    render: () => registry.metrics(),
  }
}

/** A prom-client histogram whose numbers are counted elsewhere. */
class CopiedHistogram extends Histogram {
  readonly #source: Counts

  constructor(name: string, help: string, source: Counts) {
    super({ name, help, registers: [], buckets: [...source.bounds] })
    this.#source = source
  }

  // prom-client asks `get` at every scrape for the finished samples.
  override async get() {
    const { bounds, counts, sum } = this.#source
    const family = await super.get()
    const sample = (suffix: string, value: number, labels: Record<string, string | number> = {}) => ({
      metricName: `${family.name}${suffix}`,
      labels,
      value,
      exemplar: null,
    })
    let below = 0
    const values = bounds.map((bound, i) => {
      below += counts[i] as number
      return sample('_bucket', below, { le: bound })
    })
    const count = below + (counts[bounds.length] as number)
    values.push(sample('_bucket', count, { le: '+Inf' }), sample('_sum', sum), sample('_count', count))
    return { ...family, values } as unknown as ReturnType<Histogram['get']> extends Promise<infer T> ? T : never
  }
}

function checkName(name: string, suffix = ''): void {
  if (!NAME.test(name) || !name.endsWith(suffix))
    throw new RangeError(`metric ${name} must match ${NAME.source}${suffix === '' ? '' : ` and end in ${suffix}`}`)
}
