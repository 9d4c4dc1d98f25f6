// SDK keys: which tenant a request speaks for. Keys are held only as SHA-256; an unknown key is a 401 and nothing else is.
import { createHash } from 'node:crypto'

/** What a known key stands for. */
export interface SdkKey {
  readonly tenant: string
  /** Position among the keys; names the key in metrics and in the rate limit without being it. */
  readonly number: number
  /** What control calls it; null = it is of the settings. */
  readonly id: string | null
  /** It has let somebody in since `takeUsed` was last asked. */
  isUsed: boolean
}

export interface SdkKeys {
  readonly size: number
  /** Numbers that keys have had so far: the next one has this. */
  readonly numbers: number
  /** The key of an `authorization` header, or null: missing, malformed or unknown. */
  find(authorization: string): SdkKey | null
}

/** Keys that change while they are in use. Those that it was made with stay. */
export interface KeyRing extends SdkKeys {
  /** Adds the key of that id, or takes it out; `hash` is SHA-256 in base64. */
  set(id: string, key: { readonly tenant: string; readonly hash: string } | null): void
  /** Takes out all that were added. */
  clear(): void
  /** Ids of those that have let somebody in since this was last asked. */
  takeUsed(): string[]
}

/** Headers remembered so that a known one costs no hash. Only known keys get in, so strangers cannot push them out. */
const REMEMBERED_HEADERS = 4096

/**
 * Reads `tenant:key,tenant:key,…`. A tenant may have several keys; a key belongs to one tenant.
 *
 * @throws RangeError that names the entry by its position, never by its text
 */
export function parseSdkKeys(list: string): KeyRing {
  const byHash = new Map<string, SdkKey>()
  const remembered = new Map<string, SdkKey>()
  /** Hashes of added keys, by their ids. */
  const added = new Map<string, string>()
  let numbers = 0
  // Comparing with the last header costs a memcmp, looking one up a hash of it; many nodes serve one key only.
  let lastHeader = ''
  let lastKey: SdkKey | null = null
  const entries = list.split(',').map((entry) => entry.trim())
  for (const [i, entry] of entries.entries()) {
    if (entry === '') continue
    const colon = entry.indexOf(':')
    const tenant = entry.slice(0, colon)
    const key = entry.slice(colon + 1)
    if (colon < 0 || !/^[\w.-]{1,64}$/.test(tenant))
      throw new RangeError(
        `FENCEPOST_SDK_KEYS entry ${i + 1} must be tenant:key with a tenant of 1..64 letters, digits, '_', '.' or '-'`,
      )
    if (!/^[\x21-\x7e]{1,256}$/.test(key))
      throw new RangeError(`FENCEPOST_SDK_KEYS entry ${i + 1}: a key has 1..256 printable characters and no space`)
    const hash = sha256(key)
    if (byHash.has(hash))
      throw new RangeError(
        `FENCEPOST_SDK_KEYS entry ${i + 1} repeats the key of entry ${(byHash.get(hash)?.number ?? 0) + 1}`,
      )
    byHash.set(hash, { tenant, number: i, id: null, isUsed: false })
    numbers = i + 1
  }

  function takeOut(id: string): void {
    const hash = added.get(id)
    if (hash === undefined) return
    added.delete(id)
    byHash.delete(hash)
    // A key that was revoked must not be remembered by the header that it came in.
    remembered.clear()
    lastHeader = ''
    lastKey = null
  }

  return {
    get size() {
      return byHash.size
    },
    get numbers() {
      return numbers
    },
    set(id, key) {
      takeOut(id)
      if (key === null || byHash.has(key.hash)) return
      byHash.set(key.hash, { tenant: key.tenant, number: numbers++, id, isUsed: false })
      added.set(id, key.hash)
    },
    clear() {
      for (const id of [...added.keys()]) takeOut(id)
    },
    takeUsed() {
      const used: string[] = []
      for (const key of byHash.values()) {
        if (key.isUsed && key.id !== null) used.push(key.id)
        key.isUsed = false
      }
      return used
    },
    find(authorization) {
      if (authorization === lastHeader) return lastKey
      const known = remembered.get(authorization)
      if (known !== undefined) {
        lastHeader = authorization
        lastKey = known
        return known
      }
      const key = /^bearer +(\S+) *$/i.exec(authorization)?.[1]
      const found = key === undefined ? undefined : byHash.get(sha256(key))
      if (found === undefined) return null
      if (remembered.size >= REMEMBERED_HEADERS) remembered.clear()
      remembered.set(authorization, found)
      return found
    },
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
