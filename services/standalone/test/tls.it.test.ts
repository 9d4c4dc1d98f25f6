// The doors over TLS: pings and the admin port of a real process, in one thread and in two, and the command line beside them.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Certificate, makeCertificate, removeFolder, type ServiceProcess, tempFolder } from '@fencepost/testbed'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KEY, startStandalone, writeFences } from './support.ts'

const CLI = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url))

let folder = ''
let service: ServiceProcess | undefined
let certificate: Certificate
beforeEach(async () => {
  folder = tempFolder('tls')
  certificate = await makeCertificate(folder)
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

function over(
  port: number,
  method: string,
  path: string,
  { headers = {}, body }: { readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const { ca } = certificate
    const asked = request({ host: '127.0.0.1', port, method, path, headers, ca }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += String(chunk)
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

it.each(['1', '2'])('serves both doors with %s threads, and says when the certificate ends', async (threads) => {
  const { certFile, keyFile } = certificate
  service = await startStandalone(folder, {
    FENCEPOST_THREADS: threads,
    FENCEPOST_TLS_CERT_FILE: certFile,
    FENCEPOST_TLS_KEY_FILE: keyFile,
    FENCEPOST_ADMIN_TLS_CERT_FILE: certFile,
    FENCEPOST_ADMIN_TLS_KEY_FILE: keyFile,
  })
  const { port, adminPort } = await service.listening()
  const ping = { type: 'location', age: 0, lat: 50, lon: 10 }
  const body = JSON.stringify({ v: 1, device: 'd', sent: Date.now(), consent: true, pings: [ping] })
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const answer = await over(port, 'POST', '/v1/pings', { headers, body })
  expect(JSON.parse(answer.text)).toMatchObject({ accepted: 1, matched: 1 })
  const metrics = (await over(adminPort, 'GET', '/metrics')).text
  for (const door of ['public', 'admin']) {
    const [, seconds] = new RegExp(`tls_expires_timestamp_seconds\\{port="${door}"\\} (\\d+)`).exec(metrics) ?? []
    expect(Number(seconds) * 1000).toBeGreaterThan(Date.now() + 86_400_000)
  }
  // Nobody is served in the clear.
  await expect(fetch(`http://127.0.0.1:${port}/v1/pings`, { method: 'POST', headers, body })).rejects.toThrow()

  const told = await new Promise<string>((resolve) => {
    const env = { FENCEPOST_URL: `https://127.0.0.1:${adminPort}`, NODE_EXTRA_CA_CERTS: certFile }
    const words = [CLI, 'explain', '--tenant', 'acme', '--lat', '50', '--lon', '10']
    execFile(process.execPath, words, { env }, (_error, out, err) => resolve(out + err))
  })
  expect(told).toContain('market')
})

it.each([
  [{ FENCEPOST_TLS_CERT_FILE: 'ca.pem' }, 'FENCEPOST_TLS_CERT_FILE and FENCEPOST_TLS_KEY_FILE go together'],
  [{ FENCEPOST_ADMIN_TLS_KEY_FILE: 'key.pem' }, 'FENCEPOST_ADMIN_TLS_CERT_FILE and'],
  [{ FENCEPOST_TLS_CERT_FILE: 'ca.pem', FENCEPOST_TLS_KEY_FILE: 'junk' }, 'is no PEM of a private key'],
  [{ FENCEPOST_TLS_CERT_FILE: 'ca.pem', FENCEPOST_TLS_KEY_FILE: 'nowhere' }, 'cannot be read: ENOENT'],
])('%j does not start, and says why', async (files, message) => {
  writeFileSync(join(folder, 'junk'), 'junk', { mode: 0o600 })
  const paths = Object.entries(files).map(([name, file]) => [name, join(folder, file)])
  service = await startStandalone(folder, Object.fromEntries(paths) as Record<string, string>)
  const { error } = await service.log('could not start', 20_000)
  expect(error).toContain(message)
  expect((await service.process.ended).code).toBe(1)
})
