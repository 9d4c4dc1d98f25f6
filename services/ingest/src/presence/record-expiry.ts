// Until when what a record says of where a device is, is of use to anybody.
import { capsMatterUntil } from '@fencepost/match/eligibility'
import type { PresenceState } from '@fencepost/presence'

/** Epoch ms by the server's clock: twice the time after which a silent device has left, longer where a cap still counts. */
export function expiryOf(state: PresenceState, ttlMs: number): number {
  const capsUntil = capsMatterUntil(state.caps)
  // Caps count by the phone's clock.
  const until = capsUntil === null || state.last === null ? 0 : capsUntil + (state.lastAt - state.last)
  return Math.max(state.received + 2 * ttlMs, until)
}

/** Does it say anything of where the device is or was? */
export function isSomewhere({ last, visits, caps }: PresenceState): boolean {
  return last !== null || visits.length > 0 || caps.length > 0
}
