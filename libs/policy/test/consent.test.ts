import { Batch, PING_REASON_CODES, pingReasonCode } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { applyConsent } from '../src/index.ts'

describe('applyConsent', () => {
  it.each([
    { consent: true, minor: false, refused: null, reasons: ['ok', 'bad_coords', 'ok'] },
    { consent: false, minor: false, refused: 'no_consent', reasons: ['no_consent', 'no_consent', 'no_consent'] },
    { consent: true, minor: true, refused: 'minor', reasons: ['minor', 'minor', 'minor'] },
    { consent: false, minor: true, refused: 'minor', reasons: ['minor', 'minor', 'minor'] },
  ])('consent $consent, minor $minor: refuses as $refused', ({ consent, minor, refused, reasons }) => {
    const batch = new Batch(4)
    batch.consent = consent
    batch.minor = minor
    batch.columns.count = 3
    batch.columns.reason.set([0, pingReasonCode('bad_coords'), 0, 0])
    expect(applyConsent(batch)).toBe(refused)
    expect(Array.from(batch.columns.reason.subarray(0, 3), (code) => PING_REASON_CODES[code])).toEqual(reasons)
    expect(batch.columns.reason[3]).toBe(0)
  })
})
