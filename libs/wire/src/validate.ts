// The line that rejects a bad ping. Judges what a reader left in the slots and writes the columns: both shapes and both
// encodings end here. The order of the checks is part of the protocol: the first that fails names the reason.
import {
  ALTBEACON,
  type Batch,
  BEACON,
  BEACON_ID_BYTES,
  EDDYSTONE_UID,
  IBEACON,
  LIMITS,
  LOCATION,
  type PingColumns,
  pingReasonCode,
  type RequestReason,
  UNKNOWN,
} from '@fencepost/model'
import {
  ABSENT,
  ACCURACY,
  AGE,
  ALTITUDE,
  AT,
  BATTERY,
  BINARY,
  HEADING,
  type HeadFields,
  ID,
  INSTANCE,
  KIND,
  LAT,
  LON,
  MAJOR,
  MINOR,
  NAMESPACE,
  NEITHER,
  NONE,
  PACKED_BEACON,
  PACKED_LOCATION,
  type PingFields,
  REF,
  RSSI,
  SPEED,
  TEXT,
  TX_POWER,
  TYPE,
  UNSAID,
  UUID,
  YES,
} from './fields.ts'
import { readHex, readUuid } from './hex.ts'
import { isUtf8 } from './utf8.ts'

const BAD_PING = pingReasonCode('bad_ping')
const BAD_TIME = pingReasonCode('bad_time')
const BAD_COORDS = pingReasonCode('bad_coords')
const BAD_BEACON = pingReasonCode('bad_beacon')
const BAD_FIELD = pingReasonCode('bad_field')
const BAD_REF = pingReasonCode('bad_ref')
const STALE = pingReasonCode('stale')
const FUTURE = pingReasonCode('future')

/** What a Date can hold (ECMA-262, 21.4.1.1): a later time could not be written as CloudEvents `time`. */
const MAX_TIME_MS = 8.64e15
const E7 = 1e7
/** Up to the last item that is not optional: accuracy_dm (which may be nil) and rssi. */
const PACKED_LOCATION_MIN = PACKED_LOCATION.indexOf(ACCURACY) + 1
const PACKED_BEACON_MIN = PACKED_BEACON.indexOf(RSSI) + 1

/** The times that pings of one batch are judged by, in ms. */
export interface BatchTimes {
  sent: number
  received: number
  readonly maxAgeMs: number
  readonly maxFutureMs: number
}

/** Judges the head and copies it to the batch. Null = good. */
export function validateHead(head: HeadFields, text: Uint8Array, batch: Batch): RequestReason | null {
  if (head.version !== 1) return 'bad_version'
  if (!isText(head.deviceForm, text, head.deviceStart, head.deviceLength, LIMITS.deviceBytes)) return 'bad_device'
  if (!(head.sent > 0 && head.sent <= MAX_TIME_MS && Number.isInteger(head.sent))) return 'bad_sent'
  if (head.consent === NEITHER || head.consentMinor === NEITHER || head.minor === NEITHER) return 'bad_consent'
  if (head.analytics === NEITHER || head.marketing === NEITHER) return 'bad_consent'
  if (!isBirthYear(head.birthYear) || !isBirthYear(head.consentBirthYear)) return 'bad_consent'
  const hasBatchId = head.batchForm !== NONE
  if (hasBatchId && !isText(head.batchForm, text, head.batchStart, head.batchLength, LIMITS.batchIdBytes)) {
    return 'bad_batch'
  }
  if (!head.hasPings) return 'bad_pings'
  batch.text = text
  batch.deviceStart = head.deviceStart
  batch.deviceLength = head.deviceLength
  batch.batchIdStart = head.batchStart
  batch.batchIdLength = hasBatchId ? head.batchLength : 0
  batch.sent = head.sent
  batch.consent = head.consent === YES
  batch.minor = head.consentMinor === YES || head.minor === YES
  batch.analytics = head.analytics === UNSAID ? null : head.analytics === YES
  batch.marketing = head.marketing === UNSAID ? null : head.marketing === YES
  // Of two that differ the younger person counts; ABSENT is less than any year.
  batch.birthYear = Math.max(0, head.birthYear, head.consentBirthYear)
  return null
}

function isBirthYear(year: number): boolean {
  return year === ABSENT || (year >= 1800 && year <= 9999 && Number.isInteger(year))
}

/** Judges one ping and writes its columns. Returns its reason code, 0 = good. */
export function validatePing(fields: PingFields, columns: PingColumns, i: number, times: BatchTimes): number {
  const { numbers } = fields
  const type = numbers[TYPE] as number
  if (type !== LOCATION && type !== BEACON) return BAD_PING
  if (fields.packed && fields.items < (type === LOCATION ? PACKED_LOCATION_MIN : PACKED_BEACON_MIN)) return BAD_PING
  columns.type[i] = type

  const age = numbers[AGE] as number
  let at = numbers[AT] as number
  let observed = at
  if (age !== ABSENT) {
    if (at !== ABSENT || !(age >= 0 && Number.isInteger(age))) return BAD_TIME
    observed = times.sent - age
    at = times.received - age
  }
  if (!(observed > 0 && observed <= MAX_TIME_MS && Number.isInteger(observed))) return BAD_TIME
  columns.observed[i] = observed
  columns.at[i] = at

  const reason = type === LOCATION ? location(fields, columns, i) : beacon(fields, columns, i)
  if (reason !== 0) return reason

  columns.refLength[i] = 0
  const refForm = fields.forms[REF] as number
  if (refForm !== NONE) {
    const start = fields.starts[REF] as number
    const length = fields.lengths[REF] as number
    if (!isText(refForm, fields.text, start, length, LIMITS.refBytes)) return BAD_REF
    columns.refStart[i] = start
    columns.refLength[i] = length
  }

  if (times.received - at > times.maxAgeMs) return STALE
  if (at - times.received > times.maxFutureMs) return FUTURE
  return 0
}

function location(fields: PingFields, columns: PingColumns, i: number): number {
  const { numbers, packed } = fields
  let lat = numbers[LAT] as number
  let lon = numbers[LON] as number
  if (packed) {
    // An integer of 32 bits is its own truncation; whatever is not cannot be a coordinate.
    if ((lat | 0) !== lat || (lon | 0) !== lon) return BAD_COORDS
    columns.latE7[i] = lat
    columns.lonE7[i] = lon
    lat /= E7
    lon /= E7
  } else {
    columns.latE7[i] = Math.round(lat * E7)
    columns.lonE7[i] = Math.round(lon * E7)
  }
  if (!(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180)) return BAD_COORDS
  columns.lat[i] = lat
  columns.lon[i] = lon

  // A NaN here is a field of the wrong type: it fails every comparison below.
  const accuracy = numbers[ACCURACY] as number
  const altitude = numbers[ALTITUDE] as number
  const speed = numbers[SPEED] as number
  const heading = numbers[HEADING] as number
  const battery = numbers[BATTERY] as number

  if (isUnknown(accuracy)) columns.accuracyDm[i] = UNKNOWN
  else {
    const decimetres = packed ? accuracy : accuracy * 10
    if (!(accuracy >= 0 && decimetres <= 10_000_000)) return BAD_FIELD
    columns.accuracyDm[i] = Math.round(decimetres)
  }
  if (altitude === ABSENT) columns.altitudeM[i] = Number.NaN
  else if (altitude >= -100_000 && altitude <= 100_000) columns.altitudeM[i] = altitude
  else return BAD_FIELD
  if (isUnknown(speed)) columns.speedMs[i] = Number.NaN
  else {
    const metres = packed ? speed / 100 : speed
    if (!(metres >= 0 && metres <= 20_000)) return BAD_FIELD
    columns.speedMs[i] = metres
  }
  if (isUnknown(heading)) columns.headingDeg[i] = Number.NaN
  else if (heading >= 0 && heading <= 360) columns.headingDeg[i] = heading
  else return BAD_FIELD
  if (isUnknown(battery)) columns.batteryPct[i] = Number.NaN
  else if (battery >= 0 && battery <= 100) columns.batteryPct[i] = battery
  else return BAD_FIELD
  return 0
}

function beacon(fields: PingFields, columns: PingColumns, i: number): number {
  const { numbers } = fields
  const kind = numbers[KIND] as number
  if (kind !== IBEACON && kind !== EDDYSTONE_UID && kind !== ALTBEACON) return BAD_BEACON
  const offset = i * LIMITS.beaconIdBytes
  const size = BEACON_ID_BYTES[kind] as number
  if (
    !(fields.packed
      ? beaconBytes(fields, ID, size, columns.beaconId, offset)
      : beaconParts(fields, kind, columns.beaconId, offset))
  ) {
    return BAD_BEACON
  }
  for (let j = size; j < LIMITS.beaconIdBytes; j++) columns.beaconId[offset + j] = 0
  columns.beaconKind[i] = kind

  const rssi = numbers[RSSI] as number
  if (!(rssi >= -127 && rssi <= 20 && Number.isInteger(rssi))) return BAD_BEACON
  columns.rssi[i] = rssi

  const txPower = numbers[TX_POWER] as number
  if (txPower === ABSENT) columns.txPower[i] = UNKNOWN
  else if (txPower >= -127 && txPower <= 127 && Number.isInteger(txPower)) columns.txPower[i] = txPower
  else return BAD_FIELD
  return 0
}

/** The id of a named sighting, put together from its parts. */
function beaconParts(fields: PingFields, kind: number, out: Uint8Array, offset: number): boolean {
  if (kind === ALTBEACON) return beaconBytes(fields, ID, 20, out, offset)
  if (kind === EDDYSTONE_UID) {
    return beaconBytes(fields, NAMESPACE, 10, out, offset) && beaconBytes(fields, INSTANCE, 6, out, offset + 10)
  }
  const major = fields.numbers[MAJOR] as number
  const minor = fields.numbers[MINOR] as number
  if (!isUint16(major) || !isUint16(minor)) return false
  out[offset + 16] = major >> 8
  out[offset + 17] = major & 255
  out[offset + 18] = minor >> 8
  out[offset + 19] = minor & 255
  const start = fields.starts[UUID] as number
  const length = fields.lengths[UUID] as number
  if (fields.forms[UUID] === TEXT) return readUuid(fields.text, start, length, out, offset)
  return beaconBytes(fields, UUID, 16, out, offset)
}

/** `size` bytes from a byte slot: as they are, or as hex. */
function beaconBytes(fields: PingFields, slot: number, size: number, out: Uint8Array, offset: number): boolean {
  const { text } = fields
  const start = fields.starts[slot] as number
  const length = fields.lengths[slot] as number
  const form = fields.forms[slot]
  if (form === TEXT) return length === size * 2 && readHex(text, start, size, out, offset)
  if (form !== BINARY || length !== size) return false
  for (let j = 0; j < size; j++) out[offset + j] = text[start + j] as number
  return true
}

/** Not given, or -1: what phones say for “not known”. */
function isUnknown(value: number): boolean {
  return value === ABSENT || value === -1
}

function isUint16(value: number): boolean {
  return value >= 0 && value <= 0xffff && Number.isInteger(value)
}

function isText(form: number, text: Uint8Array, start: number, length: number, maxBytes: number): boolean {
  return form === TEXT && length > 0 && length <= maxBytes && isUtf8(text, start, length)
}
