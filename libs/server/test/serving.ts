// A server on a free port for one test, stopped with it.
import { silentLogger } from '@fencepost/model'
import { onTestFinished } from 'vitest'
import { createHttpServer, type Exchange, type HttpServer, type HttpServerOptions } from '../src/index.ts'
import { type RawClient, rawClient } from './raw-client.ts'
import { transport } from './transport.ts'

export interface Serving {
  server: HttpServer
  port: number
  connect(): Promise<RawClient>
}

export async function serve(
  routes: (server: HttpServer) => void,
  options: Partial<HttpServerOptions> = {},
): Promise<Serving> {
  const { tls } = transport
  const server = createHttpServer({
    host: '127.0.0.1',
    port: 0,
    name: 'test',
    logger: silentLogger,
    ...(tls === null ? {} : { tls }),
    ...options,
  })
  routes(server)
  const { port } = await server.start()
  onTestFinished(() => server.stop(0))
  return { server, port, connect: () => rawClient(port, onTestFinished) }
}

/** Reads the body under 1,000 bytes and 5 s, and answers with it; a failure is answered 400 with its name. */
export function echo(exchange: Exchange): void {
  exchange.readBody(
    { declared: exchange.contentLength(), maxBytes: 1000, timeoutMs: 5000, reservation: null },
    (body) => exchange.answer(200, 'text/plain', body),
    (failure) => exchange.answer(400, 'text/plain', failure),
  )
}

/** A promise and its resolver: for “until the server has seen it”. */
export function signal<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
