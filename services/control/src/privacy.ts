// What people ask about their data, asked for them by staff with the role for it; the register of recipients; and what is stated against what
// is.
import type { Clock, DocName, FenceFeed } from '@fencepost/model'
import { disclosureOf, inventoryJson, type RecipientEntry, readRecipient } from '@fencepost/policy'
import {
  EXPORT_SCHEMA,
  type Holdings,
  newRequest,
  newRequestId,
  type PrivacyRequest,
  REQUEST_TYPES,
  type RequestBook,
  STEPS,
} from '@fencepost/privacy'
import { mayTouch } from './access.ts'
import { INVENTORY_FORMATS, inventoryAs } from './inventory.ts'
import { Problem } from './problem.ts'
import { limitOf, nameOf, objectOf, objectOrNothing, TENANT, tenantOf } from './read.ts'
import type { Request, Route } from './routes.ts'
import type { Writer } from './writer.ts'

/** What the routes need of whoever keeps the records. */
export interface PrivacyKit {
  readonly book: RequestBook
  readonly holdings: Holdings
  readonly subjectOf: (tenant: string, device: string) => Uint8Array
  readonly subjectSecret: (tenant: string, number: number) => string
  /** Something is to be done, here if anywhere. */
  readonly wake: () => void
  /** Stated against actual. */
  readonly retention: () => Promise<unknown>
  /** Recipients of the settings; those of the API come beside. */
  readonly recipients: readonly RecipientEntry[]
}

export interface PrivacyRoutesParts {
  readonly feed: FenceFeed
  readonly writer: Writer
  readonly kit: PrivacyKit
  readonly clock: Clock
}

const SMALL = 64 * 1024
const MAX_PAGE = 1000
const MAX_RECIPIENTS = 1000

export function privacyRoutes(parts: PrivacyRoutesParts): Route[] {
  return [...requestRoutes(parts), ...registerRoutes(parts), ...statementRoutes(parts), secretRoute(parts)]
}

function requestRoutes(parts: PrivacyRoutesParts): Route[] {
  const { writer, kit, clock } = parts

  /** Who has looked at personal data is in the audit log before they see any. */
  async function note({ principal }: Request, what: string, tenant: string): Promise<void> {
    await writer.write(principal, { what, tenant }, () => [])
  }

  async function find(request: Request): Promise<PrivacyRequest> {
    const known = await kit.book.get(request.params['id'] as string)
    // Of another tenant's they are not even told that it exists.
    if (known === null || !mayTouch(request.principal, known.request.tenant)) throw new Problem('not_found')
    return known.request
  }

  return [
    {
      method: 'post',
      path: '/v1/privacy/requests',
      role: 'privacy',
      tenantIn: 'body',
      summary:
        'Takes a request about one device: {type, tenant, subject: {device} or {pseudonym}, lift?}; disclosure needs no subject, lift ends an objection or restriction',
      body: { type: 'application/json', maxBytes: SMALL },
      answers: [202],
      problems: ['bad_body', 'invalid', 'forbidden', 'unavailable'],
      async handle(request) {
        const raw = objectOf(request.body)
        const type = REQUEST_TYPES.find((one) => one === raw['type'])
        if (type === undefined) throw new Problem('invalid', `type must be one of ${REQUEST_TYPES.join(', ')}`)
        const tenant = raw['tenant']
        if (typeof tenant !== 'string' || !TENANT.test(tenant))
          throw new Problem('invalid', 'tenant must name a tenant')
        if (!mayTouch(request.principal, tenant)) throw new Problem('forbidden')
        const lift = raw['lift'] ?? false
        if (typeof lift !== 'boolean' || (lift && type !== 'object' && type !== 'restrict'))
          throw new Problem('invalid', 'lift is true or false, and goes with object and restrict')
        const whom =
          type === 'disclosure' && raw['subject'] === undefined ? NOBODY : whomOf(raw['subject'], tenant, kit)
        const id = newRequestId()
        const { name } = request.principal
        await note(request, `privacy request ${id}: ${type}${lift ? ' lifted' : ''}`, tenant)
        const made = newRequest({ id, type, tenant, ...whom, lift, origin: 'admin', who: name }, clock())
        await kit.book.add(made)
        kit.wake()
        return { status: 202, json: shown(made) }
      },
    },
    {
      method: 'get',
      path: '/v1/privacy/requests',
      role: 'privacy',
      tenantIn: 'body',
      summary: 'Requests, the newest first, without their results',
      query: { tenant: 'only of this tenant', limit: `1..${MAX_PAGE}, default 100` },
      answers: [200],
      problems: ['bad_query', 'forbidden', 'unavailable'],
      async handle({ query, principal }) {
        const wanted = query['tenant'] ?? ''
        const all = await kit.book.list(Number.POSITIVE_INFINITY)
        const items = all
          .filter(({ tenant }) => mayTouch(principal, tenant) && (wanted === '' || tenant === wanted))
          .sort((a, b) => b.created - a.created)
          .slice(0, limitOf(query['limit'], 100, MAX_PAGE))
        return { status: 200, json: { items: items.map(shown) } }
      },
    },
    {
      method: 'get',
      path: '/v1/privacy/requests/:id',
      role: 'privacy',
      tenantIn: 'body',
      summary: 'One request: status, progress, legal deadline, proof, and its result, made as of now',
      answers: [200],
      problems: ['not_found', 'forbidden', 'unavailable'],
      async handle(request) {
        const found = await find(request)
        // Whoever waits for it to be done sees nothing of the person yet.
        if (showsPerson(found)) await note(request, `read privacy request ${found.id}`, found.tenant)
        return { status: 200, json: { ...shown(found), result: await resultOf(found, parts) } }
      },
    },
    {
      method: 'get',
      path: '/v1/privacy/export-schema.json',
      role: 'anybody',
      summary: 'JSON Schema of exports',
      answers: [200],
      problems: [],
      handle: async () => ({ status: 200, json: EXPORT_SCHEMA }),
    },
  ]
}

function showsPerson({ type, finished }: PrivacyRequest): boolean {
  return finished !== null && (type === 'access' || type === 'export')
}

/** Made when it is asked for: a copy kept until then would be one more place to erase. */
async function resultOf(request: PrivacyRequest, { kit, feed }: PrivacyRoutesParts): Promise<unknown> {
  const { type, finished, subject, pseudonym, tenant } = request
  if (finished === null) return null
  if (type === 'disclosure') return disclosureOf(await recipientsOf(feed, tenant, kit))
  if (!showsPerson(request)) return null
  const document = await kit.holdings.document({
    tenant,
    subject: subject === null ? null : new Uint8Array(Buffer.from(subject, 'base64url')),
    pseudonym,
  })
  if (type === 'export') return document
  const recipients = disclosureOf(await recipientsOf(feed, tenant, kit))
  return {
    ...document,
    about: { inventory: inventoryJson(), retention: await kit.retention(), disclosure: recipients },
  }
}

function registerRoutes({ feed, writer, kit }: PrivacyRoutesParts): Route[] {
  const path = '/v1/tenants/:tenant/recipients/:id'
  const named = (request: Request): DocName => ({
    kind: 'recipient',
    tenant: tenantOf(request.params),
    id: nameOf(request.params),
  })
  return [
    {
      method: 'put',
      path,
      role: 'privacy',
      summary: 'Puts a recipient of personal data into the register: {name, address, categories, purpose, since}',
      body: { type: 'application/json', maxBytes: SMALL },
      answers: [200],
      problems: ['bad_body', 'invalid', 'forbidden', 'unavailable'],
      async handle(request) {
        const name = named(request)
        let entry: RecipientEntry
        try {
          entry = readRecipient(name.id, objectOf(request.body))
        } catch (error) {
          if (error instanceof RangeError) throw new Problem('invalid', error.message)
          throw error
        }
        const audit = { what: `put recipient ${name.id}`, tenant: name.tenant }
        const seq = await writer.write(request.principal, audit, () => [{ ...name, body: JSON.stringify(entry) }])
        return { status: 200, json: { seq } }
      },
    },
    {
      method: 'delete',
      path,
      role: 'privacy',
      summary: 'Takes a recipient out of the register',
      answers: [200],
      problems: ['not_found', 'forbidden', 'unavailable'],
      async handle(request) {
        const name = named(request)
        const audit = { what: `delete recipient ${name.id}`, tenant: name.tenant }
        const seq = await writer.write(request.principal, audit, async () => {
          if ((await feed.get(name)) === null) throw new Problem('not_found')
          return [{ ...name, body: null }]
        })
        return { status: 200, json: { seq } }
      },
    },
    {
      method: 'get',
      path: '/v1/tenants/:tenant/recipients',
      role: 'viewer',
      summary: 'The register: those of the settings and of the API',
      answers: [200],
      problems: ['forbidden', 'unavailable'],
      handle: async ({ params }) => ({
        status: 200,
        json: { items: await recipientsOf(feed, tenantOf(params), kit) },
      }),
    },
  ]
}

async function recipientsOf(feed: FenceFeed, tenant: string, kit: PrivacyKit): Promise<readonly RecipientEntry[]> {
  const own = await feed.list('recipient', tenant, '', MAX_RECIPIENTS)
  return [...kit.recipients, ...own.map(({ body }) => JSON.parse(body) as RecipientEntry)]
}

function statementRoutes({ kit }: PrivacyRoutesParts): Route[] {
  return [
    {
      method: 'get',
      path: '/v1/privacy/inventory',
      role: 'known',
      summary: 'Every field about a person: category, purpose, legal basis, places, recipients',
      query: { format: INVENTORY_FORMATS.join(' or ') },
      answers: [200],
      problems: ['bad_query'],
      handle: async ({ query }) => inventoryAs(query['format']),
    },
    {
      method: 'get',
      path: '/v1/privacy/retention',
      role: 'known',
      summary: 'How long each store and topic is to keep what it has, against what it does',
      answers: [200],
      problems: ['unavailable'],
      handle: async () => ({ status: 200, json: await kit.retention() }),
    },
  ]
}

function secretRoute({ feed, writer, kit }: PrivacyRoutesParts): Route {
  return {
    method: 'post',
    path: '/v1/tenants/:tenant/subject-secret',
    role: 'owner',
    summary:
      'The secret with which the tenant’s backend signs x-fencepost-subject; {rotate: true} makes a new one and keeps the old one beside it, {rotate: "only"} ends the old one',
    body: { type: 'application/json', maxBytes: SMALL },
    answers: [200],
    problems: ['bad_body', 'invalid', 'forbidden', 'unavailable'],
    async handle({ params, body, principal }) {
      const tenant = tenantOf(params)
      const rotate = objectOrNothing(body)['rotate'] ?? false
      if (rotate !== false && rotate !== true && rotate !== 'only')
        throw new Problem('invalid', 'rotate must be true, false or "only"')
      const name: DocName = { kind: 'tenant', tenant, id: tenant }
      let numbers: readonly number[] = []
      const what = rotate === false ? 'show subject secret' : 'rotate subject secret'
      const seq = await writer.write(principal, { what, tenant }, async () => {
        const before = await feed.get(name)
        const kept = (before === null ? {} : JSON.parse(before.body)) as { subject_secrets?: readonly number[] }
        numbers = kept.subject_secrets ?? [1]
        const newest = numbers[0] ?? 1
        if (rotate === true) numbers = [newest + 1, newest]
        if (rotate === 'only') numbers = [newest]
        return rotate === false ? [] : [{ ...name, body: JSON.stringify({ ...kept, subject_secrets: numbers }) }]
      })
      const [number = 1] = numbers
      return { status: 200, json: { seq, tenant, number, secret: kit.subjectSecret(tenant, number) } }
    },
  }
}

const NOBODY = { subject: null, pseudonym: null } as const

function whomOf(
  raw: unknown,
  tenant: string,
  kit: PrivacyKit,
): { readonly subject: string | null; readonly pseudonym: string | null } {
  const { device, pseudonym } = (typeof raw === 'object' && raw !== null ? raw : {}) as Record<string, unknown>
  if (typeof device === 'string' && pseudonym === undefined) {
    const bytes = Buffer.byteLength(device)
    if (bytes < 1 || bytes > 128 || /\p{Surrogate}/u.test(device))
      throw new Problem('invalid', 'subject.device must be 1..128 bytes of UTF-8')
    return { subject: Buffer.from(kit.subjectOf(tenant, device)).toString('base64url'), pseudonym: null }
  }
  if (typeof pseudonym === 'string' && device === undefined && /^p[0-9a-f]{6}\.[A-Za-z0-9_-]{22}$/.test(pseudonym))
    return { subject: null, pseudonym }
  throw new Problem('invalid', 'subject must be {device} or {pseudonym}')
}

/** A request as staff sees it: whom it is about is in nobody's answer. */
function shown(request: PrivacyRequest): Readonly<Record<string, unknown>> {
  const { id, type, tenant, origin, who, created, deadline, step, finished, problem, lift, proof } = request
  return {
    id,
    type,
    tenant,
    origin,
    requested_by: who,
    created,
    deadline,
    status: finished === null ? 'open' : 'done',
    progress: { step, done: STEPS.indexOf(step), of: STEPS.length - 1 },
    finished,
    problem,
    ...(lift ? { lift } : {}),
    proof: finished === null || type !== 'erase' ? null : proofOf(proof),
  }
}

function proofOf({ record, journal, compactedAt, announcedAt }: PrivacyRequest['proof']): unknown {
  return {
    records: { found: record ?? null, removed: record ?? null },
    journal: journal == null ? null : { found: journal.events, removed: journal.events - journal.left },
    files_compacted_at: compactedAt ?? null,
    consumers_told_at: announcedAt ?? null,
  }
}
