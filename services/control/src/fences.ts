// Fences: one by one, in pages, and all of them as lines.
import { circleBox, FenceError, normaliseFeature, polygonBox } from '@fencepost/geo'
import type { Doc, DocName, Fence, FenceFeed } from '@fencepost/model'
import { createDocuments } from './documents.ts'
import { Problem } from './problem.ts'
import { etagOf, fenceIdOf, limitOf, objectOf, tenantOf } from './read.ts'
import type { Answer, Request, Route } from './routes.ts'
import type { Writer } from './writer.ts'

/** One feature of 100,000 vertices takes some 4 MB. */
const MAX_FENCE_BYTES = 8 * 1024 * 1024
const PAGE = 100
const MAX_PAGE = 1000
/** Fences that a filtered list looks at before it gives what it has and where to go on. */
const MAX_LOOKS = 10_000

export interface FenceRoutesParts {
  readonly feed: FenceFeed
  readonly writer: Writer
  /** False: they come from a file, and cannot be changed here. */
  readonly writable: boolean
}

export function fenceRoutes({ feed, writer, writable }: FenceRoutesParts): Route[] {
  const one = '/v1/tenants/:tenant/fences/:id'
  const documents = createDocuments(feed, writer)

  async function put(request: Request): Promise<Answer> {
    const name = nameFrom(request)
    mustBeWritable(writable)
    return documents.put(request, name, readFence(objectOf(request.body), name.tenant, name.id))
  }

  async function remove(request: Request): Promise<Answer> {
    const name = nameFrom(request)
    mustBeWritable(writable)
    return documents.remove(request, name)
  }

  async function get(request: Request): Promise<Answer> {
    const doc = await feed.get(nameFrom(request))
    if (doc === null) throw new Problem('not_found')
    return { status: 200, json: JSON.parse(doc.body), etag: etagOf(doc.seq) }
  }

  async function list({ params, query }: Request): Promise<Answer> {
    const tenant = tenantOf(params)
    const limit = limitOf(query['limit'], PAGE, MAX_PAGE)
    const wanted = filterOf(query['bbox'], query['tag'])
    const features: unknown[] = []
    let after = query['after'] ?? ''
    let looks = 0
    let more = true
    while (more && features.length < limit && looks < MAX_LOOKS) {
      const docs = await feed.list('fence', tenant, after, Math.min(limit - features.length, PAGE))
      more = docs.length > 0
      for (const doc of docs) {
        after = doc.id
        looks++
        const feature = JSON.parse(doc.body) as unknown
        if (wanted === null || wanted(feature)) features.push(feature)
      }
    }
    return { status: 200, json: { type: 'FeatureCollection', features, next: more ? after : null } }
  }

  async function* lines(tenant: string): AsyncIterable<string> {
    for (let after = ''; ; ) {
      const docs: Doc[] = await feed.list('fence', tenant, after, MAX_PAGE)
      if (docs.length === 0) return
      after = (docs.at(-1) as Doc).id
      for (let at = 0; at < docs.length; at += PAGE)
        yield docs
          .slice(at, at + PAGE)
          .map(({ body }) => `${body}\n`)
          .join('')
    }
  }

  const changes = {
    role: 'editor',
    answers: [200],
    problems: ['forbidden', 'fences_from_file', 'unavailable'],
  } as const
  return [
    {
      method: 'put',
      path: one,
      ...changes,
      summary: 'Adds a fence, or takes it in place of the one of that id',
      body: { type: 'application/geo+json', maxBytes: MAX_FENCE_BYTES },
      answers: [200, 201],
      problems: [...changes.problems, 'bad_body', 'invalid', 'precondition_failed', 'body_too_large'],
      handle: put,
    },
    {
      method: 'get',
      path: one,
      role: 'viewer',
      summary: 'One fence, as it was given',
      answers: [200],
      problems: ['not_found', 'unavailable'],
      handle: get,
    },
    {
      method: 'delete',
      path: one,
      ...changes,
      summary: 'Removes a fence; visits to it end',
      problems: [...changes.problems, 'not_found', 'precondition_failed'],
      handle: remove,
    },
    {
      method: 'get',
      path: '/v1/tenants/:tenant/fences',
      role: 'viewer',
      summary: 'Fences by id, a page at a time',
      query: {
        bbox: 'west,south,east,north in degrees: only those whose box meets it',
        tag: 'only those that carry it',
        after: 'id to go on after',
        limit: `1..${MAX_PAGE}, default ${PAGE}`,
      },
      answers: [200],
      problems: ['bad_query', 'unavailable'],
      handle: list,
    },
    {
      method: 'get',
      path: '/v1/tenants/:tenant/fences:export',
      role: 'viewer',
      summary: 'Every fence of the tenant, one feature a line',
      answers: [200],
      problems: ['unavailable'],
      handle: async ({ params }) => ({ lines: lines(tenantOf(params)), contentType: 'application/geo+json-seq' }),
    },
  ]
}

export function mustBeWritable(writable: boolean): void {
  if (!writable) throw new Problem('fences_from_file')
}

function nameFrom({ params }: Request): DocName {
  return { kind: 'fence', tenant: tenantOf(params), id: fenceIdOf(params) }
}

/** The feature as it is kept: with the id and the tenant of its address. */
function readFence(raw: Readonly<Record<string, unknown>>, tenant: string, id: string): string {
  try {
    const feature = withAddress(raw, tenant, id)
    normaliseFeature(feature, { position: 0, repair: false })
    return JSON.stringify(feature)
  } catch (error) {
    if (!(error instanceof FenceError)) throw error
    const { code, message, place } = error
    const fault = { code, message, ...(place === undefined ? {} : { place }) }
    throw new Problem('invalid', message, { faults: [fault] })
  }
}

/**
 * The feature with this id and tenant, if it does not say that it has others.
 *
 * @throws FenceError
 */
export function withAddress(
  raw: Readonly<Record<string, unknown>>,
  tenant: string,
  id?: string,
): Record<string, unknown> {
  const properties = (raw['properties'] ?? {}) as Record<string, unknown>
  if (raw['type'] !== 'Feature' || typeof properties !== 'object' || Array.isArray(properties))
    throw new FenceError('bad_feature')
  const own = raw['id'] ?? properties['id'] ?? null
  if (id !== undefined && own !== null && String(own) !== id)
    throw new FenceError('bad_id', { detail: 'the feature has another id than its address' })
  if (id === undefined && own === null) throw new FenceError('bad_id', { detail: 'the feature has none' })
  const given = properties['tenant'] ?? null
  if (given !== null && given !== tenant)
    throw new FenceError('bad_tenant', { detail: 'the feature has another tenant than its address' })
  return { ...raw, id: id ?? String(own), properties: { ...properties, tenant } }
}

function filterOf(bbox: string | undefined, tag: string | undefined): ((feature: unknown) => boolean) | null {
  const box = bbox === undefined || bbox === '' ? null : boxFrom(bbox)
  if (box === null && (tag === undefined || tag === '')) return null
  return (feature) => {
    const fence = normaliseFeature(feature, { position: 0, repair: true })
    if (tag !== undefined && tag !== '' && !fence.tags.includes(tag)) return false
    return box === null || meets(fence, box)
  }
}

interface Box {
  readonly west: number
  readonly south: number
  readonly east: number
  readonly north: number
}

function boxFrom(text: string): Box {
  const [west, south, east, north] = text.split(',').map(Number) as [number, number, number, number]
  const good =
    [west, south, east, north].every(Number.isFinite) &&
    south <= north &&
    Math.abs(west) <= 180 &&
    Math.abs(east) <= 180
  if (!good) throw new Problem('bad_query', 'bbox must be west,south,east,north in degrees, south <= north')
  return { west, south, east, north }
}

/** Do the boxes meet, whichever way round the globe? A box whose west lies east of its east crosses the antimeridian. */
function meets({ shape }: Fence, { west, south, east, north }: Box): boolean {
  if (shape.kind === 'beacon') return false
  const boxes = shape.kind === 'circle' ? [circleBox(shape)] : shape.polygons.map(polygonBox)
  const end = east < west ? east + 360 : east
  return boxes.some(
    ({ minLon, minLat, maxLon, maxLat }) =>
      minLat <= north &&
      maxLat >= south &&
      [-360, 0, 360].some((turn) => minLon + turn <= end && maxLon + turn >= west),
  )
}
