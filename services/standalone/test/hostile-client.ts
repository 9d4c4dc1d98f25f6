// Sends what hostile-requests.ts makes and judges what comes back: status, body, reason, connection.
import { connect, type Socket } from 'node:net'
import { REASONS } from '@fencepost/model'
import { Unpackr } from 'msgpackr'
import type { Hostile, Outcome } from './hostile-requests.ts'

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' })
/** Longer than the node keeps a connection that says nothing (10 s). */
const SILENCE_MS = 20_000
/** Between two pieces of a body that dribbles. */
const PIECE_MS = 10
/** Answers of the HTTP parser itself: it reads no route, so it cannot know our bodies. It closes. */
const PARSER_STATUSES = [400, 431, 505]

/** What the clients saw, all together. */
export interface Tally {
  sent: number
  readonly outcomes: Map<string, number>
  /** What no client should have seen. */
  readonly violations: string[]
  /** `batch` of every batch with a hit that was answered 200, and of every one that was sent. */
  readonly acknowledgedHits: Set<string>
  readonly sentHits: Set<string>
}

export function createTally(): Tally {
  return { sent: 0, outcomes: new Map(), violations: [], acknowledgedHits: new Set(), sentHits: new Set() }
}

interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** One connection, opened when it is needed and again after it was spoilt or closed. */
export class HostileClient {
  readonly #port: number
  readonly #tally: Tally
  #socket: Socket | null = null
  #in: Buffer = Buffer.alloc(0)
  #over = true
  #wake: () => void = () => {}

  constructor(port: number, tally: Tally) {
    this.#port = port
    this.#tally = tally
  }

  /** Sends one request in its manner and judges every answer to it. */
  async send(hostile: Hostile): Promise<void> {
    const { kind, pieces, manner, answers, spoils, hit } = hostile
    this.#tally.sent += answers
    if (hit !== undefined) this.#tally.sentHits.add(hit)
    if (this.#over) await this.#open()
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, PIECE_MS))
      this.#socket?.write(piece)
    }
    if (manner === 'leave') {
      await this.#flushed()
      this.close()
      this.#note(kind, 'left')
      return
    }
    for (let i = 0; i < answers; i++) {
      const outcome = await this.#outcome(hostile)
      this.#note(kind, outcome)
      if (!hostile.allowed.includes(outcome))
        this.#fault(`${kind}: ${outcome}, not one of ${hostile.allowed.join(', ')}`)
      if (outcome === 'closed' || outcome === 'parser') break
    }
    if (spoils) this.close()
  }

  close(): void {
    this.#socket?.destroy()
    this.#over = true
    this.#in = Buffer.alloc(0)
  }

  async #outcome(hostile: Hostile): Promise<Outcome> {
    const answer = await this.#answer()
    if (answer === null) return 'closed'
    const { status, headers, body } = answer
    if (headers.get('content-type') === undefined) {
      if (!PARSER_STATUSES.includes(status) || headers.get('connection') !== 'close')
        this.#fault(`${hostile.kind}: a bare ${status}`)
      this.close()
      return 'parser'
    }
    if (headers.get('connection') === 'close') this.close()
    const json = headers.get('content-type') === 'application/json'
    const read = (json ? JSON.parse(body.toString()) : unpackr.unpack(body)) as Record<string, unknown>
    if (status === 200) return this.#taken(hostile, read)
    const reason = REASONS[read['error'] as keyof typeof REASONS]
    if (reason?.status !== status || read['message'] !== reason.help)
      this.#fault(`${hostile.kind}: ${status} with ${JSON.stringify(read)}`)
    if (reason?.retryable && !(Number(headers.get('retry-after')) >= 1))
      this.#fault(`${hostile.kind}: ${status} without Retry-After`)
    return read['error'] as Outcome
  }

  #taken(hostile: Hostile, read: Readonly<Record<string, unknown>>): 'ok' {
    const { received, accepted, matched, rejected } = read
    const whole = [received, accepted, matched].every((value) => Number.isInteger(value)) && Array.isArray(rejected)
    if (!whole || (hostile.accepted !== undefined && hostile.accepted !== accepted))
      this.#fault(`${hostile.kind}: 200 with ${JSON.stringify(read)}`)
    if (hostile.hit !== undefined) this.#tally.acknowledgedHits.add(hostile.hit)
    else if (matched !== 0) this.#fault(`${hostile.kind}: ${matched} matched`)
    return 'ok'
  }

  #note(kind: string, outcome: string): void {
    const { outcomes } = this.#tally
    const key = `${kind}: ${outcome}`
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
  }

  #fault(what: string): void {
    if (this.#tally.violations.length < 50) this.#tally.violations.push(what)
  }

  #open(): Promise<void> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    this.#in = Buffer.alloc(0)
    this.#over = false
    socket.on('data', (chunk) => {
      if (this.#socket !== socket) return
      this.#in = this.#in.length === 0 ? chunk : Buffer.concat([this.#in, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#over = true
      this.#wake()
    })
    return new Promise((resolve) => {
      socket.once('connect', resolve)
      socket.once('close', () => resolve())
    })
  }

  /** The next whole answer; null when the connection ended without one. */
  async #answer(): Promise<RawAnswer | null> {
    for (;;) {
      const end = await this.#until(() => this.#in.indexOf('\r\n\r\n'))
      if (end < 0) return null
      const [first = '', ...lines] = this.#in.toString('latin1', 0, end).split('\r\n')
      const headers = new Map(
        lines.map((line) => {
          const colon = line.indexOf(':')
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
        }),
      )
      const status = Number(first.split(' ')[1])
      this.#in = this.#in.subarray(end + 4)
      if (status === 100) continue
      const length = Number(headers.get('content-length') ?? 0)
      if ((await this.#until(() => (this.#in.length >= length ? 0 : -1))) < 0) return null
      const body = this.#in.subarray(0, length)
      this.#in = this.#in.subarray(length)
      return { status, headers, body }
    }
  }

  /** Waits until `found` says where; -1 when the connection ends before, or says nothing for too long. */
  async #until(found: () => number): Promise<number> {
    const at = found()
    if (at >= 0 || this.#over) return at
    const timer = setTimeout(() => {
      this.#fault(`a connection that said nothing for ${SILENCE_MS} ms`)
      this.close()
      this.#wake()
    }, SILENCE_MS)
    try {
      for (;;) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        const where = found()
        if (where >= 0 || this.#over) return where
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket === null || this.#over) resolve()
      else this.#socket.write('', () => resolve())
    })
  }
}
