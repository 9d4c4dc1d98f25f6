// Why did it not fire? For one ping, every fence that was looked at, by what rule it was in or out, and every campaign of those that hold it.
import { explainCampaign, type RunningCampaign } from '@fencepost/match/eligibility'
import { type FenceFacts, type FenceIndex, isSensitive, type MatchStep } from '@fencepost/model'
import { hasRole, type Principal } from './access.ts'
import type { PrivacyKit } from './privacy.ts'
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

/** What the record of one device adds: what its person has chosen, and what campaigns have used up with it. */
interface Person {
  readonly consent: unknown
  readonly caps: readonly { readonly campaign: string; readonly times: readonly number[] }[]
}

export function explainRoute({
  moment,
  limits,
  clock,
  kit,
  note,
}: {
  readonly moment: (tenant: string) => ExplainMoment | Promise<ExplainMoment>
  readonly limits: ExplainLimits
  readonly clock: () => number
  /** Null: there are no records to look into. */
  readonly kit: PrivacyKit | null
  /** Writes into the audit log that somebody has looked at personal data. */
  readonly note: (principal: Principal, what: string, tenant: string) => Promise<unknown>
}): Route {
  /** Personal data: only for the role that may see them, and told to the audit log first. */
  async function personOf(principal: Principal, tenant: string, device: unknown): Promise<Person | null> {
    if (device === undefined) return null
    if (typeof device !== 'string' || device === '')
      throw new Problem('invalid', 'device must be an id of 1..128 bytes')
    if (kit === null) throw new Problem('invalid', 'no records of devices can be reached here')
    if (!hasRole(principal, 'privacy')) throw new Problem('forbidden', 'to look at a device takes the role privacy')
    await note(principal, 'explain for a device', tenant)
    return (await kit.holdings.record(kit.subjectOf(tenant, device))) as unknown as Person
  }

  return {
    method: 'post',
    path: '/v1/explain',
    role: 'known',
    summary:
      'For {tenant, lat, lon, at?, accuracy?, consent?, minor?, device?}: what was looked at, and by what rule each was in or out; with a device (role privacy) also its stored consent and used caps',
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
      const person = await personOf(principal, tenant, raw['device'])
      const { index, feed, campaignsOf } = await moment(tenant)
      const steps = index.explain(tenant, lon, lat)
      const time = at as number
      const silenced = steps.some(({ fence, inside }) => inside && isSensitive(fence) && !isExpired(fence, time))
      return {
        status: 200,
        json: {
          feed,
          door: doorOf(time, now, limits, { consent: raw['consent'], minor: raw['minor'], silenced }),
          ...(person === null ? {} : { consent: person.consent }),
          fences: steps.map((step) => ({
            ...placeOf(step, tenant, time),
            accuracy: accuracyOf(step.fence, accuracy as number | null),
            campaigns:
              step.inside && !isSensitive(step.fence)
                ? campaignsOf(tenant, step.fence).map((campaign) => campaignOf(campaign, time, person))
                : [],
          })),
        },
      }
    },
  }
}

/** What the ping's own time and flags say of it. */
function doorOf(
  at: number,
  now: number,
  limits: ExplainLimits,
  { consent, minor, silenced }: { readonly consent: unknown; readonly minor: unknown; readonly silenced: boolean },
): unknown {
  const location =
    typeof consent === 'object' && consent !== null ? (consent as { location?: unknown }).location : consent
  const stale = now - at > limits.maxPingAgeMs
  const future = at - now > limits.maxPingFutureMs
  const reason =
    minor === true
      ? 'minor'
      : location === false
        ? 'no_consent'
        : stale
          ? 'stale'
          : future
            ? 'future'
            : silenced
              ? 'sensitive_place'
              : null
  return { taken: reason === null, reason }
}

function isExpired({ expiresAt }: FenceFacts, at: number): boolean {
  return expiresAt !== undefined && at >= expiresAt
}

/** Of another tenant's sensitive place not even its name is told. */
function placeOf({ fence, inside, rule, edgeM, seenBy }: MatchStep, tenant: string, at: number): object {
  const isOthers = fence.tenant !== null && fence.tenant !== tenant
  return {
    fence: isOthers ? null : { id: fence.id, version: fence.version, tenant: fence.tenant },
    ...(isSensitive(fence) ? { sensitive: true } : {}),
    inside,
    rule,
    edge_m: isOthers ? null : edgeM,
    seen_by: seenBy,
    expired: isExpired(fence, at),
  }
}

function accuracyOf({ border }: FenceFacts, accuracyM: number | null): unknown {
  const limit = border?.minAccuracyM
  if (limit === undefined) return { rule: 'not_asked_for' }
  return { rule: accuracyM !== null && accuracyM <= limit ? 'accurate' : 'not_accurate_enough', limit_m: limit }
}

function campaignOf({ id, campaign }: RunningCampaign, at: number, person: Person | null): unknown {
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
    cap: cap === null ? null : { max: cap.max, window_s: cap.windowS, ...usedOf(id, cap.windowS, at, person) },
  }
}

function within(name: string, value: unknown, limit: number): number {
  if (typeof value !== 'number' || !(Math.abs(value) <= limit))
    throw new Problem('invalid', `${name} must be degrees within -${limit}..${limit}`)
  return value
}

/** Times by the phone's clock, which may differ from the one of `at`. */
function usedOf(campaign: string, windowS: number, at: number, person: Person | null): { readonly used?: number } {
  if (person === null) return {}
  const times = (person.caps ?? []).find((one) => one.campaign === campaign)?.times ?? []
  return { used: times.filter((time) => time > at - windowS * 1000 && time <= at).length }
}
