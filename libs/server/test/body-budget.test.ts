import { seededRandom } from '@fencepost/testbed/random'
import { describe, expect, it } from 'vitest'
import { SHED_WORK } from '../src/body-budget.ts'
import { createBodyBudget, type Reservation } from '../src/index.ts'

function budgetAt(options: { maxBytes: number; largeBytes?: number; smallShare?: number; shedIdleMs?: number }) {
  const clock = { now: 0 }
  return { clock, budget: createBodyBudget({ ...options, now: () => clock.now }) }
}

describe('a body budget', () => {
  it('promises up to its last byte and not one more', () => {
    const { budget } = budgetAt({ maxBytes: 100 })
    expect(budget.reserve(60)).not.toBeNull()
    expect(budget.reserve(41)).toBeNull()
    expect(budget.reserve(40)).not.toBeNull()
    expect(budget.reserve(0)).not.toBeNull()
    expect(budget.reserve(1)).toBeNull()
    expect(budget.reserved).toBe(100)
    expect(budget.refused).toBe(2)
  })

  it('gets a reservation back once, however often it is released', () => {
    const { budget } = budgetAt({ maxBytes: 100 })
    const kept = budget.reserve(30)
    const released = budget.reserve(30)!
    released.release()
    released.release()
    expect(budget.reserved).toBe(30)
    expect(released.resize(10)).toBe(false)
    released.collecting(() => {})
    expect(budget.collecting).toBe(0)
    kept?.release()
    expect(budget.reserved).toBe(0)
  })

  it('always shrinks a reservation and grows it only into free room', () => {
    const { budget } = budgetAt({ maxBytes: 100 })
    const reservation = budget.reserve(50)!
    expect(reservation.resize(101)).toBe(false)
    expect(reservation.bytes).toBe(50)
    expect(reservation.resize(100)).toBe(true)
    expect(reservation.resize(10)).toBe(true)
    expect(budget.reserved).toBe(10)
  })

  it('keeps the small share free of large bodies while they are collected', () => {
    const { budget } = budgetAt({ maxBytes: 100, largeBytes: 10, smallShare: 0.6 })
    const large = budget.reserve(40)!
    expect(budget.reserve(11)).toBeNull()
    expect(budget.reserve(10)).not.toBeNull()
    expect(budget.largeReserved).toBe(40)
    large.collected()
    expect(budget.largeReserved).toBe(0)
    expect(budget.reserve(11)).not.toBeNull()
    expect(budget.reserved).toBe(61)
  })

  it('sheds the bodies that have been idle longest, and no more of them than it needs', () => {
    const { budget, clock } = budgetAt({ maxBytes: 100, shedIdleMs: 250 })
    const shed: string[] = []
    const bodies = ['a', 'b', 'c', 'd'].map((name, i) => {
      clock.now = i
      const body = budget.reserve(25)!
      body.collecting(() => shed.push(name))
      return body
    })
    clock.now = 10
    bodies[0]?.touch()
    clock.now = 251
    expect(budget.reserve(26)).toBeNull()
    clock.now = 252
    expect(budget.reserve(26)).not.toBeNull()
    expect(shed).toEqual(['b', 'c'])
    expect(budget.shed).toBe(2)
    expect(budget.reserved).toBe(76)
  })

  it('sheds nobody when that would not make enough room', () => {
    const { budget, clock } = budgetAt({ maxBytes: 100 })
    budget.reserve(80)
    budget.reserve(10)?.collecting(() => expect.unreachable())
    clock.now = 1000
    expect(budget.reserve(21)).toBeNull()
    expect(budget.reserve(101)).toBeNull()
    expect(budget.shed).toBe(0)
  })

  it('sheds large bodies before small ones, and only large ones for the share of large ones', () => {
    const { budget, clock } = budgetAt({ maxBytes: 100, largeBytes: 10, smallShare: 0.5 })
    const shed: string[] = []
    budget.reserve(10)?.collecting(() => shed.push('small'))
    budget.reserve(30)?.collecting(() => shed.push('large 1'))
    budget.reserve(20)?.collecting(() => shed.push('large 2'))
    clock.now = 1000
    expect(budget.reserve(20)).not.toBeNull()
    expect(shed).toEqual(['large 1'])
    budget.reserve(10)
    budget.reserve(10)
    budget.reserve(10)
    budget.reserve(10)
    expect(budget.reserved).toBe(90)
    expect(budget.reserve(10)).not.toBeNull()
    expect(budget.reserve(10)).not.toBeNull()
    expect(shed).toEqual(['large 1', 'large 2'])
  })

  it('never sheds a body that is whole', () => {
    const { budget, clock } = budgetAt({ maxBytes: 100 })
    const body = budget.reserve(100)!
    body.collecting(() => expect.unreachable())
    body.collected()
    clock.now = 1000
    expect(budget.reserve(1)).toBeNull()
  })

  it.each([
    [SHED_WORK, true],
    [SHED_WORK + 1, false],
  ])('looks at a bounded number of idle bodies: needing %i of them -> %s', (needed, made) => {
    const { budget, clock } = budgetAt({ maxBytes: 1000 })
    for (let i = 0; i < 1000; i++) budget.reserve(1)?.collecting(() => {})
    clock.now = 1000
    expect(budget.reserve(needed) !== null).toBe(made)
    expect(budget.reserved).toBe(1000)
  })

  it('counts right when a shed body’s callback reserves and releases', () => {
    const { budget, clock } = budgetAt({ maxBytes: 100 })
    let inner: Reservation | null = null
    const body = budget.reserve(100)!
    body.collecting(() => {
      body.release()
      inner = budget.reserve(80)
    })
    clock.now = 1000
    expect(budget.reserve(30)).toBeNull()
    expect(inner).not.toBeNull()
    expect(budget.reserved).toBe(80)
  })

  it('is exact through 20,000 random steps: the sum of what is out, never below zero, never above the limit', () => {
    const random = seededRandom(7)
    const { budget, clock } = budgetAt({ maxBytes: 50_000, largeBytes: 500, smallShare: 0.4 })
    const out = new Set<Reservation>()
    const anyOf = (): Reservation | undefined => [...out][Math.floor(random() * out.size)]
    for (let step = 0; step < 20_000; step++) {
      clock.now += random() * 20
      const dice = random()
      if (dice < 0.45) {
        const made = budget.reserve(Math.floor(random() ** 3 * 3000))
        if (made !== null) {
          out.add(made)
          if (random() < 0.7) made.collecting(() => out.delete(made))
        }
      } else if (dice < 0.6) {
        const released = anyOf()
        released?.release()
        if (released !== undefined) out.delete(released)
      } else if (dice < 0.75) anyOf()?.resize(Math.floor(random() * 2000))
      else if (dice < 0.9) anyOf()?.touch()
      else anyOf()?.collected()
      let sum = 0
      for (const { bytes } of out) sum += bytes
      if (budget.reserved !== sum || sum > 50_000 || budget.largeReserved < 0 || budget.largeReserved > 30_000)
        expect.unreachable(`step ${step}: ${budget.reserved} promised, ${sum} out, ${budget.largeReserved} large`)
    }
    expect(budget.shed).toBeGreaterThan(100)
    for (const reservation of out) reservation.release()
    expect([budget.reserved, budget.largeReserved, budget.collecting]).toEqual([0, 0, 0])
  })

  it.each([
    [{ maxBytes: 0 }],
    [{ maxBytes: 1.5 }],
    [{ maxBytes: Number.NaN }],
    [{ maxBytes: 10, largeBytes: -1 }],
    [{ maxBytes: 10, smallShare: 1.1 }],
    [{ maxBytes: 10, shedIdleMs: -1 }],
  ])('refuses options that make no sense: %j', (options) => {
    expect(() => createBodyBudget(options)).toThrow(RangeError)
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses to promise %d bytes', (bytes) => {
    const { budget } = budgetAt({ maxBytes: 10 })
    expect(() => budget.reserve(bytes)).toThrow(RangeError)
    expect(() => budget.reserve(1)?.resize(bytes)).toThrow(RangeError)
  })
})
