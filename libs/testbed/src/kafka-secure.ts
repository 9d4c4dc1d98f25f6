// A second listener of a test broker, with TLS and SASL/PLAIN, and the certificate to trust it by.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from './process.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
}

/** A certificate of its own for 127.0.0.1, made by openssl in `folder`. Throws when openssl is missing. */
export async function makeCertificate(folder: string): Promise<{ keystore: string; ca: string }> {
  const [key, certificate, keystore] = ['key.pem', 'ca.pem', 'keystore.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, ...subject]
  const { code, output } = await runToEnd('openssl', args, 30_000)
  if (code !== 0) throw new Error(`openssl ended with ${code}: ${output.slice(-400)}`)
  const ca = readFileSync(certificate, 'utf8')
  writeFileSync(keystore, `${readFileSync(key, 'utf8')}${ca}`)
  return { keystore, ca }
}

/** Lines of server.properties for the listener SECURE, which `listeners` must name too. */
export function secureProperties(keystore: string, { username, password }: Credentials): Record<string, string> {
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  return {
    'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.secure.plain.sasl.jaas.config': `${login} required user_${username}="${password}";`,
    'listener.name.secure.ssl.keystore.type': 'PEM',
    'listener.name.secure.ssl.keystore.location': keystore,
  }
}
