// What every FenceIndex owes its callers: the exact answer, for any fence that has passed the door. Each index runs this suite; a
// new promise of the port is a new case here.
import {
  ALTBEACON,
  BatchHits,
  BEACON,
  type BeaconKind,
  EDDYSTONE_UID,
  type Fence,
  type FenceIndex,
  IBEACON,
  LIMITS,
  LOCATION,
  PingColumns,
  type Polygon,
  pingReasonCode,
  type Shape,
  SlotList,
} from '@fencepost/model'
import { describe, expect, it } from 'vitest'

/** `[lon, lat]` pairs; a ring is closed for you. */
type Corners = readonly (readonly [number, number])[]

/** A fence of every tenant unless one is named. */
export function makeFence(id: string, shape: Shape, tenant: string | null = null): Fence {
  return { id, version: 1, tenant, name: null, shape, tags: [], campaigns: [], dwellS: null }
}

/** One polygon: outer ring, then holes. */
export function makePolygon(...rings: readonly Corners[]): Polygon {
  return { rings: rings.map((corners) => Float64Array.from([...corners, corners[0] ?? []].flat())) }
}

export function polygonShape(...polygons: readonly Polygon[]): Shape {
  return { kind: 'polygon', polygons }
}

export function circleShape(lon: number, lat: number, radiusM: number): Shape {
  return { kind: 'circle', lon, lat, radiusM }
}

export function beaconShape(beacon: BeaconKind, prefix: readonly number[]): Shape {
  return { kind: 'beacon', beacon, prefix: Uint8Array.from(prefix) }
}

function rectangle(west: number, south: number, east: number, north: number): Corners {
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
  ]
}

/** A ring round a pole at one latitude, as the door lays it out: on past ±180 on both sides, closed beyond the pole. */
function roundPole(lat: number): Corners {
  const beyond = lat > 0 ? 91 : -91
  return [
    ...Array.from({ length: 8 }, (_, i): [number, number] => [-350 + 100 * i, lat]),
    [350, beyond],
    [-350, beyond],
  ]
}

/** The double next to `value`, away from zero (1) or towards it (-1). */
function next(value: number, step: 1 | -1): number {
  const bits = new BigInt64Array(new Float64Array([value]).buffer)
  bits[0] = (bits[0] as bigint) + BigInt(step)
  return new Float64Array(bits.buffer)[0] as number
}

interface PointCase {
  readonly title: string
  readonly fences: readonly Fence[]
  /** Longitude, latitude, ids of the fences hit, ascending. */
  readonly pings: readonly (readonly [number, number, ...string[]])[]
}

const square = makePolygon(rectangle(10, 20, 11, 21))
/** Steps of one degree up to the north-east and straight back: 400 edges, many of them level or upright. */
const staircase: Corners = [
  ...Array.from({ length: 100 }, (_, i): [number, number][] => [
    [i / 4, i / 4],
    [(i + 1) / 4, i / 4],
  ]).flat(),
  [25, 25],
  [0, 25],
]

const POINT_CASES: readonly PointCase[] = [
  {
    title: 'an index of no fences hits nothing',
    fences: [],
    pings: [
      [0, 0],
      [180, 90],
    ],
  },
  {
    title: 'a polygon holds its inside, its edges and its corners, and nothing one double further',
    fences: [makeFence('a', polygonShape(square))],
    pings: [
      [10.5, 20.5, 'a'],
      [10, 20.5, 'a'],
      [11, 20.5, 'a'],
      [10.5, 20, 'a'],
      [10.5, 21, 'a'],
      [10, 20, 'a'],
      [11, 20, 'a'],
      [11, 21, 'a'],
      [10, 21, 'a'],
      [next(10, -1), 20.5],
      [next(11, 1), 20.5],
      [10.5, next(20, -1)],
      [10.5, next(21, 1)],
      [-10.5, 20.5],
    ],
  },
  {
    title: 'a slanted edge is decided to the last bit',
    fences: [
      makeFence(
        'a',
        polygonShape(
          makePolygon([
            [0, 0],
            [4, 2],
            [0, 2],
          ]),
        ),
      ),
    ],
    pings: [
      [2, 1, 'a'],
      [1, 0.5, 'a'],
      [next(2, 1), 1],
      [next(2, -1), 1, 'a'],
      [2, next(1, -1)],
      [2, next(1, 1), 'a'],
      [next(1, 1), 0.5],
    ],
  },
  {
    title: 'corners and level edges at the height of the ping are counted once',
    fences: [
      makeFence(
        'w',
        polygonShape(
          makePolygon([
            [0, 2],
            [1, 0],
            [2, 1],
            [3, 1],
            [4, 0],
            [5, 2],
          ]),
        ),
      ),
      makeFence(
        'diamond',
        polygonShape(
          makePolygon([
            [10, 1],
            [11, 0],
            [12, 1],
            [11, 2],
          ]),
        ),
      ),
    ],
    pings: [
      [-1, 1],
      [1, 1, 'w'],
      [2.5, 1, 'w'],
      [4, 1, 'w'],
      [6, 1],
      [-1, 0],
      [2.5, 0],
      [1, 0, 'w'],
      [9, 1],
      [11, 1, 'diamond'],
      [9, 0],
      [9, 2],
      [2.5, 2, 'w'],
    ],
  },
  {
    title: 'a hole is outside, its edge inside, an island in it inside',
    fences: [
      makeFence(
        'a',
        polygonShape(
          makePolygon(rectangle(0, 0, 10, 10), rectangle(2, 2, 8, 8), rectangle(0.5, 0.5, 1, 1)),
          makePolygon(rectangle(4, 4, 6, 6)),
        ),
      ),
    ],
    pings: [
      [1.5, 5, 'a'],
      [3, 3],
      [2, 5, 'a'],
      [8, 8, 'a'],
      [5, 5, 'a'],
      [4, 5, 'a'],
      [3.9, 5],
      [0.75, 0.75],
      [0.5, 0.75, 'a'],
      [9, 9, 'a'],
    ],
  },
  {
    title: 'a ring that crosses itself is read even-odd',
    fences: [
      makeFence(
        'star',
        polygonShape(
          makePolygon([
            [0, 3],
            [4, 3],
            [1, 0],
            [2, 5],
            [3, 0],
          ]),
        ),
      ),
    ],
    pings: [
      [2, 2],
      [2, 4, 'star'],
      [0.5, 2.75, 'star'],
      [2, 0.5],
      [2, 3, 'star'],
    ],
  },
  {
    title: 'two parts that hold the same point make one hit',
    fences: [
      makeFence('a', polygonShape(makePolygon(rectangle(0, 0, 2, 2)), makePolygon(rectangle(1, 1, 3, 3)))),
      makeFence('b', polygonShape(makePolygon(rectangle(0, 0, 1, 1)), makePolygon(rectangle(1, 0, 2, 1)))),
    ],
    pings: [
      [1.5, 1.5, 'a'],
      [1, 0.5, 'a', 'b'],
      [2.5, 2.5, 'a'],
    ],
  },
  {
    title: 'a ring of hundreds of edges is as exact as a small one',
    fences: [makeFence('stairs', polygonShape(makePolygon(staircase)))],
    pings: [
      [0, 0, 'stairs'],
      [0.1, 0, 'stairs'],
      [10.25, 10.1, 'stairs'],
      [next(10.25, 1), 10.1],
      [10.1, next(10, -1)],
      [10.1, 10, 'stairs'],
      [10.25, 10.25, 'stairs'],
      [0, 12, 'stairs'],
      [-0.001, 12],
      [25, 25, 'stairs'],
      [24.999, 24.75, 'stairs'],
      [12, 25.001],
      [3, 24.9, 'stairs'],
    ],
  },
  {
    title: 'a polygon across the antimeridian is met from both sides, and the meridian itself by both its names',
    fences: [
      makeFence('east', polygonShape(makePolygon(rectangle(170, 0, 190, 10)))),
      makeFence('west', polygonShape(makePolygon(rectangle(-190, 20, -170, 30), rectangle(-185, 24, -175, 26)))),
    ],
    pings: [
      [175, 5, 'east'],
      [-175, 5, 'east'],
      [180, 5, 'east'],
      [-180, 5, 'east'],
      [170, 5, 'east'],
      [-170, 5, 'east'],
      [169.999, 5],
      [-169.999, 5],
      [0, 5],
      [175, 21, 'west'],
      [-175, 21, 'west'],
      [180, 25],
      [-180, 25],
      [175, 25, 'west'],
      [-175, 25, 'west'],
    ],
  },
  {
    title: 'a polygon that ends at the antimeridian has its edge there under both names',
    fences: [
      makeFence('e', polygonShape(makePolygon(rectangle(170, 0, 180, 10)))),
      makeFence('w', polygonShape(makePolygon(rectangle(-180, 0, -170, 10)))),
      makeFence('world', polygonShape(makePolygon(rectangle(-180, -90, 180, 90)))),
    ],
    pings: [
      [180, 5, 'e', 'w', 'world'],
      [-180, 5, 'e', 'w', 'world'],
      [179, 5, 'e', 'world'],
      [-179, 5, 'w', 'world'],
      [0, 0, 'world'],
      [180, 90, 'world'],
      [0, -90, 'world'],
    ],
  },
  {
    title: 'a polygon round a pole holds the pole; a band round it does not',
    fences: [
      makeFence('band', polygonShape({ polar: true, ...makePolygon(roundPole(60), roundPole(80)) })),
      makeFence('cap', polygonShape({ polar: true, ...makePolygon(roundPole(60)) })),
      makeFence('south', polygonShape({ polar: true, ...makePolygon(roundPole(-70)) })),
    ],
    pings: [
      [0, 75, 'band', 'cap'],
      [180, 75, 'band', 'cap'],
      [-180, 75, 'band', 'cap'],
      [-123, 85, 'cap'],
      // 350 and -350, where the rings are closed, seen from ±180.
      [-10, 85, 'cap'],
      [10, 85, 'cap'],
      [180, 85, 'cap'],
      [10, 60, 'band', 'cap'],
      [10, 80, 'band', 'cap'],
      [10, 59.999],
      [0, 90, 'cap'],
      [-180, 90, 'cap'],
      [77, -90, 'south'],
      [180, -70, 'south'],
      [180, -69.999],
    ],
  },
  {
    title: 'at a pole every longitude is the same point',
    fences: [
      makeFence('north', polygonShape(makePolygon(rectangle(0, 80, 10, 90)))),
      makeFence(
        'tip',
        polygonShape(
          makePolygon([
            [0, -80],
            [10, -80],
            [5, -90],
          ]),
        ),
      ),
    ],
    pings: [
      [5, 90, 'north'],
      [-100, 90, 'north'],
      [180, 90, 'north'],
      [-100, 89.999],
      [120, -90, 'tip'],
      [5, -90, 'tip'],
      [120, -89.999],
    ],
  },
  {
    title: 'a circle is measured along the ellipsoid, its rim included',
    fences: [
      // Along the equator a metre is 1 / 6378137 radians.
      makeFence('equator', circleShape(0, 0, 1000)),
      // 9.04 degrees of meridian from the equator are 999,597 m on WGS84 and 1,005 km on the mean sphere.
      makeFence('large', circleShape(30, 0, 1_000_000)),
    ],
    pings: [
      [0, 0, 'equator'],
      [((1000 - 1e-6) / 6_378_137) * (180 / Math.PI), 0, 'equator'],
      [((1000 + 1e-6) / 6_378_137) * (180 / Math.PI), 0],
      [30, 9.04, 'large'],
      [30, 9.05],
      [30, -9.04, 'large'],
      [30 + ((1_000_000 - 1e-3) / 6_378_137) * (180 / Math.PI), 0, 'large'],
      [30 + ((1_000_000 + 1e-3) / 6_378_137) * (180 / Math.PI), 0],
    ],
  },
  {
    title: 'a circle reaches over the antimeridian and over the poles',
    fences: [
      makeFence('dateline', circleShape(179.99, -17, 5000)),
      makeFence('near pole', circleShape(0, 89.9, 20_000)),
      makeFence('pole', circleShape(45, 90, 100_000)),
      makeFence('south', circleShape(0, -90, 100_000)),
    ],
    pings: [
      [-179.99, -17, 'dateline'],
      [180, -17, 'dateline'],
      [-180, -17, 'dateline'],
      [-179.9, -17],
      [180, 89.95, 'near pole', 'pole'],
      [180, 89.9, 'pole'],
      [-120, 89.5, 'pole'],
      [-120, 89],
      [33, 90, 'near pole', 'pole'],
      [-33, -90, 'south'],
      [180, -89.2, 'south'],
    ],
  },
]

const UUID = Array.from({ length: 16 }, (_, i) => i * 7)

/** Every fence that any tenant sees, one by one, must answer as the suite says. */
export function fenceIndexContract(name: string, create: (fences: readonly Fence[]) => FenceIndex): void {
  function idsAt(index: FenceIndex, tenant: string, lon: number, lat: number): string[] {
    const out = new SlotList()
    index.matchInto(tenant, lon, lat, out)
    return idsOf(index, out.slots.subarray(0, out.length))
  }

  function idsOf(index: FenceIndex, slots: Uint32Array): string[] {
    return Array.from(slots, (slot) => index.fence(slot).id)
  }

  function beaconIds(index: FenceIndex, tenant: string, kind: number, id: readonly number[], offset = 0): string[] {
    const bytes = new Uint8Array(offset + LIMITS.beaconIdBytes)
    bytes.set(id, offset)
    const out = new SlotList()
    index.matchBeaconInto(tenant, kind, bytes, offset, out)
    return idsOf(index, out.slots.subarray(0, out.length))
  }

  describe(`${name} as a FenceIndex`, () => {
    it.each(POINT_CASES)('$title', ({ fences, pings }) => {
      const index = create(fences)
      for (const [lon, lat, ...ids] of pings) {
        expect({ lon, lat, ids: idsAt(index, 'acme', lon, lat) }).toEqual({ lon, lat, ids })
      }
    })

    it('gives hits by id in UTF-16 code units, then by tenant, every tenant’s first', () => {
      const shape = circleShape(0, 0, 10)
      const index = create([
        makeFence('b', shape, 'z'),
        makeFence('é', shape),
        makeFence('b', shape, 'a'),
        makeFence('#10', shape),
        makeFence('a', shape),
        makeFence('a', shape, 'z'),
        makeFence('Z', shape),
        makeFence('#9', shape),
      ])
      const order = (tenant: string): string[] => {
        const out = new SlotList()
        index.matchInto(tenant, 0, 0, out)
        return Array.from(out.slots.subarray(0, out.length), (slot) => {
          const fence = index.fence(slot)
          return `${fence.id} ${fence.tenant}`
        })
      }
      expect(order('z')).toEqual(['#10 null', '#9 null', 'Z null', 'a null', 'a z', 'b z', 'é null'])
      expect(order('a')).toEqual(['#10 null', '#9 null', 'Z null', 'a null', 'b a', 'é null'])
    })

    it('gives the fences back as they were, without their shapes', () => {
      const facts = {
        id: 'caf\u00e9 \u{1f3ea} "\ud800',
        version: 2 ** 32 - 1,
        tenant: 'acme',
        name: 'line\nline \u{1f3ea}',
        tags: ['a', ''],
        campaigns: ['spring'],
        dwellS: 90,
      }
      const index = create([
        { ...facts, shape: circleShape(1, 2, 3) },
        { ...makeFence('a', circleShape(1, 2, 3)), name: '', version: Number.MAX_SAFE_INTEGER },
      ])
      expect(index.size).toBe(2)
      const out = new SlotList()
      index.matchInto('acme', 1, 2, out)
      expect(Array.from(out.slots.subarray(0, out.length), (slot) => index.fence(slot))).toEqual([
        {
          id: 'a',
          version: Number.MAX_SAFE_INTEGER,
          tenant: null,
          name: '',
          tags: [],
          campaigns: [],
          dwellS: null,
        },
        facts,
      ])
    })

    it('throws a RangeError for a slot it does not have', () => {
      const index = create([makeFence('a', circleShape(0, 0, 1))])
      expect(() => index.fence(1000)).toThrow(RangeError)
      expect(() => index.fence(-1)).toThrow(RangeError)
      expect(() => create([]).fence(0)).toThrow('Slot 0 of an index of 0 fences.')
    })

    it('shows a tenant its own fences and every tenant’s, and nobody else’s', () => {
      const here = circleShape(5, 5, 100)
      const region = beaconShape('ibeacon', UUID)
      const index = create([
        makeFence('everyone', here),
        makeFence('mine', here, 'acme'),
        makeFence('other', here, 'zeta'),
        makeFence('beacon everyone', region),
        makeFence('beacon mine', region, 'acme'),
        makeFence('beacon other', region, 'zeta'),
      ])
      const seen = (tenant: string): string[] => [
        ...idsAt(index, tenant, 5, 5),
        ...beaconIds(index, tenant, IBEACON, UUID),
      ]
      expect(seen('acme')).toEqual(['everyone', 'mine', 'beacon everyone', 'beacon mine'])
      expect(seen('zeta')).toEqual(['everyone', 'other', 'beacon everyone', 'beacon other'])
      expect(seen('nobody')).toEqual(['everyone', 'beacon everyone'])
      expect(seen('')).toEqual(['everyone', 'beacon everyone'])
    })

    it('finds beacon regions by whole ids and by prefixes', () => {
      const index = create([
        makeFence('uuid', beaconShape('ibeacon', UUID)),
        makeFence('major', beaconShape('ibeacon', [...UUID, 0, 7])),
        makeFence('whole', beaconShape('ibeacon', [...UUID, 0, 7, 1, 2])),
        makeFence('whole again', beaconShape('ibeacon', [...UUID, 0, 7, 1, 2])),
        makeFence('alt', beaconShape('altbeacon', [...UUID, 0, 7, 1, 2])),
        makeFence('namespace', beaconShape('eddystone-uid', UUID.slice(0, 10))),
        makeFence('instance', beaconShape('eddystone-uid', UUID)),
        makeFence('circle', circleShape(0, 0, 1000)),
      ])
      const at = (kind: number, ...id: number[]): string[] => beaconIds(index, 'acme', kind, id)
      expect(at(IBEACON, ...UUID, 0, 7, 1, 2)).toEqual(['major', 'uuid', 'whole', 'whole again'])
      expect(at(IBEACON, ...UUID, 0, 7, 1, 3)).toEqual(['major', 'uuid'])
      expect(at(IBEACON, ...UUID, 0, 8, 1, 2)).toEqual(['uuid'])
      expect(at(IBEACON, ...UUID.slice(0, 15), 99, 0, 7, 1, 2)).toEqual([])
      expect(at(ALTBEACON, ...UUID, 0, 7, 1, 2)).toEqual(['alt'])
      expect(at(ALTBEACON, ...UUID, 0, 7, 1, 3)).toEqual([])
      expect(at(EDDYSTONE_UID, ...UUID)).toEqual(['instance', 'namespace'])
      expect(at(EDDYSTONE_UID, ...UUID.slice(0, 10), 9, 9, 9, 9, 9, 9)).toEqual(['namespace'])
      expect(at(EDDYSTONE_UID, 9, ...UUID.slice(1))).toEqual([])
      expect(beaconIds(index, 'acme', IBEACON, [...UUID, 0, 7, 1, 2], 40)).toHaveLength(4)
    })

    it('finds each of many beacon regions', () => {
      const id = (i: number): number[] => [...UUID, i >> 8, i & 255, 255 - (i & 255), 0]
      const fences = Array.from({ length: 1000 }, (_, i) =>
        makeFence(String(i).padStart(4, '0'), beaconShape('ibeacon', id((i * 7919) % 1000))),
      )
      const index = create(fences)
      const found = fences.map((_, i) => beaconIds(index, 'acme', IBEACON, id((i * 7919) % 1000)).join())
      expect(found).toEqual(fences.map((fence) => fence.id))
    })

    it('lists hits ascending however many there are', () => {
      const fences = Array.from({ length: 300 }, (_, i) =>
        makeFence(String((i * 101) % 300), circleShape(0, 0, 100 + i), i % 3 === 0 ? 'acme' : null),
      )
      const index = create(fences)
      const out = new SlotList()
      index.matchInto('acme', 0, 0, out)
      expect(idsOf(index, out.slots.subarray(0, out.length))).toEqual(fences.map(({ id }) => id).sort())
    })

    it('replaces what the list held', () => {
      const index = create([makeFence('a', circleShape(0, 0, 100))])
      const out = new SlotList()
      index.matchInto('acme', 0, 0, out)
      expect(out.length).toBe(1)
      index.matchInto('acme', 1, 1, out)
      expect(out.length).toBe(0)
      index.matchInto('acme', 0, 0, out)
      index.matchBeaconInto('acme', IBEACON, new Uint8Array(20), 0, out)
      expect(out.length).toBe(0)
    })

    it('answers a batch as it answers ping by ping, and skips refused pings', () => {
      const pointCases = POINT_CASES.filter(({ fences }) => fences.length > 0)
      const fences = pointCases.flatMap(({ fences }, c) =>
        fences.map((fence) => ({ ...fence, id: `${c} ${fence.id}` })),
      )
      // Over one spot more than anywhere else, with a place of one hit less at every step outwards.
      const crowd = Array.from({ length: 40 }, (_, i) =>
        makeFence(`crowd ${i}`, circleShape(60, 10, 100 + 100 * i), i % 3 === 0 ? null : 'acme'),
      )
      const outwards = Array.from({ length: 42 }, (_, i): readonly [number, number] => [60, 10 + i * 0.0009])
      const index = create([...fences, ...crowd, makeFence('beacon', beaconShape('ibeacon', UUID), 'acme')])
      const pings = [...pointCases.flatMap(({ pings }) => pings), ...outwards]
      const columns = new PingColumns(pings.length + 10)
      columns.count = pings.length
      pings.forEach(([lon, lat], i) => {
        columns.type[i] = i % 5 === 4 ? BEACON : LOCATION
        columns.reason[i] = i % 7 === 6 ? pingReasonCode('stale') : 0
        columns.lon[i] = lon
        columns.lat[i] = lat
        columns.beaconKind[i] = IBEACON
        columns.beaconId.set(i % 2 === 0 ? UUID : UUID.toReversed(), i * LIMITS.beaconIdBytes)
      })
      const hits = new BatchHits(columns.capacity)
      // Twice: what the first round left must not show in the second.
      index.matchBatchInto('acme', columns, hits)
      index.matchBatchInto('acme', columns, hits)

      const out = new SlotList()
      let matched = 0
      for (let i = 0; i < columns.count; i++) {
        out.length = 0
        const offset = i * LIMITS.beaconIdBytes
        if (columns.reason[i] === 0 && columns.type[i] === LOCATION) {
          index.matchInto('acme', columns.lon[i]!, columns.lat[i]!, out)
        } else if (columns.reason[i] === 0) {
          index.matchBeaconInto('acme', IBEACON, columns.beaconId, offset, out)
        }
        if (out.length > 0) matched++
        const got = hits.list.slots.subarray(hits.starts[i], hits.starts[i + 1])
        expect([i, ...got]).toEqual([i, ...out.slots.subarray(0, out.length)])
      }
      expect(hits.matched).toBe(matched)
      expect(matched).toBeGreaterThan(20)
      expect(hits.starts[columns.count]).toBe(hits.list.length)
    })

    it.each([3, 5])('leaves out of a batch of %i pings what has ended at the time of each', (pings) => {
      const index = create([
        makeFence('a stays', circleShape(0, 0, 100)),
        { ...makeFence('b ends', circleShape(0, 0, 200)), expiresAt: 1000 },
        { ...makeFence('c ends later', circleShape(0, 0, 300), 'acme'), expiresAt: 1001 },
        { ...makeFence('d alone', circleShape(1, 1, 100)), expiresAt: 1000 },
        { ...makeFence('e beacon', beaconShape('ibeacon', UUID)), expiresAt: 1000 },
      ])
      const columns = new PingColumns(pings)
      const rows: [lon: number, at: number, type: number, ...names: string[]][] = [
        [0, 999, LOCATION, 'a stays', 'b ends', 'c ends later'],
        [1, 1000, LOCATION],
        [0, 1000, LOCATION, 'a stays', 'c ends later'],
        [1, 999, LOCATION, 'd alone'],
        [0, 1001, BEACON],
      ]
      columns.count = pings
      rows.slice(0, pings).forEach(([place, at, type], i) => {
        columns.type[i] = type
        columns.reason[i] = 0
        columns.lon[i] = place
        columns.lat[i] = place
        columns.at[i] = at
        columns.beaconKind[i] = IBEACON
        columns.beaconId.set(UUID, i * LIMITS.beaconIdBytes)
      })
      const hits = new BatchHits(pings)
      for (let round = 0; round < 2; round++) {
        index.matchBatchInto('acme', columns, hits)
        const found = rows
          .slice(0, pings)
          .map((_, i) =>
            [...hits.list.slots.subarray(hits.starts[i], hits.starts[i + 1])].map((slot) => index.fence(slot).id),
          )
        const expected = rows.slice(0, pings).map(([, , , ...names]) => names)
        expect(found).toEqual(expected)
        expect(hits.matched).toBe(expected.filter((names) => names.length > 0).length)
        expect(hits.starts[pings]).toBe(hits.list.length)
      }
    })

    it('answers an empty batch with no hits', () => {
      const index = create([makeFence('a', circleShape(0, 0, 100))])
      const columns = new PingColumns(4)
      const hits = new BatchHits(4)
      index.matchBatchInto('acme', columns, hits)
      expect([hits.matched, hits.list.length, hits.starts[0]]).toEqual([0, 0, 0])
    })
  })
}
