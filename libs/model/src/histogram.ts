// A histogram of plain integers, cheap enough for every request; libs/runtime copies it at scrape time.

/** Upper bounds in seconds of the buckets that all latency histograms share. */
export const LATENCY_BUCKETS_S: readonly number[] = [
  0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
  1, 2.5, 5, 10,
]

/** Counts of observations by bucket. `counts` has one entry more than `bounds`: what is above the last. */
export class Histogram {
  readonly bounds: readonly number[]
  readonly counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[] = LATENCY_BUCKETS_S) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  /** Counts one observation, in the unit of the bounds. */
  observe(value: number): void {
    const { bounds } = this
    let i = 0
    while (i < bounds.length && value > (bounds[i] as number)) i++
    this.counts[i]++
    this.sum += value
  }
}
