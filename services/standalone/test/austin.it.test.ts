// A real bus day through the public door: the transitions read back are those that GEOS's answers imply, however the batches come.
import { readTopic } from '@fencepost/kafka/reader'
import {
  type AustinDay,
  type AustinPing,
  austinDay,
  austinDays,
  austinFences,
  expectedTransitions,
  HttpConnection,
  NO_SHARED_DATA,
  readTransitions,
  removeFolder,
  type ServiceProcess,
  sharedData,
  startRedis,
  type TransitionEvent,
  tempFolder,
} from '@fencepost/testbed'
import { needs } from '@fencepost/testbed/needs'
import { afterEach, describe, expect, it } from 'vitest'
import { KEY, startStandalone, writeFences } from './support.ts'

const absent = sharedData() === null
const TEN_YEARS_S = '315360000'
/** The day with the most repeated instants is the sample; FENCEPOST_ORACLE=all takes all nineteen. */
const DAYS = process.env['FENCEPOST_ORACLE'] === 'all' && !absent ? austinDays() : ['2016-03-22']
const PINGS_A_BATCH = 40
const CONNECTIONS = 16
/** Older days than that are stale: what is asked for is ten years. */
const MAX_AGE_S = String(20 * 365 * 86_400)

/** How a phone behaves. */
interface Manner {
  readonly shuffled?: boolean
  readonly twice?: boolean
  /** Every third answer is lost, and its batch sent again behind the next one. */
  readonly forgets?: boolean
  /** Ages in place of absolute times. */
  readonly ages?: boolean
}

interface Batch {
  readonly device: string
  readonly number: number
  readonly pings: readonly AustinPing[]
}

describe.skipIf(absent)(`Austin bus days${absent ? ` (${NO_SHARED_DATA})` : ''}`, () => {
  const folders: string[] = []
  let service: ServiceProcess | undefined
  afterEach(async () => {
    await service?.kill9()
    for (const folder of folders.splice(0)) removeFolder(folder)
  })

  async function start(more: Readonly<Record<string, string>> = {}): Promise<{ port: number; adminPort: number }> {
    const folder = tempFolder('austin')
    folders.push(folder)
    writeFences(folder, austinFences())
    service = await startStandalone(folder, {
      FENCEPOST_MAX_PING_AGE_S: MAX_AGE_S,
      FENCEPOST_PRESENCE_TTL_S: TEN_YEARS_S,
      FENCEPOST_ROOT_KEY: 'a'.repeat(64),
      FENCEPOST_PSEUDONYM_KEY: 'b'.repeat(64),
      ...more,
    })
    return service.listening(60_000)
  }

  async function readBack(adminPort: number): Promise<TransitionEvent[]> {
    const events: TransitionEvent[] = []
    await readTransitions(adminPort, null, ({ value }) => events.push(value))
    return events
  }

  it('give the transitions that the oracle implies, on the embedded parts, and the same ids in every manner', async () => {
    const days = DAYS.map(austinDay)
    const expected = expectedOf(days)
    const ids: string[][] = []
    for (const manner of [{}, { shuffled: true, twice: true }, { forgets: true, ages: true }]) {
      const { port, adminPort } = await start()
      await post(port, days, manner)
      const events = firstCopies(await readBack(adminPort))
      expect(sequences(events)).toEqual(expected)
      ids.push(events.map(({ id }) => id).sort())
      await service?.kill9()
    }
    expect(ids[0]?.length).toBeGreaterThan(1000)
    expect(ids[1]).toEqual(ids[0])
    expect(ids[2]).toEqual(ids[0])
  }, 600_000)

  needs('redis', 'with presence in Redis', () => {
    it('the same', async () => {
      const redis = await startRedis()
      try {
        const days = DAYS.map(austinDay)
        const { port, adminPort } = await start({ FENCEPOST_REDIS_URL: `redis://${redis.address}` })
        await post(port, days, { twice: true })
        expect(sequences(firstCopies(await readBack(adminPort)))).toEqual(expectedOf(days))
      } finally {
        await redis.stop()
      }
    }, 600_000)
  })

  needs('kafka', 'into Kafka', (bootstrap) => {
    it('the same', async () => {
      const days = DAYS.map(austinDay)
      const name = `test.austin.${process.pid}`
      const { port } = await start({
        FENCEPOST_SINK: 'kafka',
        FENCEPOST_KAFKA_BROKERS: bootstrap,
        FENCEPOST_KAFKA_REPLICATION: '1',
        FENCEPOST_KAFKA_PARTITIONS: '3',
        FENCEPOST_TOPIC_MATCHES: `${name}.matches`,
        FENCEPOST_TOPIC_TRANSITIONS: name,
      })
      await post(port, days, { forgets: true })
      await service?.terminate(20_000)
      const records = await readTopic({ bootstrap, topic: 'transitions', name })
      const events = records.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as TransitionEvent)
      expect(sequences(firstCopies(events))).toEqual(expectedOf(days))
    }, 600_000)
  })
})

/** The first copy of each event, in order. */
function firstCopies(events: readonly TransitionEvent[]): TransitionEvent[] {
  const seen = new Set<string>()
  return events.filter(({ id }) => !seen.has(id) && seen.add(id))
}

/** What each device did, in order; devices by what they did, as pseudonyms say nothing. */
function sequences(events: readonly TransitionEvent[]): string[] {
  const byDevice = new Map<string, string[]>()
  for (const { device, kind, fence, observed } of events) {
    const all = byDevice.get(device) ?? []
    all.push(`${kind} ${fence.id} ${observed}`)
    byDevice.set(device, all)
  }
  return [...byDevice.values()].map((all) => all.join('\n')).sort()
}

function expectedOf(days: readonly AustinDay[]): string[] {
  return days
    .flatMap(({ vehicles }) => [...vehicles.values()])
    .map((pings) => expectedTransitions(batchesOf(pings)))
    .filter((transitions) => transitions.length > 0)
    .map((all) => all.map(({ kind, fence, observed }) => `${kind} ${fence} ${observed}`).join('\n'))
    .sort()
}

function batchesOf(pings: readonly AustinPing[]): AustinPing[][] {
  const batches: AustinPing[][] = []
  for (let at = 0; at < pings.length; at += PINGS_A_BATCH) batches.push(pings.slice(at, at + PINGS_A_BATCH))
  return batches
}

/** Posts all days; the batches of a device one after the other. */
async function post(port: number, days: readonly AustinDay[], manner: Manner): Promise<void> {
  const devices = days.flatMap(({ name, vehicles }) =>
    [...vehicles].map(([vehicle, pings]) => ({ device: `${name}/${vehicle}`, batches: batchesOf(pings) })),
  )
  const work = async (): Promise<void> => {
    const connection = new HttpConnection(port)
    try {
      for (let next = devices.shift(); next !== undefined; next = devices.shift()) {
        const { device, batches } = next
        let forgotten: Batch | null = null
        for (const [number, pings] of batches.entries()) {
          const batch = { device, number, pings }
          await send(connection, batch, manner)
          if (manner.twice === true) await send(connection, batch, manner)
          if (forgotten !== null) await send(connection, forgotten, manner)
          forgotten = manner.forgets === true && number % 3 === 0 ? batch : null
        }
        if (forgotten !== null) await send(connection, forgotten, manner)
      }
    } finally {
      connection.close()
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
}

async function send(connection: HttpConnection, { device, number, pings }: Batch, manner: Manner): Promise<void> {
  const sent = Date.now()
  const all = manner.shuffled === true ? shuffled(pings, number + 1) : pings
  const body = {
    v: 1,
    device,
    sent,
    consent: true,
    pings: all.map(({ lat, lon, observed }) => ({
      type: 'location',
      lat,
      lon,
      ...(manner.ages === true ? { age: sent - observed } : { at: observed }),
    })),
  }
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const answer = await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)))
  const { accepted } = JSON.parse(answer.body.toString()) as { accepted?: number }
  if (answer.status !== 200 || accepted !== pings.length)
    throw new Error(`a batch of ${pings.length} pings was answered ${answer.status}: ${answer.body.toString()}`)
}

/** By a linear congruence, so that a seed gives the same order everywhere. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const all = [...items]
  let state = seed
  for (let i = all.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    const j = state % (i + 1)
    ;[all[i], all[j]] = [all[j] as T, all[i] as T]
  }
  return all
}
