// A node whose data are encrypted, and one that is started with the wrong key.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  HttpConnection,
  readTransitions,
  removeFolder,
  runToEnd,
  type ServiceProcess,
  tempFolder,
} from '@fencepost/testbed'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ENTRY, environment, KEY, startStandalone, writeFences } from './support.ts'

const STORE_KEY = 'ab'.repeat(32)
const STORES = ['feed', 'journal', 'presence']
let folder = ''
let service: ServiceProcess | undefined
beforeEach(() => {
  folder = tempFolder('store-key')
  const geometry = { type: 'Point', coordinates: [9.9935, 53.5511] }
  writeFences(folder, [{ type: 'Feature', id: 'market', properties: { radius_m: 100 }, geometry }])
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

async function post(port: number): Promise<number> {
  const connection = new HttpConnection(port)
  const pings = [{ type: 'location', age: 0, lat: 53.5511, lon: 9.9935 }]
  const body = { v: 1, device: 'a-phone', sent: Date.now(), consent: true, pings }
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const { status } = await connection.post('/v1/pings', headers, Buffer.from(JSON.stringify(body)))
  connection.close()
  return status
}

/** Enters, as the journal tells them, and the pseudonym in them. */
async function devices(adminPort: number): Promise<string[]> {
  const found: string[] = []
  await readTransitions(adminPort, null, ({ value }) => {
    if (value.kind === 'enter') found.push(value.device)
  })
  return found
}

/** Which stores have the text in a file. */
const storesWith = (text: string): string[] =>
  STORES.filter((store) => {
    const path = join(folder, 'data', store)
    return readdirSync(path).some((name) => readFileSync(join(path, name)).includes(text))
  })

async function refused(more: Readonly<Record<string, string>>): Promise<string> {
  const env = { PATH: process.env['PATH'], ...environment(folder, more) }
  const { code, output } = await runToEnd(process.execPath, [ENTRY], 20_000, { env })
  expect(code).not.toBe(0)
  return output
}

it('nothing of an event, a record or a step is readable on disk; all of it is there after a restart with the key', async () => {
  service = await startStandalone(folder, { FENCEPOST_STORE_KEY: STORE_KEY })
  expect(await post((await service.listening()).port)).toBe(200)
  const [device] = await devices((await service.listening()).adminPort)
  expect(device).toBeTruthy()
  await service.kill9()
  for (const store of STORES) expect(readdirSync(join(folder, 'data', store))).toContain('key-check')
  for (const text of [device as string, 'market', '53.5511']) expect(storesWith(text)).toEqual([])

  for (const [more, problem] of [
    [{}, 'is encrypted: start with the key'],
    [{ FENCEPOST_STORE_KEY: 'cd'.repeat(32) }, 'is encrypted with another key'],
    [{ FENCEPOST_STORE_KEY: 'cd' }, 'FENCEPOST_STORE_KEY must be 64 hex digits'],
  ] as const)
    expect(await refused(more)).toContain(problem)

  service = await startStandalone(folder, { FENCEPOST_STORE_KEY: STORE_KEY })
  expect(await post((await service.listening()).port)).toBe(200)
  // One enter only: the record of presence was read.
  expect(await devices((await service.listening()).adminPort)).toEqual([device])
})

it('without a key they are readable, and a key that comes later is refused', async () => {
  service = await startStandalone(folder)
  expect(await post((await service.listening()).port)).toBe(200)
  const [device] = await devices((await service.listening()).adminPort)
  await service.kill9()
  expect(storesWith(device as string)).toContain('journal')
  expect(await refused({ FENCEPOST_STORE_KEY: STORE_KEY })).toContain('has data that are not encrypted')
})
