// Fences, campaigns and keys that change while a standalone serves: what control says holds for the next ping.
import {
  HttpConnection,
  type MatchEvent,
  removeFolder,
  type ServiceProcess,
  startService,
  type TransitionEvent,
  tempFolder,
} from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ENTRY, environment, KEY, writeFences } from './support.ts'

const TOKEN = 'owner-token'
const HERE = { lat: 53.55, lon: 9.99 }
const AWAY = { lat: 53.6, lon: 9.99 }

let folder = ''
let service: ServiceProcess | undefined
beforeEach(() => {
  folder = tempFolder('live')
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

interface Running {
  readonly port: number
  readonly adminPort: number
}

async function start(threads: string, more: Readonly<Record<string, string>> = {}): Promise<Running> {
  const { FENCEPOST_FENCES: _, ...env } = environment(folder, {
    FENCEPOST_THREADS: threads,
    FENCEPOST_ADMIN_TOKEN: TOKEN,
    ...more,
  })
  service = await startService({ entry: ENTRY, env: { ...env, ...more } })
  return service.listening()
}

async function ask({ adminPort }: Running, method: string, path: string, body?: unknown) {
  const raw = typeof body === 'string'
  const answer = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
    ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
  })
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
}

/** Resolves when every node has taken the step that an answer names. */
async function taken(running: Running, { json }: { json: Record<string, unknown> }): Promise<void> {
  const status = await ask(running, 'GET', `/v1/feed/status?seq=${json['seq']}&wait_ms=30000`)
  expect(status.json).toMatchObject({ reached: true })
}

async function post({ port }: Running, device: string, position: object, key = KEY) {
  const connection = new HttpConnection(port)
  const body = { v: 1, device, sent: Date.now(), consent: true, pings: [{ type: 'location', age: 0, ...position }] }
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const { status, body: bytes } = await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)))
  connection.close()
  return { status, json: JSON.parse(bytes.toString()) as Record<string, unknown> }
}

const told = (running: Running): Promise<TransitionEvent[]> => eventsOf<TransitionEvent>(running, 'transitions')

/** The first copy of each: who finds transitions pending tells them again. */
async function eventsOf<Value extends { readonly id: string }>(
  { adminPort }: Running,
  topic: string,
): Promise<Value[]> {
  const events = new Map<string, Value>()
  const connection = await fetch(`http://127.0.0.1:${adminPort}/v1/events?topic=${topic}&limit=10000`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  for (const line of (await connection.text()).split('\n').filter((text) => text !== '')) {
    const { value } = JSON.parse(line) as { value: Value }
    if (!events.has(value.id)) events.set(value.id, value)
  }
  return [...events.values()]
}

function circle(id: string, { lat, lon }: { lat: number; lon: number }, properties: Record<string, unknown> = {}) {
  return {
    type: 'Feature',
    id,
    properties: { radius_m: 100, ...properties },
    geometry: { type: 'Point', coordinates: [lon, lat] },
  }
}

describe.each(['1', '2'])('a standalone without a file of fences, %s thread(s)', (threads) => {
  it('takes a fence that was drawn, changed and removed', async () => {
    const running = await start(threads)
    expect((await post(running, 'phone', HERE)).json).toMatchObject({ matched: 0 })
    await taken(running, await ask(running, 'PUT', '/v1/tenants/acme/fences/market', circle('market', HERE)))
    expect((await post(running, 'phone', HERE)).json).toMatchObject({ matched: 1 })
    await taken(running, await ask(running, 'PUT', '/v1/tenants/acme/fences/market', circle('market', AWAY)))
    expect((await post(running, 'phone', HERE)).json).toMatchObject({ matched: 0 })
    await taken(running, await ask(running, 'DELETE', '/v1/tenants/acme/fences/market'))
    expect((await post(running, 'other', AWAY)).json).toMatchObject({ matched: 0 })
    expect((await told(running)).map(({ kind, reason }) => [kind, reason])).toEqual([
      ['enter', undefined],
      ['exit', undefined],
    ])
  }, 60_000)

  it('knows after kill -9 what it knew before', async () => {
    const first = await start(threads)
    await ask(first, 'PUT', '/v1/tenants/acme/fences/market', circle('market', HERE))
    const made = await ask(first, 'POST', '/v1/tenants/acme/keys', {})
    await taken(first, await ask(first, 'PUT', '/v1/tenants/acme/campaigns/spring', { fences: ['market'] }))
    await service?.kill9()
    const second = await start(threads)
    expect((await post(second, 'phone', HERE, made.json['key'] as string)).json).toMatchObject({ matched: 1 })
    expect((await told(second)).map(({ campaigns }) => campaigns)).toEqual([['spring']])
  }, 60_000)

  it('lets a key in once it is made, and out once it is revoked', async () => {
    const running = await start(threads)
    const made = await ask(running, 'POST', '/v1/tenants/acme/keys', { label: 'ios' })
    await taken(running, made)
    const key = made.json['key'] as string
    const lastUsed = async (): Promise<unknown> =>
      ((await ask(running, 'GET', '/v1/tenants/acme/keys')).json['items'] as { last_used: unknown }[])[0]?.last_used
    expect(await lastUsed()).toBeNull()
    expect((await post(running, 'phone', HERE, key)).status).toBe(200)
    const today = new Date().toISOString().slice(0, 10)
    await expect.poll(lastUsed, { timeout: 20_000, interval: 50 }).toBe(today)
    await taken(running, await ask(running, 'DELETE', `/v1/tenants/acme/keys/${made.json['key_id']}`))
    expect((await post(running, 'phone', HERE, key)).status).toBe(401)
    // Those of the settings stay.
    expect((await post(running, 'phone', HERE)).status).toBe(200)
  }, 60_000)

  it('names campaigns while they run, and tells nothing while all of a fence are closed', async () => {
    const running = await start(threads)
    await ask(running, 'PUT', '/v1/tenants/acme/fences/market', circle('market', HERE))
    const campaign = { fences: ['market'], paused: true }
    await taken(running, await ask(running, 'PUT', '/v1/tenants/acme/campaigns/spring', campaign))
    await post(running, 'first', HERE)
    await taken(running, await ask(running, 'PUT', '/v1/tenants/acme/campaigns/spring', { ...campaign, paused: false }))
    await post(running, 'second', HERE)
    await taken(running, await ask(running, 'DELETE', '/v1/tenants/acme/campaigns/spring'))
    await post(running, 'third', HERE)
    expect((await told(running)).map(({ campaigns }) => campaigns)).toEqual([['spring'], []])
    // Matches are told whatever is open, with the same names.
    const matches = await eventsOf<MatchEvent>(running, 'matches')
    expect(matches.map(({ fences }) => fences.map(({ campaigns }) => campaigns))).toEqual([[[]], [['spring']], [[]]])
  }, 60_000)

  it('caps a campaign over visits', async () => {
    const running = await start(threads)
    await ask(running, 'PUT', '/v1/tenants/acme/fences/market', circle('market', HERE))
    const campaign = { fences: ['market'], cap: { max: 1, window_s: 3600 }, triggers: { enter: true } }
    await taken(running, await ask(running, 'PUT', '/v1/tenants/acme/campaigns/once', campaign))
    for (const position of [HERE, AWAY, HERE, AWAY])
      await post(running, 'phone', { ...position, age: undefined, at: Date.now() })
    expect((await told(running)).map(({ kind, campaigns }) => [kind, campaigns])).toEqual([['enter', ['once']]])
  }, 60_000)

  it('takes a hundred thousand fences in one request while pings flow, all at once', async () => {
    const running = await start(threads)
    const many = Array.from({ length: 100_000 }, (_, i) =>
      JSON.stringify(circle(`f${i}`, { lat: (i % 300) / 10, lon: Math.floor(i / 300) / 10 })),
    )
    let done = false
    const imported = ask(running, 'POST', '/v1/tenants/acme/fences:import', many.join('\n')).finally(() => {
      done = true
    })
    const statuses = new Set<number>()
    while (!done) statuses.add((await post(running, 'phone', HERE)).status)
    const answer = await imported
    expect(answer).toMatchObject({ status: 200, json: { imported: 100_000, invalid: 0 } })
    await taken(running, answer)
    expect([...statuses]).toEqual([200])
    expect((await post(running, 'phone', { lat: 29.9, lon: 33.2 })).json).toMatchObject({ matched: 1 })
    expect((await post(running, 'phone', { lat: 0, lon: 0 })).json).toMatchObject({ matched: 1 })
  }, 120_000)
})

describe('an explanation', () => {
  it('says of each fence and campaign why', async () => {
    const running = await start('1')
    await ask(running, 'PUT', '/v1/tenants/acme/fences/market', circle('market', HERE, { min_accuracy_m: 50 }))
    await ask(running, 'PUT', '/v1/tenants/zeta/fences/theirs', circle('theirs', HERE))
    const slots = [{ from: '09:00', to: '10:00' }]
    await taken(
      running,
      await ask(running, 'PUT', '/v1/tenants/acme/campaigns/morning', {
        fences: ['market'],
        slots,
        time_zone: 'Europe/Berlin',
      }),
    )
    const at = Date.parse('2026-06-01T20:00:00+02:00')
    const { json } = await ask(running, 'POST', '/v1/explain', { tenant: 'acme', ...HERE, at, accuracy: 80 })
    expect(json['door']).toMatchObject({ taken: false })
    expect(json['fences']).toMatchObject([
      {
        fence: { id: 'market', tenant: 'acme' },
        inside: true,
        rule: 'within_radius',
        accuracy: { rule: 'not_accurate_enough', limit_m: 50 },
        campaigns: [
          { id: 'morning', open: false, rule: 'outside_slots', local: { time: '20:00:00', timeZone: 'Europe/Berlin' } },
        ],
      },
    ])
  }, 60_000)
})

describe('with a file of fences', () => {
  it('they are the operator’s, and campaigns and keys are control’s', async () => {
    writeFences(folder, [circle('market', HERE) as never])
    const running = await start('1', { FENCEPOST_FENCES: `${folder}/fences.geojson` })
    const refused = await ask(running, 'PUT', '/v1/tenants/acme/fences/other', circle('other', AWAY))
    expect([refused.status, refused.json['type']]).toEqual([409, 'urn:fencepost:problem:fences_from_file'])
    await taken(running, await ask(running, 'PUT', '/v1/tenants/acme/campaigns/spring', { fences: ['market'] }))
    await post(running, 'phone', HERE)
    expect((await told(running)).map(({ campaigns }) => campaigns)).toEqual([['spring']])
  }, 60_000)
})
