import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  ALL_WELL,
  type Evidence,
  FLEET_FENCES,
  Fleet,
  type FleetTally,
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
  type Verdict,
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

/** A node with one fault, on the same folder and settings as a standalone. */
function startFaulty(
  fault: 'unsynced' | 'hasty',
  more: Readonly<Record<string, string>> = {},
): Promise<ServiceProcess> {
  const { FENCEPOST_DATA_DIR: data, FENCEPOST_FENCES: fences, ...env } = environment(folder, more)
  const entry = fileURLToPath(new URL('./faulty-node.mjs', import.meta.url))
  return startService({ entry, args: [fault, data as string, fences as string], env })
}

describe('kill -9 under load', () => {
  it('loses no acknowledged event, invents none, and lets copies differ only where they may', async () => {
    // Batches between two kills: each falls into another moment of a commit.
    const { verdict, evidence, tally } = await killed([40, 173, 211, 97, 334], startStandalone)
    expect(verdict).toEqual(ALL_WELL)
    expect(tally.faults).toEqual([])
    expect(Object.keys(tally.statuses).map(Number)).toEqual([0, 200]) // killed, never refused
    expect(tally.repeats).toBeGreaterThan(0)
    expect(evidence.sentPings).toBe(PHONES * PINGS)
    expect(evidence.acknowledgedHits).toBeGreaterThan((PHONES * PINGS) / 2)
    expect(evidence.events - evidence.copies).toBe(evidence.acknowledgedHits)
  }, 120_000)

  it('and this test notices a node that answers before its journal has the events', async () => {
    const { verdict } = await killed([200], (_, more) => startFaulty('hasty', more))
    expect(verdict.lost).not.toEqual([])
  }, 60_000)

  const PHONES = 24
  const PINGS = 400

  /**
   * A fleet gets rid of its pings while the node is killed after each of these numbers of acknowledged batches and comes back as a
   * standalone on the same folder.
   */
  async function killed(
    batches: readonly number[],
    startFirst: typeof startStandalone,
  ): Promise<{ verdict: Verdict; evidence: Evidence; tally: FleetTally }> {
    const [port] = (await freePorts(1)) as [number]
    const fixed = { FENCEPOST_PORT: String(port) }
    service = await startFirst(folder, fixed)
    let { adminPort } = await service.listening()
    const ledger = new Ledger(TENANT)
    const fleet = new Fleet({ port, key: KEY, phones: PHONES, pingsPerPhone: PINGS, seed: 4, ledger, answerMs: 10_000 })
    for (const count of batches) {
      await fleet.acknowledged(count)
      await service.kill9()
      service = await startStandalone(folder, fixed)
      adminPort = (await service.listening()).adminPort
    }
    await fleet.finished
    const { pings, requests } = laws(await readMetrics(adminPort))
    expect([pings[0], requests[0]]).toEqual([pings[1], requests[1]])
    const events: ReadEvent[] = []
    await readEvents(adminPort, null, (event) => events.push(event))
    return { ...ledger.judge(events), tally: fleet.tally }
  }
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
    service = await startFaulty('unsynced')
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
