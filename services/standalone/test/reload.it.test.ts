import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type GeoFeature,
  HttpConnection,
  type MatchEvent,
  readEvents,
  removeFolder,
  type ServiceProcess,
  tempFolder,
} from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { KEY, startStandalone, writeFences } from './support.ts'

let folder = ''
let service: ServiceProcess

beforeEach(() => {
  folder = tempFolder('reload')
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

const WEST = { lat: 5, lon: 10 }
const EAST = { lat: 5, lon: 30 }

/** Two fences that change places with every version: one holds WEST, the other EAST. */
function pair(version: number): GeoFeature[] {
  const lons = version % 2 === 0 ? [WEST.lon, EAST.lon] : [EAST.lon, WEST.lon]
  return ['blue', 'red'].map((id, i) => square(id, lons[i] as number, { version }))
}

function square(id: string, lon: number, properties: GeoFeature['properties'] = {}): GeoFeature {
  const ring = [
    [lon - 1, 4],
    [lon + 1, 4],
    [lon + 1, 6],
    [lon - 1, 6],
    [lon - 1, 4],
  ]
  return { type: 'Feature', id, properties, geometry: { type: 'Polygon', coordinates: [ring] } }
}

function bowTie(id: string): GeoFeature {
  const ring = [
    [0, 0],
    [1, 1],
    [1, 0],
    [0, 1],
    [0, 0],
  ]
  return { type: 'Feature', id, properties: {}, geometry: { type: 'Polygon', coordinates: [ring] } }
}

function file(): string {
  return join(folder, 'fences.geojson')
}

/** Resolves once the service has loaded its fences so many times. */
async function loads(count: number, timeout = 10_000): Promise<void> {
  const loaded = (): number => service.logs.filter(({ msg }) => msg === 'fences loaded').length
  await expect.poll(loaded, { timeout, interval: 5 }).toBe(count)
}

/** Posts pings and returns the answer of the 200. */
async function post(
  connection: HttpConnection,
  pings: readonly object[],
  more: { device?: string; batch?: string } = {},
): Promise<unknown> {
  const body = JSON.stringify({ v: 1, device: 'phone', sent: Date.now(), consent: true, pings, ...more })
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const { status, body: answer } = await connection.post('/v1/pings', headers, Buffer.from(body))
  expect(status).toBe(200)
  return JSON.parse(answer.toString())
}

describe('SIGHUP under load', () => {
  const RELOADS = 12
  const PHONES = 6
  const PINGS = 20

  it('swaps the fences between two batches: each batch sees one version, and no phone sees an older one again', async () => {
    writeFences(folder, pair(0))
    service = await startStandalone(folder)
    const { port, adminPort } = await service.listening()
    let stop = false
    const versionAtSend = new Map<string, number>()
    let live = 0
    const phone = async (number: number): Promise<void> => {
      const connection = new HttpConnection(port)
      for (let i = 0; !stop; i++) {
        const batch = `${number}-${i}`
        versionAtSend.set(batch, live)
        const pings = Array.from({ length: PINGS }, (_, j) => ({
          type: 'location',
          age: j,
          ...(j % 2 === 0 ? WEST : EAST),
        }))
        expect(await post(connection, pings, { device: `phone-${number}`, batch })).toMatchObject({ matched: PINGS })
      }
      connection.close()
    }
    const phones = Promise.all(Array.from({ length: PHONES }, (_, number) => phone(number)))
    for (let version = 1; version <= RELOADS; version++) {
      writeFences(folder, pair(version))
      service.process.signal('SIGHUP')
      await loads(version + 1)
      live = version
    }
    stop = true
    await phones

    const batches = new Map<string, MatchEvent[]>()
    const latest = new Map<string, number>()
    await readEvents(adminPort, null, ({ value }) => {
      const batch = batches.get(value.batch as string) ?? []
      batch.push(value)
      batches.set(value.batch as string, batch)
      const version = value.fences[0]?.version as number
      expect(version).toBeGreaterThanOrEqual(latest.get(value.device) ?? 0)
      latest.set(value.device, version)
    })
    const seen = new Set<number>()
    for (const [name, events] of batches) {
      const version = events[0]?.fences[0]?.version as number
      seen.add(version)
      expect(version).toBeGreaterThanOrEqual(versionAtSend.get(name) as number)
      const [west, east] = version % 2 === 0 ? ['blue', 'red'] : ['red', 'blue']
      const expected = events.map(({ lon }) => [{ id: lon === WEST.lon ? west : east, version, campaigns: [] }])
      expect(events.map(({ fences }) => fences)).toEqual(expected)
      expect(events).toHaveLength(PINGS)
    }
    expect(batches.size).toBe(versionAtSend.size)
    expect(seen.size).toBeGreaterThan(RELOADS / 2)
  }, 60_000)
})

describe('a reload of 100,000 fences', () => {
  const MANY = 100_000
  /** Answers of the node at rest between two of the node that loads: some tens; about 500 if it indexed where it serves. */
  const MOST_BETWEEN = 300

  /** Small squares and circles in rows north of the pair, in no order of theirs. */
  function* rows(version: number): Iterable<GeoFeature> {
    yield* pair(version)
    for (let i = 0; i < MANY; i++) {
      const [lon, lat] = [((i * 7919) % 100_003) / 1000 - 50, 20 + (i % 5000) / 100]
      const properties = { version, campaigns: [`campaign-${i % 40}`] }
      if (i % 2 === 0) {
        const geometry = { type: 'Point', coordinates: [lon, lat] }
        yield { type: 'Feature', id: `circle-${i}`, properties: { ...properties, radius_m: 100 }, geometry }
      } else {
        const corners = Array.from({ length: 24 }, (_, c) => (2 * Math.PI * c) / 24)
        const ring = corners.map((angle) => [lon + Math.cos(angle) / 1000, lat + Math.sin(angle) / 1000])
        const geometry = { type: 'Polygon', coordinates: [[...ring, ring[0]]] }
        yield { type: 'Feature', id: `polygon-${i}`, properties, geometry }
      }
    }
  }

  it('holds up no request: the node answers on as one beside it that loads nothing, each batch by one version', async () => {
    const folderAtRest = tempFolder('reload-at-rest')
    writeFences(folder, pair(0))
    writeFences(folderAtRest, pair(0))
    service = await startStandalone(folder)
    const atRest = await startStandalone(folderAtRest)
    onTestFinished(async () => {
      await atRest.kill9()
      removeFolder(folderAtRest)
    })
    const { port, adminPort } = await service.listening()
    let stop = false
    const send = async (to: number, answered: () => void): Promise<void> => {
      const connection = new HttpConnection(to)
      for (let i = 0; !stop; i++) {
        const pings = [WEST, EAST].map((place) => ({ type: 'location', age: 0, ...place }))
        expect(await post(connection, pings, { batch: String(i) })).toMatchObject({ matched: 2 })
        answered()
      }
      connection.close()
    }
    let answers = 0
    let between = 0
    let mostBetween = 0
    const phones = Promise.all([
      send(port, () => {
        answers++
        between = 0
      }),
      send((await atRest.listening()).port, () => {
        between++
        mostBetween = Math.max(mostBetween, between)
      }),
    ])
    try {
      for (const version of [1, 2]) {
        writeFences(folder, [...rows(version)])
        answers = 0
        between = 0
        mostBetween = 0
        service.process.signal('SIGHUP')
        await loads(version + 1, 40_000)
        expect(answers).toBeGreaterThan(300)
        expect(mostBetween).toBeLessThan(MOST_BETWEEN)
      }
    } finally {
      stop = true
      await phones
    }
    const connection = new HttpConnection(port)
    await post(connection, [{ type: 'location', age: 0, ...WEST }], { batch: 'after the last load' })
    connection.close()
    expect(service.logs).toContainEqual(expect.objectContaining({ msg: 'fences loaded', fences: MANY + 2 }))

    const versions = new Map<string, Set<number | undefined>>()
    await readEvents(adminPort, null, ({ value }) => {
      const seen = versions.get(value.batch as string) ?? new Set()
      versions.set(value.batch as string, seen.add(value.fences[0]?.version))
    })
    expect([...versions.values()].filter(({ size }) => size !== 1)).toEqual([])
    expect(new Set([...versions.values()].flatMap((seen) => [...seen]))).toEqual(new Set([0, 1, 2]))
  }, 120_000)
})

describe('a file that cannot be used', () => {
  it.each([
    ['is not JSON', () => writeFileSync(file(), '{"type":"FeatureCollection","features":['), /is not JSON/],
    ['is gone', () => rmSync(file()), /ENOENT/],
    ['is no FeatureCollection', () => writeFileSync(file(), '{"type":"Topology"}'), /FeatureCollection/],
    [
      'holds an invalid fence, which it may not',
      () => writeFences(folder, [bowTie('crossed')]),
      /feature 0: .*ring 0.*cross/,
    ],
  ])(
    'keeps the fences in force when it %s, and says so until it is mended',
    async (_, breakIt, reason) => {
      writeFences(folder, pair(0))
      service = await startStandalone(folder, { FENCEPOST_FENCES_INVALID: 'fail' })
      const { port, adminPort } = await service.listening()
      const admin = new HttpConnection(adminPort)
      const ready = async (): Promise<Record<string, unknown>> => {
        const { status, body } = await admin.get('/readyz')
        return { status, ...JSON.parse(body.toString()) }
      }
      expect(await ready()).toMatchObject({ status: 200, fences: 2, fences_error: null })

      breakIt()
      service.process.signal('SIGHUP')
      const line = await service.log('fences not reloaded; the ones in force stay', 10_000)
      expect(line).toMatchObject({ level: 'error', fences: 2, error: expect.stringMatching(reason) })
      expect(await ready()).toMatchObject({ status: 200, fences: 2, fences_error: expect.stringMatching(reason) })
      const connection = new HttpConnection(port)
      expect(await post(connection, [{ type: 'location', age: 0, ...WEST }])).toMatchObject({ matched: 1 })
      connection.close()

      writeFences(folder, [...pair(1), square('green', 50)])
      service.process.signal('SIGHUP')
      await loads(2)
      expect(await ready()).toMatchObject({ status: 200, fences: 3, fences_error: null })
      admin.close()
    },
    30_000,
  )
})

describe('invalid fences in a file', () => {
  const OPEN: GeoFeature = {
    type: 'Feature',
    id: 'open',
    properties: {},
    geometry: {
      type: 'Polygon',
      coordinates: [
        [
          [0, 0],
          [1, 0],
          [1, 1],
        ],
      ],
    },
  }
  const FILE = [square('sound', 10), bowTie('crossed'), OPEN, square('sound', 30)]

  it('are left out with a line each that names the place', async () => {
    writeFences(folder, FILE)
    service = await startStandalone(folder)
    await service.listening()
    expect(problems()).toEqual([
      ['fence left out', 'crossed', 1, 'self_crossing', expect.stringContaining('polygon 0, ring 0, ')],
      ['fence left out', 'open', 2, 'unclosed_ring', expect.stringContaining('polygon 0, ring 0, vertex 2')],
      ['fence left out', 'sound', 3, 'duplicate_id', expect.stringContaining('features 0 and 3')],
    ])
    expect(service.logs).toContainEqual(expect.objectContaining({ msg: 'fences loaded', fences: 1 }))
  })

  it('are repaired where that can be, with a line each that names the place', async () => {
    writeFences(folder, FILE)
    service = await startStandalone(folder, { FENCEPOST_FENCES_INVALID: 'repair' })
    await service.listening()
    expect(problems()).toEqual([
      ['fence repaired', 'crossed', 1, 'self_crossing', expect.stringContaining('polygon 0, ring 0, ')],
      ['fence repaired', 'open', 2, 'unclosed_ring', expect.stringContaining('polygon 0, ring 0')],
      ['fence left out', 'sound', 3, 'duplicate_id', expect.stringContaining('features 0 and 3')],
    ])
    expect(service.logs).toContainEqual(expect.objectContaining({ msg: 'fences loaded', fences: 3 }))
  })

  it('end the start where they may not be, with every fault named', async () => {
    writeFences(folder, FILE)
    service = await startStandalone(folder, { FENCEPOST_FENCES_INVALID: 'fail' })
    expect(await service.process.waitForEnd(20_000)).toEqual({ code: 1, signal: null })
    const { error } = await service.log('could not start', 1000)
    expect(String(error).split('\n')).toEqual([
      expect.stringContaining('3 invalid features'),
      expect.stringMatching(/^feature 1: polygon 0, ring 0, /),
      expect.stringMatching(/^feature 2: polygon 0, ring 0, vertex 2: /),
      expect.stringMatching(/^feature 3: .*features 0 and 3/),
    ])
  })

  it('are logged one by one up to a hundred, the rest as a number', async () => {
    writeFences(
      folder,
      Array.from({ length: 103 }, (_, i) => bowTie(`crossed-${i}`)),
    )
    service = await startStandalone(folder)
    await service.listening()
    expect(problems()).toHaveLength(100)
    expect(service.logs).toContainEqual(expect.objectContaining({ msg: 'more fences with problems', more: 3 }))
  })

  function problems(): unknown[] {
    return service.logs
      .filter(({ msg }) => msg === 'fence left out' || msg === 'fence repaired')
      .map(({ msg, fence, position, code, problem }) => [msg, fence, position, code, problem])
  }
})
