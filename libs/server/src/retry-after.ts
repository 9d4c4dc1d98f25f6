// The value of a Retry-After header, spread out so that refused clients do not come back in one wave.

/**
 * @param seconds the shortest wait, >= 0; part of a second counts as a whole one
 * @param jitter share of the wait that may be added: 0.5 spreads 10 s over 10..15 s, evenly
 * @param random 0 <= random() < 1
 * @returns whole seconds (RFC 9110, section 10.2.3), at least 1
 */
export function retryAfter(seconds: number, jitter: number, random: () => number): string {
  const shortest = Math.max(1, Math.ceil(seconds))
  return String(Math.floor(shortest + random() * (shortest * jitter + 1)))
}
