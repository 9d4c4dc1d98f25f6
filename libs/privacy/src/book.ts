// Where requests are kept: in a store of records like those of devices, all in one bucket, so that its due-list is the queue of jobs.
import { randomBytes } from 'node:crypto'
import { type PresenceStore, StoreError, VERSION_LENGTH } from '@fencepost/model'
import { decodeRequest, encodeRequest, type PrivacyRequest } from './request.ts'

/** A request as it was read. */
export interface KnownRequest {
  readonly version: string
  readonly request: PrivacyRequest
}

export interface RequestBook {
  /** Keeps a new one; it is due at once. Rejects with a StoreError. */
  add(request: PrivacyRequest): Promise<void>
  /** Null = there is none of that id. */
  get(id: string): Promise<KnownRequest | null>
  /** Writes what became of it, to be looked at again at `dueMs` (null = it is done). Null = somebody else has moved it meanwhile. */
  move(known: KnownRequest, next: PrivacyRequest, dueMs: number | null): Promise<KnownRequest | null>
  /** Those that are due, the longest due first. */
  due(now: number, limit: number): Promise<KnownRequest[]>
  /** All that are kept, at most `limit`, in no order. */
  list(limit: number): Promise<PrivacyRequest[]>
}

/** Before the keys of requests, where they share a store of keys with the records. */
export const REQUESTS_PREFIX = 'fencepost:requests'

/** Every id begins with it, so that all lie in one bucket. */
const BUCKET = 0
const ID_BYTES = 15
const PAGE = 500

export function newRequestId(): string {
  return `r_${randomBytes(ID_BYTES).toString('base64url')}`
}

/** @param keptMs how long a request is kept after it was created */
export function createRequestBook(store: PresenceStore, keptMs: number): RequestBook {
  const nextVersion = (): string => randomBytes(VERSION_LENGTH).toString('base64url').slice(0, VERSION_LENGTH)

  async function get(id: string): Promise<KnownRequest | null> {
    const key = keyOf(id)
    const stored = key === null ? null : await store.read(key)
    return stored === null ? null : { version: stored.version, request: decodeRequest(stored.bytes) }
  }

  async function write(expected: string | null, request: PrivacyRequest, dueMs: number | null): Promise<string | null> {
    const version = nextVersion()
    const outcome = await store.write(keyOf(request.id) as Uint8Array, expected, {
      version,
      bytes: encodeRequest(request),
      dueMs,
      expiresMs: request.created + keptMs,
    })
    return outcome === null ? version : null
  }

  return {
    async add(request) {
      if ((await write(null, request, request.finished === null ? request.created : null)) === null)
        throw new StoreError('unavailable', 'there is a request of that id already')
    },
    get,
    async move({ version }, next, dueMs) {
      const written = await write(version, next, dueMs)
      return written === null ? null : { version: written, request: next }
    },
    async due(now, limit) {
      const keys = await store.due(BUCKET, now, limit)
      const found = await Promise.all(keys.map((key) => get(idOf(key))))
      return found.filter((one) => one !== null)
    },
    async list(limit) {
      const found: PrivacyRequest[] = []
      for (let cursor: string | null = ''; cursor !== null && found.length < limit; ) {
        const page: Awaited<ReturnType<PresenceStore['scan']>> = await store.scan(cursor, PAGE)
        for (const key of page.subjects) {
          const one = await get(idOf(key))
          if (one !== null && found.length < limit) found.push(one.request)
        }
        cursor = page.next
      }
      return found
    },
  }
}

function keyOf(id: string): Uint8Array | null {
  if (!/^r_[A-Za-z0-9_-]{20}$/.test(id)) return null
  return new Uint8Array([BUCKET, ...Buffer.from(id.slice(2), 'base64url')])
}

function idOf(key: Uint8Array): string {
  return `r_${Buffer.from(key.subarray(1)).toString('base64url')}`
}
