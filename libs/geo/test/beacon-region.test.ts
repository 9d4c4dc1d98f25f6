// Beacon regions: what properties.beacon may say, and the bytes it stands for.
import type { Shape } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { normaliseFeature } from '../src/index.ts'

type Properties = Record<string, unknown>

function shapeOf(beacon: unknown, geometry: unknown = null): Shape {
  const feature = { type: 'Feature', properties: { beacon }, geometry }
  return normaliseFeature(feature, { position: 0, repair: false }).shape
}

describe('beacon regions', () => {
  const uuid = '01020304-0506-0708-090A-0B0C0D0E0F10'
  const bytes = Array.from({ length: 16 }, (_, i) => i + 1)

  it.each<[Properties, string, number[]]>([
    [{ kind: 'ibeacon', uuid }, 'ibeacon', bytes],
    [{ kind: 'ibeacon', uuid: uuid.replaceAll('-', '').toLowerCase() }, 'ibeacon', bytes],
    [{ kind: 'ibeacon', uuid, major: 0 }, 'ibeacon', [...bytes, 0, 0]],
    [{ kind: 'ibeacon', uuid, major: 65_535, minor: 258 }, 'ibeacon', [...bytes, 255, 255, 1, 2]],
    [{ kind: 'eddystone-uid', namespace: '0102030405060708090a' }, 'eddystone-uid', bytes.slice(0, 10)],
    [{ kind: 'eddystone-uid', namespace: '0102030405060708090a', instance: '0B0C0D0E0F10' }, 'eddystone-uid', bytes],
    [{ kind: 'altbeacon', id: `${'00'.repeat(19)}ff` }, 'altbeacon', [...new Array(19).fill(0), 255]],
  ])('reads %j', (beacon, kind, prefix) => {
    expect(shapeOf(beacon)).toEqual({
      kind: 'beacon',
      beacon: kind,
      prefix: Uint8Array.from(prefix),
    })
  })

  it.each<[unknown]>([
    ['ibeacon'],
    [{ kind: 'wifi' }],
    [{ kind: 'ibeacon' }],
    [{ kind: 'ibeacon', uuid: uuid.slice(1) }],
    [{ kind: 'ibeacon', uuid: uuid.replace('A', 'g') }],
    [{ kind: 'ibeacon', uuid, major: -1 }],
    [{ kind: 'ibeacon', uuid, major: 65_536 }],
    [{ kind: 'ibeacon', uuid, major: '1' }],
    [{ kind: 'ibeacon', uuid, minor: 1 }],
    [{ kind: 'eddystone-uid', namespace: '0102030405060708090' }],
    [{ kind: 'eddystone-uid', namespace: '0102030405060708090a', instance: '0B' }],
    [{ kind: 'altbeacon', id: '00'.repeat(19) }],
    [{ kind: 'altbeacon', id: '00'.repeat(21) }],
  ])('refuses %j', (beacon) => {
    expect(() => shapeOf(beacon)).toThrow(expect.objectContaining({ code: 'bad_beacon' }))
  })

  it('refuses a beacon with a geometry', () => {
    const point = { type: 'Point', coordinates: [0, 0] }
    expect(() => shapeOf({ kind: 'ibeacon', uuid }, point)).toThrow('the geometry is not null')
  })
})
