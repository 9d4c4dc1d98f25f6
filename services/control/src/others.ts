// Tenants, campaigns, SDK keys, admin tokens, the audit log, and how far the nodes are.
import { randomBytes } from 'node:crypto'
import { campaignJson, readCampaign } from '@fencepost/match/eligibility'
import type { Clock, Doc, DocKind, DocName, FenceFeed, NodeReport } from '@fencepost/model'
import { DEFAULT_RULES } from '@fencepost/policy'
import { hashOf, ROLES, type Role, type TokenBody } from './access.ts'
import { createDocuments, type Documents } from './documents.ts'
import { Problem } from './problem.ts'
import { etagOf, limitOf, nameOf, numberOf, objectOf, objectOrNothing, TENANT, tenantOf } from './read.ts'
import type { Answer, Request, Route } from './routes.ts'
import type { Writer } from './writer.ts'

export interface OtherRoutesParts {
  readonly feed: FenceFeed
  readonly writer: Writer
  readonly clock: Clock
}

const SMALL = 64 * 1024
const MAX_LABEL = 200
const MAX_PAGE = 1000
/** Nobody under 13 is processed, whatever a tenant sets. */
const MIN_AGE_LIMIT = DEFAULT_RULES.ageLimit
const MAX_AGE_LIMIT = 21
/** Longest that a caller may wait for all nodes. */
const MAX_WAIT_MS = 30_000
const LOOK_MS = 20

export function otherRoutes(parts: OtherRoutesParts): Route[] {
  return [
    ...tenantRoutes(parts),
    ...campaignRoutes(parts),
    ...keyRoutes(parts),
    ...tokenRoutes(parts),
    ...feedRoutes(parts),
  ]
}

function tenantRoutes({ feed, writer, clock }: OtherRoutesParts): Route[] {
  const name = (tenant: string): DocName => ({ kind: 'tenant', tenant, id: tenant })
  return [
    {
      method: 'put',
      path: '/v1/tenants/:tenant',
      role: 'owner',
      summary:
        'Names a tenant and sets its rules: {name?, consent_explicit?, age_limit?}; tenants that have none work all the same',
      body: { type: 'application/json', maxBytes: SMALL },
      answers: [200, 201],
      problems: ['bad_body', 'invalid', 'forbidden', 'unavailable'],
      async handle({ params, body, principal }) {
        const tenant = tenantOf(params)
        const raw = objectOrNothing(body)
        const label = labelOf(raw['name'], 'name')
        const rules = tenantRulesOf(raw)
        let created = false
        const seq = await writer.write(principal, { what: 'put tenant', tenant }, async () => {
          const before = await feed.get(name(tenant))
          created = before === null
          const kept = (before === null ? {} : JSON.parse(before.body)) as Record<string, unknown>
          const made = { ...kept, name: label, created: kept['created'] ?? clock(), ...rules }
          return [{ ...name(tenant), body: JSON.stringify(made) }]
        })
        return { status: created ? 201 : 200, json: { seq } }
      },
    },
    {
      method: 'get',
      path: '/v1/tenants/:tenant',
      role: 'viewer',
      summary: 'What a tenant is called',
      answers: [200],
      problems: ['not_found', 'unavailable'],
      async handle({ params }) {
        const tenant = tenantOf(params)
        const doc = await feed.get(name(tenant))
        if (doc === null) throw new Problem('not_found')
        return { status: 200, json: { tenant, ...(JSON.parse(doc.body) as object) }, etag: etagOf(doc.seq) }
      },
    },
  ]
}

/** What the tenant has set for its people; what is absent is as by default. */
function tenantRulesOf(raw: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const explicit = raw['consent_explicit'] ?? DEFAULT_RULES.consentExplicit
  if (typeof explicit !== 'boolean') throw new Problem('invalid', 'consent_explicit must be true or false')
  const ageLimit = raw['age_limit'] ?? DEFAULT_RULES.ageLimit
  if (!Number.isInteger(ageLimit) || (ageLimit as number) < MIN_AGE_LIMIT || (ageLimit as number) > MAX_AGE_LIMIT)
    throw new Problem('invalid', `age_limit must be ${MIN_AGE_LIMIT}..${MAX_AGE_LIMIT} years`)
  return { consent_explicit: explicit, age_limit: ageLimit }
}

function campaignRoutes({ feed, writer }: OtherRoutesParts): Route[] {
  const one = '/v1/tenants/:tenant/campaigns/:id'
  const documents = createDocuments(feed, writer)
  const from = ({ params }: Request): DocName => ({ kind: 'campaign', tenant: tenantOf(params), id: nameOf(params) })
  return [
    {
      method: 'put',
      path: one,
      role: 'editor',
      summary: 'Adds a campaign, or takes it in place of the one of that id',
      body: { type: 'application/json', maxBytes: 4 * 1024 * 1024 },
      answers: [200, 201],
      problems: ['bad_body', 'invalid', 'forbidden', 'precondition_failed', 'unavailable'],
      async handle(request) {
        const name = from(request)
        const { campaign, problems } = readCampaign(objectOf(request.body), { tenant: name.tenant, id: name.id })
        if (campaign === null) {
          const first = problems[0]
          throw new Problem('invalid', first === undefined ? undefined : `${first.place}: ${first.message}`, {
            faults: problems,
          })
        }
        return documents.put(request, name, JSON.stringify(campaignJson(campaign)))
      },
    },
    {
      method: 'get',
      path: one,
      role: 'viewer',
      summary: 'One campaign, with every default filled in',
      answers: [200],
      problems: ['not_found', 'unavailable'],
      async handle(request) {
        const doc = await feed.get(from(request))
        if (doc === null) throw new Problem('not_found')
        return { status: 200, json: JSON.parse(doc.body), etag: etagOf(doc.seq) }
      },
    },
    {
      method: 'delete',
      path: one,
      role: 'editor',
      summary: 'Removes a campaign',
      answers: [200],
      problems: ['not_found', 'forbidden', 'precondition_failed', 'unavailable'],
      async handle(request) {
        return documents.remove(request, from(request))
      },
    },
    listRoute(feed, '/v1/tenants/:tenant/campaigns', 'campaign', 'Campaigns by id', ({ body }) => JSON.parse(body)),
  ]
}

interface KeyBody {
  readonly hash: string
  readonly label: string
  readonly created: number
}

function keyRoutes({ feed, writer, clock }: OtherRoutesParts): Route[] {
  return [
    {
      method: 'post',
      path: '/v1/tenants/:tenant/keys',
      role: 'editor',
      summary: 'Makes an SDK key; this answer is the only place that ever shows it',
      body: { type: 'application/json', maxBytes: SMALL },
      answers: [201],
      problems: ['bad_body', 'invalid', 'forbidden', 'unavailable'],
      async handle({ params, body, principal }) {
        const tenant = tenantOf(params)
        const label = labelOf(objectOrNothing(body)['label'], 'label')
        const id = `k_${randomBytes(9).toString('base64url')}`
        const key = `fpk_${randomBytes(24).toString('base64url')}`
        const kept: KeyBody = { hash: hashOf(key), label, created: clock() }
        const seq = await writer.write(principal, { what: `create key ${id}`, tenant }, () => [
          { kind: 'key', tenant, id, body: JSON.stringify(kept) },
        ])
        return { status: 201, json: { seq, key_id: id, key, label, tenant } }
      },
    },
    removal(
      createDocuments(feed, writer),
      '/v1/tenants/:tenant/keys/:id',
      'key',
      'editor',
      'Revokes an SDK key on every node',
    ),
    {
      ...listRoute(
        feed,
        '/v1/tenants/:tenant/keys',
        'key',
        'SDK keys, without their secrets, and when they were used last',
        () => null,
      ),
      async handle({ params, query }): Promise<Answer> {
        const limit = limitOf(query['limit'], 100, MAX_PAGE)
        const docs = await feed.list('key', tenantOf(params), query['after'] ?? '', limit)
        const days = await feed.lastUse(docs.map(({ id }) => id))
        const items = docs.map(({ id, body }, i) => {
          const { label, created } = JSON.parse(body) as KeyBody
          return { key_id: id, label, created, last_used: days[i] ?? null }
        })
        return { status: 200, json: { items, next: docs.length === limit ? (docs.at(-1)?.id ?? null) : null } }
      },
    },
  ]
}

function tokenRoutes({ feed, writer, clock }: OtherRoutesParts): Route[] {
  return [
    {
      method: 'post',
      path: '/v1/tokens',
      role: 'owner',
      summary:
        'Makes an admin token: {role, tenant?, label?, expires?}; this answer is the only place that ever shows it',
      body: { type: 'application/json', maxBytes: SMALL },
      answers: [201],
      problems: ['bad_body', 'invalid', 'forbidden', 'unavailable'],
      async handle({ body, principal }) {
        const raw = objectOf(body)
        const role = ROLES.find((one) => one === raw['role'])
        if (role === undefined) throw new Problem('invalid', `role must be one of ${ROLES.join(', ')}`)
        const tenant = raw['tenant'] ?? null
        if (tenant !== null && (typeof tenant !== 'string' || !TENANT.test(tenant)))
          throw new Problem('invalid', 'tenant must name a tenant, or be absent for all')
        const expires = raw['expires'] ?? null
        if (expires !== null && (!Number.isSafeInteger(expires) || (expires as number) <= clock()))
          throw new Problem('invalid', 'expires must be epoch ms in the future, or absent')
        const id = `t_${randomBytes(9).toString('base64url')}`
        const token = `fpt_${randomBytes(24).toString('base64url')}`
        const kept: TokenBody = {
          hash: hashOf(token),
          label: labelOf(raw['label'], 'label'),
          role,
          tenant: tenant as string | null,
          expires: expires as number | null,
          created: clock(),
        }
        const audit = { what: `create token ${id}`, tenant: kept.tenant ?? '' }
        const seq = await writer.write(principal, audit, () => [
          { kind: 'token', tenant: '', id, body: JSON.stringify(kept) },
        ])
        return { status: 201, json: { seq, token_id: id, token, role, tenant, label: kept.label } }
      },
    },
    removal(createDocuments(feed, writer), '/v1/tokens/:id', 'token', 'owner', 'Revokes an admin token'),
    listRoute(feed, '/v1/tokens', 'token', 'Admin tokens, without their secrets', ({ id, body }) => {
      const { hash: _, ...shown } = JSON.parse(body) as TokenBody
      return { token_id: id, ...shown }
    }),
  ]
}

function feedRoutes({ feed, clock }: OtherRoutesParts): Route[] {
  async function status(): Promise<{ seq: number; epoch: string; nodes: (NodeReport & { lag: number })[] }> {
    const { epoch, seq } = await feed.head()
    const nodes = (await feed.reports()).map((report) => ({
      ...report,
      lag: report.epoch === epoch ? Math.max(0, seq - report.seq) : seq,
    }))
    return { epoch, seq, nodes }
  }
  return [
    {
      method: 'get',
      path: '/v1/feed/status',
      role: 'known',
      summary: 'Where the feed is and how far each node; with seq it answers when all are there, or after wait_ms',
      query: { seq: 'step that every node is to have taken', wait_ms: `how long to wait for that, 0..${MAX_WAIT_MS}` },
      answers: [200],
      problems: ['bad_query', 'unavailable'],
      async handle({ query }) {
        const wanted = numberOf('seq', query['seq'], 0, Number.MAX_SAFE_INTEGER)
        const until = clock() + numberOf('wait_ms', query['wait_ms'], 0, MAX_WAIT_MS)
        for (;;) {
          const now = await status()
          const reached = now.seq >= wanted && now.nodes.every((node) => node.epoch === now.epoch && node.seq >= wanted)
          if (reached || clock() >= until) return { status: 200, json: { ...now, reached } }
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
        }
      },
    },
    {
      method: 'get',
      path: '/v1/audit',
      role: 'owner',
      summary: 'Who changed what and when, newest first',
      query: { before: 'seq to go on before', limit: `1..${MAX_PAGE}, default 100` },
      answers: [200],
      problems: ['bad_query', 'forbidden', 'unavailable'],
      async handle({ query }) {
        const before = numberOf('before', query['before'], Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
        const entries = await feed.audit(Math.min(before, 2 ** 48 - 1), limitOf(query['limit'], 100, MAX_PAGE))
        return { status: 200, json: { entries, next: entries.at(-1)?.seq ?? null } }
      },
    },
  ]
}

function removal(documents: Documents, path: string, kind: DocKind, role: Role, summary: string): Route {
  return {
    method: 'delete',
    path,
    role,
    summary,
    answers: [200],
    problems: ['not_found', 'forbidden', 'unavailable'],
    async handle(request): Promise<Answer> {
      const { params } = request
      const tenant = params['tenant'] === undefined ? '' : tenantOf(params)
      return documents.remove(request, { kind, tenant, id: nameOf(params) })
    },
  }
}

function listRoute(feed: FenceFeed, path: string, kind: DocKind, summary: string, show: (doc: Doc) => unknown): Route {
  return {
    method: 'get',
    path,
    role: kind === 'campaign' ? 'viewer' : kind === 'key' ? 'editor' : 'owner',
    summary,
    query: { after: 'id to go on after', limit: `1..${MAX_PAGE}, default 100` },
    answers: [200],
    problems: ['bad_query', 'forbidden', 'unavailable'],
    async handle({ params, query }): Promise<Answer> {
      const tenant = params['tenant'] === undefined ? '' : tenantOf(params)
      const limit = limitOf(query['limit'], 100, MAX_PAGE)
      const docs = await feed.list(kind, tenant, query['after'] ?? '', limit)
      return {
        status: 200,
        json: { items: docs.map(show), next: docs.length === limit ? (docs.at(-1)?.id ?? null) : null },
      }
    },
  }
}

function labelOf(value: unknown, field: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string' || value.length > MAX_LABEL || /\p{Cc}|\p{Surrogate}/u.test(value))
    throw new Problem('invalid', `${field} must be text of at most ${MAX_LABEL} characters`)
  return value
}
