// Which encoding a content-type header names.

export type Encoding = 'msgpack' | 'json'

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ['application/msgpack', 'msgpack'],
  ['application/x-msgpack', 'msgpack'],
  ['application/vnd.msgpack', 'msgpack'],
  ['application/json', 'json'],
])

/** The encoding, or null for an empty or unknown type. Case and parameters (`; charset=utf-8`) do not matter. */
export function parseContentType(header: string): Encoding | null {
  const whole = ENCODINGS.get(header)
  if (whole !== undefined) return whole
  const semicolon = header.indexOf(';')
  const type = semicolon < 0 ? header : header.slice(0, semicolon)
  return ENCODINGS.get(type.trim().toLowerCase()) ?? null
}
