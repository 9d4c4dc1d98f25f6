// Reads events back from the admin port of a standalone, as a consumer without Kafka would.
import { HttpConnection } from './http-client.ts'

/** A match event's value, as DESIGN 6 has it. */
export interface MatchEvent {
  readonly v: number
  readonly id: string
  readonly tenant: string
  readonly device: string
  readonly at: number
  readonly observed: number
  readonly received: number
  readonly type: string
  readonly accuracy?: number
  readonly lat?: number
  readonly lon?: number
  readonly fences: readonly { readonly id: string; readonly version: number; readonly campaigns: readonly string[] }[]
  readonly batch?: string
  readonly index: number
  readonly ref?: string
}

/** A transition event's value. */
export interface TransitionEvent {
  readonly v: number
  readonly id: string
  readonly tenant: string
  readonly device: string
  readonly at: number
  readonly observed: number
  readonly received: number
  readonly kind: 'enter' | 'dwell' | 'exit'
  readonly reason?: string
  readonly fence: { readonly id: string; readonly version: number }
  readonly campaigns: readonly string[]
  readonly visit: number
  readonly dwell_s?: number
  readonly since?: number
  readonly duration_ms?: number
}

/** One event as a consumer gets it. */
export interface ReadEvent<Value = MatchEvent> {
  readonly cursor: string
  readonly topic: string
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly value: Value
}

const PAGE = 10_000

/**
 * Hands every event after the cursor `after` (null = from the oldest) to `take`, in order; returns the cursor to go on from.
 * Throws when the service answers anything but 200.
 */
export function readEvents(
  adminPort: number,
  after: string | null,
  take: (event: ReadEvent) => void,
): Promise<string | null> {
  return readTopic(adminPort, 'matches', after, take)
}

/** The same of the transitions. */
export function readTransitions(
  adminPort: number,
  after: string | null,
  take: (event: ReadEvent<TransitionEvent>) => void,
): Promise<string | null> {
  return readTopic(adminPort, 'transitions', after, take)
}

async function readTopic<Value>(
  adminPort: number,
  topic: string,
  after: string | null,
  take: (event: ReadEvent<Value>) => void,
): Promise<string | null> {
  const connection = new HttpConnection(adminPort)
  try {
    for (let cursor = after; ; ) {
      const from = cursor === null ? '' : `&after=${cursor}`
      const { status, body } = await connection.get(`/v1/events?topic=${topic}&limit=${PAGE}${from}`)
      if (status !== 200) throw new Error(`/v1/events answered ${status}: ${body.subarray(0, 200)}`)
      let count = 0
      for (let at = 0; at < body.length; ) {
        const end = body.indexOf(0x0a, at)
        const event = JSON.parse(body.toString('utf8', at, end)) as ReadEvent<Value>
        take(event)
        cursor = event.cursor
        count++
        at = end + 1
      }
      if (count < PAGE) return cursor
    }
  } finally {
    connection.close()
  }
}
