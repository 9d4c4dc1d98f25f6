// Files of fences through the thread that reads them, as built: what a node serves, what it logs, what it refuses.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { loadFences } from '@fencepost/geo'
import { createFenceIndex, openFenceIndex } from '@fencepost/match'
import { type FenceIndex, type Logger, SlotList } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FenceFileOptions, type InvalidFences, loadFenceFile } from '../dist/fence-file.js'

let folder = ''
beforeAll(() => {
  folder = tempFolder('fence-file')
})
afterAll(() => removeFolder(folder))

interface Line {
  readonly level: 'info' | 'warn' | 'error'
  readonly msg: string
  readonly fields: Readonly<Record<string, unknown>>
}

interface Loaded {
  readonly index: FenceIndex
  readonly lines: readonly Line[]
}

async function load(path: string, invalid: InvalidFences = 'skip', options: FenceFileOptions = {}): Promise<Loaded> {
  const lines: Line[] = []
  const log =
    (level: Line['level']) =>
    (fields: object, msg: string): void =>
      void lines.push({ level, msg, fields: fields as Line['fields'] })
  const logger: Logger = { info: log('info'), warn: log('warn'), error: log('error') }
  return { index: openFenceIndex(await loadFenceFile(path, invalid, logger, options)), lines }
}

function fileOf(text: string | Uint8Array): string {
  const path = join(folder, 'fences.geojson')
  writeFileSync(path, text)
  return path
}

function circle(
  i: number,
  properties: object = {},
): { readonly id: string; readonly lon: number; readonly lat: number; readonly feature: object } {
  const [lon, lat] = [((i * 7919) % 36_000) / 100 - 180, ((i * 104_729) % 16_000) / 100 - 80]
  const more = { radius_m: 300, tenant: i % 3 === 0 ? 'acme' : undefined, name: `Café ${i} "☕"`, ...properties }
  const geometry = { type: 'Point', coordinates: [lon, lat] }
  return { id: `circle ${i}`, lon, lat, feature: { type: 'Feature', id: `circle ${i}`, properties: more, geometry } }
}

const COUNT = 15_000
const CIRCLES = Array.from({ length: COUNT }, (_, i) => circle(i))
const FEATURES = CIRCLES.map(({ feature }) => feature)
const COLLECTION = JSON.stringify({ type: 'FeatureCollection', features: FEATURES })

describe('a file of several chunks', () => {
  const expected = createFenceIndex(loadFences(JSON.parse(COLLECTION), { invalid: 'fail' }).fences)
  const lines = FEATURES.map((feature) => JSON.stringify(feature))

  it.each([
    ['a collection', COLLECTION],
    [
      'a collection whose type comes last',
      `{"name":"${'x'.repeat(3_000_000)}","features":[${lines}],"type":"FeatureCollection"}`,
    ],
    ['a spaced collection', JSON.stringify(JSON.parse(COLLECTION), null, 2)],
    ['lines', `\ufeff${lines.join('\r\n')}\r\n`],
    ['text sequences', lines.map((line) => `\u001e${line}\n`).join('')],
  ])('is served as it would be if it had been read at once: %s', async (_, text) => {
    expect(text.length).toBeGreaterThan(2 * 1024 * 1024)
    const { index, lines: logged } = await load(fileOf(text), 'fail', { progressMs: 600_000 })
    expect(logged).toEqual([])
    expect(index.size).toBe(COUNT)
    const [got, wanted] = [new SlotList(), new SlotList()]
    const hits = (from: FenceIndex, lon: number, lat: number, out: SlotList): unknown[] => {
      from.matchInto('acme', lon, lat, out)
      return Array.from(out.slots.subarray(0, out.length), (slot) => from.fence(slot))
    }
    let matched = 0
    for (const { lon, lat } of CIRCLES) {
      const wantedHits = hits(expected, lon, lat, wanted)
      expect(hits(index, lon, lat, got)).toEqual(wantedHits)
      matched += wantedHits.length
    }
    expect(matched).toBeGreaterThanOrEqual(COUNT / 3)
  })

  it('says how far it is, if told to do so after every chunk', async () => {
    const total = Buffer.byteLength(COLLECTION)
    const { lines: logged } = await load(fileOf(COLLECTION), 'skip', { progressMs: 0 })
    const chunks = Math.ceil(total / 2 ** 20)
    const reading = logged.slice(0, chunks)
    expect(reading.map(({ level, msg }) => [level, msg])).toEqual(reading.map(() => ['info', 'reading fences']))
    const indexing = logged.slice(chunks)
    expect(indexing.map(({ level, msg }) => [level, msg])).toEqual(indexing.map(() => ['info', 'indexing fences']))
    const shares = indexing.map((line) => line.fields['share'] as number)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBeGreaterThan(0.5)
    expect(shares.at(-1)).toBeLessThanOrEqual(1)
    const fields = reading.map((line) => line.fields)
    expect(fields.map(({ bytes }) => bytes)).toEqual(fields.map((_, i) => Math.min(total, (i + 1) * 2 ** 20)))
    expect(new Set(fields.map(({ total_bytes }) => total_bytes))).toEqual(new Set([total]))
    const features = fields.map((line) => line['features'] as number)
    expect(features).toEqual([...features].sort((a, b) => a - b))
    expect(features[0]).toBeGreaterThan(0)
    expect(features.at(-1)).toBe(COUNT)
  })
})

it('rests meanwhile if told to, and the index is the same', async () => {
  const path = fileOf(COLLECTION)
  const logger: Logger = { info() {}, warn() {}, error() {} }
  const [fast, slow] = [
    await loadFenceFile(path, 'fail', logger),
    await loadFenceFile(path, 'fail', logger, { cpuPercent: 20 }),
  ]
  expect(Buffer.from(slow.base).equals(Buffer.from(fast.base))).toBe(true)
})

describe('the heap of the thread', () => {
  const HEAP_MB = 16

  it('does not grow with the text: four times as much passes through it', async () => {
    const path = join(folder, 'long.geojson')
    const file = openSync(path, 'w')
    const note = 'x'.repeat(1000)
    const bad = JSON.stringify(circle(1, { radius_m: -1, note }).feature)
    writeSync(file, `{"type":"FeatureCollection","about":[${`"${note}",`.repeat(20_000)}0],"features":[`)
    for (let i = 0; i < 500; i++) writeSync(file, `${bad},`.repeat(100))
    writeSync(file, `${JSON.stringify(circle(2).feature)}]}`)
    closeSync(file)
    const { index, lines } = await load(path, 'skip', { heapMb: HEAP_MB })
    expect(index.size).toBe(1)
    expect(lines.at(-1)).toMatchObject({ msg: 'more fences with problems', fields: { more: 50_000 - 100 } })
  })

  it('is bounded: a file whose ids do not fit is refused, and the process reads the next', async () => {
    const path = join(folder, 'many.geojson')
    const file = openSync(path, 'w')
    writeSync(file, '{"type":"FeatureCollection","features":[')
    for (let i = 0; i < 200_000; i++) {
      const id = String(i).padStart(128, 'x')
      writeSync(
        file,
        `{"type":"Feature","id":"${id}","properties":{"radius_m":5},"geometry":{"type":"Point","coordinates":[1,2]}},`,
      )
    }
    writeSync(file, `${JSON.stringify(circle(2).feature)}]}`)
    closeSync(file)
    await expect(load(path, 'skip', { heapMb: HEAP_MB })).rejects.toThrow(/many\.geojson: .*memory/)
    expect((await load(fileOf(COLLECTION))).index.size).toBe(COUNT)
  })
})

describe('a feature of too many bytes', () => {
  it('is left out like others that are not valid, or ends the load', async () => {
    const huge = JSON.stringify(circle(1, { note: 'x'.repeat(64 * 1024 * 1024) }).feature)
    const path = fileOf(
      `{"type":"FeatureCollection","features":[${JSON.stringify(circle(0).feature)},${huge},${JSON.stringify(circle(2).feature)}]}`,
    )
    const { index, lines } = await load(path)
    expect(index.size).toBe(2)
    expect(lines).toEqual([
      {
        level: 'warn',
        msg: 'fence left out',
        fields: {
          fence: null,
          position: 1,
          code: 'too_large',
          problem: 'a feature may have at most 67108864 bytes of JSON',
        },
      },
    ])
    await expect(load(path, 'fail')).rejects.toThrow('1 invalid features\nfeature 1: a feature may have at most')
  })
})

describe('a file that cannot be used', () => {
  const head = '{"type":"FeatureCollection","features":['

  it.each([
    ['is empty', '', /: byte 0: is not JSON: the text ends too early$/],
    ['is cut', COLLECTION.slice(0, 2_000_000), /: feature \d+, byte 2\d{6}: is not JSON: the text ends too early$/],
    [
      'is no JSON in the middle',
      COLLECTION.replace('"circle 9000",', '"circle 9000"'),
      /: feature 9000, byte \d{7}: is not JSON$/,
    ],
    ['is another JSON', '{"type":"Topology"}', /: byte 19: expected a GeoJSON FeatureCollection or Feature$/],
    ['is no JSON', 'id;name', /: byte 0: is not JSON$/],
    ['goes on behind its end', `${head}]}]`, /: byte 42: is not JSON$/],
    ['holds what is not valid', `${head}null]}`, /: 1 invalid features\nfeature 0: expected a GeoJSON Feature/],
  ])('is refused with its path and the place when it %s', async (_, text, message) => {
    const path = fileOf(text)
    await expect(load(path, 'fail')).rejects.toThrow(message)
    await expect(load(path, 'fail')).rejects.toThrow(path)
  })

  it('is refused with its path when it is not there, or is a folder', async () => {
    await expect(load(join(folder, 'none'))).rejects.toThrow(/none: ENOENT/)
    await expect(load(folder)).rejects.toThrow(`${folder}: EISDIR`)
  })
})
