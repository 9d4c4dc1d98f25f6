// Certificate and key of a port: looked at before uWebSockets.js sees them, which says only that it failed, or serves what no client takes.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'

export interface TlsFiles {
  /** PEM of the certificate and those above it, the server's own first. */
  readonly certFile: string
  /** PEM of its private key, unencrypted, which others must not be able to read. */
  readonly keyFile: string
}

/**
 * Looks at both files. Returns when the certificate ends, epoch ms, which may have been.
 *
 * @throws Error naming the file and what is wrong with it
 */
export function checkTls({ certFile, keyFile }: TlsFiles): number {
  const certificate = parsed(certFile, 'certificate', (text) => new X509Certificate(text))
  const { mode } = statSync(keyFile, { throwIfNoEntry: false }) ?? { mode: 0 }
  if ((mode & 0o027) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0')
    throw new Error(`others may read or write the TLS key ${keyFile} (mode ${octal}); run: chmod 600 ${keyFile}`)
  }
  const key = parsed<KeyObject>(keyFile, 'private key', createPrivateKey)
  if (!certificate.checkPrivateKey(key)) throw new Error(`the TLS key ${keyFile} is not that of ${certFile}`)
  return Date.parse(certificate.validTo)
}

function parsed<T>(path: string, what: string, parse: (text: Buffer) => T): T {
  let text: Buffer
  try {
    text = readFileSync(path)
  } catch (error) {
    throw new Error(`the TLS ${what} ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    })
  }
  try {
    return parse(text)
  } catch (error) {
    throw new Error(`${path} is no PEM of a ${what}`, { cause: error })
  }
}
