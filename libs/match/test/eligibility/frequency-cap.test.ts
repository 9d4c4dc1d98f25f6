// Frequency caps: no window anywhere holds more than `max`, repeats change nothing, and the counts stay small.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CapRequest,
  type CapState,
  capsMatterUntil,
  capTag,
  MAX_COUNTED_CAMPAIGNS,
  MAX_COUNTED_TIMES,
  NO_CAPS,
  shiftCaps,
  takeCap,
} from '../../src/eligibility/index.ts'

const DAILY = { max: 2, windowS: 86_400 }
const DAY_MS = 86_400_000

function request(time: number, tag = time, campaign = 'c', cap = DAILY): CapRequest {
  return { campaign, cap, time, tag }
}

/** Takes one after the other: the answers and the last state. */
function takeAll(requests: readonly CapRequest[], from: CapState = NO_CAPS): { why: string[]; state: CapState } {
  let state = from
  const why = requests.map((one) => {
    const answer = takeCap(state, one)
    expect(answer.allowed).toBe(answer.why === 'free' || answer.why === 'repeat')
    if (answer.why !== 'free') expect(answer.state).toBe(state)
    state = answer.state
    return answer.why
  })
  return { why, state }
}

describe('takeCap', () => {
  it.each<[string, readonly number[], readonly string[]]>([
    ['takes up to max', [0, 1], ['free', 'free']],
    ['refuses the one after', [0, 1, 2], ['free', 'free', 'full']],
    ['refuses until the window is over, to the millisecond', [0, 1, DAY_MS - 1], ['free', 'free', 'full']],
    ['takes the next exactly a window after the first', [0, 1, DAY_MS], ['free', 'free', 'free']],
    ['slides: the second still counts then', [0, 1, DAY_MS, DAY_MS], ['free', 'free', 'free', 'full']],
    [
      'counts nothing that it refused',
      [0, 1, 2, 3, DAY_MS, DAY_MS + 1],
      ['free', 'free', 'full', 'full', 'free', 'free'],
    ],
    ['takes two at one instant', [5, 5, 6], ['free', 'free', 'full']],
    ['looks both ways when one comes late', [DAY_MS, DAY_MS + 5, DAY_MS - 5], ['free', 'free', 'full']],
    ['lets a late one into a window with room', [3 * DAY_MS, 0, 1, 2], ['free', 'free', 'free', 'full']],
    ['begins before 1970 as well', [-DAY_MS, -1, 0, 1], ['free', 'free', 'free', 'full']],
  ])('%s', (_, times, expected) => {
    expect(takeAll(times.map((time, tag) => request(time, tag))).why).toEqual(expected)
  })

  it('counts each campaign by itself', () => {
    const all = [request(0, 1, 'a'), request(0, 2, 'a'), request(0, 3, 'b'), request(0, 4, 'b'), request(0, 5, 'a')]
    expect(takeAll(all).why).toEqual(['free', 'free', 'free', 'free', 'full'])
  })

  it('allows a repeat of what it counted, and counts it once', () => {
    const all = [
      request(0, 7),
      request(0, 7),
      request(9, 7),
      request(1, 8),
      request(2, 9),
      request(0, 7),
      request(2, 9),
    ]
    expect(takeAll(all).why).toEqual(['free', 'repeat', 'repeat', 'free', 'full', 'repeat', 'full'])
  })

  it('knows a change of the cap from the next request on', () => {
    const { state } = takeAll([request(0), request(1)])
    expect(takeCap(state, request(2, 2, 'c', { max: 3, windowS: 86_400 })).why).toBe('free')
    expect(takeCap(state, request(2_000, 2, 'c', { max: 2, windowS: 1 })).why).toBe('free')
    expect(takeCap(state, request(DAY_MS, 2, 'c', { max: 1, windowS: 86_400 })).why).toBe('full')
  })

  it('refuses what comes too late to know its window', () => {
    const times = Array.from({ length: 5 }, (_, i) => i * DAY_MS)
    const { why, state } = takeAll(times.map((time) => request(time)))
    expect(why).toEqual(['free', 'free', 'free', 'free', 'free'])
    expect(state[0]).toMatchObject({ forgotten: 0, times: times.slice(1) })
    expect(takeCap(state, request(DAY_MS - 1, 77)).why).toBe('late')
    expect(takeCap(state, request(DAY_MS + 1, 77)).why).toBe('free')
  })

  it('keeps two times max entries a campaign', () => {
    const cap = { max: 3, windowS: 1 }
    const all = Array.from({ length: 50 }, (_, i) => request(i * 1000, i, 'c', cap))
    const { state } = takeAll(all)
    expect(state).toHaveLength(1)
    expect(state[0]!.times).toHaveLength(6)
    expect(state[0]!.tags).toHaveLength(6)
  })

  it(`counts ${MAX_COUNTED_CAMPAIGNS} campaigns and not one more, until one of them is over`, () => {
    const all = Array.from({ length: MAX_COUNTED_CAMPAIGNS }, (_, i) => request(i, i, `c${i}`))
    const { why, state } = takeAll(all)
    expect(new Set(why)).toEqual(new Set(['free']))
    expect(takeCap(state, request(100, 1000, 'more')).why).toBe('crowded')
    expect(takeCap(state, request(100, 1000, 'c5')).why).toBe('free')
    expect(takeCap(state, request(2 * DAY_MS - 1, 1000, 'more')).why).toBe('crowded')
    const later = takeCap(state, request(2 * DAY_MS, 1000, 'more'))
    expect(later.why).toBe('free')
    expect(later.state.map(({ campaign }) => campaign)).not.toContain('c0')
    expect(later.state).toHaveLength(MAX_COUNTED_CAMPAIGNS)
  })

  it(`counts ${MAX_COUNTED_TIMES} times of all campaigns together and not one more`, () => {
    const cap = { max: 100, windowS: 86_400 }
    const all = Array.from({ length: MAX_COUNTED_TIMES }, (_, i) => request(i, i, `c${i % 11}`, cap))
    const { why, state } = takeAll(all)
    expect(new Set(why)).toEqual(new Set(['free']))
    expect(takeCap(state, request(5_000, 5_000, 'c1', cap)).why).toBe('crowded')
    expect(takeCap(state, request(5_000, 5_000, 'new', cap)).why).toBe('crowded')
  })

  it('moves with the clock of the phone', () => {
    const { state } = takeAll(Array.from({ length: 5 }, (_, i) => request(i * DAY_MS, i)))
    const moved = shiftCaps(state, -7)
    expect(moved[0]).toMatchObject({
      forgotten: -7,
      times: state[0]!.times.map((time) => time - 7),
      tags: [1, 2, 3, 4],
    })
    expect(shiftCaps(state, 0)).toBe(state)
    expect(shiftCaps(NO_CAPS, 5)).toBe(NO_CAPS)
    expect(shiftCaps(moved, 7)).toEqual(state)
  })

  it('says until when a record must be kept', () => {
    expect(capsMatterUntil(NO_CAPS)).toBeNull()
    const { state } = takeAll([request(0, 1, 'a'), request(50, 2, 'b', { max: 1, windowS: 1 })])
    expect(capsMatterUntil(state)).toBe(DAY_MS)
    expect(capsMatterUntil(takeAll([request(50, 2, 'b', { max: 1, windowS: 1 })]).state)).toBe(1050)
  })

  it('tags by the first 48 bits of an id', () => {
    const id = Uint8Array.from({ length: 20 }, (_, i) => i + 1)
    expect(capTag(id)).toBe(0x0102_0304_0506)
    expect(capTag(id, 4)).toBe(0x0506_0708_090a)
    expect(capTag(new Uint8Array(16).fill(255))).toBe(2 ** 48 - 1)
  })

  it('survives JSON', () => {
    const { state } = takeAll([request(0), request(1)])
    expect(JSON.parse(JSON.stringify(state))).toEqual(state)
  })
})

/** Is there a window, anywhere, with more than max? Every window that begins at one of the times is looked at. */
function fullest(times: readonly number[], windowMs: number): number {
  return Math.max(0, ...times.map((from) => times.filter((time) => time >= from && time < from + windowMs).length))
}

describe('caps, whatever comes', () => {
  const cap = fc.record({ max: fc.integer({ min: 1, max: 4 }), windowS: fc.integer({ min: 1, max: 30 }) })
  /** Seconds since the one before; some arrive out of order, some again. */
  const history = fc.array(
    fc.record({
      campaign: fc.constantFrom('a', 'b'),
      stepS: fc.integer({ min: 0, max: 20 }),
      lateS: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 60 }) },
      ),
      again: fc.option(fc.nat(30), { nil: null, freq: 3 }),
    }),
    { maxLength: 60, size: 'max' },
  )

  it('no window holds more than max, and in order nothing is refused that had room', () => {
    fc.assert(
      fc.property(cap, cap, history, fc.boolean(), (capA, capB, steps, inOrder) => {
        let state = NO_CAPS
        let now = 0
        const named: Record<string, number[]> = { a: [], b: [] }
        steps.forEach(({ campaign, stepS, lateS }, tag) => {
          now += stepS * 1000
          const cap = campaign === 'a' ? capA : capB
          const time = inOrder ? now : now - lateS * 1000
          const before = named[campaign]!
          const answer = takeCap(state, { campaign, cap, time, tag })
          state = answer.state
          const room = fullest([...before, time], cap.windowS * 1000) <= cap.max
          if (answer.allowed) before.push(time)
          if (inOrder) expect(answer.allowed).toBe(room)
          else if (answer.allowed) expect(room).toBe(true)
          expect(fullest(before, cap.windowS * 1000)).toBeLessThanOrEqual(cap.max)
          for (const { times } of state) expect(times.length).toBeLessThanOrEqual(2 * Math.max(capA.max, capB.max))
        })
      }),
      { seed: 24, numRuns: 2_000 },
    )
  })

  it('what is delivered again within a window gets the same answer and changes nothing', () => {
    fc.assert(
      fc.property(cap, history, (cap, steps) => {
        let state = NO_CAPS
        let now = 0
        const given: { request: CapRequest; allowed: boolean }[] = []
        steps.forEach(({ campaign, stepS, again }, tag) => {
          now += stepS * 1000
          const request = { campaign, cap, time: now, tag }
          const answer = takeCap(state, request)
          state = answer.state
          given.push({ request, allowed: answer.allowed })
          const earlier = again === null ? undefined : given[given.length - 1 - again]
          if (earlier === undefined || earlier.request.time + cap.windowS * 1000 <= now) return
          const repeat = takeCap(state, earlier.request)
          expect([earlier, repeat.allowed]).toEqual([earlier, earlier.allowed])
          expect(repeat.state).toBe(state)
        })
      }),
      { seed: 25, numRuns: 3_000 },
    )
  })

  it('a history in another clock is the same history', () => {
    fc.assert(
      fc.property(cap, history, fc.integer({ min: -1e9, max: 1e9 }), (cap, steps, byMs) => {
        let here = NO_CAPS
        let there = NO_CAPS
        let now = 0
        steps.forEach(({ campaign, stepS }, tag) => {
          now += stepS * 1000
          const answer = takeCap(here, { campaign, cap, time: now, tag })
          const moved = takeCap(there, { campaign, cap, time: now + byMs, tag })
          expect(moved.allowed).toBe(answer.allowed)
          here = answer.state
          there = moved.state
        })
        expect(there).toEqual(shiftCaps(here, byMs))
      }),
      { seed: 26, numRuns: 500 },
    )
  })
})
