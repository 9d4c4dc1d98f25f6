// Who a device is inside and outside: `subject` keys stores and ids and never leaves; `pseudonym` is what events carry.
import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { GenerationCache } from './generation-cache.ts'

/** A device as the pipeline knows it. Nothing in here can be turned back into the device id without the keys. */
export interface Identity {
  /** HMAC-SHA256(root key, tenant, device). Key of stores; never published, never logged. */
  readonly subject: Uint8Array
  /** Four little-endian words of a SipHash key made from `subject`: event ids are keyed by the subject. */
  readonly idKey: Uint32Array
  /** `<key id>.<22 characters of base64url>`: what events carry as `device` and what Kafka is keyed by. */
  readonly pseudonym: string
}

export interface Identities {
  /** The key id that pseudonyms made now begin with. */
  readonly keyId: string
  /** The identity of the device whose id is `length` bytes of UTF-8 at `start` of `text`. */
  of(tenant: string, text: Uint8Array, start: number, length: number): Identity
  /** Every pseudonym that the subject has or had, the present one first. */
  pseudonymsOf(subject: Uint8Array): readonly string[]
  /** The identity behind a subject that a store gave. */
  ofSubject(subject: Uint8Array): Identity
}

export interface IdentityOptions {
  /** Never rotated: ids and stores hang on it. At least 16 bytes. */
  readonly rootKey: Uint8Array
  /** Rotated by the operator; its id travels in every pseudonym. At least 16 bytes. */
  readonly pseudonymKey: Uint8Array
  /** Keys that were in use before: events of their time are found by them, and no new one is made with them. */
  readonly oldPseudonymKeys?: readonly Uint8Array[]
  /** Devices kept so that a busy one costs no HMAC: two cost about 4 us, a look-up about 0.2. */
  readonly cacheSize?: number
}

/** Fewest bytes of a key that HMAC-SHA256 is given here. */
export const MIN_KEY_BYTES = 16

/**
 * Makes identities from device ids by HMAC-SHA256 (RFC 2104). The pseudonym is made from the subject, not from the device id:
 * whoever holds only a stored subject (a sweep, an erasure) can name the device outside without knowing it.
 *
 * @throws RangeError when a key is shorter than MIN_KEY_BYTES, or two pseudonym keys are the same
 */
export function createIdentities(options: IdentityOptions): Identities {
  const rootKey = secret('root key', options.rootKey)
  const pseudonymKey = secret('pseudonym key', options.pseudonymKey)
  const keyId = pseudonymKeyId(options.pseudonymKey)
  const old = (options.oldPseudonymKeys ?? []).map((key) => ({
    id: pseudonymKeyId(key),
    key: secret('old pseudonym key', key),
  }))
  if (new Set([keyId, ...old.map(({ id }) => id)]).size !== 1 + old.length)
    throw new RangeError('two pseudonym keys are the same')
  const cache = new GenerationCache<Identity>(options.cacheSize ?? 50_000)

  return {
    keyId,
    of(tenant, text, start, length) {
      // latin1 maps every byte to one character, so two devices never share a cache key whatever their bytes are.
      const device = Buffer.from(text.buffer, text.byteOffset + start, length)
      const cacheKey = `${tenant}\0${device.toString('latin1')}`
      const known = cache.get(cacheKey)
      if (known !== undefined) return known
      const subject = createHmac('sha256', rootKey).update(tenant).update('\0').update(device).digest()
      const identity = identityOf(new Uint8Array(subject))
      cache.set(cacheKey, identity)
      return identity
    },
    pseudonymsOf: (subject) => [
      pseudonymOf(subject, keyId, pseudonymKey),
      ...old.map(({ id, key }) => pseudonymOf(subject, id, key)),
    ],
    ofSubject: identityOf,
  }

  function identityOf(subject: Uint8Array): Identity {
    return {
      subject,
      idKey: wordsOf(createHmac('sha256', rootKey).update('event id\0').update(subject).digest()),
      pseudonym: pseudonymOf(subject, keyId, pseudonymKey),
    }
  }

  function pseudonymOf(subject: Uint8Array, id: string, key: KeyObject): string {
    return `${id}.${createHmac('sha256', key).update(subject).digest().toString('base64url', 0, 16)}`
  }
}

/** The id of a pseudonym key: `p` and six hex digits of its hash, so that rotation needs no second setting. */
export function pseudonymKeyId(key: Uint8Array): string {
  return `p${createHash('sha256').update('fencepost pseudonym key id\0').update(key).digest('hex').slice(0, 6)}`
}

/**
 * The bytes of a key given as text: an even number of hex digits is read as hex, anything else as its UTF-8.
 *
 * @throws RangeError when that makes fewer than MIN_KEY_BYTES
 */
export function parseKey(name: string, text: string): Uint8Array {
  const key = /^([0-9a-f]{2}){16,}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'utf8')
  checkLength(name, key)
  return new Uint8Array(key)
}

/**
 * A list of keys, separated by commas, each as `parseKey` reads it.
 *
 * @throws RangeError when one is too short
 */
export function parseKeys(name: string, text: string): Uint8Array[] {
  const entries = text.split(',').map((entry) => entry.trim())
  return entries.filter((entry) => entry !== '').map((entry) => parseKey(name, entry))
}

function secret(name: string, key: Uint8Array): KeyObject {
  checkLength(name, key)
  return createSecretKey(key)
}

function checkLength(name: string, key: Uint8Array): void {
  if (key.length < MIN_KEY_BYTES)
    throw new RangeError(`${name} must have at least ${MIN_KEY_BYTES} bytes, got ${key.length}`)
}

function wordsOf(digest: Buffer): Uint32Array {
  return Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset))
}
