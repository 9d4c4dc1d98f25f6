// Fences from the main thread to all others, live in all of them at one instant. The packed fences go ahead by message; what puts
// them in force is one store of a shared number, which each thread compares before every batch.

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { openFenceIndex, type PackedFences } from '@fencepost/match'
import type { FenceIndex } from '@fencepost/model'
import type { FenceEdition } from './order.ts'

/** An edition on its way: without a base it is that of the edition before. */
interface FenceMessage {
  readonly epoch: number
  readonly packed: { readonly base: SharedArrayBuffer | null; readonly delta: PackedFences['delta'] }
}

/** The main thread's side. */
export interface FencePublisher {
  /** What a new thread begins with. */
  readonly current: FenceEdition
  readonly epoch: SharedArrayBuffer
  /** Sends to every port, then puts in force everywhere. */
  publish(packed: PackedFences): void
  /** From now on `port` is sent every change. */
  add(port: MessagePort): void
  remove(port: MessagePort): void
}

export function createFencePublisher(first: PackedFences): FencePublisher {
  const epoch = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const inForce = new Int32Array(epoch)
  const ports = new Set<MessagePort>()
  let current: FenceEdition = { epoch: 0, packed: first }
  return {
    get current() {
      return current
    },
    epoch,
    publish(packed) {
      const before = current.packed.base
      current = { epoch: (current.epoch + 1) | 0, packed }
      // Memory that is sent again would look like other memory there, and be opened again.
      const base = packed.base === before ? null : packed.base
      const message: FenceMessage = { epoch: current.epoch, packed: { base, delta: packed.delta } }
      for (const port of ports) port.postMessage(message)
      Atomics.store(inForce, 0, current.epoch)
    },
    add: (port) => void ports.add(port),
    remove: (port) => void ports.delete(port),
  }
}

/** A serving thread's side. */
export interface FenceReader {
  /** The index in force. Ask again for every batch. */
  index(): FenceIndex
  close(): void
}

export function createFenceReader(parts: {
  readonly first: FenceEdition
  readonly port: MessagePort
  readonly epoch: SharedArrayBuffer
}): FenceReader {
  const { port } = parts
  const inForce = new Int32Array(parts.epoch)
  let mine = parts.first.epoch
  let index = openFenceIndex(parts.first.packed)
  /** Editions that were sent and are not in force yet: at most those of one `publish`. */
  let ahead: FenceEdition[] = []
  /** Of the last edition that has come. */
  let { base } = parts.first.packed

  function take({ epoch, packed }: FenceMessage): void {
    base = packed.base ?? base
    ahead.push({ epoch, packed: { base, delta: packed.delta } })
  }

  function catchUp(epoch: number): void {
    for (let got = receiveMessageOnPort(port); got !== undefined; got = receiveMessageOnPort(port))
      take(got.message as FenceMessage)
    // Sent before the store that was read here, so it has come; what has come since waits for its own.
    const due = ahead.findIndex((edition) => edition.epoch === epoch)
    if (due < 0) return
    index = openFenceIndex((ahead[due] as FenceEdition).packed)
    mine = epoch
    ahead = ahead.slice(due + 1)
  }

  // A thread without requests must not hold on to old fences. The message may be here a moment before the store.
  port.on('message', (message: FenceMessage) => {
    take(message)
    look()
  })
  function look(): void {
    const epoch = Atomics.load(inForce, 0)
    if (epoch !== mine) catchUp(epoch)
    if (ahead.length > 0) setImmediate(look)
  }

  return {
    index() {
      const epoch = Atomics.load(inForce, 0)
      if (epoch !== mine) catchUp(epoch)
      return index
    },
    close: () => port.close(),
  }
}
