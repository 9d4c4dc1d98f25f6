// Values that only the key's holder can read or make: AES-256-GCM, bound to the row they lie in. LMDB's own encryption is not used: it makes its
// key stream of the page's number alone, so that two states of a page give away what differs.
// A sealed value: salt (16 bytes) of the session that wrote it, counter (4), tag (16), the value. Each session has a key of its own, made of the
// store's key and the salt, so that a counter is a nonce that never comes again.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { DamagedError } from './damage.ts'

export interface Seal {
  /** The value as it may lie on the disk, under `key`. */
  close(key: Buffer, value: Buffer): Buffer
  /** The value that was closed under `key`. Throws a SealError when it is another. */
  open(key: Buffer, sealed: Buffer): Buffer
}

/** A value that was not written under this key, in this row, or is damaged. */
export class SealError extends DamagedError {
  /** Bytes of the sealed value. */
  readonly bytes: number
  constructor(bytes: number) {
    super(`a sealed value of ${bytes} bytes is damaged`)
    this.bytes = bytes
  }
}

export const STORE_KEY_BYTES = 32
const SALT_BYTES = 16
const COUNTER_BYTES = 4
const TAG_BYTES = 16
/** What sealing adds to a value. */
export const SEAL_BYTES = SALT_BYTES + COUNTER_BYTES + TAG_BYTES
const NONCE_BYTES = 12
const MAX_COUNTER = 2 ** 32 - 1
/** Keys of sessions that are kept at hand; one a start of the process. */
const KEPT_SESSIONS = 256
const CIPHER = 'aes-256-gcm'

/** @param firstCounter for tests of the counter's end */
export function createSeal(storeKey: Uint8Array, firstCounter = 0): Seal {
  const sessions = new Map<string, Uint8Array>()
  let salt = randomBytes(SALT_BYTES)
  let counter = firstCounter

  function sessionKey(of: Buffer): Uint8Array {
    const name = of.toString('latin1')
    const known = sessions.get(name)
    if (known !== undefined) return known
    const made = new Uint8Array(hkdfSync('sha256', storeKey, of, 'fencepost store values', STORE_KEY_BYTES))
    const [oldest] = sessions.keys()
    if (sessions.size >= KEPT_SESSIONS && oldest !== undefined) sessions.delete(oldest)
    sessions.set(name, made)
    return made
  }

  return {
    close(key, value) {
      if (counter > MAX_COUNTER) {
        salt = randomBytes(SALT_BYTES)
        counter = 0
      }
      // Never from Node's shared pool: the store reads these bytes in another thread.
      const sealed = Buffer.allocUnsafeSlow(SEAL_BYTES + value.length)
      salt.copy(sealed)
      sealed.writeUInt32BE(counter++, SALT_BYTES)
      const cipher = createCipheriv(CIPHER, sessionKey(salt), nonceOf(sealed), { authTagLength: TAG_BYTES })
      cipher.setAAD(key)
      cipher.update(value).copy(sealed, SEAL_BYTES)
      cipher.final()
      cipher.getAuthTag().copy(sealed, SALT_BYTES + COUNTER_BYTES)
      return sealed
    },
    open(key, sealed) {
      if (sealed.length < SEAL_BYTES) throw new SealError(sealed.length)
      const of = sealed.subarray(0, SALT_BYTES)
      const decipher = createDecipheriv(CIPHER, sessionKey(of), nonceOf(sealed), { authTagLength: TAG_BYTES })
      decipher.setAAD(key)
      decipher.setAuthTag(sealed.subarray(SALT_BYTES + COUNTER_BYTES, SEAL_BYTES))
      const value = decipher.update(sealed.subarray(SEAL_BYTES))
      try {
        decipher.final()
      } catch {
        throw new SealError(sealed.length)
      }
      return value
    },
  }
}

function nonceOf(sealed: Buffer): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  sealed.copy(nonce, NONCE_BYTES - COUNTER_BYTES, SALT_BYTES, SALT_BYTES + COUNTER_BYTES)
  return nonce
}
