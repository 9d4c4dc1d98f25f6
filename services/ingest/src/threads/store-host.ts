// The main thread's end of the store proxies: asks the one store there is and tells each thread what it said.
import type { MessagePort } from 'node:worker_threads'
import { type PresenceStore, StoreError } from '@fencepost/model'
import type { StoreAnswer, StoreQuestion } from './store-proxy.ts'

/** Serves the proxy at the other end of `port`, until `detach`. The store is the caller's to start and stop. */
export function attachStore(store: PresenceStore, port: MessagePort): { detach(): void } {
  const tell = (answer: StoreAnswer): void => port.postMessage(answer)
  const timer = setInterval(() => tell({ healthy: store.healthy() }), TELL_EVERY_MS)
  timer.unref()
  tell({ healthy: store.healthy() })

  async function ask(question: StoreQuestion): Promise<unknown> {
    if (question.ask === 'read') return store.read(question.subject)
    if (question.ask === 'write') return store.write(question.subject, question.expected, question.next)
    if (question.ask === 'due') return store.due(question.bucket, question.nowMs, question.limit)
    if (question.ask === 'compact') return store.compact()
    return store.scan(question.cursor, question.limit)
  }

  port.on('message', (question: StoreQuestion) => {
    const { number } = question
    ask(question).then(
      (said) => tell({ number, said }),
      (error: unknown) =>
        tell({
          number,
          code: error instanceof StoreError ? error.code : 'unavailable',
          message: error instanceof Error ? error.message : String(error),
        }),
    )
  })
  return {
    detach() {
      clearInterval(timer)
      port.close()
    },
  }
}

/** How often a thread is told whether the store is healthy. */
const TELL_EVERY_MS = 250
