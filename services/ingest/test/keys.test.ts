import { describe, expect, it } from 'vitest'
import { parseSdkKeys } from '../src/keys.ts'
import { createRateLimit } from '../src/rate-limit.ts'

describe('SDK keys', () => {
  const keys = parseSdkKeys('acme:first-key, acme:second-key,other:a:b:c')

  it.each([
    ['Bearer first-key', 'acme'],
    ['bearer second-key', 'acme'],
    ['BEARER  first-key ', 'acme'],
    ['Bearer a:b:c', 'other'],
    ['Bearer first-ke', null],
    ['Bearer ', null],
    ['first-key', null],
    ['Basic first-key', null],
    ['Bearer first-key x', null],
    ['', null],
  ])('reads %j as a key of %s', (authorization, tenant) => {
    for (let again = 0; again < 2; again++) expect(keys.find(authorization)?.tenant ?? null).toBe(tenant)
  })

  it('still knows its keys after many strangers and many spellings', () => {
    for (let i = 0; i < 10_000; i++) {
      expect(keys.find(`Bearer stranger-${i}`)).toBeNull()
      expect(keys.find(`Bearer ${' '.repeat(i % 5000)}first-key`)?.tenant).toBe('acme')
    }
  })

  it.each([
    ['acme', 'entry 1 must be tenant:key'],
    ['acme:one,:two', 'entry 2 must be tenant:key'],
    ['acme:', 'entry 1: a key has 1..256 printable characters'],
    [`acme:${'k'.repeat(257)}`, 'entry 1: a key has 1..256'],
    ['a b:key', 'entry 1 must be tenant:key'],
    ['a:key,b:key', 'entry 2 repeats the key of entry 1'],
  ])('refuses %j: %s', (list, message) => {
    expect(() => parseSdkKeys(list)).toThrow(message)
  })

  it('never repeats a key in an error', () => {
    expect(() => parseSdkKeys('a:hunter2,b:hunter2')).toThrow(/^((?!hunter2).)*$/s)
  })
})

describe('the rate limit', () => {
  it('lets a burst through, then as many a second as it says, each key on its own', () => {
    let now = 0
    const limit = createRateLimit({ keys: 2, perSecond: 2, burst: 3, clock: () => now })
    expect([1, 2, 3].map(() => limit.take(0))).toEqual([0, 0, 0])
    expect(limit.take(0)).toBe(0.5)
    expect(limit.take(1)).toBe(0)
    now = 500
    expect(limit.take(0)).toBe(0)
    expect(limit.take(0)).toBe(0.5)
    now = 60_000
    expect([1, 2, 3, 4].map(() => limit.take(0) === 0)).toEqual([true, true, true, false])
  })

  it('gives nothing and takes nothing when the clock is set back', () => {
    let now = 10_000
    const limit = createRateLimit({ keys: 1, perSecond: 1, burst: 1, clock: () => now })
    expect(limit.take(0)).toBe(0)
    now = 0
    expect(limit.take(0)).toBe(1)
    now = 1000
    expect(limit.take(0)).toBe(0)
  })

  it('is off at 0 a second', () => {
    const limit = createRateLimit({ keys: 1, perSecond: 0, burst: 1, clock: () => 0 })
    expect(Array.from({ length: 100 }, () => limit.take(0))).toEqual(new Array(100).fill(0))
  })
})
