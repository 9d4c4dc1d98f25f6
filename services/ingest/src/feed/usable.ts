// Which documents of the feed a node can use. Control lets only such through; what was written past it must not stop what is right.
import { readCampaign } from '@fencepost/match/eligibility'
import type { DocChange, DocName } from '@fencepost/model'
import { VIEW_KINDS } from './feed-view.ts'

/** Tokens are control's. */
export function isOurs({ kind }: DocName): boolean {
  return kind === 'fence' || VIEW_KINDS.has(kind)
}

/** Can it be read as what its kind says? Of a fence only its frame is looked at: its geometry is checked where it is indexed. */
export function isUsable({ kind, tenant, id, body }: DocChange): boolean {
  if (body === null) return true
  try {
    const value = JSON.parse(body) as Record<string, unknown>
    if (kind === 'fence') return value['type'] === 'Feature'
    if (kind === 'key') return typeof value['hash'] === 'string'
    if (kind === 'tenant') return areRules(value)
    if (kind === 'campaign') return readCampaign(value, { tenant, id }).campaign !== null
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}

function areRules({
  consent_explicit: explicit,
  age_limit: ageLimit,
  subject_secrets: secrets,
}: Record<string, unknown>): boolean {
  return (
    (explicit === undefined || typeof explicit === 'boolean') &&
    (ageLimit === undefined || typeof ageLimit === 'number') &&
    (secrets === undefined || (Array.isArray(secrets) && secrets.every(Number.isSafeInteger)))
  )
}
