// A client that sends exactly the bytes it is told and reads answers one by one: what no HTTP library would do.
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { transport } from './transport.ts'

export interface RawAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  body: string
}

/** Connects, and is closed with the test: hand it `onTestFinished`. */
export async function rawClient(port: number, atEnd: (close: () => void) => void): Promise<RawClient> {
  const { tls } = transport
  const socket = tls === null ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ca: tls.ca })
  socket.setNoDelay(true)
  atEnd(() => socket.destroy())
  await new Promise<void>((resolve, reject) =>
    // Over TLS a connection that is closed at once breaks the handshake: to the caller it is one that is over.
    tls === null
      ? socket.once('connect', resolve).once('error', reject)
      : socket.once('secureConnect', resolve).once('error', () => resolve()),
  )
  return new RawClient(socket)
}

export class RawClient {
  readonly socket: Socket
  /** Resolves when the connection is over, however it ended. */
  readonly closed: Promise<void>
  #in = Buffer.alloc(0)
  #over = false
  #wake: (() => void) | null = null

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#in = Buffer.concat([this.#in, chunk])
      this.#wake?.()
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#over = true
        this.#wake?.()
        resolve()
      })
    })
  }

  /** Resolves when the kernel has taken the bytes. */
  send(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.socket.write(data, () => resolve()))
  }

  /** A request with a content-length of its own body unless `headers` bring one. */
  request(method: string, path: string, body = '', headers: Readonly<Record<string, string>> = {}): Promise<void> {
    const all: Record<string, string> = { host: 'test', 'content-length': String(Buffer.byteLength(body)), ...headers }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    return this.send(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
  }

  /** The next answer; `noBody` for answers to HEAD. Rejects when the connection ends before it is whole. */
  async answer(noBody = false): Promise<RawAnswer> {
    const head = await this.#until(() => this.#in.indexOf('\r\n\r\n'))
    const [first = '', ...lines] = this.#in.subarray(0, head).toString().split('\r\n')
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    this.#in = this.#in.subarray(head + 4)
    const length = noBody ? 0 : Number(headers['content-length'] ?? 0)
    await this.#until(() => (this.#in.length >= length ? 0 : -1))
    const body = this.#in.subarray(0, length).toString()
    this.#in = this.#in.subarray(length)
    return { status: Number(first.split(' ')[1]), headers, body }
  }

  /** Everything until the connection ends. */
  async rest(): Promise<string> {
    await this.closed
    return this.#in.toString()
  }

  /** Everything until the last chunk of a chunked answer. */
  async streamed(): Promise<string> {
    await this.#until(() => this.#in.indexOf('\r\n0\r\n\r\n'))
    return this.#in.toString()
  }

  /** Bytes that came and were not read as an answer. */
  get pending(): number {
    return this.#in.length
  }

  async #until(found: () => number): Promise<number> {
    for (;;) {
      const at = found()
      if (at >= 0) return at
      if (this.#over) throw new Error(`the connection ended; unread: ${JSON.stringify(this.#in.toString())}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
