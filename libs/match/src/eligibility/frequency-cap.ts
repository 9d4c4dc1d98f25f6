// Frequency caps: no window of `windowS` seconds, wherever it is laid, names a campaign more than `max` times to one device.
// The counts live in the device's record. Everything here is a function from one immutable state to the next.
import type { Cap } from '@fencepost/model'

/**
 * Campaigns counted for one device at a time, and times of all of them together: 25 kB of its record or so. What
 * would go beyond is refused, as its cap could not be kept.
 */
export const MAX_COUNTED_CAMPAIGNS = 64
export const MAX_COUNTED_TIMES = 1_024

/** What one campaign has used up with one device. */
export interface CapCount {
  readonly campaign: string
  /** The longest window it was counted with; two such windows after the last time the count is dropped. */
  readonly windowS: number
  /** Transitions counted up to this time may have been forgotten; null = none has. */
  readonly forgotten: number | null
  /** When it was named, ms, ascending: the last 2 x max times. */
  readonly times: readonly number[]
  /** Which transition each time belongs to, by `capTag`. */
  readonly tags: readonly number[]
}

/** The counts of one device, by campaign. */
export type CapState = readonly CapCount[]

export const NO_CAPS: CapState = []

export interface CapRequest {
  readonly campaign: string
  readonly cap: Cap
  /**
   * When it would be named, ms, by the clock that orders the device's pings (observed time): of the ping at hand, or the due time
   * where there is none. The server's clock would give another time when the same ping is sent again.
   */
  readonly time: number
  /** Of the transition's id. */
  readonly tag: number
}

export interface CapAnswer {
  readonly allowed: boolean
  /** `full`: a window is used up. `late`: not all of its window is remembered. `crowded`: too much is counted for the device. */
  readonly why: 'free' | 'repeat' | 'full' | 'late' | 'crowded'
  readonly state: CapState
}

/** The first 48 bits of a transition's id, as a number: what a count knows a repeat by. */
export function capTag(id: Uint8Array, at = 0): number {
  let tag = 0
  for (let i = 0; i < 6; i++) tag = tag * 256 + (id[at + i] as number)
  return tag
}

/**
 * May the campaign be named, and what is counted afterwards? Two times that lie exactly a window apart share none. Times may come
 * out of order. A transition that was counted is allowed again and not counted twice, and one that found its window used up
 * is refused again: for at least a window after its time, whatever came in between.
 */
export function takeCap(state: CapState, request: CapRequest): CapAnswer {
  const { campaign, cap, time, tag } = request
  const count = state.find((one) => one.campaign === campaign) ?? newCount(state, request)
  if (count.tags.includes(tag)) return { allowed: true, why: 'repeat', state }
  const windowMs = cap.windowS * 1000
  // What is forgotten may share a window with whatever comes less than a window after it.
  if (count.forgotten !== null && time < count.forgotten + windowMs) return { allowed: false, why: 'late', state }
  const place = placeOf(count.times, time)
  if (wouldExceed(count.times, place, time, cap.max, windowMs)) return { allowed: false, why: 'full', state }
  const others = state.filter((one) => one.campaign !== campaign && !isOver(one, time))
  const next = counted(count, cap, place, request)
  const times = others.reduce((sum, one) => sum + one.times.length, next.times.length)
  if (others.length >= MAX_COUNTED_CAMPAIGNS || times > MAX_COUNTED_TIMES)
    return { allowed: false, why: 'crowded', state }
  return { allowed: true, why: 'free', state: [...others, next] }
}

/** Every time moved by so many ms: for a phone whose clock was set, together with the other times of its record. */
export function shiftCaps(state: CapState, byMs: number): CapState {
  if (byMs === 0 || state.length === 0) return state
  return state.map((count) => ({
    ...count,
    forgotten: count.forgotten === null ? null : count.forgotten + byMs,
    times: count.times.map((time) => time + byMs),
  }))
}

/** Until when these counts matter, ms: a record kept shorter forgets what its caps need. Null = they do not matter. */
export function capsMatterUntil(state: CapState): number | null {
  let until: number | null = null
  for (const count of state) until = Math.max(until ?? Number.NEGATIVE_INFINITY, lastOf(count) + count.windowS * 1000)
  return until
}

/** Where `time` goes: behind all that are not later. */
function placeOf(times: readonly number[], time: number): number {
  let place = times.length
  while (place > 0 && (times[place - 1] as number) > time) place--
  return place
}

/** With `time` at `place`: are there max + 1 times, this one among them, in less than a window? */
function wouldExceed(times: readonly number[], place: number, time: number, max: number, windowMs: number): boolean {
  const at = (i: number): number => (i < place ? times[i] : i === place ? time : times[i - 1]) as number
  const first = Math.max(0, place - max)
  const last = Math.min(place, times.length - max)
  for (let i = first; i <= last; i++) if (at(i + max) - at(i) < windowMs) return true
  return false
}

function counted(count: CapCount, cap: Cap, place: number, { campaign, time, tag }: CapRequest): CapCount {
  const times = count.times.toSpliced(place, 0, time)
  const tags = count.tags.toSpliced(place, 0, tag)
  const surplus = Math.max(0, times.length - 2 * cap.max)
  const dropped = surplus === 0 ? null : (times[surplus - 1] as number)
  const forgotten = dropped === null ? count.forgotten : Math.max(count.forgotten ?? dropped, dropped)
  const windowS = Math.max(count.windowS, cap.windowS)
  return { campaign, windowS, forgotten, times: times.slice(surplus), tags: tags.slice(surplus) }
}

/** It may have been counted before: what was dropped then, `isOver` has seen two windows before the newest time there is. */
function newCount(state: CapState, { campaign, cap: { windowS } }: CapRequest): CapCount {
  const newest = state.reduce((latest, one) => Math.max(latest, lastOf(one)), Number.NEGATIVE_INFINITY)
  const forgotten = newest === Number.NEGATIVE_INFINITY ? null : newest - 2 * windowS * 1000
  return { campaign, windowS, forgotten, times: [], tags: [] }
}

function lastOf(count: CapCount): number {
  return count.times.at(-1) ?? Number.NEGATIVE_INFINITY
}

/** Two windows after its last time a count can refuse nothing that is on time. */
function isOver(count: CapCount, time: number): boolean {
  return lastOf(count) + 2 * count.windowS * 1000 <= time
}
