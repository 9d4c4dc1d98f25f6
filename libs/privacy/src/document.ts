// What is held of one device, as one JSON document: what a person gets to see, and may take elsewhere. Its schema: export-schema.ts.
import type { StoredRecord } from '@fencepost/model'
import { isOfUse, type PrivacyState, type Purposes } from '@fencepost/policy'
import type { DeviceRecord } from '@fencepost/presence'
import { schema } from './export-schema.ts'

export const EXPORT_FORMAT = 'fencepost.export.v1'

/** JSON Schema of the document. */
export const EXPORT_SCHEMA: unknown = schema

/** An event as a document shows it. */
export interface HeldEvent {
  readonly topic: string
  readonly cursor: string
  readonly value: unknown
}

export interface HeldInRecord {
  readonly consent: unknown
  readonly presence: unknown
  readonly caps: unknown
}

/** The record's share; all null where there is none. */
export function heldInRecord(record: DeviceRecord | null): HeldInRecord {
  if (record === null) return { consent: null, presence: null, caps: null }
  return { consent: consentOf(record.privacy), presence: presenceOf(record), caps: capsOf(record) }
}

/** What is said of a person's choices, to them too. */
export function consentOf(privacy: PrivacyState | null): unknown {
  if (privacy === null || !isOfUse(privacy)) return null
  const { purposes, suppressed, objected, restricted, evidence } = privacy
  return {
    ...purposes,
    objected,
    restricted,
    suppressed: suppressed === null ? null : { since: suppressed.since, why: suppressed.why },
    history: evidence.map(({ at, by, purposes: said, chosenAt, textVersion }) => ({
      at,
      by,
      ...(said satisfies Purposes),
      chosen_at: chosenAt,
      text_version: textVersion,
    })),
  }
}

function presenceOf({ state, pending }: DeviceRecord): unknown {
  if (state.last === null && state.visits.length === 0) return null
  return {
    last_observed: state.last,
    last_at: state.lastAt,
    received: state.received,
    clock_difference_ms: state.skew,
    last_visit: state.lastVisit,
    unpublished: pending?.count ?? 0,
    visits: state.visits.map((visit) => ({
      fence: { id: visit.fence, version: visit.version },
      visit: visit.visit,
      by_beacon: visit.beacon,
      entered: visit.entered,
      entered_at: visit.enteredAt,
      seen: visit.seen,
      seen_at: visit.seenAt,
      outside: visit.outside,
      dwelled_s: visit.dwelled,
      campaigns: [...new Set([...visit.campaigns.seen, ...visit.campaigns.named])],
    })),
  }
}

function capsOf({ state }: DeviceRecord): unknown {
  return state.caps.map(({ campaign, windowS, times }) => ({ campaign, window_s: windowS, times }))
}

export function heldEvent(
  cursor: string,
  { topic, value }: Pick<StoredRecord, 'topic'> & { value: unknown },
): HeldEvent {
  return { topic, cursor, value }
}
