// Events of which there are few: a plain object becomes its bytes, its keys in the order in which they stand.
import type { ContentType } from '@fencepost/model'
import { ByteWriter, utf8 } from './byte-writer.ts'
import { textValue, writeArray, writeInteger, writeMap } from './msgpack-writer.ts'

type Value = string | number | readonly string[] | PlainEvent
export interface PlainEvent {
  readonly [key: string]: Value
}

export function encodePlain(event: PlainEvent, contentType: ContentType): Uint8Array {
  return contentType === 'application/json' ? utf8(JSON.stringify(event)) : msgpackOf(event)
}

function msgpackOf(event: PlainEvent): Uint8Array {
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
    const entries = Object.entries(value as PlainEvent)
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
