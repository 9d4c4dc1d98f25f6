// One keep-alive connection that sends a request and reads its answer, and as little else as can be: what the client takes of the machine is
// missing from the node.
import { connect, type Socket } from 'node:net'

/** Ends the head of an answer. */
const HEAD_END = '\r\n\r\n'
const LENGTH = 'content-length: '

export interface Answer {
  readonly status: number
  readonly body: Buffer
}

export class Connection {
  readonly #socket: Socket
  #buffered: Buffer = Buffer.alloc(0)

  /** `answered` is called with each answer, and with null once when the connection is lost. */
  constructor(port: number, answered: (answer: Answer | null) => void) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', (chunk) => {
      this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
      const answer = this.#take()
      if (answer !== null) answered(answer)
    })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => answered(null))
  }

  send(request: Buffer): void {
    this.#socket.write(request)
  }

  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #take(): Answer | null {
    const buffered = this.#buffered
    const end = buffered.indexOf(HEAD_END)
    if (end < 0) return null
    const head = buffered.toString('latin1', 0, end).toLowerCase()
    const at = head.indexOf(LENGTH)
    const length = at < 0 ? 0 : Number.parseInt(head.slice(at + LENGTH.length), 10)
    const from = end + HEAD_END.length
    if (buffered.length < from + length) return null
    this.#buffered = Buffer.alloc(0)
    return { status: Number(head.slice(9, 12)), body: buffered.subarray(from, from + length) }
  }
}
