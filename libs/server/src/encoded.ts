// Texts that every request passes to the native module, encoded once. It takes an ArrayBuffer as it is and converts a string
// each time: about 40 ns more to read a header and 150 ns more to write one (calls in a loop, Node 20, a noisy machine; the
// whole request: test/cost.mjs).

const TEXTS = [
  'authorization',
  'content-encoding',
  'content-type',
  'origin',
  'retry-after',
  'application/json',
  'application/msgpack',
] as const

const ENCODED: ReadonlyMap<string, ArrayBuffer> = new Map(TEXTS.map((text) => [text, encode(text)]))

export const CONTENT_LENGTH = encode('content-length')
export const CONTENT_TYPE = encode('content-type')
export const TRANSFER_ENCODING = encode('transfer-encoding')

/** The text as bytes when it is one of the usual ones, else as it is. A closed set: nothing that a client sends is kept. */
export function encoded(text: string): ArrayBuffer | string {
  return ENCODED.get(text) ?? text
}

function encode(text: string): ArrayBuffer {
  const bytes = new ArrayBuffer(text.length)
  new TextEncoder().encodeInto(text, new Uint8Array(bytes))
  return bytes
}
