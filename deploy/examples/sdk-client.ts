// The reference of what an SDK does: pings go to disk first and leave it when they are answered for good. Observed times are kept, ages are made
// when a batch is sent, so that a ping that is sent again is the same ping.
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** One location, stamped by the phone's own clock. */
export interface Ping {
  readonly observed: number
  readonly lat: number
  readonly lon: number
  readonly accuracy?: number
}

export interface ClientOptions {
  /** `https://…/v1/pings` */
  readonly url: string
  readonly key: string
  readonly device: string
  readonly consent: boolean
  /** The queue: a ping a line. */
  readonly path: string
  readonly maxBatch?: number
  /** Pings that are kept while there is no network; the oldest go first. */
  readonly maxQueue?: number
}

/** Least and most to wait after a failure, ms; twice as long each time, by chance between half and all of it. */
const MIN_WAIT_MS = 500
const MAX_WAIT_MS = 60_000
const ANSWER_MS = 15_000

/** What the service says of each ping that it did not take: `[index, reason]`. All of these are final. */
export type Rejected = readonly (readonly [number, string])[]

export class FencepostClient {
  readonly #options: Required<ClientOptions>
  #queue: Ping[]
  #failures = 0
  #stopped = false

  constructor(options: ClientOptions) {
    this.#options = { maxBatch: 100, maxQueue: 10_000, ...options }
    const { path } = this.#options
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
    this.#queue = lines.flatMap(readLine) // the last line may have been cut by a crash
    if (lines.length > 0) this.#write()
  }

  get queued(): number {
    return this.#queue.length
  }

  /** Keeps a ping until it is answered. */
  add(ping: Ping): void {
    this.#queue.push(ping)
    appendFileSync(this.#options.path, `${JSON.stringify(ping)}\n`)
    if (this.#queue.length <= this.#options.maxQueue) return
    this.#queue = this.#queue.slice(-this.#options.maxQueue)
    this.#write()
  }

  stop(): void {
    this.#stopped = true
  }

  /** Sends until the queue is empty, or `stop`. `onRejected` is told of pings that will never be taken. */
  async flush(onRejected: (rejected: Rejected) => void = () => {}): Promise<void> {
    while (this.#queue.length > 0 && !this.#stopped) {
      const pings = this.#queue.slice(0, this.#options.maxBatch)
      const waitS = await this.#send(pings, onRejected)
      if (waitS === null) {
        this.#failures = 0
        this.#queue = this.#queue.slice(pings.length)
        this.#write()
      } else await this.#pause(waitS)
    }
  }

  /** Null: answered for good. Else the seconds that the service wants to be left alone, 0 where it did not say. */
  async #send(pings: readonly Ping[], onRejected: (rejected: Rejected) => void): Promise<number | null> {
    const { url, key, device, consent } = this.#options
    const sent = Date.now()
    const all = pings.map(({ observed, ...ping }) => ({ type: 'location', age: sent - observed, ...ping }))
    const body = JSON.stringify({ v: 1, device, sent, consent: { location: consent }, batch: randomUUID(), pings: all })
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    try {
      const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_MS) })
      if (answer.status === 200) {
        const { rejected } = (await answer.json()) as { rejected: Rejected }
        if (rejected.length > 0) onRejected(rejected)
        return null
      }
      if (![408, 429, 503].includes(answer.status)) {
        // It will be the same next time: a batch that can never be taken must not stand before all others.
        onRejected(pings.map((_, i) => [i, `status ${answer.status}`]))
        return null
      }
      return Number(answer.headers.get('retry-after') ?? 0)
    } catch {
      return 0 // no network, or the answer was lost: the same pings go again
    }
  }

  #pause(waitS: number): Promise<void> {
    const longest = Math.min(MAX_WAIT_MS, MIN_WAIT_MS * 2 ** this.#failures++)
    const ms = Math.max(waitS * 1000, longest * (0.5 + Math.random() / 2))
    return new Promise((resolve) => setTimeout(resolve, ms))
  }

  #write(): void {
    const { path } = this.#options
    writeFileSync(`${path}.new`, this.#queue.map((ping) => `${JSON.stringify(ping)}\n`).join(''))
    renameSync(`${path}.new`, path)
  }
}

function readLine(line: string): Ping[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as Ping]
  } catch {
    return []
  }
}
