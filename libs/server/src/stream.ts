// An answer that is written piece by piece (NDJSON). Its reader may be slow or gone; what waits for it is bounded.
import type { HttpResponse } from './native.ts'

/** What may wait for a reader that was told to be slow (`write` returned false) before its connection is closed. */
export const MAX_BACKLOG_BYTES = 1024 * 1024

/** An open answer. Every method is safe after the end and after the reader has gone: then it does nothing. */
export interface BodyStream {
  /** True once ended or aborted. */
  readonly closed: boolean
  /** Sends a piece. False = the reader is slow: wait for `onWritable`. */
  write(chunk: Uint8Array | string): boolean
  /** Runs each time when a slow reader has caught up. One callback; a later one replaces it. */
  onWritable(callback: () => void): void
  end(): void
  /** Runs once when the reader has gone or the server ends the stream. One callback; a later one replaces it. */
  onAborted(callback: () => void): void
}

export interface StreamOwner {
  /** Called once, when nothing can be written any more. */
  streamClosed(stream: LiveStream): void
  streamFault(error: unknown): void
}

export class LiveStream implements BodyStream {
  readonly #owner: StreamOwner
  #res: HttpResponse | null
  #backlog = 0
  #writable: (() => void) | null = null
  #aborted: (() => void) | null = null

  constructor(res: HttpResponse, owner: StreamOwner) {
    this.#res = res
    this.#owner = owner
    res.onWritable(() => {
      this.#backlog = 0
      this.#call(this.#writable)
      return true
    })
  }

  get closed(): boolean {
    return this.#res === null
  }

  write(chunk: Uint8Array | string): boolean {
    const res = this.#res
    if (res === null) return false
    // uWebSockets.js reads an empty piece as nothing at all.
    if (chunk.length === 0) return this.#backlog === 0
    let taken = true
    res.cork(() => {
      taken = res.write(chunk)
    })
    if (taken) return true
    this.#backlog += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length
    if (this.#backlog > MAX_BACKLOG_BYTES) res.close()
    return false
  }

  onWritable(callback: () => void): void {
    this.#writable = callback
  }

  onAborted(callback: () => void): void {
    this.#aborted = callback
  }

  end(): void {
    const res = this.#res
    if (res === null) return
    this.#res = null
    // Its argument for closing would write `Connection: close` into the middle of the body; the head has said it already.
    res.cork(() => res.end())
    this.#owner.streamClosed(this)
  }

  /** The server stops: the reader gets a proper end, the writer is told. */
  cutShort(): void {
    this.end()
    this.#call(this.#aborted)
  }

  /** The reader has gone. */
  readerGone(): void {
    if (this.#res === null) return
    this.#res = null
    this.#owner.streamClosed(this)
    this.#call(this.#aborted)
  }

  /** The writer failed: the reader must not take what it got for the whole. */
  breakOff(): void {
    this.#res?.close()
  }

  #call(callback: (() => void) | null): void {
    if (callback === null) return
    try {
      callback()
    } catch (error) {
      this.#owner.streamFault(error)
    }
  }
}
