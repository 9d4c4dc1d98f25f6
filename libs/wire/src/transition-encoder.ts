// Transitions -> the records of one batch. There are few of them, so that plain objects will do.
import { type ContentType, EVENT_ID_BYTES, type RecordBatch, type Transition } from '@fencepost/model'
import { ByteWriter, utf8 } from './byte-writer.ts'
import { textValue, writeArray, writeInteger, writeMap } from './msgpack-writer.ts'

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
  const encode = contentType === 'application/json' ? jsonOf : msgpackOf
  const values = transitions.map((transition) => encode(eventOf(transition, tenant, pseudonym, receivedMs)))
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

type Value = string | number | readonly string[] | { readonly [key: string]: Value }

/** The event, its keys in the order in which they are written. */
function eventOf(transition: Transition, tenant: string, device: string, received: number): Record<string, Value> {
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

function jsonOf(event: Record<string, Value>): Uint8Array {
  return utf8(JSON.stringify(event))
}

function msgpackOf(event: Record<string, Value>): Uint8Array {
  const out = new ByteWriter(512)
  writeValue(out, event)
  return out.take()
}

function writeValue(out: ByteWriter, value: Value): void {
  out.reserve(9)
  if (typeof value === 'number') writeInteger(out, value)
  else if (typeof value === 'string') writeString(out, value)
  else if (Array.isArray(value)) {
    writeArray(out, value.length)
    for (const item of value as readonly string[]) writeValue(out, item)
  } else {
    const entries = Object.entries(value as Record<string, Value>)
    writeMap(out, entries.length)
    for (const [key, item] of entries) {
      writeString(out, key)
      writeValue(out, item)
    }
  }
}

function writeString(out: ByteWriter, text: string): void {
  const bytes = textValue(text)
  out.reserve(bytes.length)
  out.raw(bytes)
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
