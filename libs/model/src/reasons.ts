// The REASONS table: every way in which a request or a ping is refused. A new refusal is one row here and one case in its
// table test; PROTOCOL.md's tables are tested against these.

/** One way to refuse. `status` is the HTTP status of the answer that carries it; a ping's reason travels in a 200. */
export interface Reason {
  readonly status: number
  /** May the client send the same batch again? Only 408, 429 and 503 say yes. */
  readonly retryable: boolean
  /** One line for the person who reads the answer: what was wrong and what to do. */
  readonly help: string
}

/** Why one ping of an accepted batch was not taken. Each is final: sending the same ping again changes nothing. */
export const PING_REASONS = {
  no_consent: {
    status: 200,
    retryable: false,
    help: 'there is no consent to location, in the batch or as it was chosen before; nothing was processed',
  },
  minor: {
    status: 200,
    retryable: false,
    help: 'the batch is flagged as a minor’s; nothing was processed',
  },
  restricted: {
    status: 200,
    retryable: false,
    help: 'processing is restricted for this device at its person’s request; nothing was processed',
  },
  sensitive_place: {
    status: 200,
    retryable: false,
    help: 'lies in a place about which nothing is told or kept',
  },
  bad_ping: {
    status: 200,
    retryable: false,
    help: 'neither a map with a known type nor a packed array of a known kind and length',
  },
  bad_time: {
    status: 200,
    retryable: false,
    help: 'needs one of at (epoch ms) and age (ms before sent), an integer >= 0',
  },
  bad_coords: {
    status: 200,
    retryable: false,
    help: 'lat or lon missing, not finite or out of range',
  },
  bad_beacon: {
    status: 200,
    retryable: false,
    help: 'beacon kind, id bytes or rssi missing, malformed or out of range',
  },
  bad_field: {
    status: 200,
    retryable: false,
    help: 'an optional field has the wrong type, is not finite or is out of range',
  },
  bad_ref: {
    status: 200,
    retryable: false,
    help: 'ref must be a string of 1..64 bytes of UTF-8',
  },
  stale: {
    status: 200,
    retryable: false,
    help: 'older than the maximum ping age',
  },
  future: {
    status: 200,
    retryable: false,
    help: 'further in the future than clocks may differ',
  },
  event_too_large: {
    status: 200,
    retryable: false,
    help: 'lies in so many fences that its event would exceed the size limit; the operator should look at overlapping fences',
  },
} as const satisfies Record<string, Reason>

/** Why a whole request was refused. */
export const REQUEST_REASONS = {
  malformed_body: {
    status: 400,
    retryable: false,
    help: 'the body is not one well-formed msgpack or JSON map',
  },
  too_deep: {
    status: 400,
    retryable: false,
    help: 'the body nests deeper than 8 levels',
  },
  bad_gzip: {
    status: 400,
    retryable: false,
    help: 'content-encoding says gzip, the body is not one gzip stream',
  },
  bad_version: { status: 400, retryable: false, help: 'v must be 1' },
  bad_device: {
    status: 400,
    retryable: false,
    help: 'device must be a string of 1..128 bytes of UTF-8',
  },
  bad_sent: {
    status: 400,
    retryable: false,
    help: 'sent must be the phone’s clock in epoch ms, an integer > 0',
  },
  bad_consent: {
    status: 400,
    retryable: false,
    help: 'consent must be a boolean or a map of booleans',
  },
  bad_batch: {
    status: 400,
    retryable: false,
    help: 'batch must be a string of 1..64 bytes of UTF-8',
  },
  bad_pings: { status: 400, retryable: false, help: 'pings must be an array' },
  unauthorized: {
    status: 401,
    retryable: false,
    help: 'send authorization: Bearer <sdk key> with a key this service knows',
  },
  forbidden: {
    status: 403,
    retryable: false,
    help: 'this origin may not send pings; see FENCEPOST_CORS_ORIGINS',
  },
  subject_refused: {
    status: 403,
    retryable: false,
    help: 'only withdrawing consent goes without x-fencepost-subject: <expiry>.<HMAC>, made by the app’s backend for the person signed in; it is missing, forged, expired or another device’s',
  },
  not_found: { status: 404, retryable: false, help: 'no such route' },
  method_not_allowed: {
    status: 405,
    retryable: false,
    help: 'the route exists, the method does not; see the Allow header',
  },
  body_timeout: {
    status: 408,
    retryable: true,
    help: 'the body did not arrive in time; send smaller batches',
  },
  body_too_large: {
    status: 413,
    retryable: false,
    help: 'the body is larger than the limit; send smaller batches',
  },
  inflated_too_large: {
    status: 413,
    retryable: false,
    help: 'the body inflates to more than the limit; send smaller batches',
  },
  too_many_pings: {
    status: 413,
    retryable: false,
    help: 'more pings than one batch may carry; send smaller batches',
  },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    help: 'content-type must be application/msgpack or application/json',
  },
  unsupported_encoding: {
    status: 415,
    retryable: false,
    help: 'content-encoding may be gzip or identity',
  },
  rate_limited: {
    status: 429,
    retryable: true,
    help: 'this key sends faster than its limit; wait for Retry-After',
  },
  overloaded: {
    status: 503,
    retryable: true,
    help: 'no room for this batch now; wait for Retry-After',
  },
  sink_unavailable: {
    status: 503,
    retryable: true,
    help: 'the events could not be made durable in time; send the batch again after Retry-After',
  },
  store_unavailable: {
    status: 503,
    retryable: true,
    help: 'the record of this device could not be read or written in time; send the batch again after Retry-After',
  },
  feed_behind: {
    status: 503,
    retryable: true,
    help: 'this node has not yet the fences that the device was last seen with; send the batch again after Retry-After',
  },
  not_ready: {
    status: 503,
    retryable: true,
    help: 'the node is starting: its fences are not loaded yet',
  },
  stopping: {
    status: 503,
    retryable: true,
    help: 'the node is stopping; the next try reaches another one',
  },
  internal: {
    status: 503,
    retryable: true,
    help: 'a fault of ours; nothing was lost, send the batch again',
  },
} as const satisfies Record<string, Reason>

export type PingReason = keyof typeof PING_REASONS
export type RequestReason = keyof typeof REQUEST_REASONS

/** Both tables as one, as DESIGN names it. */
export const REASONS: Readonly<Record<PingReason | RequestReason, Reason>> = {
  ...PING_REASONS,
  ...REQUEST_REASONS,
}

/** Every ping reason by its code: `reason` columns hold an index into this list, 0 meaning “not refused”. */
export const PING_REASON_CODES: readonly (PingReason | 'ok')[] = ['ok', ...(Object.keys(PING_REASONS) as PingReason[])]

/** The code of a ping reason in a `reason` column, 1..255. */
export function pingReasonCode(reason: PingReason): number {
  return PING_REASON_CODES.indexOf(reason)
}
