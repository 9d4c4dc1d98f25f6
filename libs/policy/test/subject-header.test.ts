import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { MAX_SUBJECT_HEADER_MS, signSubject, subjectSecret, verifySubject } from '../src/index.ts'

const NOW = 1_800_000_000_000
const ROOT = Buffer.alloc(32, 1)
const SECRET = subjectSecret(ROOT, 'acme', 1)
const DEVICE = Buffer.from('phone-1')
const isGood = (header: string, more: { device?: Uint8Array; secrets?: string[]; nowMs?: number } = {}): boolean =>
  verifySubject(header, { secrets: [SECRET], device: DEVICE, nowMs: NOW, ...more })

describe('x-fencepost-subject', () => {
  const header = signSubject(SECRET, 'phone-1', NOW + 60_000)

  it('is what the README says, in base64url or hex', () => {
    const mac = createHmac('sha256', SECRET)
      .update(`phone-1\n${NOW + 60_000}`)
      .digest()
    const [expiry, digest] = header.split('.')
    expect(digest).toBe(mac.toString('base64url'))
    expect(isGood(header)).toBe(true)
    expect(isGood(`${expiry}.${mac.toString('hex')}`)).toBe(true)
  })

  it('is refused when it is forged, another device’s, another tenant’s, of another secret or malformed', () => {
    const forged = `${header.slice(0, -2)}${header.endsWith('AA') ? 'BB' : 'AA'}`
    expect(isGood(forged)).toBe(false)
    expect(isGood(header, { device: Buffer.from('phone-2') })).toBe(false)
    expect(isGood(signSubject(subjectSecret(ROOT, 'zeta', 1), 'phone-1', NOW + 60_000))).toBe(false)
    expect(isGood(signSubject(subjectSecret(ROOT, 'acme', 2), 'phone-1', NOW + 60_000))).toBe(false)
    for (const bad of [
      '',
      '.',
      'x',
      `${NOW + 60_000}.`,
      `.${header}`,
      `${header}.`,
      `${header} `,
      header.replace('.', ':'),
    ])
      expect([bad, isGood(bad)]).toEqual([bad, false])
    // A longer life under the same signature.
    expect(isGood(`${NOW + 70_000}.${header.split('.')[1]}`)).toBe(false)
  })

  it('is good until its expiry, not at it, and never for longer than a day ahead', () => {
    expect(isGood(header, { nowMs: NOW + 59_999 })).toBe(true)
    expect(isGood(header, { nowMs: NOW + 60_000 })).toBe(false)
    expect(isGood(signSubject(SECRET, 'phone-1', NOW + MAX_SUBJECT_HEADER_MS))).toBe(true)
    expect(isGood(signSubject(SECRET, 'phone-1', NOW + MAX_SUBJECT_HEADER_MS + 1))).toBe(false)
    expect(isGood(signSubject(SECRET, 'phone-1', Number.MAX_SAFE_INTEGER))).toBe(false)
  })

  it('is good by either secret while both are', () => {
    const secrets = [subjectSecret(ROOT, 'acme', 2), SECRET]
    expect(isGood(header, { secrets })).toBe(true)
    expect(isGood(header, { secrets: secrets.slice(0, 1) })).toBe(false)
  })

  it('compares whole digests by every secret, whatever is wrong: nothing is left out that would take less time', () => {
    // What takes time is counted, not timed: each check hashes once a secret.
    let hashed = 0
    const secrets = new Proxy([SECRET, SECRET], {
      get(target, name) {
        if (name === '0' || name === '1') hashed++
        return Reflect.get(target, name)
      },
    })
    for (const one of [header, 'nonsense', '', signSubject(SECRET, 'phone-2', NOW + 60_000)]) {
      hashed = 0
      isGood(one, { secrets })
      expect(hashed).toBe(2)
    }
  })
})
