// A decoded batch as a struct of arrays: decoder writes, validation and matching read, nothing is allocated per ping.
// One instance is reused for every request of a thread, so nothing may keep it across an await.
import { LIMITS } from './limits.ts'

export const LOCATION = 0
export const BEACON = 1

export const IBEACON = 0
export const EDDYSTONE_UID = 1
export const ALTBEACON = 2

/** Names of the beacon kinds, by the number that packed pings use. */
export const BEACON_KINDS = ['ibeacon', 'eddystone-uid', 'altbeacon'] as const
export type BeaconKind = (typeof BEACON_KINDS)[number]

/** Length of a whole id by kind: iBeacon uuid+major+minor, Eddystone-UID namespace+instance, AltBeacon id. */
export const BEACON_ID_BYTES: readonly number[] = [20, 16, 20]

/** “Not known” in the integer columns (`accuracyDm`, `rssi`, `txPower`). Float columns use NaN. */
export const UNKNOWN = -32768

/** The pings of one batch. Index i of every column is ping i of the body, refused ones included. */
export class PingColumns {
  /** How many pings the batch has; columns beyond hold what earlier batches left. */
  count = 0
  readonly capacity: number
  /** LOCATION or BEACON. Undefined where `reason` is `bad_ping`. */
  readonly type: Uint8Array
  /** 0, or an index into PING_REASON_CODES. The other columns of a refused ping are undefined. */
  readonly reason: Uint8Array
  /** Epoch ms by the phone's clock. The same in every attempt to send this ping. */
  readonly observed: Float64Array
  /** Epoch ms by the server's clock. */
  readonly at: Float64Array
  /** Degrees, WGS84. */
  readonly lon: Float64Array
  readonly lat: Float64Array
  /** The same rounded to 1e-7 degrees: what ids and events are made from, equal for both shapes. */
  readonly lonE7: Int32Array
  readonly latE7: Int32Array
  /** Radius of uncertainty in decimetres, or UNKNOWN. */
  readonly accuracyDm: Int32Array
  /** Metres above the ellipsoid, or NaN. */
  readonly altitudeM: Float64Array
  /** Metres a second, or NaN. */
  readonly speedMs: Float64Array
  /** Degrees clockwise from north, 0..360, or NaN. */
  readonly headingDeg: Float64Array
  /** 0..100, or NaN. */
  readonly batteryPct: Float64Array
  /** IBEACON, EDDYSTONE_UID or ALTBEACON. */
  readonly beaconKind: Uint8Array
  /** 20 bytes a ping; the tail of a shorter id is zero. */
  readonly beaconId: Uint8Array
  /** dBm, or UNKNOWN. */
  readonly rssi: Int16Array
  readonly txPower: Int16Array
  /** Where the client's own id of the ping lies in the batch's `text`; length 0 = none. */
  readonly refStart: Uint32Array
  readonly refLength: Uint8Array

  constructor(capacity: number) {
    this.capacity = capacity
    this.type = new Uint8Array(capacity)
    this.reason = new Uint8Array(capacity)
    this.observed = new Float64Array(capacity)
    this.at = new Float64Array(capacity)
    this.lon = new Float64Array(capacity)
    this.lat = new Float64Array(capacity)
    this.lonE7 = new Int32Array(capacity)
    this.latE7 = new Int32Array(capacity)
    this.accuracyDm = new Int32Array(capacity)
    this.altitudeM = new Float64Array(capacity)
    this.speedMs = new Float64Array(capacity)
    this.headingDeg = new Float64Array(capacity)
    this.batteryPct = new Float64Array(capacity)
    this.beaconKind = new Uint8Array(capacity)
    this.beaconId = new Uint8Array(capacity * LIMITS.beaconIdBytes)
    this.rssi = new Int16Array(capacity)
    this.txPower = new Int16Array(capacity)
    this.refStart = new Uint32Array(capacity)
    this.refLength = new Uint8Array(capacity)
  }
}

/** One request's batch: header fields and columns. Reused like its columns; strings stay bytes until somebody needs them. */
export class Batch {
  readonly columns: PingColumns
  /** What `deviceStart`, `batchIdStart` and `refStart` point into: the body, or the decoder's own buffer. UTF-8, checked. */
  text: Uint8Array = new Uint8Array(0)
  deviceStart = 0
  deviceLength = 0
  batchIdStart = 0
  /** 0 = the client gave none. */
  batchIdLength = 0
  /** Epoch ms by the phone's clock at this attempt. */
  sent = 0
  /** Consent to location as the batch has it; missing = none given. */
  consent = false
  /** The batch says that its person is a minor. */
  minor = false
  /** Consent to a purpose; null = not named, so that it follows `location`. */
  analytics: boolean | null = null
  marketing: boolean | null = null
  /** Year of birth of its person; 0 = not given. */
  birthYear = 0

  constructor(capacity: number) {
    this.columns = new PingColumns(capacity)
  }
}
