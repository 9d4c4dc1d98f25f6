// The command as it is typed, against a real standalone.
import { execFile, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { removeFolder, type ServiceProcess, startService, tempFolder } from '@fencepost/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const CLI = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const STANDALONE = fileURLToPath(new URL('../../standalone/dist/main.js', import.meta.url))
const TOKEN = 'owner-token'
let folder = ''
let service: ServiceProcess
let env: Record<string, string> = {}
let door = ''

beforeAll(async () => {
  folder = tempFolder('cli')
  service = await startService({
    entry: STANDALONE,
    env: {
      FENCEPOST_HOST: '127.0.0.1',
      FENCEPOST_PORT: '0',
      FENCEPOST_ADMIN_PORT: '0',
      FENCEPOST_DATA_DIR: join(folder, 'data'),
      FENCEPOST_ADMIN_TOKEN: TOKEN,
    },
  })
  const { port, adminPort } = await service.listening()
  env = { FENCEPOST_URL: `http://127.0.0.1:${adminPort}`, FENCEPOST_ADMIN_TOKEN: TOKEN }
  door = `http://127.0.0.1:${port}`
})
afterAll(async () => {
  await service?.kill9()
  removeFolder(folder)
})

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function fencepost(words: readonly string[], more: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...words], { env: { ...env, ...more }, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

const circle = (id: string, lon: number) =>
  JSON.stringify({
    type: 'Feature',
    id,
    properties: { radius_m: 100, tags: ['x'] },
    geometry: { type: 'Point', coordinates: [lon, 50] },
  })

describe('fencepost', () => {
  it('says what there is, of every command what it takes, and ends with 2 for what is none', async () => {
    const menu = await fencepost(['--help'])
    expect(menu.code).toBe(0)
    for (const name of [
      'fences import',
      'fences export',
      'fences list',
      'keys create',
      'keys revoke',
      'tail',
      'simulate',
      'explain',
    ]) {
      expect(menu.out).toContain(name)
      const help = await fencepost([...name.split(' '), '--help'])
      expect([name, help.code, help.out.includes('--url')]).toEqual([name, 0, true])
    }
    for (const words of [
      [],
      ['nothing'],
      ['fences', 'nothing'],
      ['fences', 'list'],
      ['keys', 'create', '--tenant', 'a b'],
      ['tail', '--topic', 'x'],
      ['fences', 'list', '--tenant', 'acme', '--more'],
      ['simulate', '--key', 'k'],
    ])
      expect([words, (await fencepost(words)).code]).toEqual([words, 2])
  }, 120_000)

  it('imports, lists and exports fences, and names each bad row', async () => {
    const good = join(folder, 'good.ndjson')
    writeFileSync(good, [circle('a', 10), circle('b', 11)].join('\n'))
    const imported = await fencepost(['fences', 'import', good, '--tenant', 'acme', '--json'])
    expect([imported.code, JSON.parse(imported.out)]).toMatchObject([0, { imported: 2 }])
    expect((await fencepost(['fences', 'list', '--tenant', 'acme', '--tag', 'x'])).out).toContain('a')
    const file = join(folder, 'out.ndjson')
    expect((await fencepost(['fences', 'export', '--tenant', 'acme', '--out', file])).code).toBe(0)
    expect(
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual(['a', 'b'])
    const bad = join(folder, 'bad.ndjson')
    writeFileSync(bad, [circle('c', 12), circle('d', 999)].join('\n'))
    const refused = await fencepost(['fences', 'import', bad, '--tenant', 'acme'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('row 1 (id "d")')
    expect((await fencepost(['fences', 'import', join(folder, 'nowhere'), '--tenant', 'acme'])).code).toBe(1)
    const wrong = await fencepost(['fences', 'list', '--tenant', 'acme', '--token', 'nobody'])
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('--token')])
    expect((await fencepost(['fences', 'list', '--tenant', 'acme', '--url', 'http://127.0.0.1:1'])).code).toBe(1)
  }, 60_000)

  it('makes a key, walks a fleet and a track with it, follows the events, explains, and takes the key back', async () => {
    const fences = join(folder, 'walk.ndjson')
    writeFileSync(fences, circle('walk', 20))
    await fencepost(['fences', 'import', fences, '--tenant', 'walkers'])
    const made = JSON.parse((await fencepost(['keys', 'create', '--tenant', 'walkers', '--json'])).out) as {
      key: string
      key_id: string
    }
    const walk = ['simulate', '--door', door, '--key', made.key, '--json']
    const fleet = await fencepost([
      ...walk,
      '--tenant',
      'walkers',
      '--devices',
      '3',
      '--seconds',
      '100',
      '--speed',
      '1000',
      '--seed',
      '7',
    ])
    expect([fleet.code, fleet.err.split('\n')[0]]).toEqual([0, expect.stringContaining('pings')])
    const walked = JSON.parse(fleet.out) as { pings: number; accepted: number; matched: number }
    expect([walked.accepted, walked.matched > 0]).toEqual([walked.pings, true])
    const track = join(folder, 'track.csv')
    writeFileSync(track, 'device,timestamp,lat,lon\nbus,2026-01-01T10:00:00Z,50,20\nbus,2026-01-01T10:01:00Z,51,20\n')
    expect(JSON.parse((await fencepost([...walk, '--csv', track, '--speed', '600'])).out)).toMatchObject({
      pings: 2,
      accepted: 2,
      matched: 1,
    })
    writeFileSync(track, 'device,timestamp,lat,lon\nbus,yesterday,50,20\n')
    const noTrack = await fencepost([...walk, '--csv', track])
    expect([noTrack.code, noTrack.err]).toEqual([1, expect.stringContaining('line 2')])

    const seen = await new Promise<string>((resolve) => {
      const child = spawn(process.execPath, [CLI, 'tail', '--topic', 'transitions', '--json'], { env })
      let out = ''
      child.stdout.on('data', (data: Buffer) => {
        out += data.toString()
        if (out.includes('"enter"') && out.includes('"exit"')) child.kill('SIGINT')
      })
      child.once('exit', () => resolve(out))
    })
    expect(JSON.parse(seen.split('\n')[0] as string)).toMatchObject({
      topic: 'transitions',
      value: { tenant: 'walkers', kind: 'enter' },
    })

    const why = await fencepost(['explain', '--tenant', 'walkers', '--lat', '50', '--lon', '20'])
    expect([why.code, why.out]).toEqual([0, expect.stringContaining('walk')])
    expect((await fencepost(['keys', 'revoke', made.key_id, '--tenant', 'walkers'])).code).toBe(0)
    await expect
      .poll(async () => (await fencepost([...walk, '--csv', join(folder, 'track2.csv')])).code, { timeout: 10_000 })
      .toBe(1)
    expect((await fencepost(['keys', 'revoke', made.key_id, '--tenant', 'walkers'])).code).toBe(1)
  }, 120_000)
})
