// Hard limits of protocol v1. They are the same on every node: what one accepts, all accept. Sizes that an operator may set
// (body bytes, pings a batch) are configuration and only their defaults stand here.

/** Limits that are part of the protocol. Lengths are in bytes of UTF-8. */
export const LIMITS = {
  deviceBytes: 128,
  batchIdBytes: 64,
  refBytes: 64,
  /** Any other string or byte string in a body, known or not (app.version, unknown fields). */
  stringBytes: 1024,
  /** Map entries or array items of anything that is not the list of pings. */
  containerItems: 64,
  /** Depth of containers: body 1, pings 2, a ping 3, fields of unknown shape below. */
  depth: 8,
  /** A beacon's id: iBeacon 20, Eddystone-UID 16, AltBeacon 20. */
  beaconIdBytes: 20,
} as const

/** Defaults of the limits that an operator may set. */
export const DEFAULT_LIMITS = {
  bodyBytes: 256 * 1024,
  inflatedBytes: 1024 * 1024,
  pingsPerBatch: 1000,
} as const
