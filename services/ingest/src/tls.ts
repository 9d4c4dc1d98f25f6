// From settings to the TLS of a port.
import type { TlsFiles } from '@fencepost/server'

/**
 * Both files, or nothing.
 *
 * @throws Error naming the setting that is missing beside the other
 */
export function tlsOf(
  name: 'FENCEPOST_TLS' | 'FENCEPOST_ADMIN_TLS',
  certFile: string | undefined,
  keyFile: string | undefined,
): { readonly tls?: TlsFiles } {
  if (certFile === undefined && keyFile === undefined) return {}
  if (certFile === undefined || keyFile === undefined)
    throw new Error(`${name}_CERT_FILE and ${name}_KEY_FILE go together; one of them is not set`)
  return { tls: { certFile, keyFile } }
}
