// Transitions -> the records of one batch. There are few of them, so that plain objects will do.
import { type ContentType, EVENT_ID_BYTES, type RecordBatch, type Transition } from '@fencepost/model'
import { encodePlain, type PlainEvent } from './plain-event.ts'

export interface TransitionsInput {
  /** At least one, in the order in which they are to be published. */
  readonly transitions: readonly Transition[]
  readonly tenant: string
  /** What is published as `device`, and the key of the records. */
  readonly pseudonym: string
  /** Epoch ms, an integer. */
  readonly receivedMs: number
  readonly contentType: ContentType
}

/** One record a transition. The same input gives the same bytes. */
export function encodeTransitions({
  transitions,
  tenant,
  pseudonym,
  receivedMs,
  contentType,
}: TransitionsInput): RecordBatch {
  const values = transitions.map((transition) =>
    encodePlain(eventOf(transition, tenant, pseudonym, receivedMs), contentType),
  )
  const ends = new Uint32Array(values.length)
  const ids = new Uint8Array(values.length * EVENT_ID_BYTES)
  let end = 0
  transitions.forEach(({ id }, i) => {
    end += (values[i] as Uint8Array).length
    ends[i] = end
    ids.set(id, i * EVENT_ID_BYTES)
  })
  return {
    topic: 'transitions',
    tenant,
    key: pseudonym,
    contentType,
    count: values.length,
    values: joined(values, end),
    ends,
    ids,
    times: Float64Array.from(transitions, ({ at }) => at),
  }
}

/** The event, its keys in the order in which they are written. */
function eventOf(transition: Transition, tenant: string, device: string, received: number): PlainEvent {
  const { kind, reason, fence, version, campaigns, visit, at, observed, dwellS, since, id } = transition
  return {
    v: 1,
    id: Buffer.from(id).toString('hex'),
    tenant,
    device,
    at,
    observed,
    received,
    kind,
    ...(reason === null ? {} : { reason }),
    fence: { id: fence, version },
    campaigns,
    visit,
    ...(dwellS === null ? {} : { dwell_s: dwellS }),
    ...(since === null ? {} : { since }),
    ...(kind === 'exit' && since !== null ? { duration_ms: observed - since } : {}),
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
