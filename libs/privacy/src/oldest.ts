// The oldest of what the stores keep, for whoever states how long that is.
import type { PresenceStore } from '@fencepost/model'
import { decodeRecord } from '@fencepost/presence'
import type { RequestBook } from './book.ts'

/** Epoch ms; null = there is none. */
export interface OldestKept {
  /** When the device was heard of last whose record says where it was. */
  readonly presence: number | null
  readonly choices: number | null
  readonly requests: number | null
  /** There are more records than were looked at. */
  readonly isPart: boolean
}

/** Records that are looked at: of more, a part. */
export const MAX_LOOKED_AT = 10_000
const PAGE = 500

export async function oldestKept({
  records,
  book,
}: {
  readonly records: PresenceStore
  readonly book: RequestBook
}): Promise<OldestKept> {
  let presence: number | null = null
  let choices: number | null = null
  let seen = 0
  let cursor: string | null = ''
  while (cursor !== null && seen < MAX_LOOKED_AT) {
    const page: Awaited<ReturnType<PresenceStore['scan']>> = await records.scan(cursor, PAGE)
    for (const stored of await Promise.all(page.subjects.map((subject) => records.read(subject)))) {
      if (stored === null) continue
      const { state, privacy } = decodeRecord(stored.bytes)
      if (state.last !== null) presence = Math.min(presence ?? state.received, state.received)
      const chosen = privacy?.evidence[0]?.at ?? privacy?.suppressed?.since ?? null
      if (chosen !== null) choices = Math.min(choices ?? chosen, chosen)
    }
    seen += page.subjects.length
    cursor = page.next
  }
  const created = (await book.list(MAX_LOOKED_AT)).map((request) => request.created)
  return { presence, choices, requests: created.length === 0 ? null : Math.min(...created), isPart: cursor !== null }
}
