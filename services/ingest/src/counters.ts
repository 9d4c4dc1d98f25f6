// The node's own counts: plain integers that the ping path increments and /metrics copies. They obey two laws, each a test:
//   pings:    decoded = accepted + sum(rejected) + failed + pending
//   requests: received = answered 200 + sum(refused) + aborted + pending
import { Histogram, PING_REASON_CODES, REQUEST_REASONS, type RequestReason } from '@fencepost/model'
import { PresenceCounters } from './presence/counters.ts'
import { PrivacyCounters } from './privacy/counters.ts'

const REQUEST_REASON_NAMES = Object.keys(REQUEST_REASONS) as RequestReason[]

export class Counters {
  /** POST /v1/pings requests whose headers arrived. */
  requests = 0
  /** Answered 200. */
  answered = 0
  /** The client went away before its answer; what it had sent may have been published all the same. */
  aborted = 0
  /** Refused, by the code of their reason. */
  readonly refused: Record<RequestReason, number>
  /** Pings of every batch that was decoded. */
  decoded = 0
  /** Of those: taken, and durable where they made an event. */
  accepted = 0
  /** Refused one by one, by reason code (see PING_REASON_CODES). */
  readonly rejected = new Float64Array(PING_REASON_CODES.length)
  /** Pings of batches that were decoded and then refused as a whole, because the sink had no room or failed. */
  failed = 0
  /** Pings waiting for the sink. */
  pending = 0
  /** Of the accepted: in at least one fence. */
  matched = 0
  /** Body bytes of decoded requests, as they came. */
  bodyBytes = 0
  /** From the headers to the answer. */
  readonly requestSeconds = new Histogram()
  /** Decode, validate, consent, match and encode of one batch; one batch in 16 is timed. */
  readonly admitSeconds = new Histogram()
  /** From publish to durable. */
  readonly publishSeconds = new Histogram()

  readonly presence = new PresenceCounters()
  readonly privacy = new PrivacyCounters()

  constructor() {
    this.refused = Object.fromEntries(REQUEST_REASON_NAMES.map((reason) => [reason, 0])) as Record<
      RequestReason,
      number
    >
  }
}
