// The door to uWebSockets.js: its functions with the types they really have, and the check that they are native.

import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from 'uWebSockets.js'
import * as uws from 'uWebSockets.js'
import type { TlsFiles } from './tls.ts'

export type { HttpRequest, HttpResponse, us_listen_socket }

// The package's types lack what its C++ has: host, port and options together, and the switch for the banner.
export interface NativeApp extends Omit<TemplatedApp, 'listen'> {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): NativeApp
}
const untyped = uws as unknown as Readonly<{ LIBUS_LISTEN_EXCLUSIVE_PORT: number; _cfg?: (key: string) => void }>

/** Refuses to share the port with another process: without it the kernel would silently give each half of the connections. */
export const EXCLUSIVE_PORT: number = untyped.LIBUS_LISTEN_EXCLUSIVE_PORT

/** Shares the port with every other socket that shares it, unless the port is 0. */
export const SHARED_PORT = 0

/**
 * @returns a new app; the first call also removes the `uWebSockets: 20` header from every answer of the process
 * @throws Error when uWebSockets.js is not the native module (some forks fall back to a JavaScript server in silence)
 */
export function nativeApp(tls: TlsFiles | null): NativeApp {
  checkNative(uws.App)
  untyped._cfg?.('silent')
  const app = tls === null ? uws.App() : uws.SSLApp({ key_file_name: tls.keyFile, cert_file_name: tls.certFile })
  return app as unknown as NativeApp
}

export const { us_listen_socket_close: closeListenSocket, us_socket_local_port: localPort } = uws

/** @throws Error when `app` is a function written in JavaScript */
export function checkNative(app: unknown): void {
  if (typeof app !== 'function' || !Function.prototype.toString.call(app).includes('[native code]'))
    throw new Error(
      `uWebSockets.js is not its native module (Node ${process.version}, ${process.platform} ${process.arch}): reinstall it for this platform`,
    )
}
