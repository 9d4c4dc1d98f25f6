// POST /v1/pings: everything that is decided before the body is read, then the body, then the pipeline's outcome as HTTP.
import { performance } from 'node:perf_hooks' // the global is an accessor: a property look-up and a call more
import { REQUEST_REASONS, type RequestReason } from '@fencepost/model'
import { type BodyBudget, type Cors, type Exchange, type Header, retryAfter } from '@fencepost/server'
import { type Encoding, encodeError, inflate, parseContentType } from '@fencepost/wire'
import type { Counters } from './counters.ts'
import type { SdkKeys } from './keys.ts'
import type { Outcome, Pipeline } from './pipeline.ts'
import type { RateLimit } from './rate-limit.ts'

export interface DoorParts {
  readonly pipeline: Pipeline
  readonly keys: SdkKeys
  readonly rateLimit: RateLimit
  readonly cors: Cors | null
  readonly budget: BodyBudget
  /** May another batch be taken at all? Asked before a body is read. */
  readonly hasRoom: () => boolean
  /** `not_ready` before the first index, `stopping` while the node drains, else null. */
  readonly closed: () => 'not_ready' | 'stopping' | null
  readonly counters: Counters
  readonly limits: { readonly bodyBytes: number; readonly inflatedBytes: number; readonly bodyTimeoutMs: number }
}

/** What its answer will need of a request. One object instead of a closure each for what can become of it. */
interface PingRequest {
  readonly exchange: Exchange
  readonly began: number
  readonly encoding: Encoding
  readonly headers: readonly Header[]
}

const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  msgpack: 'application/msgpack',
  json: 'application/json',
}

/** Seconds a client is asked to wait after a 408 or 503, before jitter. */
const RETRY_AFTER_S = 2
const NO_HEADERS: readonly Header[] = []

/** The handler of `POST /v1/pings`. */
export function createDoor(parts: DoorParts): (exchange: Exchange) => void {
  const { pipeline, keys, rateLimit, cors, budget, counters, limits } = parts

  function onPings(exchange: Exchange): void {
    counters.requests++
    exchange.onAborted(countAborted)
    const origin = cors === null ? '' : exchange.header('origin')
    const encoding = parseContentType(exchange.header('content-type'))
    const request: PingRequest = {
      exchange,
      began: performance.now(),
      encoding: encoding ?? 'json', // a body of unknown kind is refused in JSON
      headers: cors === null ? NO_HEADERS : cors.headers(origin),
    }

    // At the headers: whose is it, may it come in, is there room for it? Its body is not read before all of that is settled.
    if (cors?.refuses(origin)) return refuse(request, 'forbidden')
    const key = keys.find(exchange.header('authorization'))
    if (key === null) return refuse(request, 'unauthorized')
    key.isUsed = true
    const closed = parts.closed()
    if (closed !== null) return refuse(request, closed)
    const waitS = rateLimit.take(key.number)
    if (waitS > 0) return refuse(request, 'rate_limited', waitS)
    if (encoding === null) return refuse(request, 'unsupported_media_type')
    const contentEncoding = exchange.header('content-encoding').toLowerCase()
    const gzipped = contentEncoding === 'gzip' || contentEncoding === 'x-gzip'
    if (!gzipped && contentEncoding !== '' && contentEncoding !== 'identity')
      return refuse(request, 'unsupported_encoding')
    const declared = exchange.contentLength() // -1: chunked, so nobody knows
    if (declared > limits.bodyBytes) return refuse(request, 'body_too_large')
    if (!parts.hasRoom()) return refuse(request, 'overloaded')
    const reservation = budget.reserve(declared < 0 ? limits.bodyBytes : declared)
    if (reservation === null) return refuse(request, 'overloaded')

    exchange.readBody(
      { declared, maxBytes: limits.bodyBytes, timeoutMs: limits.bodyTimeoutMs, reservation },
      (body) => {
        const plain = gzipped ? inflate(body, limits.inflatedBytes) : body
        const outcome = typeof plain === 'string' ? plain : pipeline.take(plain, encoding, key.tenant)
        reservation.release()
        if (outcome instanceof Promise) outcome.then((settled) => answer(request, settled))
        else answer(request, outcome)
      },
      (failure) => {
        if (failure !== 'aborted') refuse(request, failure === 'shed' ? 'overloaded' : failure)
      },
    )
  }

  function answer(request: PingRequest, outcome: Outcome): void {
    if (typeof outcome === 'string') return refuse(request, outcome)
    const { exchange, encoding, headers } = request
    if (exchange.aborted) return // counted already
    counters.answered++
    observe(request)
    exchange.answer(200, CONTENT_TYPES[encoding], outcome, headers)
  }

  function refuse(request: PingRequest, reason: RequestReason, afterS = RETRY_AFTER_S): void {
    const { exchange, encoding, headers } = request
    if (exchange.aborted) return // counted already
    counters.refused[reason]++
    observe(request)
    const { status, retryable } = REQUEST_REASONS[reason]
    const all = retryable ? [...headers, ['retry-after', retryAfter(afterS, 0.5, Math.random)] as const] : headers
    exchange.answer(status, CONTENT_TYPES[encoding], encodeError(encoding, reason), all)
  }

  function observe({ began }: PingRequest): void {
    counters.requestSeconds.observe((performance.now() - began) / 1000)
  }

  function countAborted(): void {
    counters.aborted++
  }

  return onPings
}
