// Over TLS everything is as without: the same tests, through a certificate; and what is said of files that do not do.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate, removeFolder, tempFolder } from '@fencepost/testbed'
import { afterAll, describe, expect, it } from 'vitest'
import { checkTls, createHttpServer } from '../src/index.ts'
import { transport } from './transport.ts'

const folder = tempFolder('tls')
const good = await makeCertificate(folder)
const other = await makeCertificate(folder, 'other-')
afterAll(() => removeFolder(folder))

describe('files', () => {
  it('that go together say when the certificate ends', () => {
    const days = (checkTls(good) - Date.now()) / 86_400_000
    expect(days).toBeGreaterThan(1)
    expect(days).toBeLessThan(3)
  })

  const file = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    chmodSync(path, mode)
    return path
  }
  it.each([
    ['a missing certificate', () => ({ ...good, certFile: join(folder, 'nowhere') }), 'cannot be read: ENOENT'],
    ['a missing key', () => ({ ...good, keyFile: join(folder, 'nowhere') }), 'cannot be read: ENOENT'],
    ['a certificate that is none', () => ({ ...good, certFile: file('junk', 'junk') }), 'is no PEM of a certificate'],
    ['a key that is none', () => ({ ...good, keyFile: file('junk-key', 'junk') }), 'is no PEM of a private key'],
    ['the key of another', () => ({ ...good, keyFile: other.keyFile }), 'is not that of'],
    [
      'a key that others may read',
      () => {
        chmodSync(other.keyFile, 0o644)
        return { certFile: other.certFile, keyFile: other.keyFile }
      },
      'others may read or write',
    ],
  ])('with %s end the start, saying which', async (_what, tls, message) => {
    const logger = { info() {}, warn() {}, error() {} }
    const server = createHttpServer({ host: '127.0.0.1', port: 0, name: 'test', logger, tls: tls() })
    await expect(server.start()).rejects.toThrow(message)
    await server.stop(0)
  })
})

transport.tls = good
await import('./http.it.test.ts')
await import('./bodies.it.test.ts')
await import('./lifecycle.it.test.ts')
