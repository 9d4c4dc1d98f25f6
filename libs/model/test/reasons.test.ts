import { describe, expect, it } from 'vitest'
import { PING_REASON_CODES, PING_REASONS, pingReasonCode, REASONS, REQUEST_REASONS } from '../src/index.ts'

describe('the REASONS table', () => {
  it('lets a client retry only what 408, 429 and 503 say', () => {
    for (const [code, { status, retryable }] of Object.entries(REQUEST_REASONS))
      expect({ code, retryable }).toEqual({ code, retryable: [408, 429, 503].includes(status) })
  })

  it('makes every ping’s reason final and part of a 200', () => {
    for (const [code, reason] of Object.entries(PING_REASONS))
      expect({ code, ...reason }).toMatchObject({ code, status: 200, retryable: false })
  })

  it('has no name twice and no row without help', () => {
    expect(Object.keys(REASONS)).toHaveLength(Object.keys(PING_REASONS).length + Object.keys(REQUEST_REASONS).length)
    for (const { help } of Object.values(REASONS)) expect(help.length).toBeGreaterThan(10)
  })

  it('fits ping reasons into one byte, 0 meaning none', () => {
    expect(PING_REASON_CODES[0]).toBe('ok')
    expect(PING_REASON_CODES.length).toBeLessThanOrEqual(256)
    for (const reason of Object.keys(PING_REASONS) as (keyof typeof PING_REASONS)[])
      expect(PING_REASON_CODES[pingReasonCode(reason)]).toBe(reason)
  })
})
