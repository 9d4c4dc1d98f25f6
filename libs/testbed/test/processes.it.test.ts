import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, removeFolder, startService, straceAttach, straceRun, tempFolder } from '@fencepost/testbed'
import { transformWithEsbuild } from 'vite'
import { afterAll, expect, test } from 'vitest'

const folder = tempFolder('processes')
afterAll(() => removeFolder(folder))

function script(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Does the process live? One that has ended and waits for its parent to notice does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

test('a service is given its own environment, logs its ports and ends with its code on SIGTERM', async () => {
  const entry = script(
    'service.mjs',
    `process.on('SIGTERM', () => process.exit(3))
     setInterval(() => {}, 1000)
     console.log('plain text')
     console.log(JSON.stringify({ msg: 'listening', port: 1, admin_port: 2, given: process.env.GIVEN, vitest: process.env.VITEST }))`,
  )
  const service = await startService({ entry, env: { GIVEN: 'yes' } })
  expect(await service.listening()).toEqual({ port: 1, adminPort: 2 })
  expect(service.logs).toEqual([{ msg: 'listening', port: 1, admin_port: 2, given: 'yes' }])
  expect(await service.terminate(10_000)).toEqual({ code: 3, signal: null })
})

test('waiting for a line that never comes fails with the last lines: at the end of the process, and at the deadline', async () => {
  const ends = await startService({ entry: script('ends.mjs', `console.log('no such thing')`) })
  await expect(ends.listening()).rejects.toThrow(/ended \(code 0\).*no such thing/s)
  const stays = await startService({ entry: script('stays.mjs', `setInterval(() => {}, 1000)`) })
  await expect(stays.log('listening', 50)).rejects.toThrow('said nothing of the kind in 50 ms')
  await stays.kill9()
  expect(await stays.process.ended).toEqual({ code: null, signal: 'SIGKILL' })
})

test('children and folders are gone when their parent is killed with -9', async () => {
  const source = readFileSync(new URL('../src/guard.ts', import.meta.url), 'utf8')
  const { code } = await transformWithEsbuild(source, 'guard.ts')
  script('guard.mjs', code)
  const doomed = join(folder, 'doomed')
  const entry = script(
    'parent.mjs',
    `import { spawn } from 'node:child_process'
     import { mkdirSync } from 'node:fs'
     import { guardFolder, guardProcess, releaseProcess } from './guard.mjs'
     const [kept, ended] = [spawn('sleep', ['100']), spawn('sleep', ['100'])]
     mkdirSync(${JSON.stringify(doomed)})
     guardFolder(${JSON.stringify(doomed)})
     guardProcess(ended.pid)
     guardProcess(kept.pid)
     releaseProcess(kept.pid)
     console.log(JSON.stringify({ msg: 'up', ended: ended.pid, kept: kept.pid }))
     setInterval(() => {}, 1000)`,
  )
  const parent = await startService({ entry })
  const { ended, kept } = await parent.log('up', 10_000)
  expect([isRunning(Number(ended)), isRunning(Number(kept)), existsSync(doomed)]).toEqual([true, true, true])
  await parent.kill9()
  await expect.poll(() => isRunning(Number(ended)) || existsSync(doomed), { timeout: 10_000 }).toBe(false)
  expect(isRunning(Number(kept))).toBe(true)
  process.kill(Number(kept), 'SIGKILL')
})

test('ports are distinct, below the ephemeral range, and free', async () => {
  const ports = await freePorts(20)
  expect(new Set(ports).size).toBe(20)
  for (const port of ports) expect(port >= 10_240 && port < 32_768).toBe(true)
})

test('strace shows a sync between two writes, run under it and attached to it', async () => {
  const text = `const fs = require('fs')
    const once = () => {
      const file = fs.openSync(${JSON.stringify(join(folder, 'synced'))}, 'w')
      fs.writeSync(file, 'before')
      fs.fdatasyncSync(file)
      fs.writeSync(file, 'after')
    }`
  const program = script('syncs.cjs', `${text}\nonce()`)
  const names = (calls: readonly { name: string; args: string }[]): string[] =>
    calls
      .filter((call) => call.args.includes('synced'))
      .map((call) => `${call.name} ${/"(\w*)"/.exec(call.args)?.[1] ?? ''}`)
  const calls = ['write', 'pwrite64', 'fdatasync']
  const expected = ['write before', 'fdatasync ', 'write after']
  expect(names(await straceRun(process.execPath, [program], { calls }, 20_000))).toEqual(expected)

  const waiting = script(
    'waits.cjs',
    `${text}\nprocess.on('SIGUSR2', () => { once(); console.log('{"msg":"done"}') }); setInterval(() => {}, 1000); console.log('{"msg":"up"}')`,
  )
  const service = await startService({ entry: waiting })
  await service.log('up', 10_000)
  const trace = await straceAttach(service.pid, { calls })
  service.process.signal('SIGUSR2')
  await service.log('done', 10_000)
  expect(names(await trace.finish())).toEqual(expected)
  await service.kill9()
  expect(isRunning(service.pid)).toBe(false)
  expect(readdirSync(folder)).toContain('synced')
})
