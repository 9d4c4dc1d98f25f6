import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { LiveFences, type PackedFences, packFences } from '@fencepost/match'
import { expect, it, onTestFinished } from 'vitest'
import { createFencePublisher, createFenceReader, type FenceReader } from '../src/threads/fence-swap.ts'
import { circle } from './node-kit.ts'

/** Fences that are told apart by their number. */
const fences = (count: number) => packFences(Array.from({ length: count }, (_, i) => circle(`fence-${i}`, i, 0, 10)))

function changed(base: SharedArrayBuffer, id: string): PackedFences {
  const live = new LiveFences(base)
  live.apply([{ put: circle(id, 50, 50, 10) }])
  return live.packed()
}

function pair(): { publisher: ReturnType<typeof createFencePublisher>; reader: FenceReader; ours: MessagePort } {
  const publisher = createFencePublisher(fences(1))
  const { port1, port2 } = new MessageChannel()
  publisher.add(port1)
  const reader = createFenceReader({ first: structuredClone(publisher.current), port: port2, epoch: publisher.epoch })
  onTestFinished(() => reader.close())
  return { publisher, reader, ours: port1 }
}

it('a thread has the fences that it was made with, then those of the last change, at once', () => {
  const { publisher, reader } = pair()
  expect(reader.index().size).toBe(1)
  publisher.publish(fences(2))
  expect(reader.index().size).toBe(2)
  for (const count of [3, 4, 5]) publisher.publish(fences(count))
  const index = reader.index()
  expect(index.size).toBe(5)
  expect(reader.index()).toBe(index) // opened once
})

it('a base that stays is opened once, whatever changes beside it', () => {
  const { publisher, reader } = pair()
  const { base } = fences(3)
  publisher.publish({ base, delta: null })
  const { delta } = changed(base, 'fence-7')
  publisher.publish({ base, delta })
  publisher.publish({ base, delta: changed(base, 'fence-8').delta })
  const seen = reader.index()
  expect([seen.size, seen.fence(3).id]).toEqual([4, 'fence-8'])
  publisher.publish({ base: fences(2).base, delta: null })
  expect(reader.index().size).toBe(2)
})

it('fences that have come are not in force before the number that says so', async () => {
  const { publisher, reader, ours } = pair()
  const epoch = new Int32Array(publisher.epoch)
  ours.postMessage({ epoch: 1, packed: fences(2) })
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(reader.index().size).toBe(1)
  Atomics.store(epoch, 0, 1)
  expect(reader.index().size).toBe(2)
})

it('those of a later change that have come already do not come into force with an earlier one', async () => {
  const { publisher, reader, ours } = pair()
  const epoch = new Int32Array(publisher.epoch)
  ours.postMessage({ epoch: 1, packed: fences(2) })
  ours.postMessage({ epoch: 2, packed: fences(3) })
  Atomics.store(epoch, 0, 1)
  expect(reader.index().size).toBe(2)
  Atomics.store(epoch, 0, 2)
  expect(reader.index().size).toBe(3)
})

it('a thread without requests lets go of old fences all the same', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { publisher, reader } = pair()
  const old = new WeakRef(reader.index())
  publisher.publish(fences(2))
  // Nobody asks for the index. The message is taken from the port in some turn of the loop; then only this test knows the old one.
  await expect
    .poll(() => {
      collect()
      return old.deref() === undefined
    })
    .toBe(true)
})

it('a thread that has gone is sent nothing more, and the others are', () => {
  const { publisher, reader, ours } = pair()
  publisher.remove(ours)
  publisher.publish(fences(2))
  expect([reader.index().size, publisher.current.epoch]).toEqual([1, 1])
  const { port1, port2 } = new MessageChannel()
  publisher.add(port1)
  const later = createFenceReader({ first: publisher.current, port: port2, epoch: publisher.epoch })
  onTestFinished(() => later.close())
  expect(later.index().size).toBe(2)
})
