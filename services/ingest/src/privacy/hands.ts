// What requests about privacy need of a node: records, the journal, the feed that tells what other nodes have under way, the sink.
import type { Clock, ContentType, EventSink, FenceFeed, PresenceStore, StoredRecord, Topic } from '@fencepost/model'
import { type Identities, objectToMarketing } from '@fencepost/policy'
import type { Hands, PrivacyRequest } from '@fencepost/privacy'
import { encodeErasure } from '@fencepost/wire'
import { privacyOf, type Subjects } from '../presence/subjects.ts'
import { suppressSubject } from './erasures.ts'

/** Where events are kept in this process, as far as erasing and showing them goes. */
export interface HeldEvents {
  scan(pseudonyms: ReadonlySet<string>): AsyncIterable<{ cursor: string; record: StoredRecord }>
  erase(pseudonyms: ReadonlySet<string>): Promise<unknown>
  compact(): Promise<void>
  /** Epoch ms of the oldest of a topic, or null: there is none. */
  oldest(topic: Topic): number | null
  /** Seconds that they are kept. */
  readonly keptS: number
}

export interface HandsParts {
  readonly subjects: Subjects
  readonly identities: Identities
  readonly records: PresenceStore
  readonly requests: PresenceStore
  readonly feed: Pick<FenceFeed, 'reports'>
  readonly events: HeldEvents | null
  readonly sink: EventSink
  readonly contentType: ContentType
  /** Events that are not durable by then are given up. */
  readonly deliveryDeadlineMs: number
  readonly clock: Clock
}

/** What a node reports may be as old as its threads' last sign of life. */
const REPORT_LAG_MS = 2500
/** A node that says nothing has given up what it had after the deadline, and its clock may differ. */
const DEAD_MARGIN_MS = 2000
const SCAN_PAGE = 1000

export function createHands(parts: HandsParts): Hands {
  const { subjects, identities, records, feed, events, sink, clock } = parts
  return {
    async find(pseudonym) {
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: Awaited<ReturnType<PresenceStore['scan']>> = await records.scan(cursor, SCAN_PAGE)
        const found = page.subjects.find((subject) => identities.pseudonymsOf(subject).includes(pseudonym))
        if (found !== undefined) return found
        cursor = page.next
        await new Promise((resolve) => setImmediate(resolve)) // others want the thread too
      }
      return null
    },
    pseudonymsOf: identities.pseudonymsOf,
    suppress: ({ id, tenant, origin, created }, subject) =>
      suppressSubject(
        subjects,
        { subject, tenant },
        {
          why: origin === 'minor' ? 'minor' : 'erased',
          request: id,
          since: created,
        },
      ),
    async apply({ type, tenant, lift }, subject) {
      await subjects.choose({ subject, tenant }, (record) => {
        const privacy = privacyOf(record)
        return type === 'restrict'
          ? { ...privacy, restricted: !lift }
          : objectToMarketing(privacy, lift, 'admin', clock())
      })
    },
    async delivered(since) {
      const now = clock()
      if (now >= since + parts.deliveryDeadlineMs + DEAD_MARGIN_MS) return true
      const reports = await feed.reports()
      return (
        reports.length > 0 &&
        reports.every(({ at, inFlightSince }) => at >= since + REPORT_LAG_MS && (inFlightSince ?? at) > since)
      )
    },
    journal:
      events === null
        ? null
        : {
            async count(pseudonyms) {
              const counts = new Map<string, number>()
              for await (const { record } of events.scan(pseudonyms))
                counts.set(record.key, (counts.get(record.key) ?? 0) + 1)
              return counts
            },
            async erase(pseudonyms) {
              await events.erase(pseudonyms)
            },
          },
    async compact() {
      await records.compact()
      await parts.requests.compact()
      await events?.compact()
    },
    async announce(request, { subject, pseudonyms }) {
      // The journal must not hold the pseudonym again: who reads it back is told the pseudonym of the subject.
      const isHere = events !== null && subject !== null
      const devices = isHere ? pseudonyms.map((name) => subjectKey(subject, name)) : pseudonyms
      await Promise.all(devices.map((device) => sink.publish(erasureOf(request, device))))
    },
  }

  function erasureOf({ id, tenant, suppressedAt }: PrivacyRequest, device: string) {
    const { contentType } = parts
    return encodeErasure({ request: id, tenant, device, at: suppressedAt ?? clock(), contentType })
  }
}

const SUBJECT_KEY = 'subject:'

/** The subject, and the id of the key that makes this pseudonym of it. */
function subjectKey(subject: Uint8Array, pseudonym: string): string {
  const keyId = pseudonym.slice(0, pseudonym.indexOf('.'))
  return `${SUBJECT_KEY}${keyId}:${Buffer.from(subject).toString('base64url')}`
}

/** The pseudonym that a record of the topic `erasures` in the journal is about, or null: its key is one, or nobody has the key any more. */
export function pseudonymOfKey(key: string, { pseudonymsOf }: Pick<Identities, 'pseudonymsOf'>): string | null {
  if (!key.startsWith(SUBJECT_KEY)) return null
  const [keyId, subject] = key.slice(SUBJECT_KEY.length).split(':') as [string, string]
  const names = pseudonymsOf(new Uint8Array(Buffer.from(subject, 'base64url')))
  return names.find((name) => name.startsWith(`${keyId}.`)) ?? null
}
