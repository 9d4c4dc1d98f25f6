// What is said about a handful of measurements: medians with quartiles, percentiles of many latencies.

export interface Quartiles {
  readonly q1: number
  readonly median: number
  readonly q3: number
}

/**
 * Median and quartiles by linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996).
 *
 * @throws RangeError for no values at all
 */
export function quartiles(values: readonly number[]): Quartiles {
  if (values.length === 0) throw new RangeError('quartiles need at least one value, got 0')
  const sorted = [...values].sort((a, b) => a - b)
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) }
}

function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share
  const below = Math.floor(position)
  const above = Math.min(below + 1, sorted.length - 1)
  const from = sorted[below] as number
  return from + ((sorted[above] as number) - from) * (position - below)
}

/** The smallest value that at least `percent` of all do not exceed (nearest rank); NaN for none. `sorted` ascends. */
export function percentile(sorted: Float64Array, percent: number): number {
  if (sorted.length === 0) return Number.NaN
  const rank = Math.ceil((percent / 100) * sorted.length)
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1] as number
}
