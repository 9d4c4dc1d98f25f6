// The fences and campaigns of one moment, as presence asks for them.
import { type CampaignBook, nameCampaignsOfGone } from '@fencepost/match/eligibility'
import { type FenceFacts, type FenceIndex, isSensitive } from '@fencepost/model'
import type { PresenceRules } from '@fencepost/presence'

/** Fences that one tenant's rules remember: looking one up by its id takes some microseconds. */
const REMEMBERED = 4096
/** Tenants whose rules are remembered. */
const TENANTS = 1024

/** Rules by tenant, good as long as index and book are in force. */
export function rulesOf(index: FenceIndex, book: CampaignBook): (tenant: string) => PresenceRules {
  const byTenant = new Map<string, PresenceRules>()
  return (tenant) => {
    const known = byTenant.get(tenant)
    if (known !== undefined) return known
    if (byTenant.size >= TENANTS) byTenant.clear()
    const rules = rulesFor(tenant, index, book)
    byTenant.set(tenant, rules)
    return rules
  }
}

function rulesFor(tenant: string, index: FenceIndex, book: CampaignBook): PresenceRules {
  const found = new Map<string, FenceFacts | null>()
  const find = (id: string): FenceFacts | null => {
    const known = found.get(id)
    if (known !== undefined) return known
    if (found.size >= REMEMBERED) found.clear()
    const fence = index.find(tenant, id)
    found.set(id, fence)
    return fence
  }
  const isSilent = (id: string): boolean => {
    const fence = find(id)
    return fence !== null && isSensitive(fence)
  }
  return {
    // One that has become sensitive is no longer there, and nobody is told that a visit has ended with it.
    fence: (id) => (index.hasSensitive && isSilent(id) ? null : find(id)),
    isSilent: (id) => index.hasSensitive && isSilent(id),
    campaigns: (fence) => book.of(tenant, fence),
    nameGone: (transition, visit, caps) => nameCampaignsOfGone(book, tenant, transition, visit, caps),
  }
}
