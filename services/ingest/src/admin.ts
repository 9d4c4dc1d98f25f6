// The admin port: /livez, /readyz, /metrics, and whatever a service adds. Behind a bearer token once one is configured.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Metrics } from '@fencepost/runtime'
import type { Exchange, HttpServer } from '@fencepost/server'

/** What /readyz answers: ready only when every part is. */
export interface Readiness {
  readonly ready: boolean
  /** One short word or number a part, for each thread where there are several: what an operator looks at first. */
  readonly detail: Readonly<Record<string, unknown>>
}

/** Runs a route only for whoever has the token; everybody else gets a 401. */
export type Guard = (handler: (exchange: Exchange) => void) => (exchange: Exchange) => void

/** A guard for `authorization: Bearer <token>`; without a token every caller may pass. */
export function createGuard(token: string | undefined): Guard {
  if (token === undefined) return (handler) => handler
  const expected = sha256(`bearer ${token}`)
  return (handler) => (exchange) => {
    const given = exchange.header('authorization').replace(/^bearer +/i, 'bearer ')
    if (timingSafeEqual(sha256(given), expected)) return handler(exchange)
    answerJson(exchange, 401, { error: 'unauthorized', message: 'send authorization: Bearer <FENCEPOST_ADMIN_TOKEN>' })
  }
}

/** Is this an address that only this machine can reach? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Registers the routes that every node has. */
export function addAdminRoutes(
  server: HttpServer,
  parts: { guard: Guard; metrics: Pick<Metrics, 'contentType' | 'render'>; readiness: () => Readiness },
): void {
  const { guard, metrics, readiness } = parts
  // Whoever probes has no token, and these two say nothing that needs one.
  server.route('get', '/livez', (exchange) => answerJson(exchange, 200, { live: true }))
  server.route('get', '/readyz', (exchange) => {
    const { ready, detail } = readiness()
    answerJson(exchange, ready ? 200 : 503, { ready, ...detail })
  })
  server.route(
    'get',
    '/metrics',
    guard((exchange) => {
      exchange.onAborted(() => {})
      metrics.render().then(
        (text) => exchange.answer(200, metrics.contentType, text),
        () => answerJson(exchange, 500, { error: 'internal', message: 'the metrics could not be rendered' }),
      )
    }),
  )
}

/** Answers with one JSON document and a line end, for people with curl. */
export function answerJson(exchange: Exchange, status: number, body: unknown): void {
  exchange.answer(status, 'application/json', `${JSON.stringify(body)}\n`)
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
