// Asks for an erasure: the request is written down first, so that it happens whatever comes, then the record is emptied at once.
import type { Clock } from '@fencepost/model'
import { type FoundInRecord, type SuppressionReason, suppress } from '@fencepost/policy'
import type { DeviceRecord } from '@fencepost/presence'
import { newRequest, newRequestId, type RequestBook } from '@fencepost/privacy'
import { privacyOf, type SubjectOf, type Subjects } from '../presence/subjects.ts'

export interface Erasures {
  /** Resolves with the request's id when nothing of the device can be admitted any more. Rejects with a StoreError. */
  ask(of: SubjectOf, origin: 'person' | 'minor'): Promise<string>
  /** The same for a minor's device, unless that was done before. True = it was not. */
  askForMinor(of: SubjectOf): Promise<boolean>
}

export function createErasures({
  subjects,
  book,
  clock,
}: {
  readonly subjects: Subjects
  readonly book: RequestBook
  readonly clock: Clock
}): Erasures {
  async function ask(of: SubjectOf, origin: 'person' | 'minor'): Promise<string> {
    const id = newRequestId()
    const subject = Buffer.from(of.subject).toString('base64url')
    const { tenant } = of
    const request = { id, type: 'erase', tenant, subject, pseudonym: null, lift: false, origin, who: origin } as const
    await book.add(newRequest(request, clock()))
    await suppressSubject(subjects, of, { why: origin === 'minor' ? 'minor' : 'erased', request: id, since: clock() })
    return id
  }

  return {
    ask,
    async askForMinor(of) {
      const record = await subjects.record(of.subject)
      if (record?.privacy?.suppressed?.why === 'minor') return false
      await ask(of, 'minor')
      return true
    },
  }
}

/** Empties the record. Resolves with what this request found in it, however often it is asked. */
export async function suppressSubject(
  subjects: Subjects,
  of: SubjectOf,
  { why, request, since }: { readonly why: SuppressionReason; readonly request: string; readonly since: number },
): Promise<FoundInRecord> {
  const { privacy } = await subjects.choose(of, (record) =>
    suppress(privacyOf(record), { why, request, since, found: foundIn(record) }),
  )
  const suppressed = privacy?.suppressed ?? null
  return suppressed?.request === request ? suppressed.found : NOTHING
}

const NOTHING: FoundInRecord = { visits: 0, caps: 0, pending: 0, choices: 0 }

function foundIn(record: DeviceRecord | null): FoundInRecord {
  if (record === null) return NOTHING
  const { state, pending, privacy } = record
  return {
    visits: state.visits.length,
    caps: state.caps.length,
    pending: pending?.count ?? 0,
    choices: privacy?.evidence.length ?? 0,
  }
}
