// Single changes of the fences in force, made in a thread of their own: the main thread hands changes over, and puts in force what
// comes back.
import { Worker } from 'node:worker_threads'
import type { PackedFences } from '@fencepost/match'
import type { Logger } from '@fencepost/model'
import { type FenceEdit, fenceOf, type UnusableFence } from './fence-edit.ts'

export interface FenceKeeper {
  /**
   * Applies the changes in their order, all in one step, and resolves when they are in force. An edit of a fence that is not there adds
   * it; the removal of one that is not there does nothing. What is asked for while others are under way is made in one go.
   *
   * @throws Error (rejects) when too many changes wait, when the thread ended over them, and after `stop`; the fences in force stay
   */
  apply(changes: readonly FenceEdit[]): Promise<void>
  /** Starts the thread before the first change, which then need not wait for it. */
  begin(): void
  /** Other fences are in force, all of them: earlier changes are gone, and those that wait are made to the new ones. */
  rebase(packed: PackedFences): void
  stop(): Promise<void>
}

export interface FenceKeeperOptions {
  readonly first: PackedFences
  /** Puts in force. */
  readonly publish: (packed: PackedFences) => void
  /** Part of the time that a new base is made with, in percent. */
  readonly buildCpuPercent: number
  readonly logger: Logger
}

/** What the thread is given at its start. */
export interface KeeperData {
  readonly buildCpuPercent: number
}

/** To the thread, in this order: a base, then changes to it. */
export type KeeperOrder =
  | { readonly generation: number; readonly base: SharedArrayBuffer }
  | {
      readonly generation: number
      readonly changes: readonly FenceEdit[]
      /** Number of the last change of a step, or null: there is more of it to come. */
      readonly stepEnd: number | null
      /** Fold what has changed into a new base, few as it may be. */
      readonly fold: boolean
    }

/** From it. */
export type KeeperReply =
  | {
      readonly generation: number
      /** A new base, or null: the one that was. Memory that is sent again would look like other memory. */
      readonly base: SharedArrayBuffer | null
      readonly delta: PackedFences['delta']
      /** Number of the last change that is in it. */
      readonly made: number
      /** Number of the last change that its base has. */
      readonly folded: number
    }
  | { readonly generation: number; readonly failed: string }
  | { readonly problem: string }
  | { readonly unusable: UnusableFence }

/** Changes that are not in a base yet: what another thread would have to be told, and what has to be packed at every step. */
const MAX_CHANGES = 200_000
/** From so many on a new base is asked for. Before, the thread decides; changes that come to nothing it does not count. */
const FOLD_FROM = MAX_CHANGES / 2
/** Changes in one message: about 2 ms of copying. */
const CHUNK = 512

const DELTA = 'the fences in force were put there with changes of their own: load them first'

interface Step {
  readonly changes: readonly FenceEdit[]
  /** Number of its last change. */
  readonly last: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Nothing is started before `begin` or the first change. */
export function createFenceKeeper(options: FenceKeeperOptions): FenceKeeper {
  const { first, publish, buildCpuPercent, logger } = options
  let base = first
  let generation = 0
  let worker: Worker | null = null
  let stopped = false
  /** What is in force but in no base yet, by fence: its last change, with its number. */
  let made = new Map<string, { readonly change: FenceEdit; readonly number: number }>()
  /** Asked for and not in force. */
  let waiting: Step[] = []
  let waitingChanges = 0
  let lastNumber = 0
  /** What is still to be sent, in chunks, so that no request waits for all of it to be copied. */
  let outbox: KeeperOrder[] = []
  let isSending = false

  function start(): Worker {
    const thread = new Worker(new URL('./fence-keeper-thread.js', import.meta.url), {
      workerData: { buildCpuPercent } satisfies KeeperData,
      execArgv: [],
    })
    thread.on('message', receive)
    thread.on('error', (error) => logger.error({ error: error.message }, 'the thread that keeps the fences failed'))
    thread.once('exit', (code) => {
      if (thread === worker) ended(`the thread that keeps the fences ended with code ${code}`)
    })
    thread.unref()
    return thread
  }

  /** Tells a thread everything that it has to know, and what is to be done. */
  function brief(): void {
    outbox = [{ generation, base: base.base }]
    const kept = [...made.values()]
    queue(
      kept.map(({ change }) => change),
      kept.at(-1)?.number ?? 0,
    )
    for (const { changes, last } of waiting) queue(changes, last)
    send()
  }

  function queue(changes: readonly FenceEdit[], last: number): void {
    const fold = made.size + waitingChanges > FOLD_FROM
    for (let at = 0; at < changes.length; at += CHUNK) {
      const stepEnd = at + CHUNK < changes.length ? null : last
      outbox.push({ generation, changes: changes.slice(at, at + CHUNK), stepEnd, fold })
    }
  }

  function send(): void {
    if (isSending) return
    const order = outbox.shift()
    if (order === undefined) return
    worker ??= start()
    worker.postMessage(order)
    isSending = true
    setImmediate(() => {
      isSending = false
      send()
    })
  }

  function receive(reply: KeeperReply): void {
    if ('problem' in reply) {
      logger.error({ error: reply.problem }, 'changed fences not folded into a new index; they stay changes')
      return
    }
    if ('unusable' in reply) {
      logger.error({ ...reply.unusable }, 'a changed fence cannot be used and is left out')
      return
    }
    if (reply.generation !== generation) return
    if ('failed' in reply) {
      void refuse(reply.failed)
      return
    }
    const done = waiting.filter(({ last }) => last <= reply.made)
    waiting = waiting.slice(done.length)
    for (const step of done) note(step)
    // Without a delta everything is in the base, or has come to nothing.
    const folded = reply.delta === null ? reply.made : reply.folded
    for (const [key, { number }] of made) {
      if (number > folded) break // they are in order
      made.delete(key)
    }
    base = { base: reply.base ?? base.base, delta: reply.delta }
    publish(base)
    for (const { resolve } of done) resolve()
  }

  function note({ changes, last }: Step): void {
    waitingChanges -= changes.length
    changes.forEach((change, i) => {
      const { id, tenant } = fenceOf(change)
      const key = JSON.stringify([tenant, id])
      made.delete(key) // so that the map stays in order of the numbers
      made.set(key, { change, number: last - changes.length + 1 + i })
    })
  }

  /** Everything that waits is refused; a new thread begins with what was in force, when there is something to do. */
  function refuse(reason: string): Promise<unknown> {
    const refused = waiting
    waiting = []
    outbox = []
    waitingChanges = 0
    for (const { reject } of refused) {
      reject(new Error(`${reason}; the fences in force stay`))
    }
    const gone = worker
    worker = null
    generation++
    return gone?.terminate() ?? Promise.resolve()
  }

  function ended(reason: string): void {
    logger.error({ waiting: waiting.length }, reason)
    void refuse(reason)
  }

  return {
    apply(changes) {
      if (stopped) return Promise.reject(new Error('the node is stopping'))
      if (base.delta !== null && made.size === 0) return Promise.reject(new Error(DELTA))
      if (changes.length === 0) return Promise.resolve()
      const noted = made.size + waitingChanges
      if (noted + changes.length > MAX_CHANGES)
        return Promise.reject(
          new RangeError(
            `${noted} changes are not in an index yet and ${changes.length} more would be over ${MAX_CHANGES}: try again later, or load all fences`,
          ),
        )
      waitingChanges += changes.length
      lastNumber += changes.length
      return new Promise((resolve, reject) => {
        const step = { changes, last: lastNumber, resolve, reject }
        waiting.push(step)
        if (worker === null) brief()
        else {
          queue(changes, step.last)
          send()
        }
      })
    },
    begin() {
      if (worker === null && base.delta === null) brief()
    },
    rebase(packed) {
      base = packed
      generation++
      made = new Map()
      outbox = []
      if (packed.delta !== null) void refuse(DELTA)
      else if (worker !== null) brief()
    },
    async stop() {
      stopped = true
      await refuse('the node is stopping')
    },
  }
}
