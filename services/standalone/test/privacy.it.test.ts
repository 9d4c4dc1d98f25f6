// The promises as people and staff meet them: at the public door and at the admin port of a real process.

import { signSubject } from '@fencepost/policy'
import { readMetrics, removeFolder, type ServiceProcess, tempFolder } from '@fencepost/testbed'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, finished, Phone, request, subjectSecretOf } from './privacy-kit.ts'
import { startStandalone, TENANT, writeFences } from './support.ts'

const POLL = { timeout: 20_000, interval: 30 }
const MARKET = { lat: 50, lon: 10 }
const CLINIC = { lat: 50, lon: 20 }
const OUTSIDE = { lat: 51, lon: 10 }
const OWNER = 'owner-token-of-this-test'

let folder = ''
let service: ServiceProcess | undefined
let port = 0
let adminPort = 0

function circle(id: string, { lat, lon }: { lat: number; lon: number }, properties: Record<string, unknown> = {}) {
  return {
    type: 'Feature',
    id,
    properties: { radius_m: 100, ...properties },
    geometry: { type: 'Point', coordinates: [lon, lat] },
  }
}

async function start(more: Readonly<Record<string, string>> = {}): Promise<void> {
  service = await startStandalone(folder, { FENCEPOST_SDK_KEYS: `${TENANT}:key-of-acme,zeta:key-of-zeta`, ...more })
  ;({ port, adminPort } = await service.listening())
}

beforeEach(() => {
  folder = tempFolder('privacy')
  writeFences(folder, [
    circle('market', MARKET),
    circle('square', CLINIC),
    circle('clinic', CLINIC, { tags: ['sensitive:health'], tenant: 'zeta' }),
  ] as never)
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

async function events(topic: string): Promise<{ cursor: string; key: string; value: Record<string, unknown> }[]> {
  const { text } = await ask(adminPort, 'GET', `/v1/events?topic=${topic}&limit=10000`)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

describe('the public door', () => {
  it('withdraws by an SDK key alone, gives and shows only to the person signed in', async () => {
    await start()
    const phone = new Phone('phone-1')
    const secret = await subjectSecretOf(adminPort)
    expect((await phone.post(port, [MARKET])).json).toMatchObject({ accepted: 1, matched: 1 })
    expect((await phone.consent(port, { location: true })).status).toBe(403)
    expect((await phone.consent(port, {})).status).toBe(403)

    const withdrawn = await phone.consent(port, { location: false, at: 5, text_version: 'v3' })
    expect([withdrawn.status, Object.keys(withdrawn.json)]).toEqual([200, ['received']])
    expect((await phone.post(port, [MARKET])).json).toMatchObject({ accepted: 0, rejected: [[0, 'no_consent']] })
    // What is true by an SDK key alone is not looked at.
    expect((await phone.consent(port, { location: true, analytics: false })).status).toBe(200)
    expect((await phone.post(port, [MARKET])).json).toMatchObject({ rejected: [[0, 'no_consent']] })
    expect((await ask(port, 'GET', '/v1/consent', { headers: phone.headers() })).status).toBe(403)
    const shown = await ask(port, 'GET', '/v1/consent', { headers: phone.headers(secret) })
    expect(shown.json).toMatchObject({
      consent: {
        location: false,
        analytics: false,
        marketing: null,
        history: [
          { by: 'sdk', location: false, chosen_at: 5, text_version: 'v3' },
          { by: 'sdk', location: true, analytics: false, chosen_at: null },
        ],
      },
    })
    const given = await phone.consent(port, { location: true, marketing: false }, secret)
    expect(given.json).toMatchObject({ consent: { location: true, analytics: null, marketing: false } })
    expect((await phone.post(port, [MARKET])).json).toMatchObject({ accepted: 1, matched: 1 })
    expect((await events('transitions')).length).toBe(1) // the enter before all this
    const me = await ask(port, 'GET', '/v1/me', { headers: phone.headers(secret) })
    expect(me.json).toMatchObject({ presence: null, caps: [], consent: { location: true } })
  })

  it('refuses every word that is not good: nothing is said about whether the device is known', async () => {
    await start()
    const secret = await subjectSecretOf(adminPort)
    const zeta = await subjectSecretOf(adminPort, 'zeta')
    const known = new Phone('phone-known')
    await known.post(port, [MARKET])
    const now = Date.now()
    const answers: string[] = []
    for (const device of ['phone-known', 'phone-unknown']) {
      const phone = new Phone(device)
      const good = signSubject(secret, device, now + 60_000)
      const words = [
        undefined,
        'nonsense',
        `${good.slice(0, -3)}AAA`, // forged
        `${now + 120_000}.${good.split('.')[1]}`, // a longer life
        signSubject(secret, device, now - 1), // replayed after its expiry
        signSubject(secret, device, now + 48 * 3_600_000), // for longer than a day
        signSubject(secret, 'phone-other', now + 60_000), // another device's
        signSubject(zeta, device, now + 60_000), // another tenant's
      ]
      for (const word of words)
        for (const [method, path] of [
          ['GET', '/v1/consent'],
          ['GET', '/v1/me'],
          ['DELETE', '/v1/me'],
          ['PUT', '/v1/consent'],
        ] as const) {
          const headers = { ...phone.headers(), ...(word === undefined ? {} : { 'x-fencepost-subject': word }) }
          const body = method === 'PUT' ? { body: { device, consent: { location: true } } } : {}
          const { status, text } = await ask(port, method, path, { headers, ...body })
          expect([word, method, path, status]).toEqual([word, method, path, 403])
          answers.push(text)
        }
      expect((await ask(port, 'GET', '/v1/me', { headers: phone.headers(secret) })).status).toBe(200)
    }
    expect(new Set(answers).size).toBe(1)
    // Another tenant's key with its own tenant's word speaks of another device altogether.
    const stranger = new Phone('phone-known', 'key-of-zeta')
    expect((await ask(port, 'GET', '/v1/me', { headers: stranger.headers(zeta) })).json).toMatchObject({
      presence: null,
    })
    expect(
      (await ask(port, 'GET', '/v1/me', { headers: { ...known.headers(secret), authorization: 'Bearer nobody' } }))
        .status,
    ).toBe(401)
    // A word that is no longer good keeps nobody from withdrawing.
    const late = { ...known.headers(secret, now - 1) }
    const body = { device: 'phone-known', consent: { location: false } }
    expect((await ask(port, 'PUT', '/v1/consent', { headers: late, body })).status).toBe(200)
  })

  it('takes either secret while it is rotated, and only the new one afterwards', async () => {
    await start()
    const phone = new Phone('phone-1')
    const status = async (secret: string) =>
      (await ask(port, 'GET', '/v1/me', { headers: phone.headers(secret) })).status
    const rotate = async (body: object) =>
      (await ask(adminPort, 'POST', `/v1/tenants/${TENANT}/subject-secret`, { body })).json as {
        secret: string
        seq: number
      }
    const old = await subjectSecretOf(adminPort)
    const { secret, seq } = await rotate({ rotate: true })
    await ask(adminPort, 'GET', `/v1/feed/status?seq=${seq}&wait_ms=5000`)
    expect([await status(old), await status(secret)]).toEqual([200, 200])
    const { seq: over } = await rotate({ rotate: 'only' })
    await ask(adminPort, 'GET', `/v1/feed/status?seq=${over}&wait_ms=5000`)
    expect([await status(old), await status(secret), await subjectSecretOf(adminPort)]).toEqual([403, 200, secret])
  })

  it.each([
    ['not JSON', '{', 'malformed_body'],
    ['no consent', '{"device":"d"}', 'bad_consent'],
    ['a consent that is no flag', '{"device":"d","consent":{"location":"no"}}', 'bad_consent'],
    ['a device that is none', '{"device":7,"consent":false}', 'bad_device'],
    ['a device too long', `{"device":"${'d'.repeat(129)}","consent":false}`, 'bad_device'],
    [
      'a text version too long',
      `{"device":"d","consent":{"location":false,"text_version":"${'v'.repeat(65)}"}}`,
      'bad_consent',
    ],
    ['a body too large', `{"device":"d","consent":false,"more":"${'x'.repeat(9000)}"}`, 'body_too_large'],
  ])('says what is wrong with %s', async (_what, body, error) => {
    await start()
    const headers = new Phone('').headers()
    const answer = await fetch(`http://127.0.0.1:${port}/v1/consent`, { method: 'PUT', headers, body })
    expect(await answer.json()).toMatchObject({ error })
  })

  it('has a page for people, made of what is done', async () => {
    await start({ FENCEPOST_JOURNAL_RETENTION_S: '172800' })
    const recipient = {
      name: 'Count <Ltd>',
      address: '1 Some Street',
      categories: ['movement'],
      purpose: 'counting visits',
      since: '2026-01-01',
    }
    expect((await ask(adminPort, 'PUT', `/v1/tenants/${TENANT}/recipients/count`, { body: recipient })).status).toBe(
      200,
    )
    const page = async () => (await ask(port, 'GET', '/privacy')).text
    await expect.poll(page, POLL).toContain('1 Some Street')
    const text = await page()
    expect(text).toContain('Count &#60;Ltd&#62;')
    expect(text).toContain('2 days')
    expect(text).not.toContain('<Ltd>')
  })
})

describe('minors', () => {
  it('are refused and erased by one request; a later batch without the flag changes nothing', async () => {
    await start()
    const phone = new Phone('phone-of-a-child')
    const secret = await subjectSecretOf(adminPort)
    expect((await phone.post(port, [{ ...MARKET, age: 10 }])).json).toMatchObject({ matched: 1 })
    for (const more of [
      { consent: { location: true, minor: true } },
      { minor: true },
      { birth_year: new Date().getUTCFullYear() - 12 },
      { consent: { location: true, birth_year: new Date().getUTCFullYear() - 5 } },
      {},
    ])
      expect((await phone.post(port, [MARKET], more)).json).toMatchObject({ accepted: 0, rejected: [[0, 'minor']] })
    await expect.poll(async () => (await events('erasures')).length, POLL).toBe(1)
    expect(await events('matches')).toEqual([])
    const { items } = (await ask(adminPort, 'GET', '/v1/privacy/requests')).json as { items: { id: string }[] }
    expect(items).toMatchObject([{ type: 'erase', origin: 'minor' }])
    expect((await finished(adminPort, items[0]?.id as string)).json).toMatchObject({
      proof: { journal: { found: 2, removed: 2 }, records: { found: { visits: 1 } } },
    })
    const metrics = await readMetrics(adminPort)
    expect(metrics.get('fencepost_privacy_minors_total')).toBe(1)
    // Only somebody who vouches that it is none ends it.
    await phone.consent(port, { location: true }, secret)
    expect((await phone.post(port, [MARKET])).json).toMatchObject({ rejected: [[0, 'minor']] })
    await phone.consent(port, { location: true, minor: false }, secret)
    expect((await phone.post(port, [MARKET])).json).toMatchObject({ accepted: 1, matched: 1 })
    // The SDK key alone suffices to say that it is one.
    expect((await phone.consent(port, { location: true, minor: true })).status).toBe(200)
    expect((await phone.post(port, [MARKET])).json).toMatchObject({ rejected: [[0, 'minor']] })
  })

  it('and explicit consent: what a tenant sets holds on its pings alone', async () => {
    await start()
    const { json } = await ask(adminPort, 'PUT', `/v1/tenants/${TENANT}`, { body: { consent_explicit: true } })
    await ask(adminPort, 'GET', `/v1/feed/status?seq=${json['seq']}&wait_ms=5000`)
    const post = async (device: string, consent: unknown, key = 'key-of-acme') =>
      (await new Phone(device, key).post(port, [MARKET], { consent })).json
    expect(await post('a', true)).toMatchObject({ accepted: 1, matched: 0 })
    expect(await post('b', { location: true, analytics: true })).toMatchObject({ accepted: 1, matched: 1 })
    expect(await post('c', { location: true, marketing: true })).toMatchObject({ accepted: 1, matched: 0 })
    expect(await post('d', true, 'key-of-zeta')).toMatchObject({ accepted: 1, matched: 1 })
    const [matches, transitions] = [await events('matches'), await events('transitions')]
    expect(matches.map(({ value }) => value['tenant'])).toEqual([TENANT, 'zeta'])
    expect(transitions.map(({ value }) => value['tenant'])).toEqual([TENANT, 'zeta'])
  })

  it('are whom the tenant’s own limit says', async () => {
    await start()
    const year = new Date().getUTCFullYear()
    const seq = (await ask(adminPort, 'PUT', `/v1/tenants/${TENANT}`, { body: { age_limit: 16 } })).json['seq']
    await ask(adminPort, 'GET', `/v1/feed/status?seq=${seq}&wait_ms=5000`)
    const answer = async (key: string, birthYear: number) =>
      (await new Phone(`born-${birthYear}`, key).post(port, [OUTSIDE], { birth_year: birthYear })).json['accepted']
    expect([await answer('key-of-acme', year - 15), await answer('key-of-acme', year - 17)]).toEqual([0, 1])
    expect([await answer('key-of-zeta', year - 15), await answer('key-of-zeta', year - 13)]).toEqual([1, 0])
    for (const limit of [12, 22, 13.5, '13'])
      expect((await ask(adminPort, 'PUT', `/v1/tenants/${TENANT}`, { body: { age_limit: limit } })).status).toBe(422)
  })
})

describe('sensitive places', () => {
  it('of one tenant silence the pings of every tenant; the other pings of the batch go on', async () => {
    await start()
    const phone = new Phone('phone-1')
    const answer = await phone.post(port, [{ ...CLINIC, age: 2000 }, { ...MARKET, age: 1000 }, CLINIC])
    expect(answer.json).toMatchObject({
      accepted: 1,
      matched: 1,
      rejected: [
        [0, 'sensitive_place'],
        [2, 'sensitive_place'],
      ],
    })
    const zeta = new Phone('phone-2', 'key-of-zeta')
    expect((await zeta.post(port, [CLINIC])).json).toMatchObject({ rejected: [[0, 'sensitive_place']] })
    for (const topic of ['matches', 'transitions']) {
      const told = await events(topic)
      expect(JSON.stringify(told)).not.toMatch(/clinic|square/)
      expect(told).toHaveLength(1)
    }
    expect((await readMetrics(adminPort)).get('fencepost_pings_rejected_total{reason="sensitive_place"}')).toBe(3)
    // Whoever may not know whose it is learns only that it is there.
    const explained = await ask(adminPort, 'POST', '/v1/explain', { body: { tenant: TENANT, ...CLINIC } })
    expect(explained.text).not.toContain('clinic')
    expect(explained.json).toMatchObject({ door: { taken: false, reason: 'sensitive_place' } })
  })
})

describe('a fence that becomes sensitive', () => {
  it('ends its visits without a word', async () => {
    await start()
    const phone = new Phone('phone-1')
    await phone.post(port, [{ ...MARKET, age: 1000 }])
    expect((await events('transitions')).map(({ value }) => value['kind'])).toEqual(['enter'])
    writeFences(folder, [circle('market', MARKET, { tags: ['sensitive'] })] as never)
    service?.process.signal('SIGHUP')
    const door = async () =>
      (await ask(adminPort, 'POST', '/v1/explain', { body: { tenant: TENANT, ...MARKET } })).json['door'] as object
    await expect.poll(door, POLL).toEqual({ taken: false, reason: 'sensitive_place' })
    expect((await phone.post(port, [OUTSIDE])).json).toMatchObject({ accepted: 1, matched: 0 })
    const { json } = await request(adminPort, { type: 'access', subject: { device: 'phone-1' } })
    expect(json['result']).toMatchObject({ presence: { visits: [] } })
    expect(await events('transitions')).toHaveLength(1)
  })
})

describe('requests', () => {
  it('export is what the schema says, has every event of the device and none of another', async () => {
    await start()
    const phone = new Phone('phone-1')
    const secret = await subjectSecretOf(adminPort)
    await phone.consent(port, { location: true, text_version: 'v1' }, secret)
    const refs = Array.from({ length: 25 }, (_, i) => `ref-${i}`)
    for (const [i, ref] of refs.entries()) {
      await phone.post(port, [{ ...MARKET, ref }])
      await new Phone(`other-${i}`).post(port, [{ ...MARKET, ref: `foreign-${i}` }])
    }
    await phone.post(port, [OUTSIDE])
    await phone.post(port, [MARKET])
    const { json: schema } = await ask(adminPort, 'GET', '/v1/privacy/export-schema.json')
    const validate = new Ajv2020({ strict: false }).compile(schema)
    const found = await request(adminPort, { type: 'export', subject: { device: 'phone-1' } })
    const document = found.json['result'] as {
      events: { topic: string; value: Record<string, unknown> }[]
      presence: unknown
    }
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true)
    const exported = document.events.filter(({ topic }) => topic === 'matches').map(({ value }) => value['ref'])
    expect(exported).toEqual([...refs, undefined])
    expect(document.events.filter(({ topic }) => topic === 'transitions').map(({ value }) => value['kind'])).toEqual([
      'enter',
      'exit',
      'enter',
    ])
    expect(found.text).not.toContain('foreign')
    expect(new Set(document.events.map(({ value }) => value['device'])).size).toBe(1)
    expect(document).toMatchObject({ presence: { visits: [{ fence: { id: 'market' } }] }, consent: { location: true } })

    // By pseudonym it is the same; and of nobody there is nothing.
    const pseudonym = document.events[0]?.value['device'] as string
    const named = await request(adminPort, { type: 'export', subject: { pseudonym } })
    expect({ ...(named.json['result'] as object), made_at: 0 }).toEqual({ ...document, made_at: 0 })
    const nobody = await request(adminPort, { type: 'export', subject: { device: 'never-seen' } })
    expect(nobody.json['result']).toMatchObject({ consent: null, presence: null, events: [] })
    expect(validate(nobody.json['result'])).toBe(true)
    const access = await request(adminPort, { type: 'access', subject: { device: 'phone-1' } })
    expect(access.json['result']).toMatchObject({ about: { inventory: {}, retention: { rows: expect.any(Array) } } })
  })

  it('restriction keeps what is held and does nothing with it; objection stops marketing alone; both can be lifted', async () => {
    await start()
    const phone = new Phone('phone-1')
    await phone.post(port, [MARKET])
    await request(adminPort, { type: 'restrict', subject: { device: 'phone-1' } })
    expect((await phone.post(port, [OUTSIDE])).json).toMatchObject({ rejected: [[0, 'restricted']] })
    const held = await request(adminPort, { type: 'access', subject: { device: 'phone-1' } })
    expect(held.json['result']).toMatchObject({ presence: { visits: [{}] }, consent: { restricted: true } })
    expect((held.json['result'] as { events: unknown[] }).events).toHaveLength(2)
    await request(adminPort, { type: 'restrict', subject: { device: 'phone-1' }, lift: true })
    expect((await phone.post(port, [OUTSIDE])).json).toMatchObject({ accepted: 1 })
    expect((await events('transitions')).map(({ value }) => value['kind'])).toEqual(['enter', 'exit'])

    await request(adminPort, { type: 'object', subject: { device: 'phone-1' } })
    expect((await phone.post(port, [MARKET])).json).toMatchObject({ matched: 1 })
    expect(await events('transitions')).toHaveLength(2)
    await request(adminPort, { type: 'object', subject: { device: 'phone-1' }, lift: true })
    await phone.post(port, [MARKET])
    expect(await events('transitions')).toHaveLength(3)
  })

  it('disclosure tells the register, of the settings and of the API', async () => {
    await start()
    const entry = {
      name: 'Ads AG',
      address: 'Weg 1',
      categories: ['movement', 'identifier'],
      purpose: 'ads',
      since: '2026-02-03',
    }
    expect((await ask(adminPort, 'PUT', `/v1/tenants/${TENANT}/recipients/ads`, { body: entry })).status).toBe(200)
    const found = await request(adminPort, { type: 'disclosure' })
    expect(found.json['result']).toMatchObject({
      recipients: [{ name: 'Ads AG', since: '2026-02-03', purpose: 'ads' }],
    })
    for (const bad of [
      { ...entry, categories: ['secrets'] },
      { ...entry, since: 'lately' },
      { ...entry, name: '' },
    ])
      expect((await ask(adminPort, 'PUT', `/v1/tenants/${TENANT}/recipients/ads`, { body: bad })).status).toBe(422)
    expect((await ask(adminPort, 'DELETE', `/v1/tenants/${TENANT}/recipients/ads`)).status).toBe(200)
    const none = await request(adminPort, { type: 'disclosure' })
    expect(none.json['result']).toMatchObject({ recipients: [] })
  })

  it('are for the role privacy alone, of its own tenant; who reads is in the audit log', async () => {
    await start({ FENCEPOST_ADMIN_TOKEN: OWNER })
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
    const token = async (body: object): Promise<string> =>
      (await ask(adminPort, 'POST', '/v1/tokens', { body, headers: bearer(OWNER) })).json['token'] as string
    const officer = await token({ role: 'privacy', tenant: TENANT })
    const foreign = await token({ role: 'privacy', tenant: 'zeta' })
    const others = [
      OWNER,
      await token({ role: 'owner' }),
      await token({ role: 'editor' }),
      await token({ role: 'viewer' }),
    ]
    const body = { type: 'export', tenant: TENANT, subject: { device: 'phone-1' } }
    const made = await ask(adminPort, 'POST', '/v1/privacy/requests', { body, headers: bearer(officer) })
    expect(made.status).toBe(202)
    const path = `/v1/privacy/requests/${made.json['id']}`
    for (const one of others) {
      expect((await ask(adminPort, 'POST', '/v1/privacy/requests', { body, headers: bearer(one) })).status).toBe(403)
      expect((await ask(adminPort, 'GET', path, { headers: bearer(one) })).status).toBe(403)
      expect((await ask(adminPort, 'GET', '/v1/privacy/requests', { headers: bearer(one) })).status).toBe(403)
    }
    expect((await ask(adminPort, 'POST', '/v1/privacy/requests', { body, headers: bearer(foreign) })).status).toBe(403)
    expect((await ask(adminPort, 'GET', path, { headers: bearer(foreign) })).status).toBe(404)
    expect((await ask(adminPort, 'GET', '/v1/privacy/requests', { headers: bearer(foreign) })).json).toEqual({
      items: [],
    })
    // And it may do nothing else.
    expect((await ask(adminPort, 'GET', `/v1/tenants/${TENANT}/campaigns`, { headers: bearer(officer) })).status).toBe(
      403,
    )
    expect((await ask(adminPort, 'GET', '/v1/audit', { headers: bearer(officer) })).status).toBe(403)
    const read = await ask(adminPort, 'GET', path, { headers: bearer(officer) })
    expect(read.json).toMatchObject({ status: 'done', deadline: (made.json['created'] as number) + 30 * 86_400_000 })
    const { entries } = (await ask(adminPort, 'GET', '/v1/audit', { headers: bearer(OWNER) })).json as {
      entries: { who: string; what: string }[]
    }
    expect(entries.slice(0, 2).map(({ what }) => what)).toEqual([
      `read privacy request ${made.json['id']}`,
      `privacy request ${made.json['id']}: export`,
    ])
    expect(JSON.stringify(entries)).not.toContain('phone-1')
  })

  it.each([
    [{ type: 'forget', subject: { device: 'd' } }, 'type'],
    [{ type: 'erase' }, 'subject'],
    [{ type: 'erase', subject: { device: 'd', pseudonym: 'p' } }, 'subject'],
    [{ type: 'erase', subject: { pseudonym: 'nonsense' } }, 'subject'],
    [{ type: 'erase', subject: { device: '' } }, 'device'],
    [{ type: 'erase', subject: { device: 'd' }, lift: true }, 'lift'],
    [{ type: 'erase', subject: { device: 'd' }, tenant: 'no tenant' }, 'tenant'],
  ])('%j is refused, naming %s', async (body, word) => {
    await start()
    const { status, text } = await ask(adminPort, 'POST', '/v1/privacy/requests', { body: { tenant: TENANT, ...body } })
    expect([status, text.includes(word)]).toEqual([422, true])
  })
})

describe('a rotated pseudonym key', () => {
  it('names new events; presence and ids do not notice; export and erasure find both', async () => {
    const [old, fresh] = ['a'.repeat(64), 'b'.repeat(64)]
    await start({ FENCEPOST_PSEUDONYM_KEY: old })
    const phone = new Phone('phone-1')
    const observed = Date.now() - 60_000
    const postOnce = (): Promise<unknown> => {
      const sent = Date.now()
      return phone.post(port, [{ ...MARKET, age: sent - observed }], { sent })
    }
    await postOnce()
    await service?.terminate(10_000)
    await start({ FENCEPOST_PSEUDONYM_KEY: fresh, FENCEPOST_PSEUDONYM_KEYS_OLD: old })
    await postOnce() // the same ping once more: the same id
    await phone.post(port, [OUTSIDE])
    const matches = await events('matches')
    expect(matches).toHaveLength(2)
    expect(matches[1]?.value['id']).toBe(matches[0]?.value['id'])
    const [enter, exit, ...others] = await events('transitions')
    expect(others).toEqual([])
    expect([exit?.value['kind'], exit?.value['visit']]).toEqual(['exit', enter?.value['visit']])
    const names = [exit?.key, enter?.key] as string[]
    expect(new Set(names).size).toBe(2)
    const found = await request(adminPort, { type: 'export', subject: { pseudonym: names[1] } })
    expect((found.json['result'] as { events: unknown[] }).events).toHaveLength(4)
    const erased = await request(adminPort, { type: 'erase', subject: { device: 'phone-1' } })
    expect(erased.json['proof']).toMatchObject({ journal: { found: 4, removed: 4 } })
    expect((await events('erasures')).map(({ key }) => key)).toEqual(names)
    expect([await events('matches'), await events('transitions')]).toEqual([[], []])
  })
})

describe('what is stated', () => {
  it('is the inventory in both forms, and retention against what is found', async () => {
    await start({ FENCEPOST_JOURNAL_RETENTION_S: '172800' })
    await new Phone('phone-1').post(port, [MARKET])
    const { json } = await ask(adminPort, 'GET', '/v1/privacy/inventory')
    expect(json).toMatchObject({ entries: expect.arrayContaining([expect.objectContaining({ part: 'match' })]) })
    expect((await ask(adminPort, 'GET', '/v1/privacy/inventory?format=markdown')).text).toContain('| match |')
    expect((await ask(adminPort, 'GET', '/v1/privacy/inventory?format=poem')).status).toBe(400)
    const { rows } = (await ask(adminPort, 'GET', '/v1/privacy/retention')).json as {
      rows: {
        place: string
        name: string
        stated_s: number
        actual_s: number
        differs: boolean
        oldest: number | null
      }[]
    }
    expect(rows.map(({ place, name, stated_s, differs }) => [place, name, stated_s, differs])).toEqual([
      ['records', 'presence', 172_800, false],
      ['records', 'choices', 315_360_000, false],
      ['requests', 'requests', 63_072_000, false],
      ['matches', 'journal', 172_800, false],
      ['transitions', 'journal', 172_800, false],
      ['erasures', 'journal', 172_800, false],
    ])
    const oldest = Object.fromEntries(rows.map(({ place, name, oldest: at }) => [`${place} ${name}`, at]))
    for (const row of ['records presence', 'matches journal', 'transitions journal'])
      expect([row, Math.abs(Date.now() - (oldest[row] ?? 0)) < 60_000]).toEqual([row, true])
    expect([oldest['erasures journal'], oldest['requests requests']]).toEqual([null, null])
    expect((await ask(adminPort, 'GET', '/readyz')).json).toMatchObject({ retention: 'as stated' })
  })
})
