// (state, batch) -> (state', transitions): what the pings of one batch do to presence. Pure; DESIGN section 10 as code.
import { shiftCaps } from '@fencepost/match/eligibility'
import type { FenceFacts } from '@fencepost/model'
import type { Advance, Observation, PresenceBatch, PresenceState, Visit } from './state.ts'
import { leaveSilent } from './sweep.ts'
import { type Instant, isExpired, type MoveParts, Moves } from './visits.ts'

/**
 * Takes the pings of a batch by observed time. Those at or before the state's last are late or repeated and move nothing; of several
 * locations of one instant the first by `tie` counts. At one instant: exits, then dwells, then enters, each by fence id; a dwell
 * that was due before an exit comes before it. Where `more` is true the same batch is to be given to the new state again.
 */
export function advance(before: PresenceState, batch: PresenceBatch, parts: MoveParts): Advance {
  const { settings } = parts
  const shifted = shiftClock(before, batch, settings.clockStepMs)
  const moves = new Moves(shifted, parts)
  let visits = shifted.visits
  if (visits.length > 0 && batch.received - shifted.received >= settings.ttlMs) {
    visits = leaveSilent(shifted, moves, parts)
  }
  const inOrder = [...batch.observations].sort(compareObservations)
  let { last, lastAt } = shifted
  let late = 0
  let more = false
  for (let i = 0; i < inOrder.length; ) {
    const { observed, at } = inOrder[i] as Observation
    let end = i + 1
    while (inOrder[end]?.observed === observed) end++
    if (last !== null && observed <= last) late += end - i
    else if (moves.transitions.length >= settings.maxTransitions) {
      more = true
      break
    } else {
      const group = inOrder.slice(i, end)
      const locations = group.filter(({ beacon }) => !beacon)
      late += Math.max(0, locations.length - 1)
      const sighted = group.filter(({ beacon }) => beacon)
      visits = moveAll(visits, { now: { observed, at }, location: locations[0] ?? null, sighted }, moves, parts)
      last = observed
      lastAt = at
    }
    i = end
  }
  const state: PresenceState = {
    last,
    lastAt,
    // A batch that was late itself does not make the device have been silent for longer.
    received: Math.max(shifted.received, batch.received),
    skew: batch.received - batch.sent,
    visits,
    ...moves.counts,
  }
  return { state, transitions: moves.transitions, late, crowded: moves.crowded, more }
}

/** All that was observed at one instant. */
interface Moment {
  readonly now: Instant
  readonly location: Observation | null
  readonly sighted: readonly Observation[]
}

function moveAll(visits: readonly Visit[], moment: Moment, moves: Moves, parts: MoveParts): readonly Visit[] {
  const { now } = moment
  const staying: Visit[] = []
  for (const visit of visits) {
    const stayed = moveVisit(visit, moment, moves, parts)
    if (stayed !== null) staying.push(stayed)
  }
  const { rules } = parts
  const dwelled = staying.map((visit) => {
    const fence = rules.fence(visit.fence)
    return fence === null ? visit : moves.dwell(visit, fence, now.observed, 'observed')
  })
  const entered = enterAll(dwelled, moment, moves)
  return entered.length === 0 ? dwelled : [...dwelled, ...entered].sort((a, b) => (a.fence < b.fence ? -1 : 1))
}

/** The visit as it goes on, or null: it has ended, and its exit is made. */
function moveVisit(visit: Visit, moment: Moment, moves: Moves, { rules, settings }: MoveParts): Visit | null {
  const { now } = moment
  const fence = rules.fence(visit.fence)
  if (fence === null) {
    moves.exit(visit, null, now, 'fence_removed')
    return null
  }
  const end = endOf(visit, fence, moment, settings.beaconExitMs)
  if (end === null) return seenBy(visit, fence, moment)
  const { observed, at, reason } = end
  moves.exit(moves.dwell(visit, fence, observed, 'observed'), fence, { observed, at }, reason)
  return null
}

/** When and why a visit ends at this moment, or null. */
function endOf(
  visit: Visit,
  fence: FenceFacts,
  moment: Moment,
  beaconExitMs: number,
): (Instant & { readonly reason: 'fence_expired' | null }) | null {
  const { now, location } = moment
  if (isExpired(fence, now.at)) {
    const early = now.at - (fence.expiresAt as number)
    return { observed: now.observed - early, at: now.at - early, reason: 'fence_expired' }
  }
  if (visit.beacon) {
    const over = now.observed - visit.seen - beaconExitMs > 0
    return over ? { observed: visit.seen + beaconExitMs, at: visit.seenAt + beaconExitMs, reason: null } : null
  }
  if (location === null || !isOutside(fence, location)) return null
  const outside = visit.outside ?? now.observed
  const stayMs = (fence.border?.exitAfterS ?? 0) * 1000
  return now.observed - outside >= stayMs ? { ...now, reason: null } : null
}

/** Is a location outside for certain, as far as the fence's border goes? */
function isOutside(fence: FenceFacts, location: Observation): boolean {
  if (holds(location, fence.id) || !isAccurate(fence, location)) return false
  const marginM = fence.border?.exitMarginM ?? null
  return marginM === null || location.distanceM(fence.id) - (location.accuracyM ?? 0) > marginM
}

/** A ping of unknown accuracy is not accurate enough for a fence that asks for some. */
function isAccurate({ border }: FenceFacts, { accuracyM }: Observation): boolean {
  const limit = border?.minAccuracyM ?? null
  return limit === null || (accuracyM !== null && accuracyM <= limit)
}

function holds({ hits }: Observation, fence: string): boolean {
  return hits.some(({ id }) => id === fence)
}

/** The visit after a moment that did not end it. */
function seenBy(visit: Visit, fence: FenceFacts, { now, location, sighted }: Moment): Visit {
  if (visit.beacon) {
    const isSighted = sighted.some((one) => holds(one, visit.fence))
    return isSighted ? { ...visit, seen: now.observed, seenAt: now.at, version: fence.version } : visit
  }
  if (location === null || !isAccurate(fence, location)) return visit
  if (holds(location, visit.fence))
    return { ...visit, seen: now.observed, seenAt: now.at, outside: null, version: fence.version }
  // Outside, but within the margin: as good as inside.
  if (!isOutside(fence, location)) return visit.outside === null ? visit : { ...visit, outside: null }
  return visit.outside === null ? { ...visit, outside: now.observed } : visit
}

function enterAll(open: readonly Visit[], { now, location, sighted }: Moment, moves: Moves): Visit[] {
  const taken = new Set(open.map(({ fence }) => fence))
  const candidates: { fence: FenceFacts; beacon: boolean }[] = []
  const add = (one: Observation): void => {
    for (const fence of one.hits) {
      if (taken.has(fence.id) || isExpired(fence, now.at)) continue
      if (!one.beacon && !isAccurate(fence, one)) continue
      taken.add(fence.id)
      candidates.push({ fence, beacon: one.beacon })
    }
  }
  if (location !== null) add(location)
  for (const one of sighted) add(one)
  candidates.sort((a, b) => (a.fence.id < b.fence.id ? -1 : 1))
  const entered: Visit[] = []
  for (const { fence, beacon } of candidates) {
    const visit = moves.enter(fence, beacon, now, open.length + entered.length)
    if (visit !== null) entered.push(visit)
  }
  return entered
}

/** The phone's clock was set: what is known by it moves with it. Numbers of visits are names and stay. */
function shiftClock(state: PresenceState, { received, sent }: PresenceBatch, clockStepMs: number): PresenceState {
  if (state.last === null) return state
  const by = state.skew - (received - sent)
  if (Math.abs(by) <= clockStepMs) return state
  return {
    ...state,
    last: state.last + by,
    caps: shiftCaps(state.caps, by),
    visits: state.visits.map((visit) => ({
      ...visit,
      entered: visit.entered + by,
      seen: visit.seen + by,
      outside: visit.outside === null ? null : visit.outside + by,
    })),
  }
}

function compareObservations(a: Observation, b: Observation): number {
  if (a.observed !== b.observed) return a.observed - b.observed
  if (a.beacon !== b.beacon) return a.beacon ? 1 : -1
  for (let i = 0; i < a.tie.length; i++) {
    const difference = (a.tie[i] as number) - (b.tie[i] ?? Number.NEGATIVE_INFINITY)
    if (difference !== 0) return difference
  }
  return 0
}
