import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  ALL_WELL,
  FLEET_FENCES,
  Fleet,
  findStrace,
  freePorts,
  HttpConnection,
  Ledger,
  laws,
  type ReadEvent,
  readEvents,
  readMetrics,
  removeFolder,
  type ServiceProcess,
  type SystemCall,
  startService,
  straceAttach,
  tempFolder,
} from '@fencepost/testbed'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { environment, KEY, startStandalone, TENANT, writeFences } from './support.ts'

let folder = ''
let service: ServiceProcess | undefined

beforeEach(() => {
  folder = tempFolder('durable')
  writeFences(folder, FLEET_FENCES)
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

describe('kill -9 under load', () => {
  it('loses no acknowledged event, invents none, and lets copies differ only where they may', async () => {
    const KILLS = 5
    const [port] = (await freePorts(1)) as [number]
    const start = async (): Promise<number> => {
      service = await startStandalone(folder, { FENCEPOST_PORT: String(port) })
      return (await service.listening()).adminPort
    }
    let adminPort = await start()
    const ledger = new Ledger(TENANT)
    const fleet = new Fleet({ port, key: KEY, phones: 24, pingsPerPhone: 600, seed: 4, ledger, answerMs: 10_000 })
    // Batches between two kills: a seeded handful, so that each falls into another moment of a commit.
    for (const batches of [40, 173, 211, 97, 334].slice(0, KILLS)) {
      await fleet.acknowledged(batches)
      await service?.kill9()
      adminPort = await start()
    }
    await fleet.finished

    const events: ReadEvent[] = []
    await readEvents(adminPort, null, (event) => events.push(event))
    const { verdict, evidence } = ledger.judge(events)
    expect(verdict).toEqual(ALL_WELL)
    expect(fleet.tally.faults).toEqual([])
    expect(Object.keys(fleet.tally.statuses).map(Number)).toEqual([0, 200]) // killed, not refused
    expect(evidence.sentPings).toBe(24 * 600)
    expect(evidence.acknowledgedHits).toBeGreaterThan(9000)
    expect(evidence.events - evidence.copies).toBe(evidence.acknowledgedHits)
    expect(fleet.tally.repeats).toBeGreaterThan(0)
    const { pings, requests } = laws(await readMetrics(adminPort))
    expect(pings[0]).toBe(pings[1])
    expect(requests[0]).toBe(requests[1])
  }, 120_000)
})

const noStrace = await findStrace().then(
  () => '',
  (error: Error) => ` (skipped: ${error.message})`,
)

describe.skipIf(noStrace !== '')(`what the kernel sees of one client${noStrace}`, () => {
  const REQUESTS = 12

  it('syncs the journal between each request with a hit and its 200', async () => {
    service = await startStandalone(folder)
    expect(await syncedAnswers(service)).toEqual(new Array(REQUESTS).fill(true))
  })

  it('and this test notices a node whose journal does not', async () => {
    const { FENCEPOST_DATA_DIR: data, FENCEPOST_FENCES: fences, ...env } = environment(folder)
    service = await startService({
      entry: fileURLToPath(new URL('./unsynced-node.mjs', import.meta.url)),
      args: [data as string, fences as string],
      env,
    })
    expect(await syncedAnswers(service)).toEqual(new Array(REQUESTS).fill(false))
  })

  /** For each of some requests, one after the other: was the journal synced after it was read and before its 200 was written? */
  async function syncedAnswers(node: ServiceProcess): Promise<boolean[]> {
    const { port } = await node.listening()
    const connection = new HttpConnection(port)
    const post = async (i: number): Promise<void> => {
      const pings = [{ type: 'location', age: i, lat: 10.4, lon: 20.4 }]
      const body = Buffer.from(JSON.stringify({ v: 1, device: 'phone', sent: Date.now(), consent: true, pings }))
      const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
      const { status, body: answer } = await connection.post('/v1/pings', headers, body)
      expect({ status, ...JSON.parse(answer.toString()) }).toMatchObject({ status: 200, matched: 1 })
    }
    await post(0) // the connection stands before the trace begins
    const reads = ['read', 'recv', 'recvfrom', 'recvmsg']
    const writes = ['write', 'writev', 'send', 'sendto', 'sendmsg']
    const syncs = ['fdatasync', 'fsync', 'msync', 'sync_file_range']
    const trace = await straceAttach(node.pid, { calls: [...reads, ...writes, ...syncs], stringBytes: 128 })
    for (let i = 1; i <= REQUESTS; i++) await post(i)
    const calls = await trace.finish()
    connection.close()

    const of = (names: readonly string[], text: string): SystemCall[] =>
      calls.filter(({ name, args }) => names.includes(name) && args.includes(text))
    const requests = of(reads, 'POST /v1/pings')
    const answers = of(writes, 'HTTP/1.1 200')
    expect([requests.length, answers.length]).toEqual([REQUESTS, REQUESTS])
    const synced = of(syncs, join('data', 'journal')).filter(({ result }) => result === '0')
    return requests.map(({ ended }, i) => {
      const answer = answers[i] as SystemCall
      return synced.some((sync) => sync.began > ended && sync.ended < answer.began)
    })
  }
})
