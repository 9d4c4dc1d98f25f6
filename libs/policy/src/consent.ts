// What a person agreed to, purpose by purpose, and what may be done with a batch because of it. The stricter of what the batch says and
// what was chosen before holds.
import { type Batch, type PingReason, pingReasonCode } from '@fencepost/model'
import type { PrivacyState } from './privacy-state.ts'

/** Purposes beside location, which everything else needs: analytics gets match events, marketing gets transitions. */
export const PURPOSES = ['analytics', 'marketing'] as const
export type Purpose = (typeof PURPOSES)[number]

/** Null = not named. */
export interface Purposes {
  readonly location: boolean | null
  readonly analytics: boolean | null
  readonly marketing: boolean | null
}

/** What a tenant has set for its people. */
export interface TenantRules {
  /** A purpose that is not named is not given; else it follows location. */
  readonly consentExplicit: boolean
  /** People are minors until the end of the year in which they reach it. */
  readonly ageLimit: number
}

export const DEFAULT_RULES: TenantRules = { consentExplicit: false, ageLimit: 13 }

/** Why nothing of a batch may be processed. */
export type Refusal = Extract<PingReason, 'no_consent' | 'minor' | 'restricted'>

/** What may be told of a batch that is not refused. One of a few shared objects. */
export interface Permission {
  readonly refused: Refusal | null
  readonly matches: boolean
  readonly transitions: boolean
}

const permission = (refused: Refusal | null, matches: boolean, transitions: boolean): Permission =>
  Object.freeze({ refused, matches, transitions })
const REFUSED = {
  no_consent: permission('no_consent', false, false),
  minor: permission('minor', false, false),
  restricted: permission('restricted', false, false),
}
const ALLOWED = [
  permission(null, false, false),
  permission(null, true, false),
  permission(null, false, true),
  permission(null, true, true),
]

function allowed(matches: boolean, transitions: boolean): Permission {
  return ALLOWED[(matches ? 1 : 0) + (transitions ? 2 : 0)] as Permission
}

/** What the batch's own flags permit. */
export function permittedByBatch(batch: Batch, rules: TenantRules, nowMs: number): Permission {
  if (batch.minor || (batch.birthYear !== 0 && isMinor(batch.birthYear, rules.ageLimit, nowMs))) return REFUSED.minor
  if (!batch.consent) return REFUSED.no_consent
  const unnamed = !rules.consentExplicit
  return allowed(batch.analytics ?? unnamed, batch.marketing ?? unnamed)
}

/** What is left of it by what was chosen before; null = nothing was. */
export function permitted(byBatch: Permission, stored: PrivacyState | null, rules: TenantRules): Permission {
  if (stored === null || byBatch.refused !== null) return byBatch
  if (stored.suppressed !== null) return REFUSED[stored.suppressed.why === 'minor' ? 'minor' : 'no_consent']
  const { location } = stored.purposes
  if (location === false) return REFUSED.no_consent
  if (stored.restricted) return REFUSED.restricted
  return allowed(
    byBatch.matches && isGiven(stored.purposes, 'analytics', rules),
    byBatch.transitions && isGiven(stored.purposes, 'marketing', rules),
  )
}

/** Was a purpose agreed to, as far as a stored choice says? Who has chosen nothing is held to nothing. */
export function isGiven(purposes: Purposes, purpose: Purpose, rules: TenantRules): boolean {
  const named = purposes[purpose]
  if (named !== null) return named
  return purposes.location === null || (purposes.location && !rules.consentExplicit)
}

/** A year says only that the person reached the age by the end of the year in which they did. */
export function isMinor(birthYear: number, ageLimit: number, nowMs: number): boolean {
  return new Date(nowMs).getUTCFullYear() - birthYear <= ageLimit
}

/** Refuses every ping, whatever else was wrong with it: nothing more is said or done about a person who did not agree. */
export function refuseAll({ columns }: Batch, refusal: Refusal): void {
  columns.reason.fill(pingReasonCode(refusal), 0, columns.count)
}

/** How it is decided what may be told of a batch: by its flags, then by what was chosen before. Another one is for measuring only. */
export interface PingPolicy {
  readonly ofBatch: typeof permittedByBatch
  readonly ofRecord: typeof permitted
}

export const PING_POLICY: PingPolicy = { ofBatch: permittedByBatch, ofRecord: permitted }
