// Raw values of one ping and of one batch's head, as a reader found them and before anything is judged. Both readers fill
// these slots and validate.ts empties them: that is how named and packed, JSON and msgpack end in the same lines.

/** In a number slot: not given, or nil. Cannot be confused with a value: infinities are read as WRONG. */
export const ABSENT = Number.NEGATIVE_INFINITY
/** In a number slot: given, and not a finite number. */
export const WRONG = Number.NaN

// Number slots of a ping.
export const TYPE = 0
export const AT = 1
export const AGE = 2
/** Degrees in a named ping, 1e-7 degrees in a packed one; so LON. */
export const LAT = 3
export const LON = 4
/** Metres, or decimetres when packed. */
export const ACCURACY = 5
export const ALTITUDE = 6
/** Metres a second, or centimetres a second when packed. */
export const SPEED = 7
export const HEADING = 8
export const BATTERY = 9
export const KIND = 10
export const MAJOR = 11
export const MINOR = 12
export const RSSI = 13
export const TX_POWER = 14
const NUMBER_SLOTS = 15

// Byte slots of a ping.
export const UUID = 0
export const NAMESPACE = 1
export const INSTANCE = 2
export const ID = 3
export const REF = 4
const BYTE_SLOTS = 5

// What a byte slot holds.
export const NONE = 0
export const TEXT = 1
export const BINARY = 2
export const OTHER = 3

/** Number slot of each item of a packed location. */
export const PACKED_LOCATION = Uint8Array.of(TYPE, AGE, LAT, LON, ACCURACY, ALTITUDE, SPEED, HEADING, BATTERY)
/** The same of a packed beacon sighting; the item at PACKED_ID is the id, a byte slot. */
export const PACKED_BEACON = Uint8Array.of(TYPE, AGE, KIND, TYPE, RSSI, TX_POWER)
export const PACKED_ID = 3

/** One ping as read. */
export class PingFields {
  packed = false
  /** Items of a packed ping's array. */
  items = 0
  readonly numbers = new Float64Array(NUMBER_SLOTS)
  readonly forms = new Uint8Array(BYTE_SLOTS)
  /** Where each byte slot's content lies in `text`. */
  readonly starts = new Uint32Array(BYTE_SLOTS)
  readonly lengths = new Uint32Array(BYTE_SLOTS)
  text: Uint8Array = new Uint8Array(0)

  /** Empties every slot that a named ping may fill. Written out, which costs less than two loops. */
  clear(): void {
    const { numbers, forms } = this
    this.packed = false
    numbers[TYPE] = ABSENT
    numbers[AT] = ABSENT
    numbers[AGE] = ABSENT
    numbers[LAT] = ABSENT
    numbers[LON] = ABSENT
    numbers[ACCURACY] = ABSENT
    numbers[ALTITUDE] = ABSENT
    numbers[SPEED] = ABSENT
    numbers[HEADING] = ABSENT
    numbers[BATTERY] = ABSENT
    numbers[KIND] = ABSENT
    numbers[MAJOR] = ABSENT
    numbers[MINOR] = ABSENT
    numbers[RSSI] = ABSENT
    numbers[TX_POWER] = ABSENT
    forms[UUID] = NONE
    forms[NAMESPACE] = NONE
    forms[INSTANCE] = NONE
    forms[ID] = NONE
    forms[REF] = NONE
  }

  /** Empties the slots that a packed ping may leave out. */
  clearPacked(items: number): void {
    const { numbers, forms } = this
    this.packed = true
    this.items = items
    numbers[TYPE] = ABSENT
    numbers[AT] = ABSENT
    numbers[ALTITUDE] = ABSENT
    numbers[SPEED] = ABSENT
    numbers[HEADING] = ABSENT
    numbers[BATTERY] = ABSENT
    numbers[TX_POWER] = ABSENT
    forms[REF] = NONE
  }
}

/** A yes, a no (or nothing said), or something that is neither. */
export const NO = 0
export const YES = 1
export const NEITHER = 2
/** Of a purpose: not said, so that it follows `location`. */
export const UNSAID = 3

/** The head of a batch as read: everything but its pings. */
export class HeadFields {
  version = ABSENT
  sent = ABSENT
  deviceForm = NONE
  deviceStart = 0
  deviceLength = 0
  batchForm = NONE
  batchStart = 0
  batchLength = 0
  consent = NO
  /** `minor` inside `consent`. */
  consentMinor = NO
  /** `minor` beside `consent`. */
  minor = NO
  analytics = UNSAID
  marketing = UNSAID
  /** `birth_year` inside `consent`. */
  consentBirthYear = ABSENT
  /** `birth_year` beside `consent`. */
  birthYear = ABSENT
  hasPings = false

  clear(): void {
    this.version = ABSENT
    this.sent = ABSENT
    this.deviceForm = NONE
    this.batchForm = NONE
    this.consent = NO
    this.consentMinor = NO
    this.minor = NO
    this.analytics = UNSAID
    this.marketing = UNSAID
    this.consentBirthYear = ABSENT
    this.birthYear = ABSENT
    this.hasPings = false
  }
}
