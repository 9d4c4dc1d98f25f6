import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAX_IMPORT_BYTES } from '../dist/import.js'
import { controlRoutes, openApiOf, PROBLEMS } from '../dist/index.js'
import { circle, serveControl } from './kit.ts'

const FENCE = '/v1/tenants/acme/fences/market'

describe('fences', () => {
  it('are put, read, changed and removed by the id of the caller', async () => {
    const { ask } = await serveControl()
    const made = await ask('PUT', FENCE, { body: circle('market', 10, 53) })
    expect([made.status, made.json]).toEqual([201, { seq: 1 }])
    expect((await ask('GET', FENCE)).json).toEqual(circle('market', 10, 53, { tenant: 'acme' }))
    const again = await ask('PUT', FENCE, { body: circle('market', 11, 53) })
    expect([again.status, again.headers.get('etag')]).toEqual([200, '"2"'])
    expect((await ask('DELETE', FENCE)).status).toBe(200)
    expect((await ask('GET', FENCE)).status).toBe(404)
    expect((await ask('DELETE', FENCE)).status).toBe(404)
  })

  it('are kept from lost updates by their tags', async () => {
    const { ask } = await serveControl()
    const put = (headers: Record<string, string>) => ask('PUT', FENCE, { body: circle('market', 10, 53), headers })
    expect((await put({ 'if-match': '"1"' })).status).toBe(412)
    expect((await put({ 'if-none-match': '*' })).status).toBe(201)
    expect((await put({ 'if-none-match': '*' })).status).toBe(412)
    expect((await put({ 'if-match': '"1"' })).status).toBe(200)
    expect((await put({ 'if-match': '"1"' })).status).toBe(412)
    expect((await put({ 'if-match': 'W/"2", "9"' })).status).toBe(200)
    expect((await ask('DELETE', FENCE, { headers: { 'if-match': '"2"' } })).status).toBe(412)
    expect((await ask('DELETE', FENCE, { headers: { 'if-match': '*' } })).status).toBe(200)
  })

  it('of two that change one at the same time with its tag only one gets through', async () => {
    const { ask } = await serveControl()
    await ask('PUT', FENCE, { body: circle('market', 10, 53) })
    const both = await Promise.all(
      [11, 12].map((lon) => ask('PUT', FENCE, { body: circle('market', lon, 53), headers: { 'if-match': '"1"' } })),
    )
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412])
  })

  it.each([
    ['no radius', { ...circle('market', 10, 53), properties: {} }, 422, 'bad_radius'],
    ['another id', circle('other', 10, 53), 422, 'bad_id'],
    ['another tenant', circle('market', 10, 53, { tenant: 'zeta' }), 422, 'bad_tenant'],
    ['a bad border', circle('market', 10, 53, { exit_margin_m: -1 }), 422, 'bad_exit_margin'],
    [
      'a crossed ring',
      {
        type: 'Feature',
        properties: {},
        geometry: {
          type: 'Polygon',
          coordinates: [
            [
              [0, 0],
              [1, 1],
              [1, 0],
              [0, 2],
              [0, 0],
            ],
          ],
        },
      },
      422,
      'self_crossing',
    ],
    ['no object', [1], 400, undefined],
  ])('with %s are refused, with the place where there is one', async (_, body, status, code) => {
    const { ask } = await serveControl()
    const { status: got, json, headers } = await ask('PUT', FENCE, { body })
    expect([got, (json['faults'] as { code: string }[] | undefined)?.[0]?.code]).toEqual([status, code])
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(json).toMatchObject({
      status,
      title: expect.any(String),
      detail: expect.any(String),
      type: expect.stringContaining('urn:fencepost:problem:'),
    })
    if (code === 'self_crossing') expect(json['faults']).toMatchObject([{ place: expect.stringContaining('ring 0') }])
    expect((await ask('GET', FENCE)).status).toBe(404)
  })

  it('are listed by page, box and tag', async () => {
    const { ask } = await serveControl()
    for (let i = 0; i < 7; i++) {
      const tags = i % 2 === 0 ? ['even'] : []
      await ask('PUT', `/v1/tenants/acme/fences/f${i}`, { body: circle(`f${i}`, i, 50, { tags }) })
    }
    await ask('PUT', '/v1/tenants/zeta/fences/f9', { body: circle('f9', 3, 50) })
    const ids = async (query: string): Promise<unknown[]> => {
      const { json } = await ask('GET', `/v1/tenants/acme/fences${query}`)
      return [...(json['features'] as { id: string }[]).map(({ id }) => id), json['next']]
    }
    expect(await ids('?limit=3')).toEqual(['f0', 'f1', 'f2', 'f2'])
    expect(await ids('?limit=1000&after=f4')).toEqual(['f5', 'f6', null])
    expect(await ids('?tag=even&limit=10')).toEqual(['f0', 'f2', 'f4', 'f6', null])
    expect(await ids('?bbox=2.5,49,4.5,51')).toEqual(['f3', 'f4', null])
    expect(await ids('?bbox=170,-90,-178,90')).toEqual([null])
    for (const query of ['?limit=0', '?limit=1001', '?bbox=1,2,3', '?bbox=1,5,2,3'])
      expect((await ask('GET', `/v1/tenants/acme/fences${query}`)).status).toBe(400)
  })

  it('of a file cannot be changed here', async () => {
    const { ask } = await serveControl({ fencesWritable: false })
    expect((await ask('PUT', FENCE, { body: circle('market', 10, 53) })).json).toMatchObject({ status: 409 })
    expect((await ask('POST', '/v1/tenants/acme/fences:import', { raw: '' })).status).toBe(409)
  })
})

describe('an import', () => {
  const IMPORT = '/v1/tenants/acme/fences:import'
  const lines = (features: readonly unknown[]) => features.map((feature) => JSON.stringify(feature)).join('\n')

  it('takes lines or a collection, in one step, over what was there', async () => {
    const { ask, feed } = await serveControl()
    await ask('PUT', '/v1/tenants/acme/fences/f1', { body: circle('f1', 99, 50) })
    const many = Array.from({ length: 1200 }, (_, i) => circle(`f${i}`, i / 100, 50))
    const { status, json } = await ask('POST', IMPORT, { raw: lines(many) })
    expect([status, json]).toMatchObject([200, { rows: 1200, imported: 1200, invalid: 0, errors: [], seq: 2 }])
    expect((await feed.head()).seq).toBe(2)
    expect((await ask('GET', '/v1/tenants/acme/fences/f1')).json).toMatchObject({
      geometry: { coordinates: [0.01, 50] },
    })
    const collection = { type: 'FeatureCollection', features: [circle('last', 1, 1)] }
    expect((await ask('POST', IMPORT, { body: collection })).json).toMatchObject({ imported: 1, seq: 3 })
    const exported = (await ask('GET', '/v1/tenants/acme/fences:export')).text.trimEnd().split('\n')
    expect(exported.length).toBe(1201)
    expect(exported.map((line) => (JSON.parse(line) as { id: string }).id)).toContain('last')
  })

  it('all or nothing names every bad row and takes none', async () => {
    const { ask } = await serveControl()
    const rows = [
      circle('a', 1, 1),
      { ...circle('b', 1, 1), properties: {} },
      circle('a', 2, 2),
      { type: 'Feature', properties: {}, geometry: null },
      { type: 'Nothing' },
    ]
    const { status, json } = await ask('POST', IMPORT, { raw: lines(rows) })
    expect([status, json]).toMatchObject([422, { rows: 5, valid: 1, invalid: 4, imported: 0 }])
    expect(
      (json['errors'] as { row: number; id: string | null; code: string }[]).map(({ row, id, code }) => [
        row,
        id,
        code,
      ]),
    ).toEqual([
      [1, 'b', 'bad_radius'],
      [2, 'a', 'duplicate_id'],
      [3, null, 'bad_id'],
      [4, null, 'bad_feature'],
    ])
    expect((await ask('GET', '/v1/tenants/acme/fences')).json['features']).toEqual([])
  })

  it('names a hundred thousand bad rows, and counts those beyond', async () => {
    const { ask } = await serveControl()
    const rows = lines(Array.from({ length: 100_001 }, () => ({ type: 'Feature', properties: {}, geometry: null })))
    const { json } = await ask('POST', IMPORT, { raw: rows })
    expect(json).toMatchObject({ rows: 100_001, invalid: 100_001, more_errors: 1 })
    const named = json['errors'] as { row: number }[]
    expect([named.length, named.at(-1)?.row]).toEqual([100_000, 99_999])
  })

  it('the best of it takes what is valid; a dry run takes nothing', async () => {
    const { ask, feed } = await serveControl()
    const rows = lines([circle('a', 1, 1), circle('b', 400, 1)])
    const dry = await ask('POST', `${IMPORT}?mode=best&dry_run=true`, { raw: rows })
    expect([dry.status, dry.json]).toMatchObject([200, { valid: 1, invalid: 1, imported: 0, dry_run: true }])
    expect((await feed.head()).seq).toBe(0)
    expect((await ask('POST', `${IMPORT}?mode=best`, { raw: rows })).json).toMatchObject({ imported: 1, invalid: 1 })
    expect((await ask('GET', '/v1/tenants/acme/fences/b')).status).toBe(404)
    expect((await ask('POST', `${IMPORT}?mode=some`, { raw: rows })).status).toBe(400)
  })

  it('of a text that is none changes nothing', async () => {
    const { ask, feed } = await serveControl()
    const { status, json } = await ask('POST', IMPORT, { raw: `${JSON.stringify(circle('a', 1, 1))}\n{"type":` })
    expect([status, json['type']]).toEqual([400, 'urn:fencepost:problem:bad_body'])
    expect((await feed.head()).seq).toBe(0)
    expect((await ask('GET', '/v1/tenants/acme/fences')).json['features']).toEqual([])
  })

  it('has a bound', async () => {
    const { ask } = await serveControl()
    const declared = await ask('POST', IMPORT, { raw: new Uint8Array(MAX_IMPORT_BYTES + 1) }).catch(() => null)
    // The connection may be closed before a client has read why.
    expect(declared?.status ?? 413).toBe(413)
  })
})

describe('campaigns, keys, tokens', () => {
  it('campaigns come back with their defaults, and their faults with the place', async () => {
    const { ask } = await serveControl()
    const path = '/v1/tenants/acme/campaigns/nights'
    const good = { fences: ['bar'], slots: [{ from: '22:00', to: '02:00' }], time_zone: 'Europe/Berlin' }
    expect((await ask('PUT', path, { body: good })).status).toBe(201)
    expect((await ask('GET', path)).json).toMatchObject({
      id: 'nights',
      tenant: 'acme',
      paused: false,
      triggers: { enter: true },
    })
    const bad = await ask('PUT', path, { body: { ...good, time_zone: 'Moon/Crater', days: ['someday'] } })
    expect([bad.status, (bad.json['faults'] as unknown[]).length]).toEqual([422, 2])
    expect((await ask('GET', '/v1/tenants/acme/campaigns')).json).toMatchObject({
      items: [{ id: 'nights' }],
      next: null,
    })
    expect((await ask('DELETE', path)).status).toBe(200)
    expect((await ask('GET', path)).status).toBe(404)
  })

  it('a key is shown once and kept as a hash', async () => {
    const { ask, feed } = await serveControl()
    const made = await ask('POST', '/v1/tenants/acme/keys', { body: { label: 'ios' } })
    const { key, key_id: id } = made.json as { key: string; key_id: string }
    expect([made.status, key.length]).toEqual([201, 36])
    const listed = await ask('GET', '/v1/tenants/acme/keys')
    expect(listed.json).toMatchObject({ items: [{ key_id: id, label: 'ios' }] })
    const kept: string[] = []
    await feed.snapshot((docs) => {
      kept.push(...docs.map(({ body }) => body))
    })
    for (const text of [listed.text, ...kept, JSON.stringify((await ask('GET', '/v1/audit')).json)])
      expect(text).not.toContain(key)
    expect((await ask('DELETE', `/v1/tenants/zeta/keys/${id}`)).status).toBe(404)
    expect((await ask('DELETE', `/v1/tenants/acme/keys/${id}`)).status).toBe(200)
    expect((await ask('GET', '/v1/tenants/acme/keys')).json['items']).toEqual([])
  })

  it('the audit log says who did what, and no secret', async () => {
    const { ask } = await serveControl()
    const { json } = await ask('POST', '/v1/tokens', { body: { role: 'editor', tenant: 'acme' } })
    await ask('PUT', FENCE, { body: circle('market', 10, 53), token: json['token'] as string })
    const { json: audit, text } = await ask('GET', '/v1/audit?limit=10')
    expect(audit['entries']).toMatchObject([
      { who: `token ${json['token_id']}`, what: 'put fence market', tenant: 'acme', seq: 2 },
      { who: 'owner', what: `create token ${json['token_id']}`, seq: 1 },
    ])
    expect(text).not.toContain(json['token'])
  })
})

describe('whoever may not', () => {
  /** They say nothing of a tenant. */
  const OF_NO_TENANT = new Set(['/v1/feed/status', '/v1/privacy/inventory', '/v1/privacy/retention'])
  /** Bodies that each route would take. */
  const BODIES: Readonly<Record<string, unknown>> = {
    '/v1/tenants/:tenant/fences/:id': circle('x', 1, 1),
    '/v1/tenants/:tenant/campaigns/:id': {},
    '/v1/explain': { tenant: 'acme', lat: 1, lon: 1 },
    '/v1/tokens': { role: 'viewer' },
    '/v1/privacy/requests': { type: 'erase', tenant: 'acme', subject: { device: 'phone' } },
    '/v1/tenants/:tenant/recipients/:id': {
      name: 'n',
      address: 'a',
      categories: ['movement'],
      purpose: 'p',
      since: '2026-01-01',
    },
  }

  it('is refused on every route: no token, a wrong one, an expired one, one of another tenant, too small a role', async () => {
    let now = 1_800_000_000_000
    const parts = { clock: () => now }
    const { ask, feed } = await serveControl(parts)
    const token = async (body: unknown): Promise<string> =>
      (await ask('POST', '/v1/tokens', { body })).json['token'] as string
    const other = await token({ role: 'owner', tenant: 'zeta' })
    const expired = await token({ role: 'owner', expires: now + 1000 })
    const viewer = await token({ role: 'viewer', tenant: 'acme' })
    const editor = await token({ role: 'editor', tenant: 'acme' })
    const boss = await token({ role: 'owner', tenant: 'acme' })
    const officer = await token({ role: 'privacy', tenant: 'zeta' })
    now += 1000
    const before = await feed.head()
    const routes = controlRoutes({
      feed,
      logger: console as never,
      adminToken: '',
      fencesWritable: true,
      explain: { moment: () => null as never, limits: { maxPingAgeMs: 1, maxPingFutureMs: 1 } },
      privacy: {} as never,
    })
    for (const { method, path, role } of routes) {
      const address = path.replace(':tenant', 'acme').replace(':id', 'x')
      const body = method === 'get' || method === 'delete' ? undefined : (BODIES[path] ?? {})
      const statusOf = async (token: string | null) =>
        (await ask(method.toUpperCase(), address, { token, body })).status
      const said = {
        route: `${method} ${path}`,
        statuses: [await statusOf(null), await statusOf('nobody'), await statusOf(expired)],
      }
      if (role === 'anybody') {
        expect(said).toEqual({ ...said, statuses: [200, 200, 200] })
        continue
      }
      expect(said).toEqual({ ...said, statuses: [401, 401, 401] })
      if (!OF_NO_TENANT.has(path)) expect([path, await statusOf(other)]).toEqual([path, 403])
      if (role === 'privacy') {
        // It stands apart: an owner has it no more than others, and one tenant's officer sees nothing of another's.
        for (const one of [viewer, editor, boss]) expect([path, await statusOf(one)]).toEqual([path, 403])
        const answer = await ask(method.toUpperCase(), address, { token: officer, body })
        expect([path, answer.status === 200 ? answer.json : answer.status]).toEqual([
          path,
          path === '/v1/privacy/requests' && method === 'get'
            ? { items: [] }
            : path.endsWith('/:id') && !path.includes(':tenant')
              ? 404
              : 403,
        ])
      } else if (!OF_NO_TENANT.has(path)) expect([path, await statusOf(officer)]).toEqual([path, 403])
      if (role === 'editor' || role === 'owner') expect([path, await statusOf(viewer)]).toEqual([path, 403])
      if (role === 'owner') expect([path, await statusOf(editor)]).toEqual([path, 403])
    }
    expect(await feed.head()).toEqual(before)
    // And an editor may do what an editor may.
    expect((await ask('PUT', FENCE, { body: circle('market', 1, 1), token: editor })).status).toBe(201)
    expect((await ask('GET', FENCE, { token: viewer })).status).toBe(200)
  })

  it('a token that is revoked is refused from then on', async () => {
    const { ask } = await serveControl()
    const { token, token_id: id } = (await ask('POST', '/v1/tokens', { body: { role: 'owner' } })).json as Record<
      string,
      string
    >
    expect((await ask('GET', '/v1/audit', { token: token as string })).status).toBe(200)
    await ask('DELETE', `/v1/tokens/${id}`)
    expect((await ask('GET', '/v1/audit', { token: token as string })).status).toBe(401)
  })

  it('a store that is closed is a 503 and no stack', async () => {
    const { ask, feed } = await serveControl()
    await feed.stop(1000)
    const { status, json, headers } = await ask('PUT', FENCE, { body: circle('market', 1, 1) })
    expect([status, json['type'], headers.get('retry-after')]).toEqual([503, 'urn:fencepost:problem:unavailable', '1'])
  })
})

describe('the document', () => {
  it('is the file, and what is served', async () => {
    const { ask, feed } = await serveControl()
    const file = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as unknown
    const served = (await ask('GET', '/v1/openapi.json', { token: null })).json
    expect(served).toEqual(file)
    const routes = controlRoutes({
      feed,
      logger: console as never,
      adminToken: '',
      fencesWritable: true,
      explain: { moment: () => null as never, limits: { maxPingAgeMs: 1, maxPingFutureMs: 1 } },
      privacy: {} as never,
    })
    expect(openApiOf(routes)).toEqual(file)
    const page = await ask('GET', '/docs', { token: null })
    for (const { path } of routes) expect(page.text).toContain(path)
  })

  it('names every problem by a status of its own kind', () => {
    for (const { status, title } of Object.values(PROBLEMS)) {
      expect(status).toBeGreaterThanOrEqual(400)
      expect(title.length).toBeGreaterThan(10)
    }
  })
})

describe('an explanation', () => {
  it.each([
    [{}, 'tenant'],
    [{ tenant: 'acme' }, 'lat'],
    [{ tenant: 'acme', lat: 91, lon: 0 }, 'lat'],
    [{ tenant: 'acme', lat: 1, lon: 1, at: 'now' }, 'at'],
    [{ tenant: 'acme', lat: 1, lon: 1, accuracy: -1 }, 'accuracy'],
  ])('of %j is refused: %s', async (body, word) => {
    const { ask } = await serveControl()
    const { status, json } = await ask('POST', '/v1/explain', { body })
    expect([status, json['detail']]).toEqual([422, expect.stringContaining(word)])
  })
})
