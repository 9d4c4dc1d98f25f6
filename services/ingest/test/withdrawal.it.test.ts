// Consent withdrawn at one node while three of them are under load: nothing that was sent after the answer is told, and nothing at all once
// the delivery deadline is over; and with Redis frozen nobody is processed.
import { readTopic } from '@fencepost/kafka/reader'
import { HttpConnection } from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { expect, it } from 'vitest'
import { dice } from './interleaving.ts'
import { KEY, ROW, startPair } from './two-nodes-kit.ts'

const DEADLINE_MS = 1500
const HEADERS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
const PEOPLE = 12
/** Phones that go on all the time. */
const OTHERS = 20

interface Sent {
  readonly ref: string
  /** When it was sent, and when its answer had come; epoch ms. */
  readonly sentAt: number
}

needs('kafka', 'three nodes and a Redis', (bootstrap) => {
  it('tell nothing that was sent after consent was withdrawn at one of them', async () => {
    const roll = dice(5)
    const trio = await startPair(bootstrap, 'withdrawal', ROW, {
      count: 3,
      env: { FENCEPOST_DELIVERY_DEADLINE_MS: String(DEADLINE_MS), FENCEPOST_REDIS_TIMEOUT_MS: '500' },
    })
    let isOver = false
    let numbers = 0
    const sent = new Map<string, Sent[]>()
    const withdrawnAt = new Map<string, number>()
    const outcomes = { taken: 0, refused: 0, other: [] as number[] }

    /** One batch at any node, its ping told apart by a ref. */
    async function post(connections: readonly HttpConnection[], device: string): Promise<void> {
      const ref = `${device}/${numbers++}`
      const sentAt = Date.now()
      sent.set(device, [...(sent.get(device) ?? []), { ref, sentAt }])
      const ping = { type: 'location', age: 0, lat: 53, lon: 9 + roll(6) / 100, ref }
      const body = Buffer.from(JSON.stringify({ v: 1, device, sent: sentAt, consent: true, pings: [ping] }))
      const connection = connections[roll(connections.length)] as HttpConnection
      const answer = await connection.post('/v1/pings', HEADERS, body)
      if (answer.status !== 200) outcomes.other.push(answer.status)
      else if (answer.body.includes('no_consent')) outcomes.refused++
      else outcomes.taken++
    }

    async function load(device: string): Promise<void> {
      const connections = trio.ports.map((port) => new HttpConnection(port))
      while (!isOver) await post(connections, device)
      for (const connection of connections) connection.close()
    }

    async function withdraw(device: string): Promise<void> {
      const port = trio.ports[roll(3)] as number
      const body = JSON.stringify({ device, consent: { location: false } })
      const answer = await fetch(`http://127.0.0.1:${port}/v1/consent`, { method: 'PUT', headers: HEADERS, body })
      expect(answer.status).toBe(200)
      withdrawnAt.set(device, Date.now())
    }

    async function told(): Promise<{ matches: string[]; devices: Map<string, number> }> {
      const matches = await readTopic({ bootstrap, topic: 'matches', name: `${trio.topic}.matches` })
      const transitions = await readTopic({ bootstrap, topic: 'transitions', name: trio.topic })
      const devices = new Map<string, number>()
      for (const { key } of [...matches, ...transitions]) devices.set(key, (devices.get(key) ?? 0) + 1)
      return {
        matches: matches.map(({ value }) => (JSON.parse(Buffer.from(value).toString()) as { ref: string }).ref),
        devices,
      }
    }

    const people = Array.from({ length: PEOPLE }, (_, i) => `person-${i}`)
    const others = Array.from({ length: OTHERS }, (_, i) => `other-${i}`)
    try {
      // Two streams of each person's batches at once, so that some are under way when the choice is made.
      const loads = [...people, ...people, ...others].map(load)
      for (const [i, person] of people.entries()) {
        while (numbers < 400 * (i + 1)) await new Promise((resolve) => setImmediate(resolve))
        await withdraw(person)
      }
      // Under load until the deadline of the last is over.
      const last = Math.max(...withdrawnAt.values())
      while (Date.now() < last + DEADLINE_MS) await new Promise((resolve) => setImmediate(resolve))
      const first = await told()
      const until = numbers + 500
      while (numbers < until) await new Promise((resolve) => setImmediate(resolve))
      isOver = true
      await Promise.all(loads)
      const second = await told()

      const late = people.flatMap((person) =>
        (sent.get(person) ?? []).filter(({ sentAt }) => sentAt > (withdrawnAt.get(person) as number)),
      )
      const refs = new Set(second.matches)
      expect(late.length).toBeGreaterThan(PEOPLE * 10)
      expect(late.filter(({ ref }) => refs.has(ref))).toEqual([])
      // Of those sent before, some were told: it was the choice that ended it.
      for (const person of people) expect(second.matches.some((ref) => ref.startsWith(`${person}/`))).toBe(true)
      // And nothing came later than the deadline.
      const ofPeople = new Set(
        (await readTopic({ bootstrap, topic: 'matches', name: `${trio.topic}.matches` }))
          .filter(({ value }) => Buffer.from(value).toString().includes('"ref":"person-'))
          .map(({ key }) => key),
      )
      for (const key of ofPeople) expect([key, second.devices.get(key)]).toEqual([key, first.devices.get(key)])
      expect(outcomes.refused).toBeGreaterThan(PEOPLE * 10)
      expect(outcomes.other).toEqual([])

      // Redis frozen: nobody is processed, whether anything was chosen or not.
      await trio.redis.pause()
      const before = second.matches.length
      const connections = trio.ports.map((port) => new HttpConnection(port))
      outcomes.other.length = 0
      const taken = outcomes.taken
      for (const device of [...people, ...others]) await post(connections, device)
      expect(outcomes.other).toEqual(Array.from({ length: PEOPLE + OTHERS }, () => 503))
      expect(outcomes.taken).toBe(taken)
      await trio.redis.resume()
      expect((await told()).matches).toHaveLength(before)
      for (const connection of connections) connection.close()
    } finally {
      isOver = true
      await trio.stop()
    }
  }, 180_000)
})
