// Makes the documents: reads the record and goes through the journal, a bounded part of it at a time.
import type { PresenceStore, StoredRecord } from '@fencepost/model'
import { decodeRecord } from '@fencepost/presence'
import { EXPORT_FORMAT, type HeldEvent, heldEvent, heldInRecord } from './document.ts'

/** Events of a document. */
export const MAX_EVENTS = 50_000

export interface HoldingsParts {
  readonly records: PresenceStore
  readonly pseudonymsOf: (subject: Uint8Array) => readonly string[]
  /** The journal of this process; null = events go elsewhere. */
  readonly events: ((pseudonyms: ReadonlySet<string>) => AsyncIterable<{ cursor: string; record: StoredRecord }>) | null
  readonly decode: (record: StoredRecord) => unknown
  readonly clock: () => number
}

/** Whom a document is about: a subject, or a pseudonym of somebody who has no record. */
export interface Whom {
  readonly tenant: string
  readonly subject: Uint8Array | null
  readonly pseudonym: string | null
}

export interface Holdings {
  /** All that is held. Rejects with a StoreError. */
  document(whom: Whom): Promise<Readonly<Record<string, unknown>>>
  /** The record's share alone. */
  record(subject: Uint8Array): Promise<Readonly<Record<string, unknown>>>
}

export function createHoldings(parts: HoldingsParts): Holdings {
  async function record(subject: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
    const stored = await parts.records.read(subject)
    return { ...heldInRecord(stored === null ? null : decodeRecord(stored.bytes)) }
  }

  async function events({ subject, pseudonym }: Whom): Promise<{ events: HeldEvent[]; truncated: boolean }> {
    const names = subject !== null ? parts.pseudonymsOf(subject) : pseudonym !== null ? [pseudonym] : []
    const found: HeldEvent[] = []
    for await (const { cursor, record } of parts.events?.(new Set(names)) ?? []) {
      if (found.length >= MAX_EVENTS) return { events: found, truncated: true }
      found.push(heldEvent(cursor, { topic: record.topic, value: parts.decode(record) }))
    }
    return { events: found, truncated: false }
  }

  /** By what names events are found that are not kept here. Of whom was erased there is nothing to be found, and no name is made again. */
  function elsewhere({ subject, pseudonym }: Whom, consent: unknown): unknown {
    const isErased = (consent as { suppressed?: unknown } | null)?.suppressed != null
    const names = subject !== null ? parts.pseudonymsOf(subject) : pseudonym !== null ? [pseudonym] : []
    return { keys: isErased ? [] : names, how: 'fencepost privacy events --keys … reads the topics in Kafka' }
  }

  return {
    record,
    async document(whom) {
      const held = whom.subject === null ? heldInRecord(null) : await record(whom.subject)
      const { events: found, truncated } = await events(whom)
      return {
        format: EXPORT_FORMAT,
        tenant: whom.tenant,
        made_at: parts.clock(),
        ...held,
        events: parts.events === null ? null : found,
        events_truncated: truncated,
        events_elsewhere: parts.events === null ? elsewhere(whom, held.consent) : null,
      }
    },
  }
}
