// What is secret is in no line of the log, no answer, no file but the one that it was given in, and not in the settings as they are printed.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { removeFolder, type ServiceProcess, tempFolder } from '@fencepost/testbed'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ask, filesWith, Phone, request } from './privacy-kit.ts'
import { ENTRY, environment, startStandalone, writeFences } from './support.ts'

const SECRETS = {
  FENCEPOST_ROOT_KEY: 'canary-root-key-0123456789',
  FENCEPOST_PSEUDONYM_KEY: 'canary-pseudonym-key-0123456789',
  FENCEPOST_PSEUDONYM_KEYS_OLD: 'canary-old-pseudonym-key-0123456789',
  FENCEPOST_STORE_KEY: 'ca'.repeat(32),
  FENCEPOST_SDK_KEYS: 'acme:canary-sdk-key',
}
const TOKEN = 'canary-admin-token'

let folder = ''
let service: ServiceProcess | undefined
beforeEach(() => {
  folder = tempFolder('secrets')
  writeFences(folder, [
    {
      type: 'Feature',
      id: 'market',
      properties: { radius_m: 100 },
      geometry: { type: 'Point', coordinates: [10, 50] },
    },
  ] as never)
})
afterEach(async () => {
  await service?.kill9()
  removeFolder(folder)
})

it.each(['by the environment', 'by files'])('given %s', async (way) => {
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 })
  const given = Object.fromEntries(
    Object.entries(SECRETS).map(([name, value]) => {
      if (way === 'by the environment') return [name, value]
      const path = join(folder, name)
      writeFileSync(path, `${value}\n`, { mode: 0o600 })
      return [`${name}_FILE`, path]
    }),
  )
  const env = { FENCEPOST_LOG_LEVEL: 'debug', FENCEPOST_ADMIN_TOKEN_FILE: tokenFile, ...given }
  const { FENCEPOST_SDK_KEYS: _, ...rest } = environment(folder)
  const all = { ...rest, ...env }
  service = await startStandalone(folder, way === 'by files' ? { FENCEPOST_SDK_KEYS: '', ...env } : env)
  const { port, adminPort } = await service.listening()
  const owner = { authorization: `Bearer ${TOKEN}` }
  const asOwner = (method: string, path: string, body?: unknown) =>
    ask(adminPort, method, path, { headers: owner, ...(body === undefined ? {} : { body }) })
  const said: string[] = []
  const phone = new Phone('phone-1', 'canary-sdk-key')
  said.push((await phone.post(port, [{ lat: 50, lon: 10 }])).text)
  said.push((await new Phone('phone-1', 'canary-wrong-key').post(port, [{ lat: 50, lon: 10 }])).text)
  const made = await asOwner('POST', '/v1/tenants/acme/keys', { label: 'ios' })
  const secret = await asOwner('POST', '/v1/tenants/acme/subject-secret')
  const officer = await asOwner('POST', '/v1/tokens', { role: 'privacy' })
  const shownOnce = [made.json['key'], secret.json['secret'], officer.json['token']] as string[]
  const asOfficer = { authorization: `Bearer ${officer.json['token']}` }
  const asked = { tenant: 'acme', type: 'export', subject: { device: 'phone-1' } }
  said.push((await ask(adminPort, 'POST', '/v1/privacy/requests', { headers: asOfficer, body: asked })).text)
  said.push((await request(adminPort, asked)).text)
  for (const path of ['/readyz', '/metrics', '/v1/audit', '/v1/tokens', '/v1/tenants/acme/keys', '/v1/feed/status'])
    said.push((await asOwner('GET', path)).text)
  said.push(execFileSync(process.execPath, [ENTRY, '--print-config'], { env: all, encoding: 'utf8' }))
  await service.terminate(10_000)
  said.push(...service.process.lines)

  const hidden = [
    ...Object.values(SECRETS).map((value) => value.replace('acme:', '')),
    TOKEN,
    ...shownOnce,
    'canary-wrong-key',
  ]
  const text = said.join('\n')
  expect(text).toContain('FENCEPOST_ROOT_KEY=<redacted>')
  expect(hidden.filter((one) => text.includes(one))).toEqual([])
  // Kept as hashes, or not at all.
  expect(
    filesWith(
      join(folder, 'data'),
      hidden.map((one) => Buffer.from(one)),
    ),
  ).toEqual([])
})
