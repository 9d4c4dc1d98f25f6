// What the thread that reads fences leaves to the others; from dist, as Node runs it.
import { execFileSync } from 'node:child_process'
import { createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { expect, it, onTestFinished } from 'vitest'

const THREAD = fileURLToPath(new URL('../dist/fence-file-thread.js', import.meta.url))

/** Nice values of this process's threads: field 19 of /proc/<pid>/stat (proc(5)); the command before it may hold blanks. */
function niceValues(): number[] {
  return readdirSync('/proc/self/task').map((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  })
}

it.skipIf(process.platform !== 'linux')(
  'gives way to all other threads while it works, and they to nobody',
  async () => {
    if (!existsSync(THREAD)) throw new Error('services/ingest/dist is missing; run: make build')
    const folder = tempFolder('fence-file')
    onTestFinished(() => removeFolder(folder))
    const path = join(folder, 'fences.geojson')
    execFileSync('mkfifo', [path])
    const before = niceValues()
    expect(Math.max(...before)).toBeLessThan(19)
    // It waits for somebody to write to the pipe.
    const worker = new Worker(THREAD, { workerData: { path, invalid: 'fail', progressMs: 60_000 }, execArgv: [] })
    const answered = new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    const lowered = (): number => niceValues().filter((nice) => nice === 19).length
    await expect.poll(lowered, { timeout: 10_000 }).toBe(1)
    expect(Math.max(...niceValues().filter((nice) => nice !== 19))).toBe(Math.max(...before))
    createWriteStream(path).end('{"type":"FeatureCollection","features":[]}')
    expect(await answered).toMatchObject({ problems: [], moreProblems: 0 })
  },
)
