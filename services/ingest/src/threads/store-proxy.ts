// A PresenceStore in a serving thread that asks the store of the main thread.
import type { MessagePort } from 'node:worker_threads'
import {
  type PresenceStore,
  type RecordToStore,
  StoreError,
  type VersionedRecord,
  type WriteOutcome,
} from '@fencepost/model'

/** To the host. */
export type StoreQuestion = { readonly number: number } & (
  | { readonly ask: 'read'; readonly subject: Uint8Array }
  | {
      readonly ask: 'write'
      readonly subject: Uint8Array
      readonly expected: string | null
      readonly next: RecordToStore
    }
  | { readonly ask: 'due'; readonly bucket: number; readonly nowMs: number; readonly limit: number }
  | { readonly ask: 'scan'; readonly cursor: string; readonly limit: number }
  | { readonly ask: 'compact' }
)

type Question = StoreQuestion extends infer Q ? (Q extends { number: number } ? Omit<Q, 'number'> : never) : never

/** From the host. */
export type StoreAnswer =
  | { readonly healthy: boolean }
  | { readonly number: number; readonly said: unknown }
  | { readonly number: number; readonly code: StoreError['code']; readonly message: string }

interface Asked {
  readonly resolve: (said: unknown) => void
  readonly reject: (error: StoreError) => void
}

/** `port` leads to the host. */
export function createStoreProxy(port: MessagePort): PresenceStore {
  const asked = new Map<number, Asked>()
  let numbered = 0
  let healthy = false
  let stopped = false

  port.on('message', (answer: StoreAnswer) => {
    if ('healthy' in answer) {
      healthy = answer.healthy
      return
    }
    const one = asked.get(answer.number)
    asked.delete(answer.number)
    if ('code' in answer) one?.reject(new StoreError(answer.code, answer.message))
    else one?.resolve(answer.said)
  })

  function ask<T>(question: Question): Promise<T> {
    if (stopped) return Promise.reject(new StoreError('stopped', 'the proxy of the store is stopped'))
    const number = numbered++
    return new Promise<T>((resolve, reject) => {
      asked.set(number, { resolve: resolve as (said: unknown) => void, reject })
      port.postMessage({ number, ...question })
    })
  }

  return {
    start: async () => {},
    async stop() {
      stopped = true
      for (const { reject } of asked.values())
        reject(new StoreError('stopped', 'the thread was stopped before the main thread had an answer'))
      asked.clear()
      port.close()
    },
    healthy: () => healthy && !stopped,
    read: (subject) => ask<VersionedRecord | null>({ ask: 'read', subject }),
    write: (subject, expected, next) => ask<WriteOutcome>({ ask: 'write', subject, expected, next }),
    due: (bucket, nowMs, limit) => ask<Uint8Array[]>({ ask: 'due', bucket, nowMs, limit }),
    compact: () => ask<void>({ ask: 'compact' }),
    scan: (cursor, limit) => ask<Awaited<ReturnType<PresenceStore['scan']>>>({ ask: 'scan', cursor, limit }),
  }
}
