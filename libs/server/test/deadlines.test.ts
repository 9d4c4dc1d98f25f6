import { describe, expect, it } from 'vitest'
import { Deadlines, type Entry } from '../src/deadlines.ts'

function wheel(slots = 8) {
  const expired: string[] = []
  const deadlines = new Deadlines(100, 0, slots)
  const entry = (name: string, onExpire = () => {}): Entry => ({
    dueTick: 0,
    slot: -1,
    previous: null,
    next: null,
    expire() {
      expired.push(name)
      onExpire()
    },
  })
  return { deadlines, expired, entry }
}

describe('the deadline wheel', () => {
  it('expires an entry at the first tick at or after its deadline, never before', () => {
    const { deadlines, expired, entry } = wheel()
    deadlines.add(entry('a'), 50, 200)
    deadlines.advance(249)
    expect(expired).toEqual([])
    deadlines.advance(299)
    expect(expired).toEqual([])
    deadlines.advance(300)
    expect(expired).toEqual(['a'])
    expect(deadlines.size).toBe(0)
  })

  it('leaves an entry that is further ahead than one turn for a later turn', () => {
    const { deadlines, expired, entry } = wheel(8)
    deadlines.add(entry('far'), 0, 2000)
    for (let now = 100; now < 2000; now += 100) deadlines.advance(now)
    expect(expired).toEqual([])
    deadlines.advance(2000)
    expect(expired).toEqual(['far'])
  })

  it('expires everything that is due after a long pause', () => {
    const { deadlines, expired, entry } = wheel(8)
    for (const ms of [100, 500, 900, 5000]) deadlines.add(entry(String(ms)), 0, ms)
    deadlines.advance(4900)
    expect(expired.sort()).toEqual(['100', '500', '900'])
    deadlines.advance(1_000_000)
    expect(expired).toContain('5000')
  })

  it('does not expire what was removed, not even by another entry of the same tick', () => {
    const { deadlines, expired, entry } = wheel()
    const b = entry('b')
    deadlines.add(b, 0, 100)
    deadlines.add(
      entry('a', () => deadlines.remove(b)),
      0,
      100,
    )
    deadlines.advance(100)
    expect(expired).toEqual(['a'])
    deadlines.remove(b)
    expect(deadlines.size).toBe(0)
  })

  it('takes an entry whose deadline has passed already at the next tick', () => {
    const { deadlines, expired, entry } = wheel()
    deadlines.advance(1000)
    deadlines.add(entry('late'), 500, 0)
    deadlines.advance(1050)
    expect(expired).toEqual([])
    deadlines.advance(1100)
    expect(expired).toEqual(['late'])
  })
})
