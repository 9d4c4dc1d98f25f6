import { fileURLToPath } from 'node:url'
import { runToEnd, type ServiceProcess, startService } from '@fencepost/testbed'
import { beforeAll, describe, expect, test } from 'vitest'

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url))
const LIB = fileURLToPath(new URL('..', import.meta.url))
const TSC = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url))
const WAIT_MS = 10_000

// The child runs the built lib: Node 20 runs no TypeScript.
beforeAll(async () => {
  const { code, output } = await runToEnd(process.execPath, [TSC, '-b', LIB], 60_000)
  expect(code, output).toBe(0)
})

async function up(stop: string): Promise<ServiceProcess> {
  const service = await startService({ entry: CHILD, env: { FENCEPOST_STOP: stop } })
  await service.log('up', WAIT_MS)
  return service
}

function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  return runToEnd(process.execPath, [CHILD, ...args], WAIT_MS, { env })
}

describe('a service', () => {
  test.each([
    { stop: 'quick', signal: 'SIGTERM', code: 0, last: 'stopped' },
    { stop: 'quick', signal: 'SIGINT', code: 0, last: 'stopped' },
    { stop: 'late', signal: 'SIGTERM', code: 1, last: 'stopped, not everything in time' },
    { stop: 'fails', signal: 'SIGTERM', code: 1, last: 'stopped, not everything in time' },
  ] as const)('whose parts stop $stop ends with $code after $signal', async ({ stop, signal, code, last }) => {
    const service = await up(stop)
    service.process.signal(signal)
    expect(await service.process.waitForEnd(WAIT_MS)).toEqual({ code, signal: null })
    expect(service.logs.at(-1)?.['msg']).toBe(last)
  })

  test.each([
    { second: 'SIGTERM', code: 143 },
    { second: 'SIGINT', code: 130 },
  ] as const)('that is stopping ends at once with $code after $second', async ({ second, code }) => {
    const service = await up('hangs')
    service.process.signal('SIGTERM')
    await service.log('stopping', WAIT_MS)
    service.process.signal(second)
    expect(await service.process.waitForEnd(WAIT_MS)).toEqual({ code, signal: null })
  })

  test('reloads on SIGHUP, and goes on when that fails', async () => {
    const service = await up('quick')
    service.process.signal('SIGHUP')
    expect(await service.log('reloaded', WAIT_MS)).toMatchObject({ reloads: 1 })
    service.process.signal('SIGHUP')
    expect(await service.log('failed to reload', WAIT_MS)).toMatchObject({ level: 'error', error: 'bad file' })
    service.process.signal('SIGHUP')
    await service.process.waitForLine((line) => line.includes('"reloads":3'), WAIT_MS)
    expect(await service.terminate(WAIT_MS)).toEqual({ code: 0, signal: null })
  })
})

describe('the command line', () => {
  test('--help prints the settings and ends with 0, whatever the environment', async () => {
    const { code, output } = await run(['--help'], { FENCEPOST_STOP: 'nonsense' })
    expect(code).toBe(0)
    expect(output).toContain('A service in small.')
    expect(output).toContain('FENCEPOST_STOP  (quick | hangs | fails | late; default quick)')
  })

  test('--print-config prints what is in force without secrets and ends with 0', async () => {
    const { code, output } = await run(['--print-config'], { FENCEPOST_STOP: 'late', FENCEPOST_KEY: 'hush' })
    expect([code, output]).toEqual([0, 'FENCEPOST_STOP=late\nFENCEPOST_KEY=<redacted>'])
  })

  test.each([
    { args: ['--prot=1'], env: {}, problem: '--prot=1 is not an option; --help lists them' },
    {
      args: [],
      env: { FENCEPOST_STOP: 'x' },
      problem: 'FENCEPOST_STOP must be one of quick, hangs, fails, late, got "x"',
    },
    {
      args: ['--print-config'],
      env: { FENCEPOST_SOTP: '' },
      problem: 'FENCEPOST_SOTP is not a setting; did you mean FENCEPOST_STOP?',
    },
  ])('$args with $env ends with 2 and says: $problem', async ({ args, env, problem }) => {
    const { code, output } = await run(args, env)
    expect(code).toBe(2)
    expect(output.split('\n')).toContain(problem)
  })
})
