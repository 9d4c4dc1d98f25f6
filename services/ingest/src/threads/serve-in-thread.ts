// A serving thread from its order to its end. It leaves in good order whatever happens, because the process would not survive a
// thread that ends with a socket open: the port is closed first, then the thread.
import type { MessagePort } from 'node:worker_threads'
import type { KafkaSink } from '@fencepost/kafka'
import type { EventSink, Logger, PresenceStore } from '@fencepost/model'
import { createRedisPresenceStore } from '@fencepost/redis'
import { createLifecycle } from '@fencepost/runtime'
import type { SharedPort } from '@fencepost/server'
import { kafkaSinkFrom } from '../kafka-sink.ts'
import { createServing } from '../serving.ts'
import { type ServingCounts, valuesOf } from '../serving-counts.ts'
import { createFenceReader } from './fence-swap.ts'
import type { FromThread, ThreadOrder, ThreadStore, ToThread } from './order.ts'
import { createSinkProxy } from './sink-proxy.ts'
import { createSinkRoom } from './sink-room.ts'
import { createStoreProxy } from './store-proxy.ts'

/** How often a thread tells its counts unasked: its sign of life, and what is known of it should it end without a word. */
const SIGN_OF_LIFE_MS = 1000

/** Runs a serving thread: `port` is its `parentPort`, `order` its `workerData`. */
export function serveInThread(port: MessagePort, order: ThreadOrder): void {
  const { thread, config } = order
  const say = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)
  const logger = loggerTo(say)
  const { sink, kafka } = sinkOf(order, logger)
  const { stores } = order
  const store = stores === null ? null : storeOf(stores.presence, logger)
  const requests = stores === null ? null : storeOf(stores.requests, logger)
  const fences = createFenceReader({ first: order.fences, port: order.fencePort, epoch: order.epoch })
  const open = new Int32Array(order.open)
  let stage: 'starting' | 'serving' | 'stopping' = 'starting'
  let failing = false
  let closed = false

  const serving = createServing({
    config,
    logger,
    sink,
    // One thread goes round for all of them.
    presence: store === null || requests === null ? null : { store, requests, sweeps: thread === 1 },
    rootKey: order.rootKey,
    pseudonymKey: order.pseudonymKey,
    retention: order.retention,
    recipients: order.recipients,
    index: fences.index,
    closed: () => (stage === 'starting' ? 'not_ready' : stage === 'stopping' ? 'stopping' : null),
    clock: () => Date.now(),
    maxOpenBodies: order.maxOpenBodies,
    maxConnections: order.maxConnections,
  })
  const { server, counters, sweeper, view } = serving
  view.apply(order.view)

  const counts: ServingCounts = { counters, http: server.counters, kafka: kafka?.counters ?? null, bodyMemoryBytes: 0 }

  function count(ask = 0): void {
    counts.bodyMemoryBytes = serving.bodyMemoryBytes()
    const values = valuesOf(counts)
    const storeHealthy = store?.healthy() !== false
    const inFlightSince = serving.inFlightSince()
    const usedKeys = serving.takeUsedKeys()
    say({ kind: 'counts', ask, values, sinkHealthy: sink.healthy(), storeHealthy, inFlightSince, usedKeys }, [
      values.buffer as ArrayBuffer,
    ])
  }
  const signOfLife = setInterval(() => count(), SIGN_OF_LIFE_MS)

  /** Runs before the thread ends, by whatever way but the hard ones. */
  function close(): void {
    if (closed) return
    closed = true
    clearInterval(signOfLife)
    server.abandon()
    count()
    Atomics.store(open, thread - 1, 0)
    Atomics.notify(open, thread - 1)
  }

  function fail(error: unknown): void {
    if (failing) return
    failing = true
    stage = 'stopping'
    say({ kind: 'failed', ...kindAndPlace(error) })
    // Not from here: what failed may have been called by the HTTP server, which must return before its sockets go.
    setImmediate(() => process.exit(1))
  }
  process.on('uncaughtException', fail) // rejections that nobody handles come here too
  process.on('exit', close)

  let listen: (shared: SharedPort) => void = () => {}
  const toldToListen = new Promise<SharedPort>((resolve) => {
    listen = resolve
  })
  let listening = 0
  const lifecycle = createLifecycle(logger)
  lifecycle.add({ name: 'sink', start: () => sink.start(), stop: (deadlineMs) => sink.stop(deadlineMs) })
  if (store !== null)
    lifecycle.add({ name: 'presence', start: () => store.start(), stop: (deadlineMs) => store.stop(deadlineMs) })
  if (requests !== null)
    lifecycle.add({ name: 'requests', start: () => requests.start(), stop: (deadlineMs) => requests.stop(deadlineMs) })
  lifecycle.add({
    name: 'public port',
    start: async () => {
      say({ kind: 'ready' })
      listening = (await server.start(await toldToListen)).port
      sweeper?.start()
    },
    stop: async (deadlineMs) => {
      await Promise.all([server.stop(deadlineMs), sweeper?.stop()])
    },
  })

  async function start(): Promise<void> {
    try {
      await lifecycle.start()
      stage = 'serving'
      count()
      say({ kind: 'listening', port: listening })
    } catch (error) {
      if (stage === 'stopping') return
      say({ kind: 'refused', error: error instanceof Error ? error.message : String(error) })
      process.exit(1)
    }
  }

  async function stop(deadlineMs: number): Promise<void> {
    stage = 'stopping'
    say({ kind: 'stopped', inTime: await lifecycle.stop(deadlineMs) })
    process.exit(0)
  }

  port.on('message', (message: ToThread) => {
    if (message.kind === 'listen') listen(message)
    else if (message.kind === 'count') count(message.ask)
    else if (message.kind === 'view') view.apply(message.update)
    else if (message.kind === 'stop') void stop(message.deadlineMs)
    else process.exit(0)
  })
  void start()
}

function sinkOf({ thread, sink }: ThreadOrder, logger: Logger): { sink: EventSink; kafka: KafkaSink | null } {
  if (sink.kind === 'proxy')
    return { sink: createSinkProxy(thread, sink.port, createSinkRoom(sink.limits, sink.room)), kafka: null }
  const kafka = kafkaSinkFrom(sink.config, logger)
  return { sink: kafka, kafka }
}

function storeOf(store: ThreadStore, logger: Logger): PresenceStore {
  return store.kind === 'proxy' ? createStoreProxy(store.port) : createRedisPresenceStore(store.options, { logger })
}

/** A logger whose lines the main thread writes, so that there is one writer. */
function loggerTo(say: (message: FromThread) => void): Logger {
  const log =
    (level: keyof Logger): Logger[keyof Logger] =>
    (fields, msg) =>
      say({ kind: 'log', level, fields, msg })
  return { info: log('info'), warn: log('warn'), error: log('error') }
}

function kindAndPlace(error: unknown): { error: string; at: string | undefined } {
  if (!(error instanceof Error)) return { error: typeof error, at: undefined }
  return {
    error: error.name,
    at: error.stack
      ?.split('\n')
      .find((line) => line.startsWith('    at '))
      ?.trim(),
  }
}
