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

/** One event as a consumer gets it. */
export interface ReadEvent {
  readonly cursor: string
  readonly topic: string
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly value: MatchEvent
}

const PAGE = 10_000

/**
 * Hands every event after the cursor `after` (null = from the oldest) to `take`, in order; returns the cursor to go on from.
 * Throws when the service answers anything but 200.
 */
export async function readEvents(
  adminPort: number,
  after: string | null,
  take: (event: ReadEvent) => void,
): Promise<string | null> {
  const connection = new HttpConnection(adminPort)
  try {
    for (let cursor = after; ; ) {
      const from = cursor === null ? '' : `&after=${cursor}`
      const { status, body } = await connection.get(`/v1/events?topic=matches&limit=${PAGE}${from}`)
      if (status !== 200) throw new Error(`/v1/events answered ${status}: ${body.subarray(0, 200)}`)
      let count = 0
      for (let at = 0; at < body.length; ) {
        const end = body.indexOf(0x0a, at)
        const event = JSON.parse(body.toString('utf8', at, end)) as ReadEvent
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
