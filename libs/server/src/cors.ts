// What web SDKs need: the answer to a preflight and the headers of every other answer (Fetch standard, CORS protocol). All
// of it is settled when the node starts; a request costs one map look-up.
import type { Exchange, Header } from './exchange.ts'
import { JSON_TYPE, refusalBody } from './status.ts'

export interface CorsOptions {
  /** Origins as browsers send them (`https://app.example.com`), or `*` for any. Empty = off: nothing is refused or added. */
  origins: readonly string[] | '*'
  /** What a preflight allows, e.g. `POST`. */
  methods?: string
  /** How long a browser may remember a preflight. Chrome caps it at 7,200. */
  maxAgeS?: number
}

/** Which origins may use the service, and what answers to them carry. */
export interface Cors {
  /** Headers of an answer to a request from this origin; none for '' (no browser) and for an origin that is not listed. */
  headers(origin: string): readonly Header[]
  /** True for an origin that is not listed. A request without one ('') is not a browser's and may pass. */
  refuses(origin: string): boolean
  /** The handler of an OPTIONS route. */
  preflight(exchange: Exchange): void
}

const ALLOWED_HEADERS = 'authorization, content-type, content-encoding, x-fencepost-device, x-fencepost-subject'
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/
const NO_HEADERS: readonly Header[] = []

/** @throws TypeError naming an origin that no browser would send (a path, upper case, no scheme) */
export function createCors({ origins, methods = 'POST', maxAgeS = 7200 }: CorsOptions): Cors {
  const off = origins.length === 0
  const any = origins.includes('*')
  const byOrigin = new Map<string, readonly Header[]>()
  if (!any) for (const origin of origins) byOrigin.set(checked(origin), answerHeaders(origin))
  const anyHeaders = any ? answerHeaders('*') : null
  const headers = (origin: string): readonly Header[] =>
    origin === '' ? NO_HEADERS : (anyHeaders ?? byOrigin.get(origin) ?? NO_HEADERS)
  const refuses = (origin: string): boolean => !off && !any && origin !== '' && !byOrigin.has(origin)
  const allowed: readonly Header[] = [
    ['access-control-allow-methods', methods],
    ['access-control-allow-headers', ALLOWED_HEADERS],
    ['access-control-max-age', String(maxAgeS)],
  ]
  return {
    headers,
    refuses,
    preflight(exchange) {
      const origin = exchange.header('origin')
      if (refuses(origin)) exchange.answer(403, JSON_TYPE, refusalBody('forbidden'))
      else exchange.answer(204, '', '', off || origin === '' ? NO_HEADERS : [...headers(origin), ...allowed])
    },
  }
}

function checked(origin: string): string {
  if (ORIGIN.test(origin)) return origin
  throw new TypeError(`an origin is scheme://host[:port] in lower case, without a path, got "${origin}"`)
}

function answerHeaders(origin: string): readonly Header[] {
  const headers: Header[] = [
    ['access-control-allow-origin', origin],
    ['access-control-expose-headers', 'retry-after'],
  ]
  // Without it a shared cache could hand one origin's answer to another.
  if (origin !== '*') headers.push(['vary', 'Origin'])
  return headers
}
