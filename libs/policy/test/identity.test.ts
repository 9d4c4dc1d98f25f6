import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createIdentities, GenerationCache, parseKey, parseKeys, pseudonymKeyId } from '../src/index.ts'

const rootKey = Buffer.alloc(32, 1)
const pseudonymKey = Buffer.alloc(32, 2)
const identities = createIdentities({ rootKey, pseudonymKey })
const of = (tenant: string, device: string | Buffer, from = identities) => {
  const bytes = Buffer.from(device as string)
  return from.of(tenant, Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]), 2, bytes.length)
}

describe('identities', () => {
  it('makes the subject by HMAC-SHA256 of tenant and device under the root key', () => {
    const expected = createHmac('sha256', rootKey).update('acme\0phone-1').digest('hex')
    expect(Buffer.from(of('acme', 'phone-1').subject).toString('hex')).toBe(expected)
  })

  it('prefixes the pseudonym with the key id and 128 bits of an HMAC of the subject', () => {
    const { subject, pseudonym } = of('acme', 'phone-1')
    const mac = createHmac('sha256', pseudonymKey).update(subject).digest().subarray(0, 16).toString('base64url')
    expect(pseudonym).toBe(`${pseudonymKeyId(pseudonymKey)}.${mac}`)
    expect(pseudonym).toMatch(/^p[0-9a-f]{6}\.[\w-]{22}$/)
  })

  it('answers the same from the cache and on another node with the same keys', () => {
    const other = createIdentities({ rootKey, pseudonymKey, cacheSize: 1 })
    for (const device of ['a', 'b', 'a', 'c', 'a']) expect(of('acme', device, other)).toEqual(of('acme', device))
  })

  it('separates tenants, devices, and devices that differ only in bytes that are no UTF-8', () => {
    const all = [
      of('acme', 'a'),
      of('acme', 'b'),
      of('other', 'a'),
      of('acme', Buffer.from([0x61, 0xff])),
      of('acme', Buffer.from([0x61, 0xfe])),
    ]
    expect(new Set(all.map((one) => one.pseudonym)).size).toBe(all.length)
    expect(new Set(all.map((one) => one.idKey.join())).size).toBe(all.length)
  })

  it('changes the pseudonym but neither subject nor id key when the pseudonym key is rotated', () => {
    const rotated = createIdentities({ rootKey, pseudonymKey: Buffer.alloc(32, 3) })
    const [before, after] = [of('acme', 'a'), of('acme', 'a', rotated)]
    expect(after.pseudonym).not.toBe(before.pseudonym)
    expect(after.subject).toEqual(before.subject)
    expect(after.idKey).toEqual(before.idKey)
  })

  it('finds what was published under keys of before, the present one first', () => {
    const newKey = Buffer.alloc(32, 3)
    const rotated = createIdentities({ rootKey, pseudonymKey: newKey, oldPseudonymKeys: [pseudonymKey] })
    const { subject, pseudonym } = of('acme', 'a')
    expect(rotated.pseudonymsOf(subject)).toEqual([of('acme', 'a', rotated).pseudonym, pseudonym])
    expect(identities.pseudonymsOf(subject)).toEqual([pseudonym])
    expect(() => createIdentities({ rootKey, pseudonymKey, oldPseudonymKeys: [pseudonymKey] })).toThrow('are the same')
    expect(() => createIdentities({ rootKey, pseudonymKey, oldPseudonymKeys: [Buffer.alloc(15)] })).toThrow('got 15')
    expect(parseKeys('K', ` ${'ab'.repeat(16)}, ${'x'.repeat(16)},`)).toEqual([
      new Uint8Array(16).fill(0xab),
      new Uint8Array(Buffer.from('x'.repeat(16))),
    ])
    expect(parseKeys('K', '')).toEqual([])
  })

  it.each([
    [15, true],
    [16, false],
  ])('with a key of %i bytes refuses: %s', (bytes, refuses) => {
    const make = () => createIdentities({ rootKey: Buffer.alloc(bytes), pseudonymKey })
    if (refuses) expect(make).toThrow('root key must have at least 16 bytes, got 15')
    else expect(make).not.toThrow()
  })

  it.each([
    ['00ff'.repeat(8), 16],
    ['sixteen letters!', 16],
    ['z'.repeat(40), 40],
  ])('reads key %j as %i bytes', (text, bytes) => {
    expect(parseKey('FENCEPOST_ROOT_KEY', text)).toHaveLength(bytes)
  })

  it('never repeats a key that is too short in its error', () => {
    expect(() => parseKey('FENCEPOST_ROOT_KEY', 'hunter2')).toThrow(
      /^FENCEPOST_ROOT_KEY must have at least 16 bytes, got 7$/,
    )
  })
})

describe('GenerationCache', () => {
  it('holds at most twice its size and keeps what is asked for', () => {
    const cache = new GenerationCache<number>(10)
    for (let i = 0; i < 1000; i++) {
      cache.set(`k${i}`, i)
      expect(cache.get('k0')).toBe(0)
      expect(cache.entries).toBeLessThanOrEqual(20)
    }
    expect(cache.get('k500')).toBeUndefined()
  })
})
