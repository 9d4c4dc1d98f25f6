// Two nodes of a cluster that are killed and restarted, one Redis, one Kafka, phones that lose answers: what consumers read is what one
// node without faults would have told, and, where batches of one device race each other, what its record went through.
import { VERSION_LENGTH } from '@fencepost/model'
import { createIdentities } from '@fencepost/policy'
import { type DeviceRecord, decodeRecord } from '@fencepost/presence'
import type { TransitionEvent } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { dice } from './interleaving.ts'
import {
  circleAt,
  eachPhone,
  KEYS,
  type Phone,
  type Progress,
  phoneOf,
  ROW,
  sendUntilAnswered,
  startPair,
  until,
} from './two-nodes-kit.ts'

const BATCHES = 12

needs('kafka', 'two nodes and a Redis', (bootstrap) => {
  it('tell every transition once, in order, though they are killed and answers are lost', async () => {
    const roll = dice(77)
    const pair = await startPair(bootstrap, 'two-nodes', ROW)
    try {
      const phones = Array.from({ length: 200 }, (_, i) => phoneOf(`phone-${i}`, BATCHES, roll))
      const expected = phones.map(({ batches }) => lines(batches))
      const progress: Progress = { taken: 0, refusals: new Set() }
      const posting = eachPhone(pair.ports, phones, 1, async (phone, [connections = []]) => {
        for (const pings of phone.batches) await sendUntilAnswered(connections, phone, pings, roll, progress)
      })
      await Promise.all([posting, pair.killAll(progress, phones.length * BATCHES)])
      // What a killed node left pending is the sweep's.
      await until(async () => (await pair.consumed()).length >= expected.flat().length, 500)
      const told = byDevice(await pair.consumed())
      expect([...told.values()].map((all) => all.map(lineOf).join('\n')).sort()).toEqual(
        expected.map((all) => all.join('\n')).sort(),
      )
      expect([...progress.refusals].filter((status) => status !== 503)).toEqual([])
    } finally {
      await pair.stop()
    }
  }, 180_000)

  it('tell what the records went through when batches of one device race each other', async () => {
    const roll = dice(78)
    // Fences over one another, and dwells: several visits are open at once.
    const features = [
      ...ROW,
      circleAt('wide-left', 1, 1500, { dwell_s: 60 }),
      circleAt('wide-right', 3, 1500, { dwell_s: 90 }),
    ]
    const pair = await startPair(bootstrap, 'two-nodes-racing', features)
    const redis = new Redis(`redis://${pair.redis.address}`)
    try {
      const phones = Array.from({ length: 100 }, (_, i) => phoneOf(`phone-${i}`, BATCHES, roll))
      const progress: Progress = { taken: 0, refusals: new Set() }
      const posting = eachPhone(pair.ports, phones, 3, async (phone, connections) => {
        for (let at = 0; at < BATCHES; at += connections.length)
          await Promise.all(
            connections.map((own, slot) =>
              sendUntilAnswered(own, phone, phone.batches[at + slot] ?? [], roll, progress),
            ),
          )
      })
      await Promise.all([posting, pair.killAll(progress, phones.length * BATCHES)])
      // What a killed node left pending is the sweep's, and dwells that are due are made by it.
      let records = await recordsOf(redis)
      await until(async () => {
        records = await recordsOf(redis)
        return [...records.values()].every(({ pending, state }) => pending === null && hasDwelled(state))
      }, 200)
      const told = byDevice(await pair.consumed())
      expect([...told.keys()].sort()).toEqual(
        [...records]
          .filter(([, { state }]) => state.lastVisit > 0)
          .map(([device]) => device)
          .sort(),
      )
      expect(records.size).toBe(phones.length)
      for (const [device, { state }] of records) {
        const { open, last } = replay(told.get(device) ?? [])
        expect(open).toEqual(state.visits.map(({ fence, visit, dwelled }) => ({ fence, visit, dwelled })))
        expect(last).toBe(state.lastVisit)
      }
      // They did race: not every history is that of batches one after the other.
      const inTurn = new Set(phones.map(({ batches }) => lines(batches).join('\n')))
      const inRow = (event: TransitionEvent): boolean => event.fence.id.startsWith('fence-')
      const histories = [...told.values()].map((all) => all.filter(inRow).map(lineOf).join('\n'))
      expect(histories.filter((history) => !inTurn.has(history)).length).toBeGreaterThan(0)
      expect([...progress.refusals].filter((status) => status !== 503)).toEqual([])
    } finally {
      redis.disconnect()
      await pair.stop()
    }
  }, 180_000)
})

function byDevice(events: readonly TransitionEvent[]): Map<string, TransitionEvent[]> {
  const all = new Map<string, TransitionEvent[]>()
  for (const event of events) {
    const own = all.get(event.device)
    if (own === undefined) all.set(event.device, [event])
    else own.push(event)
  }
  return all
}

function lineOf({ kind, fence, visit }: TransitionEvent): string {
  return `${kind} ${fence.id} ${visit}`
}

interface OpenVisit {
  readonly fence: string
  readonly visit: number
  readonly dwelled: readonly number[]
}

/** What is open after a device's transitions. Throws where one of them cannot have happened after those before it. */
function replay(events: readonly TransitionEvent[]): { readonly open: readonly OpenVisit[]; readonly last: number } {
  const open = new Map<string, { visit: number; dwelled: number[] }>()
  let last = 0
  for (const event of events) {
    const { kind, fence, visit, dwell_s: dwellS } = event
    const here = open.get(fence.id)
    const must = (holds: boolean, what: string): void => {
      if (!holds) throw new Error(`${what}: ${lineOf(event)} in\n${events.map(lineOf).join('\n')}`)
    }
    if (kind === 'enter') {
      must(here === undefined, 'entered twice')
      must(visit > last, 'a visit that was already')
      last = visit
      open.set(fence.id, { visit, dwelled: [] })
      continue
    }
    must(here?.visit === visit, 'not inside')
    if (kind === 'exit') open.delete(fence.id)
    else {
      must(dwellS !== undefined && here?.dwelled.includes(dwellS) === false, 'dwelled twice')
      here?.dwelled.push(dwellS as number)
    }
  }
  const visits = [...open].map(([fence, { visit, dwelled }]) => ({ fence, visit, dwelled }))
  return { open: visits.sort((a, b) => (a.fence < b.fence ? -1 : 1)), last }
}

/** Records as they are stored, by the pseudonym of their device. */
async function recordsOf(redis: Redis): Promise<Map<string, DeviceRecord>> {
  const identities = createIdentities({
    rootKey: Buffer.from(KEYS.root, 'hex'),
    pseudonymKey: Buffer.from(KEYS.pseudonym, 'hex'),
  })
  const all = new Map<string, DeviceRecord>()
  for (const key of await redis.keys('fencepost:{p*}:r:*')) {
    const subject = Buffer.from(key.slice(key.lastIndexOf(':') + 1), 'base64url')
    const value = (await redis.getBuffer(key)) as Buffer
    all.set(identities.ofSubject(subject).pseudonym, decodeRecord(value.subarray(VERSION_LENGTH)))
  }
  return all
}

/** Of what is open in fences that ask for a dwell: pings are an hour old, so that it is due. */
function hasDwelled({ visits }: DeviceRecord['state']): boolean {
  return visits.every(({ fence, dwelled }) => !fence.startsWith('wide') || dwelled.length === 1)
}

/** What one node without faults tells of a phone: `enter fence-1 <visit>` … */
function lines(batches: Phone['batches']): string[] {
  const all: string[] = []
  let inside: number | null = null
  let visit = 0
  for (const { observed, fence } of batches.flat()) {
    if (fence === inside) continue
    if (inside !== null) all.push(`exit fence-${inside} ${visit}`)
    if (fence !== null) {
      visit = Math.max(observed, visit + 1)
      all.push(`enter fence-${fence} ${visit}`)
    }
    inside = fence
  }
  return all
}
