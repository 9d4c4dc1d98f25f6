// Bytes -> columns: one decoder a thread, its batch reused for every body.
import { Batch, type RequestReason } from '@fencepost/model'
import type { Encoding } from './content-type.ts'
import { HeadFields, PingFields } from './fields.ts'
import { JsonReader } from './json-reader.ts'
import { MsgpackReader } from './msgpack-reader.ts'
import type { PingTaker } from './reader.ts'
import { type BatchTimes, validateHead, validatePing } from './validate.ts'

export interface DecoderOptions {
  /** Pings a body may carry; also the capacity of the columns. */
  readonly maxPings: number
  /** A ping that is older is `stale`. */
  readonly maxAgeMs: number
  /** A ping that is further ahead of the server's clock is `future`. */
  readonly maxFutureMs: number
}

export interface Decoder {
  /** What the last `decode` left; valid until the next one. After a refusal it has no pings. */
  readonly batch: Batch
  /**
   * Reads one whole (inflated) body of protocol v1. `receivedMs`: epoch ms, an integer. Returns null, or why the request is
   * refused. Pings that are refused stand in `batch.columns.reason`. `batch.text` may be `body` itself: it is only good for as
   * long as the body is. Never throws, whatever the bytes.
   */
  decode(body: Uint8Array, encoding: Encoding, receivedMs: number): RequestReason | null
}

export function createDecoder(options: DecoderOptions): Decoder {
  const { maxPings } = options
  const batch = new Batch(maxPings)
  const { columns } = batch
  const times: BatchTimes = { sent: 0, received: 0, maxAgeMs: options.maxAgeMs, maxFutureMs: options.maxFutureMs }
  const head = new HeadFields()
  const fields = new PingFields()
  const taker: PingTaker = {
    takeList(count, sent) {
      columns.count = count
      times.sent = sent
    },
    takePing(i) {
      columns.reason[i] = validatePing(fields, columns, i, times)
    },
  }
  const msgpack = new MsgpackReader({ head, fields, taker, maxPings })
  const json = new JsonReader({ head, fields, taker, maxPings })

  return {
    batch,
    decode(body, encoding, receivedMs) {
      times.received = receivedMs
      columns.count = 0
      const fault = encoding === 'msgpack' ? msgpack.read(body) : json.read(body)
      const refused = fault ?? validateHead(head, encoding === 'msgpack' ? body : json.text, batch)
      if (refused !== null) columns.count = 0
      return refused
    },
  }
}
