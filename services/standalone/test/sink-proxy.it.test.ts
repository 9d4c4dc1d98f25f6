// The sink of a serving thread against a real journal in another thread: the contract of every sink, and what is its own.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { type EventSink, SinkError, type StoredRecord, type Topic } from '@fencepost/model'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { expect, onTestFinished, test } from 'vitest'
import { eventSinkContract, makeRecordBatch } from '../../../libs/model/contract/event-sink.ts'
import { createSinkProxy } from '../../ingest/src/threads/sink-proxy.ts'
import { createSinkRoom, type SinkRoom } from '../../ingest/src/threads/sink-room.ts'

interface JournalThread {
  ask<T>(order: string, argument?: unknown): Promise<T>
  readonly room: SinkRoom
  /** One for each serving thread. */
  readonly ports: readonly MessagePort[]
  end(): Promise<void>
}

/** A journal in a thread with room for these many bytes and events of so many serving threads. */
async function journalThread(maxBytes: number, maxEvents: number, threads: number): Promise<JournalThread> {
  const folder = tempFolder('sink-proxy')
  const dir = join(folder, 'journal')
  mkdirSync(dir, { mode: 0o700 })
  const limits = { maxBytes, maxEvents, threads }
  const channels = Array.from({ length: threads }, () => new MessageChannel())
  const theirs = channels.map(({ port2 }) => port2)
  const worker = new Worker(new URL('./journal-thread.mjs', import.meta.url), {
    workerData: { dir, limits, ports: theirs },
    transferList: theirs,
    execArgv: [],
  })
  const [{ room }] = (await once(worker, 'message')) as [{ room: SharedArrayBuffer }]
  const asked: { resolve: (value: never) => void; reject: (error: Error) => void }[] = []
  worker.on('message', ({ number, value, error }) => {
    const { resolve, reject } = asked[number] as (typeof asked)[number]
    if (error === undefined) resolve(value as never)
    else reject(new Error(error))
  })
  const ask = <T>(order: string, argument?: unknown): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      worker.postMessage({ number: asked.push({ resolve, reject }) - 1, order, argument })
    })
  return {
    ask,
    room: createSinkRoom(limits, room),
    ports: channels.map(({ port1 }) => port1),
    async end() {
      const ended = once(worker, 'exit')
      worker.postMessage({ number: -1, order: 'end' })
      await ended
      removeFolder(folder)
    },
  }
}

/** The proxy of a serving thread, started and stopped in the order of a node: the sink first up, the proxy first down. */
function proxyOf(journal: JournalThread, thread: number): EventSink {
  const proxy = createSinkProxy(thread, journal.ports[thread - 1] as MessagePort, journal.room)
  return {
    ...proxy,
    async start() {
      await journal.ask('start')
      await proxy.start()
    },
    async stop(deadlineMs) {
      await proxy.stop(deadlineMs)
      await journal.ask('stop', deadlineMs)
    },
  }
}

eventSinkContract('the proxy of a journal in another thread', {
  async create({ maxQueueBytes, maxQueueEvents }) {
    const journal = await journalThread(maxQueueBytes, maxQueueEvents, 1)
    const sink = proxyOf(journal, 1)
    return {
      sink,
      read: (topic: Topic) => journal.ask<StoredRecord[]>('read', topic),
      async destroy() {
        await sink.stop(1000)
        await journal.end()
      },
    }
  },
})

const batch = (key: string, events: number, bytes = 10) =>
  makeRecordBatch(
    key,
    Array.from({ length: events }, () => new Uint8Array(bytes)),
  )

async function twoThreads(maxBytes: number, maxEvents: number) {
  const journal = await journalThread(maxBytes, maxEvents, 2)
  onTestFinished(() => journal.end())
  const sinks = [proxyOf(journal, 1), proxyOf(journal, 2)] as const
  await sinks[0].start()
  await sinks[1].start()
  return { journal, sinks }
}

test('threads share one room: what one has taken the other has not, and a refusal is counted', async () => {
  const { journal, sinks } = await twoThreads(1 << 24, 10)
  const publishing = sinks[0].publish(batch('a', 9))
  expect([sinks[1].hasRoom(0, 1), sinks[1].hasRoom(0, 2)]).toEqual([true, false])
  await expect(sinks[1].publish(batch('b', 2))).rejects.toMatchObject({ code: 'full' })
  const last = sinks[1].publish(batch('b', 1))
  expect(sinks[0].hasRoom(0, 1)).toBe(false)
  await Promise.all([publishing, last])
  expect([sinks[0].hasRoom(0, 10), sinks[1].hasRoom(0, 11), journal.room.refused()]).toEqual([true, false, 1])
})

test('a thread that ends gives back the room of what it had taken and not sent, and what it had sent is published', async () => {
  const { journal, sinks } = await twoThreads(1 << 24, 10)
  const sent = sinks[0].publish(batch('sent', 3))
  await sent
  // Taken in this turn of the loop; it would be sent at its end, and is not, because the port is closed first.
  const lost = sinks[0].publish(batch('lost', 7))
  journal.ports[0]?.close()
  lost.catch(() => {})
  expect(sinks[1].hasRoom(0, 4)).toBe(false)
  await journal.ask('detach', 1)
  expect(sinks[1].hasRoom(0, 10)).toBe(true)
  await sinks[1].publish(batch('after', 10))
  const stored = await journal.ask<StoredRecord[]>('read', 'matches')
  expect(stored.map(({ key }) => key)).toEqual([...new Array(3).fill('sent'), ...new Array(10).fill('after')])
})

test('an error of the sink keeps its code', async () => {
  const { journal, sinks } = await twoThreads(1 << 24, 100)
  await journal.ask('stop', 1000)
  const error = await sinks[0].publish(batch('a', 1)).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(SinkError)
  expect(error).toMatchObject({ code: 'stopped', message: 'the journal is not running' })
  expect([sinks[1].healthy(), sinks[1].hasRoom(0, 1)]).toEqual([false, false])
})
