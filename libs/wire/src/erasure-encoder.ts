// Whom consumers are to forget -> a record of the control topic.
import { createHash } from 'node:crypto'
import { type ContentType, EVENT_ID_BYTES, type RecordBatch } from '@fencepost/model'
import { encodePlain } from './plain-event.ts'

export interface ErasureInput {
  /** Id of the request; the same request gives the same event ids. */
  readonly request: string
  readonly tenant: string
  /** A pseudonym, which is the key too, so that it comes after the device's own events; or `subject:` and a subject. */
  readonly device: string
  /** Epoch ms from which on nothing of the device was processed. */
  readonly at: number
  readonly contentType: ContentType
}

export function encodeErasure(input: ErasureInput): RecordBatch {
  const { request, tenant, device, at, contentType } = input
  const id = createHash('sha256').update(`${request}\0${device}`).digest().subarray(0, EVENT_ID_BYTES)
  const event = { v: 1, id: id.toString('hex'), tenant, device, at, request }
  const value = encodePlain(event, contentType)
  return {
    topic: 'erasures',
    tenant,
    key: device,
    contentType,
    count: 1,
    values: value,
    ends: Uint32Array.of(value.length),
    ids: new Uint8Array(id),
    times: Float64Array.of(at),
  }
}
