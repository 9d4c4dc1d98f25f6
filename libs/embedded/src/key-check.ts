// Says whether a folder is encrypted, and with which key, before anything in it is read: a salt and an HMAC of the key, never the key.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeOnce } from './data-folder.ts'
import { DATA_FILE } from './environment.ts'
import { STORE_KEY_BYTES } from './seal.ts'

const CHECK_FILE = 'key-check'
const SALT_BYTES = 16
const LABEL = 'fencepost store key'

/**
 * Reads a store's key as a setting gives it.
 *
 * @throws RangeError when it is not 64 hex digits
 */
export function parseStoreKey(name: string, text: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new RangeError(`${name} must be 64 hex digits (openssl rand -hex 32), got ${text.length} characters`)
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/**
 * Refuses a key that is not the folder's, none for a folder that is encrypted, and one for a folder whose data are not. A folder without data
 * becomes encrypted when a key is given. Throws an Error that says what to do.
 */
export function checkStoreKey(folder: string, key: Uint8Array | undefined): void {
  if (key !== undefined && key.length !== STORE_KEY_BYTES)
    throw new RangeError(`the key of a store must have ${STORE_KEY_BYTES} bytes, got ${key.length}`)
  const path = join(folder, CHECK_FILE)
  if (!existsSync(path)) {
    if (key === undefined) return
    if (existsSync(join(folder, DATA_FILE)))
      throw new Error(`${folder} has data that are not encrypted: start without a key, or move it away to begin anew`)
    const salt = randomBytes(SALT_BYTES)
    writeOnce(path, `${salt.toString('hex')} ${macOf(key, salt).toString('hex')}\n`)
  }
  if (key === undefined) throw new Error(`${folder} is encrypted: start with the key that it was made with`)
  const [, salt, mac] = /^([0-9a-f]{32}) ([0-9a-f]{64})\n$/.exec(readFileSync(path, 'utf8')) ?? []
  if (salt === undefined || mac === undefined) throw new Error(`${path} is damaged: restore it from a backup`)
  if (!timingSafeEqual(macOf(key, Buffer.from(salt, 'hex')), Buffer.from(mac, 'hex')))
    throw new Error(`${folder} is encrypted with another key: start with the key that it was made with`)
}

function macOf(key: Uint8Array, salt: Buffer): Buffer {
  return createHmac('sha256', key).update(LABEL).update(salt).digest()
}
