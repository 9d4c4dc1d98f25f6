// The threads that serve, seen from the main thread: started on one port, summed up, replaced when one fails, stopped together.
import { MessageChannel } from 'node:worker_threads'
import type { EventSink, Logger, PresenceStore } from '@fencepost/model'
import type { RecipientEntry, RetentionRow } from '@fencepost/policy'
import { REQUESTS_PREFIX } from '@fencepost/privacy'
import type { KafkaConfig, NodeConfig } from '../config.ts'
import type { FeedUpdate } from '../feed/feed-view.ts'
import { createViewHub } from '../feed/view-hub.ts'
import type { PresenceSource } from '../presence/source.ts'
import { createServingCounts, type ServingCounts, settleEnded, sumInto } from '../serving-counts.ts'
import type { FencePublisher } from './fence-swap.ts'
import type { ThreadOrder, ThreadSink, ThreadStore } from './order.ts'
import { shareOf } from './shares.ts'
import { createSinkHost } from './sink-host.ts'
import type { SinkRoomLimits } from './sink-room.ts'
import { attachStore } from './store-host.ts'
import { type ThreadEnd, ThreadRun } from './thread-run.ts'

export interface ServingThreadsParts {
  readonly config: NodeConfig
  readonly logger: Logger
  /** One sink for all, which lives in the main thread, or settings from which each thread makes its own. */
  readonly sink: EventSink | { readonly kafka: NodeConfig & KafkaConfig }
  /** Absent = presence is off. */
  readonly presence?: PresenceSource
  readonly retention: readonly RetentionRow[]
  readonly recipients: readonly RecipientEntry[]
  readonly rootKey: Uint8Array
  readonly pseudonymKey: Uint8Array
  readonly fences: FencePublisher
}

export interface ThreadState {
  readonly thread: number
  readonly state: 'starting' | 'serving' | 'not answering' | 'to be replaced' | 'stopped'
  readonly sink: 'connected' | 'not connected'
  /** Does it reach the store of presence? */
  readonly store: boolean
  /** Since when its oldest batch has been under way, epoch ms, or null; as of its last sign of life. */
  readonly inFlightSince: number | null
  readonly connections: number
}

export interface ServingThreads {
  /** Resolves when all of them listen; rejects with the first reason why one cannot. */
  start(): Promise<{ readonly port: number }>
  /** @throws Error when not all was done in time */
  stop(deadlineMs: number): Promise<void>
  /** The sum over all threads that there are and were; as new as the last `refresh` and their last signs of life. */
  readonly counts: ServingCounts
  refresh(): Promise<void>
  /** Tells every thread what the feed has brought beside fences; threads that come later are told all of it. */
  publishView(update: FeedUpdate): void
  states(): ThreadState[]
  /** Ids of SDK keys that have let somebody in since this was last asked. */
  takeUsedKeys(): string[]
  /** Threads that have taken the place of one that failed. */
  replaced(): number
  /** Publishes refused because the room that the threads share was full. */
  refusedFull(): number
}

/** A thread is replaced at once, and one that keeps failing ever less often. */
const FIRST_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 10_000
/** After so long without failing a thread's past is forgotten. */
const FORGIVEN_AFTER_MS = 60_000
/** Looks for signs of life: without one for so many looks a thread is interrupted, and terminated if that does not help. */
const LOOK_MS = 1000
const QUIET_LOOKS = 10
const GIVEN_UP_LOOKS = 30
/** Kept back of a stop's deadline, for threads to end after their parts have. */
const STOP_MARGIN = 0.1
/** At an end of the process without a stop: time for the threads to close their sockets. */
const LEAVE_MS = 1000

/** The place of one thread: its present run, and what is left of those before. */
interface Seat {
  readonly thread: number
  run: ThreadRun | null
  letGo: () => void
  failures: number
  servingSince: number
  quietLooks: number
  timer: NodeJS.Timeout | undefined
}

/** @throws Error when the limits do not divide by so many threads */
export function createServingThreads(parts: ServingThreadsParts): ServingThreads {
  const { config, logger, fences } = parts
  const kafka = 'kafka' in parts.sink ? parts.sink.kafka : null
  const share = shareOf(config, kafka !== null)
  const host = 'kafka' in parts.sink ? null : createSinkHost(parts.sink, roomOf(config))
  const open = new Int32Array(new SharedArrayBuffer(config.threads * Int32Array.BYTES_PER_ELEMENT))
  const seats = Array.from({ length: config.threads }, (_, i) => newSeat(i + 1))
  const view = createViewHub()
  const past = createServingCounts(kafka !== null)
  const total = createServingCounts(kafka !== null)
  let port = 0
  let replaced = 0
  let stopping: Promise<void> | null = null
  let looking: NodeJS.Timeout | undefined

  function run(seat: Seat): ThreadRun {
    const { thread } = seat
    const fenceChannel = new MessageChannel()
    const { sink, ports, detach } = sinkFor(thread)
    const stores = storesFor()
    fences.add(fenceChannel.port1)
    const order: ThreadOrder = {
      ...share,
      thread,
      rootKey: parts.rootKey,
      pseudonymKey: parts.pseudonymKey,
      retention: parts.retention,
      recipients: parts.recipients,
      sink,
      stores: stores.stores,
      fences: fences.current,
      view: view.current(),
      fencePort: fenceChannel.port2,
      epoch: fences.epoch,
      open: open.buffer as SharedArrayBuffer,
    }
    Atomics.store(open, thread - 1, 1)
    const run = new ThreadRun(order, [fenceChannel.port2, ...ports, ...stores.ports], logger)
    seat.run = run
    seat.quietLooks = 0
    seat.letGo = () => {
      fences.remove(fenceChannel.port1)
      fenceChannel.port1.close()
      detach()
      stores.detach()
    }
    void run.ended.then((end) => ended(seat, run, end))
    return run
  }

  function sinkFor(thread: number): { sink: ThreadSink; ports: MessageChannel['port2'][]; detach: () => void } {
    if (host === null)
      return {
        sink: { kind: 'kafka', config: { ...(kafka as NodeConfig & KafkaConfig), ...share.config } },
        ports: [],
        detach: () => {},
      }
    const { port1, port2 } = new MessageChannel()
    const { detach } = host.attach(thread, port1)
    const sink: ThreadSink = { kind: 'proxy', port: port2, room: host.room.memory, limits: roomOf(config) }
    return { sink, ports: [port2], detach }
  }

  function storesFor(): { stores: ThreadOrder['stores']; ports: MessageChannel['port2'][]; detach: () => void } {
    const { presence } = parts
    if (presence === undefined) return { stores: null, ports: [], detach: () => {} }
    if ('redis' in presence) {
      const records: ThreadStore = { kind: 'redis', options: presence.redis }
      const requests: ThreadStore = { kind: 'redis', options: { ...presence.redis, prefix: REQUESTS_PREFIX } }
      return { stores: { presence: records, requests }, ports: [], detach: () => {} }
    }
    const [records, requests] = [proxied(presence.store), proxied(presence.requests)]
    return {
      stores: { presence: records.store, requests: requests.store },
      ports: [records.port, requests.port],
      detach() {
        records.detach()
        requests.detach()
      },
    }
  }

  function proxied(store: PresenceStore): { store: ThreadStore; port: MessageChannel['port2']; detach: () => void } {
    const { port1, port2 } = new MessageChannel()
    const { detach } = attachStore(store, port1)
    return { store: { kind: 'proxy', port: port2 }, port: port2, detach }
  }

  /** Whatever way a thread ended: nothing of it stays behind but its counts, and another one takes its place. */
  function ended(seat: Seat, run: ThreadRun, { failure }: ThreadEnd): void {
    Atomics.store(open, seat.thread - 1, 0)
    seat.letGo()
    seat.run = null
    sumInto(past, [past, settleEnded(run.counts)])
    // Before the first of them all listens a failure ends the start.
    if (stopping !== null || port === 0) return
    if (seat.servingSince > 0 && performance.now() - seat.servingSince > FORGIVEN_AFTER_MS) seat.failures = 0
    const inMs = Math.min(FIRST_BACKOFF_MS * 2 ** seat.failures, MAX_BACKOFF_MS)
    seat.failures++
    seat.servingSince = 0
    const fields = { thread: seat.thread, ...(failure ?? { error: 'it left unasked' }), replaced_in_ms: inMs }
    logger.error(fields, 'a serving thread failed and is replaced')
    seat.timer = setTimeout(() => void replace(seat), inMs)
  }

  async function replace(seat: Seat): Promise<void> {
    const next = run(seat)
    try {
      await next.ready
      await next.listen(port, 'join')
    } catch {
      return // it has ended, and `ended` has seen to it
    }
    seat.servingSince = performance.now()
    replaced++
    logger.info({ thread: seat.thread }, 'a serving thread has been replaced')
  }

  function look(): void {
    for (const seat of seats) {
      const { run } = seat
      if (run === null) continue
      seat.quietLooks = run.heard ? 0 : seat.quietLooks + 1
      run.heard = false
      const fields = { thread: seat.thread, quiet_ms: seat.quietLooks * LOOK_MS }
      if (seat.quietLooks === QUIET_LOOKS) {
        logger.error(fields, 'a serving thread does not answer and is interrupted')
        void run.interrupt()
      } else if (seat.quietLooks === GIVEN_UP_LOOKS) {
        logger.error(fields, 'a serving thread is given up; the process ends with it if it has a socket open')
        run.terminate()
      }
    }
  }

  /** `process.exit` with a socket open in a thread would be an abort: the threads close theirs first. */
  function leave(): void {
    for (const { run } of seats) run?.tell({ kind: 'leave' })
    const until = performance.now() + LEAVE_MS
    for (const { thread } of seats) Atomics.wait(open, thread - 1, 1, Math.max(0, until - performance.now()))
  }

  async function stop(deadlineMs: number): Promise<void> {
    clearInterval(looking)
    for (const { timer } of seats) clearTimeout(timer)
    const runs = seats.flatMap(({ run }) => run ?? [])
    for (const run of runs) run.tell({ kind: 'stop', deadlineMs: Math.floor(deadlineMs * (1 - STOP_MARGIN)) })
    const ends = await Promise.all(runs.map(async (run) => ({ thread: run.thread, ...(await run.ended) })))
    host?.stop()
    process.off('exit', leave)
    const late = ends.filter(({ failure, inTime }) => failure !== null || !inTime).map(({ thread }) => thread)
    if (late.length > 0) throw new Error(`not everything was done in time by serving thread ${late.join(', ')}`)
  }

  return {
    counts: total,
    async start() {
      process.on('exit', leave)
      looking = setInterval(look, LOOK_MS)
      looking.unref()
      const runs = seats.map(run)
      await Promise.all(runs.map(({ ready }) => ready))
      const [first, ...others] = runs as [ThreadRun, ...ThreadRun[]]
      const taken = await first.listen(config.port, 'first')
      await Promise.all(others.map((other) => other.listen(taken, 'join')))
      const ends = seats.filter((seat) => seat.run === null)
      if (ends.length > 0) throw new Error(`serving thread ${ends[0]?.thread} ended while the others started`)
      for (const seat of seats) seat.servingSince = performance.now()
      port = taken
      return { port }
    },
    stop(deadlineMs) {
      stopping ??= stop(deadlineMs)
      return stopping
    },
    async refresh() {
      await Promise.all(seats.map(({ run }) => run?.count()))
      sumInto(total, [past, ...seats.flatMap(({ run }) => run?.counts ?? [])])
    },
    publishView(update) {
      view.take(update)
      for (const { run } of seats) run?.tell({ kind: 'view', update })
    },
    states: () =>
      seats.map(({ thread, run, quietLooks }) => ({
        thread,
        state:
          run === null
            ? stopping === null
              ? 'to be replaced'
              : 'stopped'
            : quietLooks >= QUIET_LOOKS
              ? 'not answering'
              : run.state === 'serving'
                ? 'serving'
                : 'starting',
        sink: run?.sinkHealthy === true ? 'connected' : 'not connected',
        store: run?.storeHealthy === true,
        inFlightSince: run?.inFlightSince ?? null,
        connections: run?.counts.http.connections ?? 0,
      })),
    takeUsedKeys() {
      const used = new Set(seats.flatMap(({ run }) => [...(run?.usedKeys ?? [])]))
      for (const { run } of seats) run?.usedKeys.clear()
      return [...used]
    },
    replaced: () => replaced,
    refusedFull: () => host?.room.refused() ?? 0,
  }
}

function roomOf({ maxInflightBytes, maxInflightEvents, threads }: NodeConfig): SinkRoomLimits {
  return { maxBytes: maxInflightBytes, maxEvents: maxInflightEvents, threads }
}

function newSeat(thread: number): Seat {
  return { thread, run: null, letGo: () => {}, failures: 0, servingSince: 0, quietLooks: 0, timer: undefined }
}
