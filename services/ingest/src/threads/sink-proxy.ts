// An EventSink in a serving thread that publishes through the sink of the main thread. Bounded by the room that all threads share:
// when there is none, `hasRoom` is false here too.

import { performance } from 'node:perf_hooks'
import type { MessagePort } from 'node:worker_threads'
import { type EventSink, type RecordBatch, recordBatchBytes, SinkError } from '@fencepost/model'
import { packParcel, type RecordParcel } from './record-parcel.ts'
import type { SinkRoom } from './sink-room.ts'

/** To the host: batches numbered from `first` on. */
export interface PublishMessage extends RecordParcel {
  readonly first: number
}

/** From the host: what has become of batches. */
export interface SettledMessage {
  readonly durable: readonly number[]
  /** `code` is null for an error that is not a SinkError. */
  readonly failed: readonly {
    readonly batch: number
    readonly code: SinkError['code'] | null
    readonly message: string
  }[]
}

/**
 * Parcels leave at least this far apart, and one that comes alone leaves at once. A message to another thread, its answer included,
 * costs tens of microseconds whatever it holds, and the journal's commits are 5 ms apart under load anyway.
 */
const PARCEL_INTERVAL_MS = 2

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The sink of serving thread `thread`; `port` leads to the host. */
export function createSinkProxy(thread: number, port: MessagePort, room: SinkRoom): EventSink {
  let state: 'new' | 'running' | 'stopped' = 'new'
  let stopping: Promise<void> | undefined
  let onEmpty: (() => void) | undefined
  const waiting = new Map<number, Waiting>()
  let parcel: RecordBatch[] = []
  let numbered = 0
  let nextSendMs = 0

  /** What is published until then travels together: at least what this turn of the loop brings. */
  function sendSoon(): void {
    const waitMs = nextSendMs - performance.now()
    if (waitMs <= 0) setImmediate(send)
    else setTimeout(send, waitMs)
  }

  function send(): void {
    nextSendMs = performance.now() + PARCEL_INTERVAL_MS
    const batches = parcel
    parcel = []
    const { heads, bytes } = packParcel(batches)
    const message: PublishMessage = { first: numbered - batches.length, heads, bytes }
    port.postMessage(message, [bytes.buffer])
  }

  function settle(batch: number): Waiting | undefined {
    const settled = waiting.get(batch)
    waiting.delete(batch)
    if (waiting.size === 0) onEmpty?.()
    return settled
  }

  port.on('message', ({ durable, failed }: SettledMessage) => {
    for (const batch of durable) settle(batch)?.resolve()
    for (const { batch, code, message } of failed)
      settle(batch)?.reject(code === null ? new Error(message) : new SinkError(code, message))
  })

  async function stop(deadlineMs: number): Promise<void> {
    const wasRunning = state === 'running'
    state = 'stopped'
    if (wasRunning && waiting.size > 0) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        onEmpty = resolve
        timer = setTimeout(resolve, deadlineMs)
      })
      clearTimeout(timer)
    }
    for (const { reject } of waiting.values())
      reject(new SinkError('stopped', 'the thread was stopped before the main thread had an answer'))
    waiting.clear()
    port.close()
  }

  return {
    async start() {
      if (state === 'new') state = 'running'
    },
    stop(deadlineMs) {
      stopping ??= stop(deadlineMs)
      return stopping
    },
    hasRoom: (bytes, events) => room.has(bytes, events),
    publish(batch) {
      if (state !== 'running') return Promise.reject(new SinkError('stopped', `the proxy of the sink is ${state}`))
      if (batch.count === 0) return Promise.reject(new RangeError('a batch must have 1 record or more, got 0'))
      if (!room.take(thread, recordBatchBytes(batch), batch.count))
        return Promise.reject(
          new SinkError('full', 'the threads together hold as many events as may wait for the sink'),
        )
      if (parcel.push(batch) === 1) sendSoon()
      const number = numbered++
      return new Promise((resolve, reject) => waiting.set(number, { resolve, reject }))
    },
    healthy: () => state === 'running' && room.healthy(),
  }
}
