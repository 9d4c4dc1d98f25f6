// One request and its answer on top of uWebSockets.js. Every trap of its HttpRequest and HttpResponse ends here: nothing
// above this file can touch a dead response, a dead request or a neutered chunk. This is the hot path.
import type { Reservation } from './body-budget.ts'
import { CONTENT_LENGTH, CONTENT_TYPE, encoded, TRANSFER_ENCODING } from './encoded.ts'
import type { FaultLog } from './fault-log.ts'
import type { HttpRequest, HttpResponse } from './native.ts'
import { type OpenBodies, OpenBody } from './open-bodies.ts'
import { retryAfter } from './retry-after.ts'
import { JSON_TYPE, refusalBody, statusLine } from './status.ts'
import { type BodyStream, LiveStream, type StreamOwner } from './stream.ts'

export type Header = readonly [name: string, value: string]
export type BodyFailure = 'body_timeout' | 'body_too_large' | 'shed' | 'aborted'
export type Handler = (exchange: Exchange) => void

export interface BodyOptions {
  /** What content-length says, -1 when there is none (`contentLength()` gives it). Bytes beyond it are refused. */
  declared: number
  maxBytes: number
  /** From now until the last byte. Noticed up to TICK_MS late. uWebSockets.js itself drops uploads below 16 KB in 10 s. */
  timeoutMs: number
  /** Promised bytes, at least `declared` (at least `maxBytes` when that is -1); null = not counted. */
  reservation: Reservation | null
}

/** One request. Every method is safe after the answer and after an abort: then it does nothing. */
export interface Exchange {
  /** The client went away before the answer. */
  readonly aborted: boolean
  /** Value by lower-case name, '' when missing. Only inside the route handler, synchronously; throws afterwards. */
  header(name: string): string
  /** Decoded query parameter. Only inside the route handler. */
  query(name: string): string | undefined
  /** Value of the i-th `:param` of the route. Only inside the route handler. */
  parameter(i: number): string
  /** content-length in bytes; 0 when there is no body, -1 when it is unknown (chunked) or malformed. Only inside the route handler. */
  contentLength(): number
  /**
   * Collects the body; call it once, inside the route handler. Exactly one of the callbacks runs, once, unless the exchange
   * is answered before. `body` is valid until `onBody` returns; from then on the reservation is the caller's to release. After
   * a failure, or an answer before the body, it has been released already. The answer to a failure closes the connection,
   * except for a declared length over `maxBytes` that is small enough to be drained.
   */
  readBody(options: BodyOptions, onBody: (body: Uint8Array) => void, onFail: (failure: BodyFailure) => void): void
  /** Answers, once: a second answer does nothing. `contentType` '' sends none. `close` ends the connection afterwards. */
  answer(
    status: number,
    contentType: string,
    body: Uint8Array | string,
    headers?: readonly Header[],
    close?: boolean,
  ): void
  /** Answers piece by piece; the connection closes after the end. */
  stream(status: number, contentType: string, headers?: readonly Header[]): BodyStream
  /** Runs when the client goes away before the answer (for a stream: before its end). Several callbacks run in order. */
  onAborted(callback: () => void): void
}

/** What all exchanges of one server share. */
export interface Shared {
  readonly counters: {
    aborted: number
    bodyTimeouts: number
    bodiesShed: number
    bodiesTooLarge: number
    faults: number
    open: number
  }
  readonly faults: FaultLog
  readonly bodies: OpenBodies
  readonly streams: Set<LiveStream>
  /** Every answer from now on closes its connection. */
  closing: boolean
  /** Called after `counters.open` went down. */
  settled(): void
}

/**
 * After an early answer uWebSockets.js reads the rest of the body and throws it away, so the connection can live on. Beyond this
 * many bytes, or when nobody knows how many will come, it is closed instead. Closing resets the connection while bytes are on
 * their way, and a client may lose its answer to that; so the limit leaves room for a batch that is honestly too large.
 */
export const DRAIN_BYTES = 1024 * 1024

const NO_HEADERS: readonly Header[] = []
const UNREAD = -2

export class LiveExchange implements Exchange, StreamOwner {
  readonly #shared: Shared
  #res: HttpResponse | null
  #req: HttpRequest | null
  readonly #head: boolean
  // uWebSockets.js corks the socket while its own callbacks run; a cork call then would only cost.
  #corked = true
  aborted = false
  #declared = UNREAD
  #bodyDone = false
  #mustClose = false
  #onBody: ((body: Uint8Array) => void) | null = null
  #onFail: ((failure: BodyFailure) => void) | null = null
  #options: BodyOptions | null = null
  #open: OpenBody | null = null
  #stream: LiveStream | null = null
  #whenAborted: (() => void) | (() => void)[] | null = null

  constructor(shared: Shared, res: HttpResponse, req: HttpRequest, head: boolean) {
    this.#shared = shared
    this.#res = res
    this.#req = req
    this.#head = head
    shared.counters.open++
    // First of all: a response without it that is not answered at once ends the process.
    res.onAborted(() => this.#clientGone())
  }

  /** Runs the route handler. Never throws. */
  run(handler: Handler): void {
    try {
      const returned: unknown = handler(this)
      // An async handler is not asked for, but its rejection must not go unanswered.
      if (returned instanceof Promise) returned.catch((error: unknown) => this.fault(error))
    } catch (error) {
      this.fault(error)
    }
    // Still to be answered and nobody asked for the body: what was announced decides later whether to close.
    if (this.#res !== null && this.#onBody === null) this.contentLength()
    this.#corked = false
    this.#req = null
  }

  header(name: string): string {
    return this.#request().getHeader(encoded(name))
  }

  query(name: string): string | undefined {
    return this.#request().getQuery(name)
  }

  parameter(i: number): string {
    return this.#request().getParameter(i) ?? ''
  }

  contentLength(): number {
    if (this.#declared !== UNREAD) return this.#declared
    const req = this.#request()
    const text = req.getHeader(CONTENT_LENGTH)
    if (text !== '') this.#declared = parseLength(text)
    else this.#declared = req.getHeader(TRANSFER_ENCODING) === '' ? 0 : -1
    return this.#declared
  }

  readBody(options: BodyOptions, onBody: (body: Uint8Array) => void, onFail: (failure: BodyFailure) => void): void {
    const res = this.#res
    if (res === null) {
      options.reservation?.release()
      return
    }
    if (this.#req === null || this.#options !== null) throw new Error('readBody is for the route handler, once')
    this.#options = options
    this.#declared = options.declared
    this.#onBody = onBody
    this.#onFail = onFail
    if (options.declared > options.maxBytes) {
      this.#fail('body_too_large')
      return
    }
    // A known length brings a first piece right after the handler, be it empty; a chunked body may bring nothing for long.
    if (options.declared < 0 && !this.#beginCollecting()) return
    res.onData((chunk, last) => this.#data(chunk, last))
  }

  answer(
    status: number,
    contentType: string,
    body: Uint8Array | string,
    headers: readonly Header[] = NO_HEADERS,
    close = false,
  ): void {
    const res = this.#res
    if (res === null || this.#stream !== null) return
    const closing = close || this.#shared.closing || this.#mustClose || (!this.#bodyDone && this.#leavesMuchUnread())
    this.#res = null
    if (this.#onBody !== null) this.#stopReading(true)
    if (this.#corked) this.#write(res, status, contentType, body, headers, closing)
    else res.cork(() => this.#write(res, status, contentType, body, headers, closing))
    this.#shared.counters.open--
    this.#shared.settled()
  }

  stream(status: number, contentType: string, headers: readonly Header[] = NO_HEADERS): BodyStream {
    const res = this.#res
    if (res === null || this.#stream !== null) return CLOSED_STREAM
    if (this.#head) {
      this.answer(status, contentType, '', headers)
      return CLOSED_STREAM
    }
    if (this.#onBody !== null) this.#stopReading(true)
    const stream = new LiveStream(res, this)
    this.#stream = stream
    this.#shared.streams.add(stream)
    res.cork(() => {
      res.writeStatus(statusLine(status))
      this.#writeHeaders(res, contentType, headers)
      // Closing after a stream is simpler for every client than the next request on its connection.
      res.writeHeader('connection', 'close')
    })
    return stream
  }

  onAborted(callback: () => void): void {
    // Nearly every exchange has one callback: it needs no array.
    if (this.#whenAborted === null) this.#whenAborted = callback
    else if (typeof this.#whenAborted === 'function') this.#whenAborted = [this.#whenAborted, callback]
    else this.#whenAborted.push(callback)
  }

  /** An exception in somebody's callback: counted, and 503 unless there is an answer already. */
  fault(error: unknown): void {
    this.#shared.counters.faults++
    this.#shared.faults.record(error)
    if (this.#stream !== null) this.#stream.breakOff()
    else this.answer(503, JSON_TYPE, INTERNAL, [['retry-after', retryAfter(1, 2, Math.random)]])
  }

  streamClosed(stream: LiveStream): void {
    this.#res = null
    this.#shared.streams.delete(stream)
    this.#shared.counters.open--
    this.#shared.settled()
  }

  streamFault(error: unknown): void {
    this.fault(error)
  }

  #request(): HttpRequest {
    if (this.#req === null)
      throw new Error('the request is gone: read headers, query and parameters in the route handler')
    return this.#req
  }

  #write(
    res: HttpResponse,
    status: number,
    contentType: string,
    body: Uint8Array | string,
    headers: readonly Header[],
    closing: boolean,
  ): void {
    // Each call into the native module is 50 to 150 ns: 200 is its default, and most answers have no more headers.
    if (status !== 200) res.writeStatus(statusLine(status))
    this.#writeHeaders(res, contentType, headers)
    if (status !== 204 && !this.#head) res.end(body, closing)
    else this.#endWithoutBody(res, status, body, closing)
  }

  /**
   * For HEAD and 204. `endWithoutBody` with a length waits for that body for ever and treats the next request as an abort; with
   * `undefined` it announces 2^63 bytes. So it gets no argument, and the headers that it would write are written here.
   */
  #endWithoutBody(res: HttpResponse, status: number, body: Uint8Array | string, closing: boolean): void {
    if (!this.#bodyDone && this.#leavesMuchUnread()) {
      // Without its close argument only this ends the upload. Nobody honest uploads so much to a HEAD.
      res.close()
      return
    }
    if (status !== 204) res.writeHeader('content-length', String(Buffer.byteLength(body)))
    if (closing) res.writeHeader('connection', 'close')
    res.endWithoutBody()
  }

  #writeHeaders(res: HttpResponse, contentType: string, headers: readonly Header[]): void {
    if (contentType !== '') res.writeHeader(CONTENT_TYPE, encoded(contentType))
    for (let i = 0; i < headers.length; i++) res.writeHeader(encoded(headers[i][0]), headers[i][1])
  }

  #leavesMuchUnread(): boolean {
    const declared = this.#declared === UNREAD && this.#req === null ? -1 : this.contentLength()
    return declared < 0 || declared - (this.#open?.length ?? 0) > DRAIN_BYTES
  }

  #data(chunk: ArrayBuffer, last: boolean): void {
    // Answered or failed while the body was still coming.
    if (this.#onBody === null) return
    this.#corked = true
    if (last && this.#open === null) this.#wholeInOne(chunk)
    else this.#piece(chunk, last)
    this.#corked = false
  }

  #wholeInOne(chunk: ArrayBuffer): void {
    const { declared, maxBytes } = this.#options as BodyOptions
    if (chunk.byteLength > (declared < 0 ? maxBytes : declared)) this.#fail('body_too_large')
    // 17 ns; a Buffer is 42. The memory is the native module's receive buffer: gone when the callback returns.
    else this.#deliver(new Uint8Array(chunk))
  }

  #piece(chunk: ArrayBuffer, last: boolean): void {
    if (this.#open === null && !this.#beginCollecting()) return
    const open = this.#open as OpenBody
    if (chunk.byteLength > 0) {
      if (!open.append(new Uint8Array(chunk))) {
        this.#fail('body_too_large')
        return
      }
      this.#options?.reservation?.touch()
    }
    if (last) this.#deliver(open.bytes())
  }

  /** False when there are too many open bodies: then the body has failed. */
  #beginCollecting(): boolean {
    const { declared, maxBytes, timeoutMs, reservation } = this.#options as BodyOptions
    const { bodies } = this.#shared
    if (bodies.size >= bodies.max) {
      this.#fail('shed')
      return false
    }
    const limit = declared < 0 ? maxBytes : declared
    this.#open = new OpenBody(limit, declared >= 0 && reservation !== null, () => this.#fail('body_timeout'))
    bodies.add(this.#open, timeoutMs)
    reservation?.collecting(() => this.#fail('shed'))
    return true
  }

  #deliver(body: Uint8Array): void {
    const onBody = this.#onBody as (body: Uint8Array) => void
    const reservation = this.#options?.reservation
    this.#bodyDone = true
    this.#stopReading(false)
    try {
      onBody(body)
    } catch (error) {
      reservation?.release()
      this.fault(error)
    }
  }

  #fail(failure: BodyFailure): void {
    const onFail = this.#onFail
    if (onFail === null) return
    const { counters } = this.#shared
    if (failure === 'body_timeout') counters.bodyTimeouts++
    else if (failure === 'shed') counters.bodiesShed++
    else if (failure === 'body_too_large') counters.bodiesTooLarge++
    // Nobody knows what such a client sends next; one that declared its length honestly may be drained.
    this.#mustClose = failure !== 'body_too_large' || this.#open !== null
    this.#stopReading(true)
    try {
      onFail(failure)
    } catch (error) {
      this.fault(error)
    }
  }

  #stopReading(release: boolean): void {
    this.#onBody = null
    this.#onFail = null
    const reservation = this.#options?.reservation ?? null
    if (this.#open !== null) {
      this.#shared.bodies.remove(this.#open)
      this.#open = null
    }
    if (reservation === null) return
    if (release) reservation.release()
    else reservation.collected()
  }

  #clientGone(): void {
    if (this.#res === null) return
    this.aborted = true
    this.#shared.counters.aborted++
    if (this.#stream !== null) this.#stream.readerGone()
    else {
      this.#res = null
      this.#shared.counters.open--
      this.#fail('aborted')
    }
    const callbacks = this.#whenAborted
    if (callbacks !== null) {
      this.#whenAborted = null
      for (const callback of typeof callbacks === 'function' ? [callbacks] : callbacks) {
        try {
          callback()
        } catch (error) {
          this.fault(error)
        }
      }
    }
    this.#shared.settled()
  }
}

const INTERNAL = refusalBody('internal')

const CLOSED_STREAM: BodyStream = {
  closed: true,
  write: () => false,
  onWritable() {},
  end() {},
  onAborted() {},
}

/** Digits only, as RFC 9110 has it: no sign, no list, no space. -1 for anything else, which uWebSockets.js answers 400 itself. */
function parseLength(text: string): number {
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length <= Number.MAX_SAFE_INTEGER ? length : -1
}
