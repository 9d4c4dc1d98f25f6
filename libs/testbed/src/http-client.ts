// One keep-alive connection to a service on this machine, for load: one request at a time, its answer and how long it took.
import { Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** From the call to the last byte. */
  readonly ms: number
}

/** A connection that is opened by the first request and again after a fault. */
export class HttpConnection {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(port: number) {
    this.#port = port
  }

  /** Rejects when the connection breaks before the whole answer has come, or when that takes longer than `deadlineMs`. */
  post(path: string, headers: Readonly<Record<string, string>>, body: Uint8Array, deadlineMs = 60_000) {
    return this.#send('POST', path, headers, body, deadlineMs)
  }

  get(path: string, deadlineMs = 60_000): Promise<HttpAnswer> {
    return this.#send('GET', path, {}, undefined, deadlineMs)
  }

  close(): void {
    this.#agent.destroy()
  }

  #send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array | undefined,
    deadlineMs: number,
  ): Promise<HttpAnswer> {
    const began = performance.now()
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(body.length) }
      const outgoing = request(
        { host: '127.0.0.1', port: this.#port, method, path, agent: this.#agent, headers: { ...headers, ...length } },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.once('error', fail)
          incoming.once('end', () => {
            clearTimeout(timer)
            const { statusCode = 0, headers: answered } = incoming
            resolve({
              status: statusCode,
              headers: answered,
              body: Buffer.concat(chunks),
              ms: performance.now() - began,
            })
          })
        },
      )
      const fail = (error: Error): void => {
        clearTimeout(timer)
        reject(error)
      }
      const timer = setTimeout(
        () => outgoing.destroy(new Error(`${method} ${path} was not answered in ${deadlineMs} ms`)),
        deadlineMs,
      )
      outgoing.once('error', fail)
      outgoing.end(body)
    })
  }
}
