// What AsyncAPI says of the events, held against events as they come out.
import { readFileSync } from 'node:fs'
import { HttpConnection, removeFolder, type ServiceProcess, tempFolder } from '@fencepost/testbed'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { request } from './privacy-kit.ts'
import { KEY, startStandalone, writeFences } from './support.ts'

const document = JSON.parse(readFileSync(new URL('../../../libs/wire/asyncapi.json', import.meta.url), 'utf8'))
const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false })
const messages = document.components.messages as Record<string, { headers: object; payload: object }>
const UUID = '01020304-0506-0708-090a-0b0c0d0e0f10'

let folder = ''
let service: ServiceProcess | undefined
beforeEach(() => {
  folder = tempFolder('asyncapi')
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

it.each([
  ['json', 'exact'],
  ['msgpack', 'none'],
  ['json', 'coarse'],
])(
  'holds for %s with %s coordinates: every key, every kind',
  async (format, coordinates) => {
    const beacon = (id: string, region: object) => ({
      type: 'Feature',
      id,
      properties: { beacon: region },
      geometry: null,
    })
    writeFences(folder, [
      {
        type: 'Feature',
        id: 'market',
        properties: { radius_m: 100, dwell_s: 5, campaigns: ['spring'] },
        geometry: { type: 'Point', coordinates: [10, 50] },
      },
      beacon('shelf', { kind: 'ibeacon', uuid: UUID }),
      beacon('door', { kind: 'eddystone-uid', namespace: '00'.repeat(10) }),
      beacon('cart', { kind: 'altbeacon', id: '00'.repeat(20) }),
    ] as never)
    service = await startStandalone(folder, {
      FENCEPOST_EVENT_FORMAT: format,
      FENCEPOST_EVENT_COORDINATES: coordinates,
    })
    const { port, adminPort } = await service.listening()
    const sighting = { type: 'beacon', age: 50_000, rssi: -60 }
    const pings = [
      { type: 'location', age: 60_000, lat: 50, lon: 10, accuracy: 5.5, ref: 'one' },
      { ...sighting, kind: 'ibeacon', uuid: UUID, major: 1, minor: 2 },
      { ...sighting, kind: 'eddystone-uid', namespace: '00'.repeat(10), instance: '00'.repeat(6) },
      { ...sighting, kind: 'altbeacon', id: '00'.repeat(20) },
      { type: 'location', age: 1000, lat: 51, lon: 10 },
    ]
    const connection = new HttpConnection(port)
    const body = { v: 1, device: 'phone', sent: Date.now(), consent: true, batch: 'b1', pings }
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
    expect((await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)))).status).toBe(200)
    connection.close()

    await request(adminPort, { type: 'erase', subject: { device: 'of-nobody' } })
    const admin = new HttpConnection(adminPort)
    const kinds = new Set<unknown>()
    for (const [topic, name, least] of [
      ['matches', 'match', 4],
      ['transitions', 'transition', 4],
      ['erasures', 'erasure', 1],
    ] as const) {
      const value = ajv.compile(messages[name]?.payload as object)
      const head = ajv.compile(messages[name]?.headers as object)
      const lines = (await admin.get(`/v1/events?topic=${topic}`)).body.toString().trimEnd().split('\n')
      expect(lines.length).toBeGreaterThanOrEqual(least)
      for (const line of lines) {
        const event = JSON.parse(line) as { value: Record<string, unknown>; headers: Record<string, string> }
        expect([value(event.value), value.errors]).toEqual([true, null])
        expect([head(event.headers), head.errors]).toEqual([true, null])
        kinds.add(event.value['kind'] ?? event.value['type'] ?? topic)
        // And a key that is not in it is refused.
        expect(value({ ...event.value, more: 1 })).toBe(false)
      }
    }
    admin.close()
    expect([...kinds].sort()).toEqual(['beacon', 'dwell', 'enter', 'erasures', 'exit', 'location'])
  },
  60_000,
)
