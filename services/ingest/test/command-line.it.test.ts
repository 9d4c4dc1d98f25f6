// services/ingest as a process: what it says about itself, and how it ends when it cannot start.
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { runToEnd } from '@fencepost/testbed'
import { beforeAll, describe, expect, it } from 'vitest'
import { ingestSettings } from '../src/config.ts'

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const SECRET = '5ec2e7'.repeat(12).slice(0, 64)
const ENV = {
  FENCEPOST_HOST: '127.0.0.1',
  FENCEPOST_PORT: '0',
  FENCEPOST_ADMIN_PORT: '0',
  FENCEPOST_KAFKA_BROKERS: '127.0.0.1:1',
  FENCEPOST_PRESENCE: 'off',
  FENCEPOST_SDK_KEYS: `acme:${SECRET}`,
  FENCEPOST_ROOT_KEY: SECRET,
  FENCEPOST_PSEUDONYM_KEY: SECRET,
}

beforeAll(() => {
  if (!existsSync(ENTRY)) throw new Error('services/ingest/dist is missing; run: make build')
})

const run = (args: readonly string[], env: Readonly<Record<string, string>> = ENV) =>
  runToEnd(process.execPath, [ENTRY, ...args], 20_000, { env })

describe('node services/ingest/dist/main.js', () => {
  it('--help explains every setting, without needing any, and ends with 0', async () => {
    const { code, output } = await run(['--help'], {})
    expect(code).toBe(0)
    for (const { env, help } of Object.values(ingestSettings)) {
      expect(output).toContain(env)
      expect(output).toContain(help)
    }
  })

  it('--print-config shows what is in force and no secret, and ends with 0', async () => {
    const { code, output } = await run(['--print-config'], { ...ENV, FENCEPOST_MAX_BATCH: '77' })
    expect(code).toBe(0)
    expect(output).toContain('FENCEPOST_MAX_BATCH=77')
    expect(output).toContain('FENCEPOST_EVENT_COORDINATES=coarse')
    expect(output).toContain('FENCEPOST_ROOT_KEY=<redacted>')
    expect(output).not.toContain(SECRET)
  })

  it('tells every problem of its settings at once, repeats no secret, and ends with 2', async () => {
    const { FENCEPOST_ROOT_KEY: _missing, ...rest } = ENV
    const { code, output } = await run([], {
      ...rest,
      FENCEPOST_PORT: '70000',
      FENCEPOST_MAX_BATCH: 'many',
      FENCEPOST_FENCES_INVALID: 'ignore',
      FENCEPOST_KAFKA_BROKERS: '',
      FENCEPOST_SDK_KEY: SECRET,
    })
    expect(code).toBe(2)
    expect(output).toContain('FENCEPOST_PORT must be a whole number 0..65535, got "70000"')
    expect(output).toContain('FENCEPOST_MAX_BATCH must be a whole number 1..10000, got "many"')
    expect(output).toContain('FENCEPOST_FENCES_INVALID must be one of skip, repair, fail, got "ignore"')
    expect(output).toContain('FENCEPOST_KAFKA_BROKERS is missing')
    expect(output).toContain('FENCEPOST_ROOT_KEY is missing')
    expect(output).toContain('FENCEPOST_SDK_KEY is not a setting; did you mean FENCEPOST_SDK_KEYS?')
    expect(output).not.toContain(SECRET)
  })

  it('does not know options that it has not', async () => {
    expect(await run(['--port', '80'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('--port is not an option'),
    })
  })

  it.each([
    ['a key that is none', { FENCEPOST_ROOT_KEY: 'too-short' }, 'FENCEPOST_ROOT_KEY'],
    ['keys of a wrong form', { FENCEPOST_SDK_KEYS: `no-colon-${SECRET}` }, 'FENCEPOST_SDK_KEYS entry 1'],
    ['an admin port open to others', { FENCEPOST_ADMIN_HOST: '0.0.0.0' }, 'set FENCEPOST_ADMIN_TOKEN'],
    ['an origin that is none', { FENCEPOST_CORS_ORIGINS: 'https://a.example/path' }, 'an origin is scheme://host'],
  ])('ends with 1 for %s, and says so without the secret', async (_name, env, message) => {
    const { code, output } = await run([], { ...ENV, ...env })
    expect(code).toBe(1)
    expect(output).toContain(message)
    expect(output).toContain('could not start')
    expect(output).not.toContain(SECRET)
  })

  it('ends with 1 when a port is taken, and says which', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    try {
      const { code, output } = await run([], { ...ENV, FENCEPOST_ADMIN_PORT: String(port) })
      expect(code).toBe(1)
      expect(output).toContain(`the admin server cannot listen on 127.0.0.1:${port}: EADDRINUSE`)
    } finally {
      server.close()
    }
  })
})
