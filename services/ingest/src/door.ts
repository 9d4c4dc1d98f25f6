// POST /v1/pings: everything that is decided before the body is read, then the body, then the pipeline's outcome as HTTP.
import { REQUEST_REASONS, type RequestReason } from '@fencepost/model'
import { type BodyBudget, type Cors, type Exchange, retryAfter } from '@fencepost/server'
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

const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  msgpack: 'application/msgpack',
  json: 'application/json',
}

/** Seconds a client is asked to wait after a 408 or 503, before jitter. */
const RETRY_AFTER_S = 2

/** The handler of `POST /v1/pings`. */
export function createDoor(parts: DoorParts): (exchange: Exchange) => void {
  const { pipeline, keys, rateLimit, cors, budget, counters, limits } = parts

  return function onPings(exchange) {
    const began = performance.now()
    counters.requests++
    const origin = cors === null ? '' : exchange.header('origin')
    const contentType = exchange.header('content-type')
    // A body of unknown kind is refused in JSON.
    const encoding = parseContentType(contentType)
    const answerAs = encoding ?? 'json'
    const corsHeaders = cors === null ? NO_HEADERS : cors.headers(origin)

    const refuse = (reason: RequestReason, afterS = RETRY_AFTER_S): void => {
      if (exchange.aborted) return // counted by onAborted
      counters.refused[reason]++
      observe()
      const { status, retryable } = REQUEST_REASONS[reason]
      const headers = retryable
        ? [...corsHeaders, ['retry-after', retryAfter(afterS, 0.5, Math.random)] as const]
        : corsHeaders
      exchange.answer(status, CONTENT_TYPES[answerAs], encodeError(answerAs, reason), headers)
    }
    const observe = (): void => counters.requestSeconds.observe((performance.now() - began) / 1000)
    exchange.onAborted(() => {
      counters.aborted++
    })

    // At the headers: whose is it, may it come in, is there room for it? Its body is not read before all of that is settled.
    if (cors?.refuses(origin)) return refuse('forbidden')
    const key = keys.find(exchange.header('authorization'))
    if (key === null) return refuse('unauthorized')
    const closed = parts.closed()
    if (closed !== null) return refuse(closed)
    const waitS = rateLimit.take(key.number)
    if (waitS > 0) return refuse('rate_limited', waitS)
    if (encoding === null) return refuse('unsupported_media_type')
    const contentEncoding = exchange.header('content-encoding').toLowerCase()
    const gzipped = contentEncoding === 'gzip' || contentEncoding === 'x-gzip'
    if (!gzipped && contentEncoding !== '' && contentEncoding !== 'identity') return refuse('unsupported_encoding')
    const declared = exchange.contentLength() // -1: chunked, so nobody knows
    if (declared > limits.bodyBytes) return refuse('body_too_large')
    if (!parts.hasRoom()) return refuse('overloaded')
    const reservation = budget.reserve(declared < 0 ? limits.bodyBytes : declared)
    if (reservation === null) return refuse('overloaded')

    exchange.readBody(
      { declared, maxBytes: limits.bodyBytes, timeoutMs: limits.bodyTimeoutMs, reservation },
      (body) => {
        const plain = gzipped ? inflate(body, limits.inflatedBytes) : body
        const outcome = typeof plain === 'string' ? plain : pipeline.take(plain, encoding, key.tenant)
        reservation.release()
        if (outcome instanceof Promise) outcome.then(answer)
        else answer(outcome)
      },
      (failure) => {
        if (failure === 'shed') refuse('overloaded')
        else if (failure !== 'aborted') refuse(failure)
      },
    )

    function answer(outcome: Outcome): void {
      if (typeof outcome === 'string') refuse(outcome)
      else if (!exchange.aborted) accept(outcome)
    }

    function accept(answerBytes: Uint8Array): void {
      counters.answered++
      observe()
      exchange.answer(200, CONTENT_TYPES[answerAs], answerBytes, corsHeaders)
    }
  }
}

const NO_HEADERS: readonly (readonly [string, string])[] = []
