// Zones: spans of constant offset, the same whatever was asked before, and bounded.
import { describe, expect, it } from 'vitest'
import { zoneOf } from '../../src/eligibility/index.ts'
import { MAX_BLOCKS, MAX_ZONES, Zone } from '../../src/eligibility/zones.ts'

const DAY_MS = 86_400_000

function spanAt(zone: Zone, instant: string): [from: string, offset: number] {
  zone.seek(Date.parse(instant))
  return [new Date(zone.from).toISOString(), zone.offsetMs / 60_000]
}

describe('zones', () => {
  it('change at the second', () => {
    const zone = new Zone('Europe/Berlin')
    expect(spanAt(zone, '2025-03-30T00:59:59.999Z')[1]).toBe(60)
    expect(spanAt(zone, '2025-03-30T01:00:00Z')).toEqual(['2025-03-30T01:00:00.000Z', 120])
    expect(zone.until).toBeGreaterThan(zone.from)
    const newYork = new Zone('America/New_York')
    expect(spanAt(newYork, '1883-11-18T17:00:00Z')).toEqual(['1883-11-18T17:00:00.000Z', -300])
    expect(spanAt(newYork, '1883-11-18T16:59:59Z')[1]).toBeCloseTo(-296.033, 2)
  })

  it.each([
    ['America/Boa_Vista', '2000-09-20', '2000-11-01', '2000-10-08T04:00:00Z', '2000-10-15T03:00:00Z'],
    ['Asia/Hebron', '2011-07-15', '2011-10-15', '2011-08-29T22:00:00Z', '2011-09-29T21:00:00Z'],
  ])('see changes in %s that come soon after one another', (name, from, until, one, other) => {
    const zone = new Zone(name)
    const starts = new Set<number>()
    for (let at = Date.parse(from); at < Date.parse(until); at += DAY_MS / 4) {
      zone.seek(at)
      expect(zone.offsetMs).toBe(offsetByParts(name, at))
      starts.add(zone.from)
    }
    expect([...starts]).toEqual(expect.arrayContaining([Date.parse(one), Date.parse(other)]))
  })

  it('agree with the fields of a date, year by year, in every zone there is', () => {
    const wrong: unknown[] = []
    for (const name of Intl.supportedValuesOf('timeZone')) {
      const zone = zoneOf(name)
      if (zone === null) continue
      for (let at = Date.UTC(1890, 0, 1); at < Date.UTC(2060, 0, 1); at += 1871 * DAY_MS) {
        zone.seek(at)
        if (zone.offsetMs !== offsetByParts(name, at)) wrong.push([name, at])
      }
    }
    expect(wrong).toEqual([])
  })

  it(`keep ${MAX_BLOCKS} blocks, forget all with the next, and answer the same`, () => {
    const zone = new Zone('Europe/Berlin')
    const seekBlock = (block: number): void => zone.seek(block * 64 * DAY_MS)
    for (let block = 1; block <= MAX_BLOCKS; block++) seekBlock(block)
    expect(zone.blocks).toBe(MAX_BLOCKS)
    seekBlock(1)
    expect(zone.blocks).toBe(MAX_BLOCKS)
    seekBlock(MAX_BLOCKS + 1)
    expect(zone.blocks).toBe(1)
    const ask = (): number[] =>
      Array.from({ length: 300 }, (_, i) => {
        zone.seek(Date.UTC(1980, 0, 1) + i * 70 * DAY_MS)
        return zone.offsetMs
      })
    expect(ask()).toEqual(ask())
  })

  it('are shared by name, and the same after more names than are kept', () => {
    expect(zoneOf('Europe/Berlin')).toBe(zoneOf('Europe/Berlin'))
    const first = zoneOf('Europe/Berlin')
    for (let i = 0; i <= MAX_ZONES; i++) {
      // Intl does not mind the case of letters, so one zone has more names than are kept.
      const name = [...'dumontdurville'].map((c, bit) => ((i >> bit) & 1 ? c.toUpperCase() : c)).join('')
      expect(zoneOf(`Antarctica/${name}`)?.name).toBe(`Antarctica/${name}`)
    }
    expect(zoneOf('Europe/Berlin')).not.toBe(first)
    expect(zoneOf('Europe/Berlin')?.name).toBe('Europe/Berlin')
  })

  it.each([
    '',
    'EST',
    'utc',
    'GMT',
    '+01:00',
    'Z',
    'Europe/',
    'Mars/Olympus',
    'SystemV/AST4',
    'Europe/Berlin\n',
    'Local',
  ])('have no name %j', (name) => {
    expect(zoneOf(name)).toBeNull()
  })
})

const formats = new Map<string, Intl.DateTimeFormat>()

function offsetByParts(timeZone: string, at: number): number {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  formats.set(timeZone, format)
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const { year, month, day, hour, minute, second } = parts
  return Date.UTC(year!, month! - 1, day, hour, minute, second) - at
}
