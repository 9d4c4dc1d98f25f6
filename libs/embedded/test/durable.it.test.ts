import { join } from 'node:path'
import {
  findStrace,
  removeFolder,
  runToEnd,
  type SystemCall,
  straceRun,
  succeeds,
  tempFolder,
} from '@fencepost/testbed'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildOnce, CHILD, startChild } from './child.ts'
import { openJournal, readAll, STOP_MS } from './open.ts'

const PUBLISHES = 8

let folder = ''
beforeAll(buildOnce)
beforeEach(() => {
  folder = tempFolder('durable')
})
afterEach(() => removeFolder(folder))

const noStrace = await findStrace().then(
  () => '',
  (error: Error) => ` (skipped: ${error.message})`,
)

describe.skipIf(noStrace !== '')(`what the kernel sees${noStrace}`, () => {
  test('between a publish and its end the data is written and then fdatasync returns', async () => {
    expect(await syncedPublishes('sync')).toBe(PUBLISHES)
  })

  test('this test notices a journal that does not sync', async () => {
    expect(await syncedPublishes('nosync')).toBe(0)
  })

  test('a compaction syncs the copy before it takes the old file’s name, and the folder after', async () => {
    const dir = join(folder, 'store')
    const names = ['write', 'fsync', 'rename', 'renameat', 'renameat2']
    const options = { calls: names, stringBytes: 500 }
    const calls = await straceRun(process.execPath, [CHILD, 'compactOnce', dir], options, 30_000)
    const from = said(calls, 'compacting').ended
    const until = said(calls, 'compacted').began
    const steps = calls
      .filter(({ name, began, ended, result }) => name !== 'write' && began > from && ended < until && result === '0')
      .map(({ name, args }) => {
        if (name !== 'fsync') return args.includes('data.mdb') ? 'rename data' : 'rename lock'
        return args.includes('data.mdb') ? 'fsync copy' : 'fsync folder'
      })
    expect(steps).toEqual(['fsync copy', 'rename lock', 'rename data', 'fsync folder'])
  })

  /** How many publishes of a child had a write to the data file, and after it a whole fdatasync of it, before they resolved. */
  async function syncedPublishes(sync: 'sync' | 'nosync'): Promise<number> {
    const calls = await straceRun(
      process.execPath,
      [CHILD, 'trace', join(folder, sync), `${PUBLISHES}`, sync],
      { calls: ['write', 'writev', 'pwrite64', 'pwritev', 'fdatasync'] },
      30_000,
    )
    let synced = 0
    for (let i = 0; i < PUBLISHES; i++) {
      const from = said(calls, `publish ${i}`).ended
      const until = said(calls, `ack ${i}`).began
      const between = calls.filter(
        ({ began, ended, args, result }) =>
          began > from && ended < until && args.includes('data.mdb') && !result.startsWith('-1'),
      )
      const wrote = between.findIndex(({ name }) => name !== 'fdatasync')
      if (wrote >= 0 && between.slice(wrote).some(({ name, result }) => name === 'fdatasync' && result === '0'))
        synced++
    }
    return synced
  }

  function said(calls: readonly SystemCall[], line: string): SystemCall {
    const call = calls.find(({ name, args }) => name === 'write' && args.includes(`"${line}\\n"`))
    if (call === undefined) throw new Error(`the trace has no ${line}`)
    return call
  }
})

const noPrlimit = (await succeeds('prlimit', ['--version'])) ? '' : ' (skipped: prlimit of util-linux is not here)'

describe.skipIf(noPrlimit !== '')(`a full disk${noPrlimit}`, () => {
  test('fails publishes as io, loses nothing acknowledged, and takes them again when there is space', async () => {
    const dir = join(folder, 'journal')
    const outcomes: string[] = []
    const child = await startChild('fill', [dir], (line) => outcomes.push(line))
    // A limit of the file's size stands for the disk's: a write beyond it fails in the same place.
    const limit = async (bytes: string): Promise<void> => {
      expect((await runToEnd('prlimit', ['--pid', `${child.pid}`, `--fsize=${bytes}:`], 5000)).code).toBe(0)
    }
    await child.waitForLine((line) => line === 'ok 10', 10_000)
    await limit(`${4 * 1024 * 1024}`)
    await child.waitForLine((line) => line === 'unhealthy', 20_000)
    expect(outcomes.at(-2)).toMatch(/^io /)
    await limit('unlimited')
    await child.waitForLine((line) => line === 'healthy', 20_000)
    const failed = outcomes.length
    await expect.poll(() => outcomes.length, { timeout: 10_000 }).toBeGreaterThan(failed + 5)
    await child.kill9()
    const journal = await openJournal(dir)
    const stored = new Set(readAll(journal).map(({ record }) => Number(Buffer.from(record.value))))
    await journal.stop(STOP_MS)
    const acknowledged = outcomes.filter((line) => line.startsWith('ok ')).map((line) => Number(line.slice(3)))
    expect(acknowledged.filter((i) => !stored.has(i))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(16)
  })
})
