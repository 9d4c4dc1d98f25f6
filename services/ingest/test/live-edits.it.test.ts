// Fences that change while a node serves, in one thread and in two: in force everywhere when it says so, and never half of a change.
import { type FenceChange, packFences } from '@fencepost/match'
import type { Fence, Logger } from '@fencepost/model'
import { parseConfig } from '@fencepost/runtime'
import { HttpConnection, readMetrics } from '@fencepost/testbed'
import { afterEach, describe, expect, it } from 'vitest'
import { createNode } from '../dist/app.js'
import { nodeSettings } from '../dist/config.js'
import { heldSink } from './node-kit.ts'

const KEY = 'key-of-acme'
const TENANT = 'acme'
const HEADERS = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
const SILENT: Logger = { info() {}, warn() {}, error() {} }
const GROUP = 100
const STEPS = 60
/** Each fence of the group has its own place here or there, so that a batch of all places meets as many fences as there are in the group. */
const PLACES = { here: 10, there: 20 }

let node: ReturnType<typeof createNode> | undefined
afterEach(() => node?.stop(5000))

function nodeOf(threads: number): ReturnType<typeof createNode> {
  const config = parseConfig(nodeSettings, {
    FENCEPOST_HOST: '127.0.0.1',
    FENCEPOST_PORT: '0',
    FENCEPOST_ADMIN_PORT: '0',
    FENCEPOST_THREADS: String(threads),
    FENCEPOST_SDK_KEYS: `${TENANT}:${KEY}`,
    FENCEPOST_STOP_GRACE_S: '0',
  })
  return createNode({
    config,
    logger: SILENT,
    sink: heldSink(),
    rootKey: Buffer.alloc(32, 1),
    pseudonymKey: Buffer.alloc(32, 2),
    loadFences: async () => packFences([]),
  })
}

function circle(id: string, lon: number, lat: number): Fence {
  const shape = { kind: 'circle', lon, lat, radiusM: 100 } as const
  return { id, version: 1, tenant: TENANT, name: null, tags: [], campaigns: [], dwellS: null, shape }
}

function moved(side: keyof typeof PLACES): FenceChange[] {
  return Array.from({ length: GROUP }, (_, i) => ({ put: circle(`fence ${i}`, PLACES[side], i / 10) }))
}

function batch(device: string, places: readonly (readonly [number, number])[]): Buffer {
  const pings = places.map(([lon, lat]) => ({ type: 'location', age: 0, lat, lon }))
  return Buffer.from(JSON.stringify({ v: 1, device, sent: Date.now(), consent: true, pings }))
}

const sides = (side: keyof typeof PLACES) =>
  Array.from({ length: GROUP }, (_, i): readonly [number, number] => [PLACES[side], i / 10])

async function matched(connection: HttpConnection, body: Buffer): Promise<number> {
  const { status, body: answer } = await connection.post('/v1/pings', HEADERS, body)
  expect(status).toBe(200)
  return (JSON.parse(answer.toString()) as { matched: number }).matched
}

/** Connections to every thread. */
async function connect(port: number, adminPort: number, threads: number): Promise<HttpConnection[]> {
  const connections: HttpConnection[] = []
  for (;;) {
    const connection = new HttpConnection(port)
    await matched(connection, batch('first', [[0, 50]]))
    connections.push(connection)
    if (threads === 1 && connections.length === 4) return connections
    const metrics = await readMetrics(adminPort)
    const open = [1, 2].map((thread) => metrics.get(`fencepost_worker_connections{thread="${thread}"}`) ?? 0)
    if (threads === 2 && Math.min(...open) >= 2) return connections
    expect(connections.length).toBeLessThan(100)
  }
}

describe.each([1, 2])('with %i threads', (threads) => {
  it('a step of many edits is in force everywhere when it says so, and no batch sees half of it', async () => {
    node = nodeOf(threads)
    const { port, adminPort } = await node.start()
    await node.applyFences(moved('here'))
    const connections = await connect(port, adminPort, threads)

    let isOver = false
    const halves = new Map<string, number>()
    const watchers = connections.map(async (connection, c) => {
      const both = batch(`watcher ${c}`, [...sides('here'), ...sides('there')])
      while (!isOver) {
        const count = String(await matched(connection, both))
        halves.set(count, (halves.get(count) ?? 0) + 1)
      }
    })
    const asking = connections.map(() => new HttpConnection(port))
    for (let step = 1; step <= STEPS; step++) {
      const [now, before] = step % 2 === 1 ? (['there', 'here'] as const) : (['here', 'there'] as const)
      await node.applyFences(moved(now))
      const answers = await Promise.all(
        asking.map(async (connection, c) => [
          await matched(connection, batch(`asking ${c}`, sides(now))),
          await matched(connection, batch(`asking ${c}`, sides(before))),
        ]),
      )
      expect(answers).toEqual(asking.map(() => [GROUP, 0]))
    }
    isOver = true
    await Promise.all(watchers)
    expect([...halves.keys()]).toEqual([String(GROUP)])
    expect(halves.get(String(GROUP))).toBeGreaterThan(STEPS)

    await node.reload() // from where there are none
    for (const connection of connections) expect(await matched(connection, batch('last', sides('here')))).toBe(0)
    for (const connection of [...connections, ...asking]) connection.close()
  })
})
