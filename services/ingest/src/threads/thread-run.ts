// One serving thread as the main thread sees it, from its start to its end; whoever wants another one makes another.
import { type MessagePort, Worker } from 'node:worker_threads'
import type { Logger } from '@fencepost/model'
import { createServingCounts, type ServingCounts, setValues } from '../serving-counts.ts'
import { interruptThread } from './interrupt.ts'
import type { FromThread, ThreadOrder, ToThread } from './order.ts'

/** How a thread ended. */
export interface ThreadEnd {
  /** Null = as it was told to. */
  readonly failure: { readonly error: string; readonly at?: string | undefined } | null
  /** All that it had to do when it was stopped was done in time. */
  readonly inTime: boolean
}

const ENTRY = new URL('./serving-thread.js', import.meta.url)
/**
 * A thread is given what the process was, but not how to resolve packages: it is built code whatever the process is. With flags of its own it
 * would have to be given each of them, and those of the engine are refused there.
 */
const OWN_FLAGS = process.execArgv.some((flag) => flag.startsWith('--conditions') || flag === '-C')
  ? { execArgv: [] }
  : {}

/** A busy thread answers late; what it said last will do then. */
const COUNT_WITHIN_MS = 500

export class ThreadRun {
  readonly thread: number
  /** As the thread told them last. */
  readonly counts: ServingCounts
  /** Its sink is up and its fences are there. Rejects when it ends before. */
  readonly ready: Promise<void>
  /** Resolves when the thread has ended, whatever way. Its last words are in. */
  readonly ended: Promise<ThreadEnd>
  state: 'starting' | 'serving' | 'ended' = 'starting'
  sinkHealthy = false
  storeHealthy = false
  inFlightSince: number | null = null
  readonly usedKeys = new Set<string>()
  /** Has it said anything since this was last set to false? */
  heard = true
  readonly #worker: Worker
  readonly #listening: Promise<number>
  readonly #asked = new Map<number, () => void>()
  #asks = 0
  #failure: ThreadEnd['failure'] = null
  #inTime = true
  #over: ((error: Error) => void)[] = []
  #onReady: () => void = () => {}
  #onListening: (port: number) => void = () => {}

  constructor(order: ThreadOrder, ports: MessagePort[], logger: Logger) {
    this.thread = order.thread
    this.counts = createServingCounts(order.sink.kind === 'kafka')
    this.ready = this.#untilOver((resolve) => {
      this.#onReady = () => resolve()
    })
    this.#listening = this.#untilOver((resolve) => {
      this.#onListening = resolve
    })
    this.#worker = new Worker(ENTRY, { workerData: order, transferList: ports, ...OWN_FLAGS })
    this.#worker.on('message', (message: FromThread) => this.#take(message, logger))
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure ??= { error: error.code ?? error.name }
    })
    this.ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.state = 'ended'
        if (code !== 0) this.#failure ??= { error: `exit ${code}` }
        for (const resolveAsk of this.#asked.values()) resolveAsk()
        const error = new Error(`serving thread ${this.thread} ended: ${this.#failure?.error ?? 'it was told to'}`)
        for (const reject of this.#over) reject(error)
        resolve({ failure: this.#failure, inTime: this.#inTime })
      })
    })
  }

  tell(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  /** Resolves with the port. Rejects when the thread ends before. */
  listen(port: number, share: 'first' | 'join'): Promise<number> {
    this.tell({ kind: 'listen', port, share })
    return this.#listening
  }

  /** Brings `counts` up to date, as far as the thread answers in time. */
  async count(): Promise<void> {
    if (this.state === 'ended') return
    const ask = ++this.#asks
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, COUNT_WITHIN_MS)
      this.#asked.set(ask, resolve)
      this.tell({ kind: 'count', ask })
    })
    clearTimeout(timer)
    this.#asked.delete(ask)
  }

  /** For a thread that hangs: breaks off what it does, and lets it close its port and go. */
  async interrupt(): Promise<void> {
    await interruptThread(this.#worker.threadId)
    this.#failure ??= { error: 'it did not answer' }
    this.tell({ kind: 'leave' })
  }

  /** The last resort: it takes the process with it when the thread has a socket open. */
  terminate(): void {
    void this.#worker.terminate()
  }

  #take(message: FromThread, logger: Logger): void {
    this.heard = true
    switch (message.kind) {
      case 'counts':
        setValues(this.counts, message.values)
        this.sinkHealthy = message.sinkHealthy
        this.storeHealthy = message.storeHealthy
        this.inFlightSince = message.inFlightSince
        for (const key of message.usedKeys) this.usedKeys.add(key)
        this.#asked.get(message.ask)?.()
        return
      case 'log':
        logger[message.level]({ thread: this.thread, ...message.fields }, message.msg)
        return
      case 'ready':
        this.#onReady()
        return
      case 'listening':
        this.state = 'serving'
        this.#onListening(message.port)
        return
      case 'refused':
        this.#failure = { error: message.error }
        return
      case 'failed':
        this.#failure = { error: message.error, at: message.at }
        return
      case 'stopped':
        this.#inTime = message.inTime
    }
  }

  /** A promise that the end of the thread rejects if nothing else has settled it. */
  #untilOver<T>(begin: (resolve: (value: T) => void) => void): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      this.#over.push(reject)
      begin(resolve)
    })
    promise.catch(() => {}) // not everybody waits for it
    return promise
  }
}
