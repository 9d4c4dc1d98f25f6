// `x-fencepost-subject`: the word of a tenant's backend that a request comes from the person signed in on a device. An SDK key is in
// every phone of the tenant and proves nothing about who holds it.
import { createHmac, timingSafeEqual } from 'node:crypto'

/** A header may be good for this long ahead: one that leaks must not open the door for ever. */
export const MAX_SUBJECT_HEADER_MS = 24 * 3_600_000
const HEADER = /^(\d{1,15})\.([A-Za-z0-9_-]{43}|[0-9a-fA-F]{64})$/

/**
 * The secret that a tenant signs with, as text. Made from the root key, so that every node has it and nobody keeps it; another number
 * makes another secret.
 */
export function subjectSecret(rootKey: Uint8Array, tenant: string, number: number): string {
  return createHmac('sha256', rootKey).update(`subject secret\0${tenant}\0${number}`).digest('base64url')
}

/** The header as a tenant's backend makes it: `<expiry, epoch ms>.<HMAC-SHA256(secret, device, newline, expiry) in base64url>`. */
export function signSubject(secret: string, device: string | Uint8Array, expiresMs: number): string {
  return `${expiresMs}.${macOf(secret, device, String(expiresMs)).toString('base64url')}`
}

/**
 * Is `header` good for that device now, by one of the secrets? Takes the same time whatever is wrong with it: every secret is tried and
 * every comparison is of whole digests.
 */
export function verifySubject(
  header: string,
  {
    secrets,
    device,
    nowMs,
  }: { readonly secrets: readonly string[]; readonly device: Uint8Array; readonly nowMs: number },
): boolean {
  const match = HEADER.exec(header)
  const expiry = match?.[1] ?? '0'
  const given = match?.[2] ?? ''
  const digest = Buffer.alloc(32)
  Buffer.from(given, given.length === 64 ? 'hex' : 'base64url').copy(digest)
  let isGood = 0
  for (const secret of secrets) isGood |= timingSafeEqual(digest, macOf(secret, device, expiry)) ? 1 : 0
  const expires = Number(expiry)
  const inTime = expires > nowMs && expires <= nowMs + MAX_SUBJECT_HEADER_MS
  return match !== null && isGood === 1 && inTime
}

function macOf(secret: string, device: string | Uint8Array, expiry: string): Buffer {
  return createHmac('sha256', secret).update(device).update(`\n${expiry}`).digest()
}
