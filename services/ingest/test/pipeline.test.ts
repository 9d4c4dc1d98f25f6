import { PING_REASON_CODES } from '@fencepost/model'
import { describe, expect, it } from 'vitest'
import { at, batchOf, circle, eventsOf, kit, lawOfPings, NOW } from './node-kit.ts'

const MARKET = circle('market', 9.99, 53.55, 100)
const HARBOUR = circle('harbour', 9.9901, 53.5501, 500)

describe('the pipeline', () => {
  it('answers a batch without a hit at once and publishes nothing', () => {
    const { pipeline, sink } = kit([MARKET])
    const outcome = pipeline.take(Buffer.from(JSON.stringify(batchOf([at(0, 0)]))), 'json', 'acme')
    expect(outcome).toBeInstanceOf(Uint8Array)
    expect(sink.batches).toHaveLength(0)
  })

  it('publishes one event for each ping in a fence, naming all its fences', async () => {
    const { send, sink } = kit([MARKET, HARBOUR])
    expect(await send(batchOf([at(9.99, 53.55, { ref: 'r1' }), at(0, 0), at(9.993, 53.5501)]))).toEqual({
      received: NOW,
      accepted: 3,
      matched: 2,
      rejected: [],
    })
    expect(eventsOf(sink)).toMatchObject([
      {
        tenant: 'acme',
        at: NOW - 1000,
        observed: NOW - 1000,
        index: 0,
        ref: 'r1',
        fences: [{ id: 'harbour' }, { id: 'market' }],
      },
      { index: 2, fences: [{ id: 'harbour', campaigns: ['spring'] }] },
    ])
  })

  it('takes a fence for gone at pings of when it had expired, and counts those without another as not matched', async () => {
    const { send, sink, counters } = kit([
      { ...MARKET, expiresAt: NOW - 60_000 },
      { ...circle('stall', 1, 1, 100), expiresAt: NOW - 60_000 },
      HARBOUR,
    ])
    const before = { age: 60_001 }
    const after = { age: 60_000 }
    const pings = [at(9.99, 53.55, before), at(9.99, 53.55, after), at(1, 1, before), at(1, 1, after)]
    expect(await send(batchOf(pings))).toMatchObject({ accepted: 4, matched: 3 })
    expect(
      eventsOf(sink).map(({ index, fences }) => [index, ...(fences as { id: string }[]).map(({ id }) => id)]),
    ).toEqual([
      [0, 'harbour', 'market'],
      [1, 'harbour'],
      [2, 'stall'],
    ])
    expect(await send(batchOf([at(1, 1, after)]))).toMatchObject({ accepted: 1, matched: 0 })
    expect([sink.batches.length, counters.matched, counters.accepted]).toEqual([1, 3, 5])
  })

  it('names the campaigns that are open on a fence at the time of the ping, whoever lists whom', async () => {
    const { send, sink } = kit([{ ...MARKET, tags: ['food'], campaigns: ['spring', 'kept elsewhere'] }, HARBOUR], {
      campaigns: {
        'by fence': { fences: ['market'] },
        'by tag': { tags: ['food'] },
        spring: { paused: true },
        ended: { fences: ['market'], end: new Date(NOW - 30_000).toISOString() },
        elsewhere: { fences: ['stall'] },
      },
    })
    await send(batchOf([at(9.99, 53.55, { age: 30_000 }), at(9.99, 53.55, { age: 30_001 })]))
    await send(batchOf([at(9.99, 53.55)]), 'other')
    const always = ['by fence', 'by tag', 'kept elsewhere']
    expect(
      eventsOf(sink).map(({ fences }) => (fences as { campaigns: string[] }[]).map((one) => one.campaigns)),
    ).toEqual([
      [[], always],
      [[], ['by fence', 'by tag', 'ended', 'kept elsewhere']],
      [['spring'], ['kept elsewhere', 'spring']],
    ])
  })

  it('shows a tenant only its own fences and those of every tenant', async () => {
    const { send, sink } = kit([
      circle('mine', 1, 1, 100, 'acme'),
      circle('theirs', 1, 1, 100, 'other'),
      circle('all', 1, 1, 100),
    ])
    await send(batchOf([at(1, 1)]), 'acme')
    expect(eventsOf(sink)).toMatchObject([{ fences: [{ id: 'all' }, { id: 'mine' }] }])
  })

  it('does not answer before the sink is durable', async () => {
    const { pipeline, sink, counters } = kit([MARKET])
    sink.mode = 'hold'
    let answered = false
    const outcome = Promise.resolve(
      pipeline.take(Buffer.from(JSON.stringify(batchOf([at(9.99, 53.55)]))), 'json', 'acme'),
    ).then((one) => {
      answered = true
      return one
    })
    await Promise.resolve()
    expect({ answered, pending: counters.pending, accepted: counters.accepted }).toEqual({
      answered: false,
      pending: 1,
      accepted: 0,
    })
    sink.settle()
    expect(await outcome).toBeInstanceOf(Uint8Array)
    expect({ pending: counters.pending, accepted: counters.accepted }).toEqual({ pending: 0, accepted: 1 })
  })

  it.each([
    ['full', 'overloaded'],
    ['deadline', 'sink_unavailable'],
    ['io', 'sink_unavailable'],
    ['stopped', 'stopping'],
  ] as const)('refuses a batch whose sink says %s as %s, and counts every ping as failed', async (mode, reason) => {
    const { send, sink, counters } = kit([MARKET])
    sink.mode = mode
    expect(await send(batchOf([at(9.99, 53.55), at(0, 0), at(200, 0)]))).toBe(reason)
    expect({ failed: counters.failed, accepted: counters.accepted, ...lawOfPings(counters) }).toEqual({
      failed: 3,
      accepted: 0,
      decoded: 3,
      outcomes: 3,
    })
  })

  it('takes the other pings of a batch when some are bad', async () => {
    const { send } = kit([MARKET])
    expect(await send(batchOf([at(9.99, 91), at(9.99, 53.55), 7, at(9.99, 53.55, { age: -1 })]))).toEqual({
      received: NOW,
      accepted: 1,
      matched: 1,
      rejected: [
        [0, 'bad_coords'],
        [2, 'bad_ping'],
        [3, 'bad_time'],
      ],
    })
  })

  it.each([
    ['no_consent', {}],
    ['no_consent', { consent: false }],
    ['minor', { consent: { location: true, minor: true } }],
    ['minor', { consent: { location: false, minor: true } }],
  ])('leaves no trace of a %s batch but a counter', async (reason, flags) => {
    const { send, sink, counters } = kit([MARKET])
    const { consent: _, ...bare } = batchOf([at(9.99, 53.55), at(0, 91)])
    expect(await send({ ...bare, ...flags })).toMatchObject({
      accepted: 0,
      matched: 0,
      rejected: [
        [0, reason],
        [1, reason],
      ],
    })
    expect(sink.batches).toHaveLength(0)
    expect(counters.rejected[PING_REASON_CODES.indexOf(reason as never)]).toBe(2)
    expect(counters.rejected.reduce((sum, count) => sum + count, 0)).toBe(2)
  })

  it('gives a ping the same id in every attempt, whatever surrounds it', async () => {
    const { send, sink } = kit([MARKET])
    await send(batchOf([at(9.99, 53.55)]))
    await send(batchOf([at(0, 0), at(9.99, 53.55, { age: 6000 })], { sent: NOW + 5000, batch: 'again' }))
    const [first, second] = eventsOf(sink)
    expect(second?.['id']).toBe(first?.['id'])
    expect([first?.['observed'], second?.['observed']]).toEqual([NOW - 1000, NOW - 1000])
  })

  it('never puts the device id into an event or its key', async () => {
    const { send, sink } = kit([MARKET])
    await send(batchOf([at(9.99, 53.55)], { device: 'phone-of-somebody' }))
    expect(JSON.stringify([eventsOf(sink), sink.batches[0]?.key])).not.toContain('phone-of-somebody')
    expect(sink.batches[0]?.key).toBe(eventsOf(sink)[0]?.['device'])
  })

  it('refuses a ping whose event would be too large, and takes the rest', async () => {
    const crowd = Array.from({ length: 40 }, (_, i) => circle(`fence-${i}-${'x'.repeat(100)}`, 5, 5, 100))
    const { send, sink } = kit([...crowd, MARKET], { maxEventBytes: 4096 })
    expect(await send(batchOf([at(5, 5), at(9.99, 53.55)]))).toMatchObject({
      accepted: 1,
      matched: 1,
      rejected: [[0, 'event_too_large']],
    })
    expect(eventsOf(sink)).toMatchObject([{ index: 1 }])
  })

  it('keeps the law of pings over a seeded mixture of everything', async () => {
    const { send, sink, counters } = kit([MARKET, HARBOUR])
    let state = 7
    const random = (n: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      return state % n
    }
    let pings = 0
    for (let round = 0; round < 400; round++) {
      sink.mode = (['durable', 'durable', 'deadline', 'full'] as const)[random(4)] as 'durable'
      const list = Array.from({ length: random(6) }, () =>
        random(2) === 0 ? at(9.99, 53.55) : random(2) === 0 ? at(0, 999) : at(0, 0),
      )
      const more = random(5) === 0 ? { consent: false } : random(9) === 0 ? { v: 2 } : {}
      if (!('v' in more)) pings += list.length
      await send(batchOf(list, more))
      const law = lawOfPings(counters)
      expect(law.outcomes).toBe(law.decoded)
      expect(law.decoded).toBe(pings)
    }
    expect(counters.pending).toBe(0)
  })
})
