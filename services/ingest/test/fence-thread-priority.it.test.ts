// What reads fences leaves to those who serve: the lowest priority, in a process of its own; from dist, as Node runs it.
import { execFileSync } from 'node:child_process'
import { createWriteStream, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { expect, it, onTestFinished } from 'vitest'
import { loadFenceFile } from '../dist/fence-file.js'

const SILENT: Logger = { info() {}, warn() {}, error() {} }

/** Fields of /proc/<pid>/stat from the third on (proc(5)); the command before them may hold blanks. */
function statOf(path: string): string[] {
  const stat = readFileSync(`${path}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function niceValues(pid: number | 'self'): number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => Number(statOf(`/proc/${pid}/task/${thread}`)[16]))
}

/** Children of this process that run the reader. */
function readers(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const isChild = Number(statOf(`/proc/${name}`)[1]) === process.pid
      return isChild && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('fence-file-process')
        ? [Number(name)]
        : []
    } catch {
      return [] // it has ended
    }
  })
}

it.skipIf(process.platform !== 'linux')(
  'gives way to all other threads while it works, and they to nobody',
  async () => {
    const folder = tempFolder('fence-file')
    onTestFinished(() => removeFolder(folder))
    const path = join(folder, 'fences.geojson')
    execFileSync('mkfifo', [path])
    const before = niceValues('self')
    expect(Math.max(...before)).toBeLessThan(19)
    // It waits for somebody to write to the pipe.
    const loaded = loadFenceFile(path, 'fail', SILENT)
    await expect.poll(readers, { timeout: 10_000 }).toHaveLength(1)
    const [reader] = readers() as [number]
    await expect.poll(() => niceValues(reader).length, { timeout: 10_000 }).toBeGreaterThan(4) // the engine is up
    expect(new Set(niceValues(reader))).toEqual(new Set([19]))
    expect(niceValues('self').filter((nice) => nice === 19)).toHaveLength(1)
    expect(Math.max(...niceValues('self').filter((nice) => nice !== 19))).toBe(Math.max(...before))
    expect(readFileSync(`/proc/${reader}/environ`, 'utf8')).not.toContain('PATH=') // nor anything else of ours
    createWriteStream(path).end('{"type":"FeatureCollection","features":[]}')
    expect((await loaded).delta).toBeNull()
    await expect.poll(readers, { timeout: 10_000 }).toEqual([])
  },
)

it.skipIf(process.platform !== 'linux')(
  'ends when the process is told to be killed, and the next load is another',
  async () => {
    const folder = tempFolder('fence-file')
    onTestFinished(() => removeFolder(folder))
    const path = join(folder, 'fences.geojson')
    execFileSync('mkfifo', [path])
    const loaded = loadFenceFile(path, 'fail', SILENT)
    const refused = expect(loaded).rejects.toThrow(/fences\.geojson: the process that reads it ended with SIGKILL/)
    await expect.poll(readers, { timeout: 10_000 }).toHaveLength(1)
    process.kill((readers() as [number])[0], 'SIGKILL')
    await refused
    const again = loadFenceFile(path, 'fail', SILENT)
    createWriteStream(path).end('{"type":"FeatureCollection","features":[]}')
    expect((await again).delta).toBeNull()
  },
)
