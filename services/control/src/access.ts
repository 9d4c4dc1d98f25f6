// Who may do what: the owner token of the settings, and tokens of the feed with a role for one tenant or for all.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock, FenceFeed } from '@fencepost/model'

/** `privacy` stands apart: it alone sees and runs what people ask about their data, and nothing else. */
export const ROLES = ['viewer', 'editor', 'owner', 'privacy'] as const
export type Role = (typeof ROLES)[number]

export interface Principal {
  /** What the audit log calls them: never the token. */
  readonly name: string
  /** `any`: there are no tokens, and whoever reaches the port may do everything. */
  readonly role: Role | 'any'
  /** Null = every tenant. */
  readonly tenant: string | null
}

/** What is kept of a token. */
export interface TokenBody {
  readonly hash: string
  readonly label: string
  readonly role: Role
  readonly tenant: string | null
  /** Epoch ms, or null: never. */
  readonly expires: number | null
  readonly created: number
}

export interface Access {
  /** Who sent this `authorization` header; null = nobody who is known. */
  find(authorization: string): Promise<Principal | null>
}

/** Without an owner token everybody is the owner: the port is one that only this machine reaches then. */
export function createAccess(feed: FenceFeed, ownerToken: string | undefined, clock: Clock): Access {
  const owner = ownerToken === undefined ? null : hashOf(ownerToken)
  let tokens = new Map<string, { readonly id: string; readonly body: TokenBody }>()
  let readAt = ''

  /** The tokens as of the feed's head: one that is revoked is not let in again. */
  async function current(): Promise<typeof tokens> {
    const { epoch, seq } = await feed.head()
    const now = `${epoch} ${seq}`
    if (now === readAt) return tokens
    const next: typeof tokens = new Map()
    for (const { id, body } of await feed.list('token', '', '', MAX_TOKENS)) {
      const token = JSON.parse(body) as TokenBody
      next.set(token.hash, { id, body: token })
    }
    tokens = next
    readAt = now
    return next
  }

  return {
    async find(authorization) {
      if (owner === null) return { name: 'local', role: 'any', tenant: null }
      const given = /^bearer +(\S+) *$/i.exec(authorization)?.[1]
      if (given === undefined) return null
      const hash = hashOf(given)
      if (timingSafeEqual(Buffer.from(hash), Buffer.from(owner))) return { name: 'owner', role: 'owner', tenant: null }
      const token = (await current()).get(hash)
      if (token === undefined || (token.body.expires !== null && token.body.expires <= clock())) return null
      return { name: `token ${token.id}`, role: token.body.role, tenant: token.body.tenant }
    },
  }
}

export const MAX_TOKENS = 10_000

/** May they do what takes `role`, with `tenant` (null: with what is every tenant's)? */
export function allows(principal: Principal, role: Role, tenant: string | null): boolean {
  return hasRole(principal, role) && mayTouch(principal, tenant)
}

export function hasRole(principal: Principal, role: Role): boolean {
  if (principal.role === 'any' || principal.role === role) return true
  if (principal.role === 'privacy' || role === 'privacy') return false
  return ROLES.indexOf(principal.role) >= ROLES.indexOf(role)
}

/** Is a tenant's what they have to do with? */
export function mayTouch(principal: Principal, tenant: string | null): boolean {
  return principal.tenant === null || principal.tenant === tenant
}

/** SHA-256 in base64: of what is random enough that it needs no salt. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64')
}
