// What people ask about their data, asked from a terminal; and what Kafka keeps of one of them.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { removeFolder, type ServiceProcess, startService, tempFolder } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const CLI = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const STANDALONE = fileURLToPath(new URL('../../standalone/dist/main.js', import.meta.url))
const OWNER = 'owner-token'
const KEY = 'sdk-key'

let folder = ''
let service: ServiceProcess | undefined
let env: Record<string, string> = {}
let door = ''
beforeEach(() => {
  folder = tempFolder('cli-privacy')
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

async function start(more: Record<string, string> = {}): Promise<void> {
  writeFileSync(
    join(folder, 'fences.geojson'),
    JSON.stringify({
      type: 'FeatureCollection',
      features: [
        {
          type: 'Feature',
          id: 'market',
          properties: { radius_m: 100 },
          geometry: { type: 'Point', coordinates: [10, 50] },
        },
      ],
    }),
  )
  service = await startService({
    entry: STANDALONE,
    env: {
      FENCEPOST_HOST: '127.0.0.1',
      FENCEPOST_PORT: '0',
      FENCEPOST_ADMIN_PORT: '0',
      FENCEPOST_DATA_DIR: join(folder, 'data'),
      FENCEPOST_FENCES: join(folder, 'fences.geojson'),
      FENCEPOST_SDK_KEYS: `acme:${KEY}`,
      FENCEPOST_ADMIN_TOKEN: OWNER,
      ...more,
    },
  })
  const { port, adminPort } = await service.listening()
  door = `http://127.0.0.1:${port}`
  env = { FENCEPOST_URL: `http://127.0.0.1:${adminPort}`, FENCEPOST_ADMIN_TOKEN: OWNER }
  const answer = await fetch(`${env['FENCEPOST_URL']}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OWNER}`, 'content-type': 'application/json' },
    body: JSON.stringify({ role: 'privacy' }),
  })
  env['FENCEPOST_ADMIN_TOKEN'] = ((await answer.json()) as { token: string }).token
}

async function post(device: string, lat: number): Promise<void> {
  const ping = { type: 'location', age: 0, lat, lon: 10, ref: `of-${device}` }
  const answer = await fetch(`${door}/v1/pings`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ v: 1, device, sent: Date.now(), consent: true, pings: [ping] }),
  })
  expect(answer.status).toBe(200)
}

function fencepost(
  words: readonly string[],
  more: Record<string, string> = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...words], { env: { ...env, ...more }, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

describe('fencepost privacy', () => {
  it('asks, waits, shows and lists', async () => {
    await start()
    for (const lat of [50, 51]) await post('phone-1', lat)
    const asked = await fencepost(['privacy', 'request', 'export', '--tenant', 'acme', '--device', 'phone-1', '--json'])
    expect(asked.code).toBe(0)
    const found = JSON.parse(asked.out) as { id: string; result: { events: unknown[] } }
    expect(found.result.events).toHaveLength(3)
    const erased = await fencepost(['privacy', 'request', 'erase', '--tenant', 'acme', '--device', 'phone-1'])
    expect(erased).toMatchObject({ code: 0, err: expect.stringContaining('waiting') })
    expect(erased.out).toContain('"removed": 3')
    const shown = await fencepost(['privacy', 'show', found.id])
    expect(shown.out).toMatch(/^r_\S+ export done, asked \d{4}-/)
    const list = await fencepost(['privacy', 'list', '--tenant', 'acme'])
    expect(list.out.trim().split('\n')).toHaveLength(3)
    expect(list.out).not.toContain('phone-1')
  }, 60_000)

  it.each([
    [['privacy', 'request', 'forget', '--tenant', 'acme', '--device', 'd'], 2, 'TYPE must be one of'],
    [['privacy', 'request', 'erase', '--tenant', 'acme'], 2, '--device or by --pseudonym'],
    [['privacy', 'request', 'erase', '--tenant', 'acme', '--device', 'd', '--pseudonym', 'p'], 2, '--device or by'],
    [['privacy', 'events', '--brokers', '127.0.0.1:1'], 2, '--keys'],
    [['privacy', 'show', 'r_nothing'], 1, 'no such thing'],
  ])('%j ends with %d and says %s', async (words, code, text) => {
    await start()
    const ended = await fencepost(words)
    expect([ended.code, ended.err.includes(text)]).toEqual([code, true])
  })

  it('says what is missing when the token has not the role', async () => {
    await start()
    const words = ['privacy', 'request', 'erase', '--tenant', 'acme', '--device', 'd']
    const { code, err } = await fencepost(words, { FENCEPOST_ADMIN_TOKEN: OWNER })
    expect([code, err.includes('role privacy')]).toEqual([1, true])
  })
})

needs('kafka', 'events in Kafka', (bootstrap) => {
  it.each(['json', 'msgpack'])(
    'as %s are found by a device’s keys, and no others',
    async (format) => {
      const topics = [`cli.${format}.${process.pid}.matches`, `cli.${format}.${process.pid}.transitions`]
      await start({
        FENCEPOST_SINK: 'kafka',
        FENCEPOST_EVENT_FORMAT: format,
        FENCEPOST_KAFKA_BROKERS: bootstrap,
        FENCEPOST_KAFKA_REPLICATION: '1',
        FENCEPOST_KAFKA_PARTITIONS: '3',
        FENCEPOST_TOPIC_MATCHES: topics[0] as string,
        FENCEPOST_TOPIC_TRANSITIONS: topics[1] as string,
        FENCEPOST_TOPIC_ERASURES: `cli.${format}.${process.pid}.erasures`,
      })
      for (const lat of [50, 51, 50]) for (const device of ['phone-1', 'phone-2', 'phone-3']) await post(device, lat)
      const asked = await fencepost([
        'privacy',
        'request',
        'export',
        '--tenant',
        'acme',
        '--device',
        'phone-2',
        '--json',
      ])
      const { result } = JSON.parse(asked.out) as { result: { events: null; events_elsewhere: { keys: string[] } } }
      expect(result.events).toBeNull()
      const words = ['--brokers', bootstrap, '--topics', topics.join(), '--keys', result.events_elsewhere.keys.join()]
      const { code, out, err } = await fencepost(['privacy', 'events', ...words])
      expect(code).toBe(0)
      const events = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { topic: string; value: { device: string; ref?: string; kind?: string } })
      expect(events.map(({ value }) => value.ref ?? value.kind)).toEqual([
        'of-phone-2',
        'of-phone-2',
        'enter',
        'exit',
        'enter',
      ])
      expect(new Set(events.map(({ value }) => value.device))).toEqual(new Set(result.events_elsewhere.keys))
      expect(err).toContain('5 events found')
    },
    90_000,
  )
})
