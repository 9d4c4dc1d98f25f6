// A token bucket a key: `perSecond` on average, `burst` at once. Off unless configured.
import type { Clock } from '@fencepost/model'

export interface RateLimit {
  /** Takes one request from the bucket of key `number`: 0 when it may go on, else the seconds until it could. */
  take(number: number): number
}

/** A limit for keys 0..keys-1, and those that come later. With `perSecond` 0 everything goes on. */
export function createRateLimit(options: { keys: number; perSecond: number; burst: number; clock: Clock }): RateLimit {
  const { perSecond, clock } = options
  if (perSecond === 0) return { take: () => 0 }
  const burst = Math.max(1, options.burst)
  let tokens = new Float64Array(options.keys).fill(burst)
  let filledAt = new Float64Array(options.keys).fill(clock())

  function grow(keys: number): void {
    const [held, since] = [tokens, filledAt]
    tokens = new Float64Array(keys).fill(burst)
    filledAt = new Float64Array(keys).fill(clock())
    tokens.set(held)
    filledAt.set(since)
  }

  return {
    take(number) {
      if (number >= tokens.length) grow(2 * (number + 1))
      const now = clock()
      // A clock that was set back gives nothing, and takes nothing away.
      const gained = (Math.max(0, now - (filledAt[number] as number)) / 1000) * perSecond
      const available = Math.min(burst, (tokens[number] as number) + gained)
      filledAt[number] = now
      tokens[number] = available >= 1 ? available - 1 : available
      return available >= 1 ? 0 : (1 - available) / perSecond
    },
  }
}
