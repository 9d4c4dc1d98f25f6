// The limits of unknown fields, for JSON: depth on the bytes, before JSON.parse builds anything; sizes on what it built.
import { LIMITS } from '@fencepost/model'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Does the text open more containers inside each other than LIMITS.depth? Brackets in strings do not count. */
export function isTooDeep(body: Uint8Array): boolean {
  let depth = 0
  let inString = false
  for (let p = 0; p < body.length; p++) {
    const b = body[p] as number
    if (inString) {
      if (b === BACKSLASH) p++
      else if (b === QUOTE) inString = false
    } else if (b === QUOTE) inString = true
    // [ and { differ in one bit, as do ] and }.
    else if ((b | 0x20) === 0x7b) {
      if (++depth > LIMITS.depth) return true
    } else if ((b | 0x20) === 0x7d) depth--
  }
  return false
}

/** Has every container in the value few enough items, and is every string in it short enough? */
export function fits(value: unknown): boolean {
  if (typeof value === 'string') return fitsText(value)
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.length <= LIMITS.containerItems && value.every(fits)
  const entries = Object.entries(value)
  return entries.length <= LIMITS.containerItems && entries.every(([key, item]) => fitsText(key) && fits(item))
}

/** The same for a field whose text has a limit, and a reason, of its own. */
export function fitsUnlessText(value: unknown): boolean {
  return typeof value === 'string' || fits(value)
}

export function fitsText(text: string): boolean {
  // A UTF-16 unit takes at most three bytes of UTF-8.
  return text.length * 3 <= LIMITS.stringBytes || Buffer.byteLength(text, 'utf8') <= LIMITS.stringBytes
}
