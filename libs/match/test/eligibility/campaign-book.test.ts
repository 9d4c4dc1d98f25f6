// The book of campaigns: which run on a fence, after any history of changes, and without asking twice.
import type { Campaign, FenceFacts } from '@fencepost/model'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_FOUND } from '../../src/eligibility/campaign-book.ts'
import { CAMPAIGNS_PER_FENCE, CampaignBook, FenceCampaigns, readCampaign } from '../../src/eligibility/index.ts'

function campaignOf(id: string, content: Readonly<Record<string, unknown>> = {}, tenant = 't'): Campaign {
  const { campaign, problems } = readCampaign({ id, tenant, ...content })
  expect(problems).toEqual([])
  return campaign!
}

function fenceOf(id: string, more: Partial<FenceFacts> = {}): FenceFacts {
  return { id, version: 1, tenant: null, name: null, tags: [], campaigns: [], dwellS: null, ...more }
}

function ids(campaigns: FenceCampaigns): string[] {
  return campaigns.all.map(({ id }) => id)
}

function bookOf(...campaigns: readonly Campaign[]): CampaignBook {
  const book = new CampaignBook()
  for (const campaign of campaigns) book.put(campaign)
  return book
}

describe('CampaignBook', () => {
  it('finds campaigns by fence, by tag and by the fence’s own list, each once and by id', () => {
    const book = bookOf(
      campaignOf('d', { fences: ['shop'] }),
      campaignOf('c', { tags: ['food', 'late'] }),
      campaignOf('b', { fences: ['shop'], tags: ['food'] }),
      campaignOf('a'),
      campaignOf('e', { fences: ['other'], tags: ['none'] }),
    )
    const shop = fenceOf('shop', { tags: ['late', 'food'], campaigns: ['a', 'b', 'unknown'] })
    expect(ids(book.of('t', shop))).toEqual(['a', 'b', 'c', 'd', 'unknown'])
    expect(book.of('t', shop).all.map(({ campaign }) => campaign?.id ?? null)).toEqual(['a', 'b', 'c', 'd', null])
    expect(ids(book.of('t', fenceOf('empty')))).toEqual([])
  })

  it('has another version after every change, and after nothing else', () => {
    const book = bookOf()
    const versions = [book.version]
    const note = (): number => versions.push(book.version)
    book.put(campaignOf('a'))
    note()
    book.put(campaignOf('a', { tags: ['x'] }))
    note()
    book.remove('t', 'a')
    note()
    expect(new Set(versions).size).toBe(4)
    book.remove('t', 'a')
    book.of('t', fenceOf('shop'))
    expect(book.version).toBe(versions.at(-1))
  })

  it('keeps tenants apart, on a fence of all of them too', () => {
    const book = bookOf(campaignOf('a', { fences: ['shop'] }, 'one'), campaignOf('a', { fences: ['shop'] }, 'two'))
    book.put(campaignOf('b', { fences: ['shop'] }, 'two'))
    expect(ids(book.of('one', fenceOf('shop')))).toEqual(['a'])
    expect(ids(book.of('two', fenceOf('shop')))).toEqual(['a', 'b'])
    expect(ids(book.of('three', fenceOf('shop')))).toEqual([])
    expect(book.get('one', 'b')).toBeNull()
    expect(book.get('two', 'b')?.tenant).toBe('two')
    expect(book.remove('one', 'b')).toBe(false)
    expect(book.size).toBe(3)
  })

  it('answers with the same object until something changes', () => {
    const book = bookOf(campaignOf('a', { fences: ['shop'] }))
    const shop = fenceOf('shop', { tags: ['x'], campaigns: ['a'] })
    const found = book.of('t', shop)
    expect(book.of('t', shop)).toBe(found)
    expect(book.of('t', { ...shop, tags: ['x'], campaigns: ['a'] })).toBe(found)
    expect(book.of('t', { ...shop, version: 2 })).not.toBe(found)
    const unlisted = book.of('nobody', shop)
    expect(book.of('nobody', shop)).toBe(unlisted)
    expect(book.of('nobody', fenceOf('empty'))).toBe(book.of('somebody', fenceOf('bare')))
  })

  it('sees a fence that lists something else under the same version', () => {
    const book = bookOf(campaignOf('a', { tags: ['x'] }))
    expect(ids(book.of('t', fenceOf('shop', { campaigns: ['b'] })))).toEqual(['b'])
    expect(ids(book.of('t', fenceOf('shop', { campaigns: ['c'] })))).toEqual(['c'])
    expect(ids(book.of('t', fenceOf('shop', { campaigns: ['c'], tags: ['x'] })))).toEqual(['a', 'c'])
  })

  it('takes a new campaign in place of the old one, links and all', () => {
    const book = bookOf(campaignOf('a', { fences: ['shop'], tags: ['x'] }))
    const tagged = fenceOf('tagged', { tags: ['x'] })
    expect([ids(book.of('t', fenceOf('shop'))), ids(book.of('t', tagged))]).toEqual([['a'], ['a']])
    book.put(campaignOf('a', { fences: ['other'] }))
    expect([ids(book.of('t', fenceOf('shop'))), ids(book.of('t', tagged))]).toEqual([[], []])
    expect(ids(book.of('t', fenceOf('other')))).toEqual(['a'])
    expect(book.remove('t', 'a')).toBe(true)
    expect(ids(book.of('t', fenceOf('other')))).toEqual([])
    expect([book.size, book.remove('t', 'a')]).toEqual([0, false])
  })

  it('keeps the old campaign when the zone of the new one is not known here', () => {
    const book = bookOf(campaignOf('a', { fences: ['shop'] }))
    expect(() => book.put({ ...campaignOf('a'), timeZone: 'Mars/Olympus' })).toThrow(RangeError)
    expect(ids(book.of('t', fenceOf('shop')))).toEqual(['a'])
    expect(book.size).toBe(1)
  })

  it(`names ${CAMPAIGNS_PER_FENCE} campaigns on a fence, and counts where there was one more`, () => {
    const many = (count: number): CampaignBook =>
      bookOf(...Array.from({ length: count }, (_, i) => campaignOf(`c${1000 + i}`, { fences: ['shop'] })))
    const full = many(CAMPAIGNS_PER_FENCE)
    expect([ids(full.of('t', fenceOf('shop'))).length, full.crowded]).toEqual([CAMPAIGNS_PER_FENCE, 0])
    const over = many(CAMPAIGNS_PER_FENCE + 1)
    const found = ids(over.of('t', fenceOf('shop')))
    expect([found.length, over.crowded]).toEqual([CAMPAIGNS_PER_FENCE, 1])
    expect(found).not.toContain(`c${1000 + CAMPAIGNS_PER_FENCE}`)
  })

  it(`keeps ${MAX_FOUND} look-ups and forgets all with the next`, () => {
    const book = bookOf(campaignOf('a', { tags: ['x'] }))
    const first = fenceOf('f0', { tags: ['x'] })
    const found = book.of('t', first)
    for (let i = 1; i < MAX_FOUND; i++) book.of(i % 2 === 0 ? 't' : 'other', fenceOf(`f${i}`, { tags: ['x'] }))
    expect(book.of('t', first)).toBe(found)
    book.of('t', fenceOf('one more'))
    expect(book.of('t', first)).not.toBe(found)
    expect(ids(book.of('t', first))).toEqual(['a'])
  })

  it('equals a plain search through all campaigns, after any history', () => {
    const name: fc.Arbitrary<string> = fc.constantFrom('p', 'q', 'r')
    const change = fc.record({
      tenant: fc.constantFrom('t', 'u'),
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      remove: fc.boolean(),
      fences: fc.uniqueArray(name, { maxLength: 3 }),
      tags: fc.uniqueArray(name, { maxLength: 3 }),
    })
    const look = fc.record({
      tenant: fc.constantFrom('t', 'u', 'v'),
      id: name,
      tags: fc.uniqueArray(name, { maxLength: 2 }),
      campaigns: fc.uniqueArray(fc.constantFrom('a', 'b', 'z'), { maxLength: 2 }),
    })
    fc.assert(
      fc.property(fc.array(fc.oneof(change, look), { maxLength: 40, size: 'max' }), (steps) => {
        const book = new CampaignBook()
        const all = new Map<string, Campaign>()
        for (const step of steps) {
          if ('remove' in step) {
            const { tenant, id, remove, fences, tags } = step
            if (remove) expect(book.remove(tenant, id)).toBe(all.delete(`${tenant}/${id}`))
            else {
              const campaign = campaignOf(id, { fences, tags }, tenant)
              book.put(campaign)
              all.set(`${tenant}/${id}`, campaign)
            }
            expect(book.size).toBe(all.size)
            continue
          }
          const { tenant, id, tags, campaigns } = step
          const listed = [...all.values()].filter(
            (one) => one.tenant === tenant && (one.fences.includes(id) || one.tags.some((tag) => tags.includes(tag))),
          )
          const expected = new Set([...listed.map((one) => one.id), ...campaigns])
          expect(ids(book.of(tenant, fenceOf(id, { tags, campaigns })))).toEqual([...expected].sort())
        }
      }),
      { seed: 5, numRuns: 1_000 },
    )
  })
})

describe('openAt', () => {
  const morning = { fences: ['shop'], time_zone: 'UTC', slots: [{ from: '08:00', to: '12:00' }] }
  const day = { fences: ['shop'], time_zone: 'UTC', slots: [{ from: '10:00', to: '18:00' }] }
  const at = (time: string): number => Date.parse(`2025-06-20T${time}Z`)
  const make = (): FenceCampaigns =>
    bookOf(campaignOf('a', morning), campaignOf('b', day)).of('t', fenceOf('shop', { campaigns: ['z'] }))

  it.each([
    ['07:59:59.999', ['z']],
    ['08:00:00', ['a', 'z']],
    ['10:00:00', ['a', 'b', 'z']],
    ['11:59:59.999', ['a', 'b', 'z']],
    ['12:00:00', ['b', 'z']],
    ['18:00:00', ['z']],
  ])('at %s: %j', (time, expected) => {
    expect(make().openAt(at(time))).toEqual(expected)
  })

  it('answers any order of instants as a fresh one does', () => {
    const kept = make()
    fc.assert(
      fc.property(fc.array(fc.integer({ min: at('00:00:00'), max: at('00:00:00') + 3 * 86_400_000 })), (instants) => {
        for (const instant of instants) expect(kept.openAt(instant)).toEqual(make().openAt(instant))
      }),
      { seed: 6, numRuns: 200 },
    )
  })

  it('gives the same array while it holds, and when instants alternate over an edge', () => {
    const kept = make()
    const before = kept.openAt(at('09:59:59'))
    expect(kept.openAt(at('08:00:00'))).toBe(before)
    const after = kept.openAt(at('10:00:00'))
    for (let i = 0; i < 5; i++) {
      expect(kept.openAt(at('09:59:59'))).toBe(before)
      expect(kept.openAt(at('11:00:00'))).toBe(after)
    }
  })

  it('gives the same array where another stretch has the same answer', () => {
    const kept = make()
    const evening = kept.openAt(at('19:00:00'))
    expect(kept.openAt(at('19:00:00') + 86_400_000)).toBe(evening)
  })

  it('is empty, or has only what has no schedule, at what is no instant', () => {
    expect(make().openAt(Number.NaN)).toEqual(['z'])
    expect(new FenceCampaigns([]).openAt(Number.NaN)).toEqual([])
  })
})
