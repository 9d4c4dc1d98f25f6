// The main thread's end of the sink proxies: publishes what they send into the one sink there is and tells each what became of it.

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { type EventSink, recordBatchBytes, SinkError } from '@fencepost/model'
import { unpackParcel } from './record-parcel.ts'
import type { PublishMessage, SettledMessage } from './sink-proxy.ts'
import { createSinkRoom, type SinkRoom, type SinkRoomLimits } from './sink-room.ts'

/** How often the threads are told whether the sink is healthy and has room when nothing else says so. */
const TELL_EVERY_MS = 250

export interface SinkHost {
  readonly room: SinkRoom
  /** Serves the proxy of `thread` at the other end of `port`, until the thread has ended. */
  attach(thread: number, port: MessagePort): { detach(): void }
  stop(): void
}

/** The sink is the caller's to start and stop: before the first proxy starts, and after the last one has stopped. */
export function createSinkHost(sink: EventSink, limits: SinkRoomLimits): SinkHost {
  const room = createSinkRoom(limits)
  // A sink may stay full after everything of ours is settled: what it gave up on may still be in its hands.
  const tell = (): void => room.tell(sink.healthy(), !sink.hasRoom(1, 1))
  const timer = setInterval(tell, TELL_EVERY_MS)
  timer.unref()

  return {
    room,
    attach(thread, port) {
      tell()
      /** What came from the thread and is not settled. */
      const open = { bytes: 0, events: 0 }
      const answers = new Answers(port, tell)
      const onMessage = (message: PublishMessage): void => {
        unpackParcel(message).forEach((batch, i) => {
          const [bytes, events] = [recordBatchBytes(batch), batch.count]
          open.bytes += bytes
          open.events += events
          const settled = (error: unknown): void => {
            open.bytes -= bytes
            open.events -= events
            room.give(thread, bytes, events)
            answers.add(message.first + i, error)
          }
          sink.publish(batch).then(() => settled(null), settled)
        })
        tell()
      }
      port.on('message', onMessage)
      return {
        detach() {
          // What the thread had sent is published all the same: nobody has refused it, and its ids are stable.
          for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port))
            onMessage(got.message as PublishMessage)
          port.close()
          // It may have ended between taking room and sending.
          const taken = room.takenBy(thread)
          room.give(thread, taken.bytes - open.bytes, taken.events - open.events)
        },
      }
    },
    stop() {
      clearInterval(timer)
      room.tell(false, true)
    },
  }
}

/** What one thread is told next: a commit settles many batches, and they share a message. */
class Answers {
  readonly #port: MessagePort
  readonly #before: () => void
  #durable: number[] = []
  #failed: SettledMessage['failed'][number][] = []
  #sending = false

  /** @param before runs ahead of every message */
  constructor(port: MessagePort, before: () => void) {
    this.#port = port
    this.#before = before
  }

  /** `error` null = durable. */
  add(batch: number, error: unknown): void {
    if (error === null) this.#durable.push(batch)
    else this.#failed.push({ batch, code: error instanceof SinkError ? error.code : null, message: textOf(error) })
    if (this.#sending) return
    this.#sending = true
    // Runs when every promise that settles together has told us.
    process.nextTick(() => {
      this.#before()
      const message: SettledMessage = { durable: this.#durable, failed: this.#failed }
      this.#durable = []
      this.#failed = []
      this.#sending = false
      this.#port.postMessage(message)
    })
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
