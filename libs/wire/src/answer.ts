// What the client gets back: one outcome per ping index, or an error, in the encoding of its request.
import { PING_REASON_CODES, type PingColumns, REQUEST_REASONS, type RequestReason } from '@fencepost/model'
import { ByteWriter, utf8 } from './byte-writer.ts'
import type { Encoding } from './content-type.ts'
import * as json from './json-writer.ts'
import * as msgpack from './msgpack-writer.ts'

/** One reason code a ping, 0 = taken. */
export type Outcomes = Pick<PingColumns, 'count' | 'reason'>

/** Room that an answer needs besides its rejections, and for each of those. */
const FRAME_BYTES = 128
const REJECTION_BYTES = 64

const out = new ByteWriter(1024)

/**
 * `{received, accepted, matched, rejected: [[index, reason], …]}`; `rejected` are the pings whose `reason` is not 0, in body
 * order. `receivedMs`: epoch ms, an integer. The bytes are good until the next call: whoever keeps them makes a copy.
 */
export function encodeAnswer(
  encoding: Encoding,
  columns: Outcomes,
  receivedMs: number,
  accepted: number,
  matched: number,
): Uint8Array {
  const rejected = columns.count - accepted
  out.length = 0
  out.reserve(FRAME_BYTES + rejected * REJECTION_BYTES)
  if (encoding === 'json') writeJson(columns, receivedMs, accepted, matched)
  else writeMsgpack(columns, receivedMs, accepted, matched)
  return written()
}

/** Views of the writer by their length: most answers have one of a few, and a new view costs as much as writing them. */
let views: (Uint8Array | undefined)[] = []
let viewed = out.bytes
const VIEWS = 256

function written(): Uint8Array {
  const { bytes, length } = out
  if (bytes !== viewed) {
    viewed = bytes
    views = []
  }
  if (length >= VIEWS) return bytes.subarray(0, length)
  let view = views[length]
  if (view === undefined) {
    view = bytes.subarray(0, length)
    views[length] = view
  }
  return view
}

const JSON_RECEIVED = utf8('{"received":')
const JSON_ACCEPTED = utf8(',"accepted":')
const JSON_MATCHED = utf8(',"matched":')
const JSON_REJECTED = utf8(',"rejected":[')
const JSON_END = utf8(']}')
const JSON_REASONS = PING_REASON_CODES.map((code) => utf8(`,"${code}"]`))
const COMMA = 0x2c
const OPEN = 0x5b

function writeJson(columns: Outcomes, receivedMs: number, accepted: number, matched: number): void {
  out.raw(JSON_RECEIVED)
  json.writeInteger(out, receivedMs)
  out.raw(JSON_ACCEPTED)
  json.writeInteger(out, accepted)
  out.raw(JSON_MATCHED)
  json.writeInteger(out, matched)
  out.raw(JSON_REJECTED)
  if (accepted < columns.count) {
    let isFirst = true
    for (let i = 0; i < columns.count; i++) {
      const reason = columns.reason[i] as number
      if (reason === 0) continue
      out.reserve(REJECTION_BYTES)
      if (!isFirst) out.byte(COMMA)
      isFirst = false
      out.byte(OPEN)
      json.writeInteger(out, i)
      out.raw(JSON_REASONS[reason] as Uint8Array)
    }
  }
  out.reserve(JSON_END.length)
  out.raw(JSON_END)
}

const MSGPACK_RECEIVED = msgpack.textValue('received')
const MSGPACK_ACCEPTED = msgpack.textValue('accepted')
const MSGPACK_MATCHED = msgpack.textValue('matched')
const MSGPACK_REJECTED = msgpack.textValue('rejected')
const MSGPACK_REASONS = PING_REASON_CODES.map(msgpack.textValue)

function writeMsgpack(columns: Outcomes, receivedMs: number, accepted: number, matched: number): void {
  msgpack.writeMap(out, 4)
  out.raw(MSGPACK_RECEIVED)
  msgpack.writeInteger(out, receivedMs)
  out.raw(MSGPACK_ACCEPTED)
  msgpack.writeInteger(out, accepted)
  out.raw(MSGPACK_MATCHED)
  msgpack.writeInteger(out, matched)
  out.raw(MSGPACK_REJECTED)
  if (accepted === columns.count) {
    msgpack.writeArray(out, 0)
    return
  }
  let rejected = 0
  for (let i = 0; i < columns.count; i++) if (columns.reason[i] !== 0) rejected++
  msgpack.writeArray(out, rejected)
  for (let i = 0; i < columns.count; i++) {
    const reason = columns.reason[i] as number
    if (reason === 0) continue
    out.reserve(REJECTION_BYTES)
    msgpack.writeArray(out, 2)
    msgpack.writeInteger(out, i)
    out.raw(MSGPACK_REASONS[reason] as Uint8Array)
  }
}

const ERRORS: Readonly<Record<Encoding, Map<RequestReason, Uint8Array>>> = { json: new Map(), msgpack: new Map() }
for (const reason of Object.keys(REQUEST_REASONS) as RequestReason[]) {
  const { help } = REQUEST_REASONS[reason]
  ERRORS.json.set(reason, utf8(JSON.stringify({ error: reason, message: help })))
  const writer = new ByteWriter(512)
  msgpack.writeMap(writer, 2)
  writer.raw(msgpack.textValue('error'))
  writer.raw(msgpack.textValue(reason))
  writer.raw(msgpack.textValue('message'))
  writer.raw(msgpack.textValue(help))
  ERRORS.msgpack.set(reason, writer.take())
}

/** `{error, message}` of a refused request. The bytes are shared: read only. */
export function encodeError(encoding: Encoding, reason: RequestReason): Uint8Array {
  return ERRORS[encoding].get(reason) as Uint8Array
}
