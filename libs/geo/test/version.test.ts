// Versions: the same content has the same number everywhere, another content another.
import { describe, expect, it } from 'vitest'
import { normaliseFeature } from '../src/index.ts'

type Properties = Record<string, unknown>

const TRIANGLE = [
  [0, 0],
  [4, 0],
  [0, 4],
  [0, 0],
]

function polygon(ring: unknown): unknown {
  return { type: 'Polygon', coordinates: [ring] }
}

describe('versions', () => {
  const base = { tags: ['a'], campaigns: ['b'], dwell_s: 5, tenant: 't', name: 'n' }
  const version = (properties: Properties, geometry: unknown = polygon(TRIANGLE), id: unknown = 'x'): number =>
    normaliseFeature({ type: 'Feature', id, properties, geometry }, { position: 0, repair: false }).version

  it('is the same on every machine and every run', () => {
    expect(version(base)).toBe(PINNED.polygon)
    expect(version({ ...base, radius_m: 50 }, { type: 'Point', coordinates: [1.5, -2.25] })).toBe(PINNED.circle)
  })

  it('changes with id, tenant, tags, campaigns, dwell and shape, and with nothing else', () => {
    const moved = TRIANGLE.map(([x, y]) => [x! + 1e-9, y!])
    const others = [
      version(base, polygon(TRIANGLE), 'y'),
      version({ ...base, tenant: undefined }),
      version({ ...base, tags: [] }),
      version({ ...base, campaigns: ['b', 'c'] }),
      version({ ...base, dwell_s: 6 }),
      version(base, polygon(moved)),
      version(base, polygon(TRIANGLE.toReversed())),
      version({ ...base, radius_m: 5 }, { type: 'Point', coordinates: [0, 0] }),
      version({ ...base, radius_m: 6 }, { type: 'Point', coordinates: [0, 0] }),
    ]
    expect(new Set([version(base), ...others]).size).toBe(others.length + 1)
    expect(version({ ...base, name: 'other', colour: 'red' })).toBe(version(base))
    expect(version(base, { type: 'MultiPolygon', coordinates: [[TRIANGLE]] })).toBe(version(base))
  })

  it.each([
    [0, 0],
    [41, 41],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('is properties.version where that is a whole number: %s', (given, expected) => {
    expect(version({ ...base, version: given })).toBe(expected)
  })

  it.each([[-1], [1.5], ['7'], [2 ** 53]])('is not properties.version where that is %s', (given) => {
    expect(version({ ...base, version: given })).toBe(version(base))
  })
})

/** Computed apart, with Python's hashlib and struct, from the layout that `fenceVersion` documents. */
const PINNED = { polygon: 3539473398, circle: 3357901828 }
