// An idle kafkajs connection re-arms a 1 ms timer for ever to look at a queue that is empty. This makes it look only when
// something waits: whatever is queued later arms the timer itself (network/requestQueue/index.js of 2.2.4, its last release).
import { createRequire } from 'node:module'

interface RequestQueue {
  readonly pending?: readonly unknown[]
}
type Schedule = (this: RequestQueue) => void

const PATCHED = Symbol.for('fencepost.kafkajs.idle')

/** Patches kafkajs once a process. False, and nothing changed, when kafkajs is not built as expected. */
export function calmIdleConnections(): boolean {
  let prototype: Record<string | symbol, unknown>
  try {
    const queue: unknown = createRequire(import.meta.url)('kafkajs/src/network/requestQueue')
    if (typeof queue !== 'function') return false
    prototype = queue.prototype as Record<string | symbol, unknown>
  } catch {
    return false
  }
  if (prototype[PATCHED] === true) return true
  const original = prototype['scheduleCheckPendingRequests']
  if (typeof original !== 'function') return false
  const schedule: Schedule = function (this: RequestQueue) {
    if (this.pending === undefined || this.pending.length > 0) (original as Schedule).call(this)
  }
  prototype['scheduleCheckPendingRequests'] = schedule
  prototype[PATCHED] = true
  return true
}
