// A certificate to test TLS with.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from './process.ts'

export interface Certificate {
  /** Paths of PEM files: the certificate, its key, and both in one. */
  readonly certFile: string
  readonly keyFile: string
  readonly keystore: string
  /** PEM to trust it by. */
  readonly ca: string
}

/** A certificate of its own for 127.0.0.1, made by openssl in `folder`. Throws when openssl is missing. */
export async function makeCertificate(folder: string, name = ''): Promise<Certificate> {
  const [keyFile, certFile, keystore] = ['key.pem', 'ca.pem', 'keystore.pem'].map((file) =>
    join(folder, name + file),
  ) as [string, string, string]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', certFile, ...subject]
  const { code, output } = await runToEnd('openssl', args, 30_000)
  if (code !== 0) throw new Error(`openssl ended with ${code}: ${output.slice(-400)}`)
  chmodSync(keyFile, 0o600)
  const ca = readFileSync(certFile, 'utf8')
  writeFileSync(keystore, `${readFileSync(keyFile, 'utf8')}${ca}`)
  return { certFile, keyFile, keystore, ca }
}
