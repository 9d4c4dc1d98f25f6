// Why did it not fire? For one ping, every fence that was looked at, by what rule it was in or out, and every campaign of those that hold it.
import { explainCampaign, type RunningCampaign } from '@fencepost/match/eligibility'
import type { FenceFacts, FenceIndex } from '@fencepost/model'
import { Problem } from './problem.ts'
import { objectOf, TENANT } from './read.ts'
import type { Route } from './routes.ts'

/** The fences and campaigns in force where it is asked. */
export interface ExplainMoment {
  readonly index: FenceIndex
  readonly feed: { readonly epoch: string; readonly seq: number }
  readonly campaignsOf: (tenant: string, fence: FenceFacts) => readonly RunningCampaign[]
}

export interface ExplainLimits {
  readonly maxPingAgeMs: number
  readonly maxPingFutureMs: number
}

export function explainRoute(
  moment: (tenant: string) => ExplainMoment | Promise<ExplainMoment>,
  limits: ExplainLimits,
  clock: () => number,
): Route {
  return {
    method: 'post',
    path: '/v1/explain',
    role: 'known',
    summary:
      'For {tenant, lat, lon, at?, accuracy?, consent?, minor?}: what was looked at, and by what rule each was in or out',
    body: { type: 'application/json', maxBytes: 64 * 1024 },
    answers: [200],
    problems: ['bad_body', 'invalid', 'forbidden'],
    async handle({ body, principal }) {
      const raw = objectOf(body)
      const tenant = raw['tenant']
      if (typeof tenant !== 'string' || !TENANT.test(tenant)) throw new Problem('invalid', 'tenant must name a tenant')
      if (principal.tenant !== null && principal.tenant !== tenant) throw new Problem('forbidden')
      const lat = within('lat', raw['lat'], 90)
      const lon = within('lon', raw['lon'], 180)
      const now = clock()
      const at = raw['at'] ?? now
      if (!Number.isSafeInteger(at)) throw new Problem('invalid', 'at must be epoch ms, an integer')
      const accuracy = raw['accuracy'] ?? null
      if (accuracy !== null && !(typeof accuracy === 'number' && accuracy >= 0))
        throw new Problem('invalid', 'accuracy must be metres, 0 or more')
      const { index, feed, campaignsOf } = await moment(tenant)
      const steps = index.explain(tenant, lon, lat)
      const time = at as number
      return {
        status: 200,
        json: {
          feed,
          door: doorOf(time, now, limits, raw['consent'], raw['minor']),
          fences: steps.map(({ fence, inside, rule, edgeM, seenBy }) => ({
            fence: { id: fence.id, version: fence.version, tenant: fence.tenant },
            inside,
            rule,
            edge_m: edgeM,
            seen_by: seenBy,
            accuracy: accuracyOf(fence, accuracy as number | null),
            expired: fence.expiresAt !== undefined && time >= fence.expiresAt,
            campaigns: inside ? campaignsOf(tenant, fence).map((campaign) => campaignOf(campaign, time)) : [],
          })),
        },
      }
    },
  }
}

/** What the ping's own time and flags say of it. */
function doorOf(at: number, now: number, limits: ExplainLimits, consent: unknown, minor: unknown): unknown {
  const stale = now - at > limits.maxPingAgeMs
  const future = at - now > limits.maxPingFutureMs
  const reason =
    minor === true ? 'minor' : consent === false ? 'no_consent' : stale ? 'stale' : future ? 'future' : null
  return { taken: reason === null, reason }
}

function accuracyOf({ border }: FenceFacts, accuracyM: number | null): unknown {
  const limit = border?.minAccuracyM
  if (limit === undefined) return { rule: 'not_asked_for' }
  return { rule: accuracyM !== null && accuracyM <= limit ? 'accurate' : 'not_accurate_enough', limit_m: limit }
}

function campaignOf({ id, campaign }: RunningCampaign, at: number): unknown {
  if (campaign === null)
    return { id, open: true, rule: 'not_kept_here', message: 'open: no campaign of this id is kept here' }
  const { open, rule, message, local, slot, changesAt } = explainCampaign(campaign, at)
  const { triggers, cap } = campaign
  return {
    id,
    open,
    rule,
    message,
    local,
    slot,
    changes_at: changesAt,
    triggers: { enter: triggers.enter, dwell_s: triggers.dwellS, exit: triggers.exit },
    // How much of it a device has used is in its record.
    cap: cap === null ? null : { max: cap.max, window_s: cap.windowS },
  }
}

function within(name: string, value: unknown, limit: number): number {
  if (typeof value !== 'number' || !(Math.abs(value) <= limit))
    throw new Problem('invalid', `${name} must be degrees within -${limit}..${limit}`)
  return value
}
