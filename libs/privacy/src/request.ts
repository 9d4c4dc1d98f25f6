// A request about what is held of one device, from its creation to its proof. Immutable values and their stored form.
import type { FoundInRecord } from '@fencepost/policy'

export const REQUEST_TYPES = ['access', 'export', 'erase', 'object', 'restrict', 'disclosure'] as const
export type RequestType = (typeof REQUEST_TYPES)[number]

/** Where a request is. Each step may be done again; the next begins only when it is over. */
export const STEPS = [
  'finding',
  'applying',
  'suppressing',
  'waiting',
  'counting',
  'deleting',
  'compacting',
  'announcing',
  'over',
] as const
export type Step = (typeof STEPS)[number]

/** What was found, and that it was removed, per store. */
export interface Proof {
  readonly record: FoundInRecord
  /** Events in the journal; null = events are not kept here (see the announcement for those of Kafka). */
  readonly journal: { readonly events: number; readonly left: number } | null
  /** Epoch ms at which the files no longer had the bytes. */
  readonly compactedAt: number
  /** Epoch ms at which consumers were told. */
  readonly announcedAt: number
}

export interface PrivacyRequest {
  readonly id: string
  readonly type: RequestType
  readonly tenant: string
  /** Base64url of the subject; null = it is yet to be found, or the pseudonym is nobody's who has a record, or none is needed. */
  readonly subject: string | null
  /** Asked for by this name; taken out when the request is done. */
  readonly pseudonym: string | null
  /** Ends an objection or a restriction. */
  readonly lift: boolean
  /** What asked: staff, the person, or the flag of a minor. */
  readonly origin: 'admin' | 'person' | 'minor'
  /** Who asked, as the audit log calls them. */
  readonly who: string
  /** Epoch ms. */
  readonly created: number
  readonly deadline: number
  readonly step: Step
  /** Epoch ms at which nothing new could be admitted any more. */
  readonly suppressedAt: number | null
  readonly proof: Partial<Proof>
  readonly finished: number | null
  /** What went wrong last; it is tried again. */
  readonly problem: string | null
}

export function newRequest(
  of: Pick<PrivacyRequest, 'id' | 'type' | 'tenant' | 'subject' | 'pseudonym' | 'lift' | 'origin' | 'who'>,
  now: number,
): PrivacyRequest {
  const step = of.subject === null && of.pseudonym !== null ? 'finding' : stepOf(of.type)
  return {
    ...of,
    created: now,
    deadline: now + LEGAL_DEADLINE_MS,
    step,
    suppressedAt: null,
    proof: {},
    finished: step === 'over' ? now : null,
    problem: null,
  }
}

/** Where a request goes on once it is known whom it is about. What is only read is made when it is asked for. */
export function stepOf(type: RequestType): Step {
  if (type === 'erase') return 'suppressing'
  return type === 'object' || type === 'restrict' ? 'applying' : 'over'
}

/** One month to answer (GDPR, article 12(3)), taken as 30 days; California gives 45. */
export const LEGAL_DEADLINE_MS = 30 * 86_400_000

const FORMAT = 1

export function encodeRequest(request: PrivacyRequest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...request }))
}

/** @throws RangeError for bytes that are none of its making */
export function decodeRequest(bytes: Uint8Array): PrivacyRequest {
  try {
    const { format, ...request } = JSON.parse(new TextDecoder().decode(bytes)) as PrivacyRequest & { format: number }
    if (format !== FORMAT) throw new RangeError(`format ${format}`)
    return request
  } catch (error) {
    throw new RangeError('a request about privacy cannot be read', { cause: error })
  }
}
