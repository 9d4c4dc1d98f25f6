// Reads an event's value back, for those who consume events.
import type { ContentType } from '@fencepost/model'
import { Unpackr } from 'msgpackr'

const unpackr = new Unpackr({ int64AsType: 'number', useRecords: false })

/** The event as a plain object. Throws what JSON.parse or msgpackr throw on bytes that are no such value. */
export function decodeEvent(value: Uint8Array, contentType: ContentType): unknown {
  if (contentType === 'application/json') return JSON.parse(Buffer.from(value).toString('utf8'))
  return unpackr.unpack(value)
}
