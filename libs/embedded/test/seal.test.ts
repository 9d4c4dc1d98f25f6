import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createSeal, SEAL_BYTES, SealError } from '../src/seal.ts'

const STORE_KEY = Buffer.alloc(32, 7)
const ROW = Buffer.from('row')

describe('a sealed value', () => {
  test.each([0, 1, 15, 16, 17, 5000, 100_000])('of %d bytes opens to what it was, in another process too', (length) => {
    const value = randomBytes(length)
    const sealed = createSeal(STORE_KEY).close(ROW, value)
    expect(sealed.length).toBe(length + SEAL_BYTES)
    expect(createSeal(STORE_KEY).open(ROW, sealed).equals(value)).toBe(true)
  })

  test('with any one byte changed, cut short, of another row or another key is refused', () => {
    const seal = createSeal(STORE_KEY)
    const sealed = seal.close(ROW, Buffer.from('value'))
    for (let i = 0; i < sealed.length; i++) {
      const damaged = Buffer.from(sealed)
      damaged[i] = (damaged[i] as number) ^ 1
      expect(() => seal.open(ROW, damaged), `byte ${i}`).toThrow(SealError)
      expect(() => seal.open(ROW, sealed.subarray(0, i)), `${i} bytes`).toThrow(SealError)
    }
    expect(() => seal.open(Buffer.from('rov'), sealed)).toThrow(SealError)
    expect(() => createSeal(Buffer.alloc(32, 8)).open(ROW, sealed)).toThrow(
      `a sealed value of ${sealed.length} bytes is damaged`,
    )
  })

  test('never has the nonce and session of another, not even past the counter’s end', () => {
    const seen = new Set<string>()
    for (let session = 0; session < 3; session++) {
      const seal = createSeal(STORE_KEY, 2 ** 32 - 3)
      for (let i = 0; i < 6; i++) {
        const sealed = seal.close(ROW, Buffer.from(`value ${i}`))
        seen.add(sealed.toString('hex', 0, 20))
        expect(seal.open(ROW, sealed).toString()).toBe(`value ${i}`)
      }
    }
    expect(seen.size).toBe(18)
  })

  test('of any of a thousand sessions opens, however few keys are kept', () => {
    const sealed = Array.from({ length: 1000 }, (_, i) => createSeal(STORE_KEY).close(ROW, Buffer.from(`${i}`)))
    const seal = createSeal(STORE_KEY)
    for (let round = 0; round < 2; round++)
      expect(sealed.every((one, i) => seal.open(ROW, one).toString() === `${i}`)).toBe(true)
  })
})
