// What time alone does to presence: dwells fall due, beacons are no longer seen, silent devices leave. And when to look next.
import { dwellThresholds } from '@fencepost/match/eligibility'
import type { FenceFacts, Transition } from '@fencepost/model'
import type { PresenceState, Visit } from './state.ts'
import { dueOf, isExpired, type MoveParts, Moves } from './visits.ts'

/**
 * A batch may be one of several that a phone sends after hours without a network: the next one, on its way, may say that the device has
 * left long ago. What is due by the server's clock waits so long after the last batch.
 */
export const SETTLE_MS = 3000

/** All that is due at `now`, epoch ms by the server's clock. The state itself where nothing is. */
export function sweep(
  before: PresenceState,
  now: number,
  parts: MoveParts,
): { readonly state: PresenceState; readonly transitions: readonly Transition[] } {
  const { rules, settings } = parts
  const moves = new Moves(before, parts)
  if (before.visits.length === 0 || now < before.received + SETTLE_MS) return { state: before, transitions: [] }
  if (now - before.received >= settings.ttlMs) {
    const visits = leaveSilent(before, moves, parts)
    return { state: { ...before, visits, ...moves.counts }, transitions: moves.transitions }
  }
  const visits: Visit[] = []
  let changed = false
  for (const visit of before.visits) {
    const fence = rules.fence(visit.fence)
    if (fence === null) {
      moves.exit(visit, null, phoneTime(before, now), 'fence_removed')
      changed = true
      continue
    }
    const endAt = endAtOf(visit, fence.expiresAt ?? Number.POSITIVE_INFINITY, settings.beaconExitMs)
    const dwelled = moves.dwell(visit, fence, Math.min(now, endAt), 'at')
    if (endAt <= now) {
      const reason = isExpired(fence, endAt) ? 'fence_expired' : null
      moves.exit(dwelled, fence, { observed: visit.entered + (endAt - visit.enteredAt), at: endAt }, reason)
      changed = true
      continue
    }
    changed ||= dwelled !== visit
    visits.push(dwelled)
  }
  if (!changed) return { state: before, transitions: [] }
  return { state: { ...before, visits, ...moves.counts }, transitions: moves.transitions }
}

/** Ends every visit of a device that has been silent for too long; what is left of its visits is nothing. */
export function leaveSilent(state: PresenceState, moves: Moves, { rules, settings }: MoveParts): readonly Visit[] {
  const observed = (state.last ?? 0) + settings.ttlMs
  const at = state.lastAt + settings.ttlMs
  for (const visit of state.visits) {
    const fence = rules.fence(visit.fence)
    if (fence === null) {
      moves.exit(visit, null, { observed, at }, 'fence_removed')
      continue
    }
    const endAt = endAtOf(visit, fence.expiresAt ?? Number.POSITIVE_INFINITY, settings.beaconExitMs)
    if (endAt >= at) {
      moves.exit(moves.dwell(visit, fence, observed, 'observed'), fence, { observed, at }, 'silent')
      continue
    }
    const end = { observed: visit.entered + (endAt - visit.enteredAt), at: endAt }
    const reason = isExpired(fence, endAt) ? 'fence_expired' : null
    moves.exit(moves.dwell(visit, fence, end.observed, 'observed'), fence, end, reason)
  }
  return []
}

/**
 * Epoch ms at which a sweep has something to do for the device, should nothing come from it; null = nothing ever.
 */
export function dueAt(state: PresenceState, { rules, settings }: Pick<MoveParts, 'rules' | 'settings'>): number | null {
  if (state.visits.length === 0) return null
  let due = state.received + settings.ttlMs
  const settled = state.received + SETTLE_MS
  for (const visit of state.visits) {
    const fence = rules.fence(visit.fence)
    if (fence === null) return settled
    due = Math.min(due, Math.max(settled, nextOf(visit, fence, { rules, settings })))
  }
  return due
}

function nextOf(visit: Visit, fence: FenceFacts, { rules, settings }: Pick<MoveParts, 'rules' | 'settings'>): number {
  let next = endAtOf(visit, fence.expiresAt ?? Number.POSITIVE_INFINITY, settings.beaconExitMs)
  const { all } = rules.campaigns(fence)
  for (const seconds of dwellThresholds(fence.dwellS, all)) {
    if (!visit.dwelled.includes(seconds)) next = Math.min(next, dueOf(visit, seconds).at)
  }
  return next
}

/** When a visit ends by itself, by the server's clock. */
function endAtOf(visit: Visit, expiresAt: number, beaconExitMs: number): number {
  return visit.beacon ? Math.min(expiresAt, visit.seenAt + beaconExitMs) : expiresAt
}

/** An instant of the server's clock as the phone's would have shown it. */
function phoneTime(state: PresenceState, at: number): { readonly observed: number; readonly at: number } {
  return { observed: (state.last ?? 0) + (at - state.lastAt), at }
}
