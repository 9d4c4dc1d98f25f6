// Reads a msgpack body into the slots of fields.ts: which key goes where. The last of repeated keys wins, as in JSON.
import { BEACON, LIMITS, LOCATION, type RequestReason } from '@fencepost/model'
import {
  ABSENT,
  ACCURACY,
  AGE,
  ALTITUDE,
  AT,
  BATTERY,
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
  NO,
  PACKED_BEACON,
  PACKED_ID,
  PACKED_LOCATION,
  type PingFields,
  REF,
  RSSI,
  SPEED,
  TX_POWER,
  TYPE,
  UNSAID,
  UUID,
  WRONG,
} from './fields.ts'
import { KeyTable } from './key-table.ts'
import { MsgpackScanner, NIL } from './msgpack-scanner.ts'
import type { PingTaker, ReaderOptions } from './reader.ts'
import { KIND_WORDS, TYPE_WORDS } from './words.ts'

const PINGS_DEPTH = 2
const PING_DEPTH = 3

const HEAD_KEYS = new KeyTable(['v', 'device', 'sent', 'consent', 'minor', 'batch', 'pings', 'birth_year'])
const CONSENT_KEYS = new KeyTable(['location', 'minor', 'analytics', 'marketing', 'birth_year'])

/** Keys of a named ping with the slot of each: those before BYTES_FROM are numbers, the others bytes. */
const PING_KEYS = new KeyTable([
  'type',
  'at',
  'age',
  'lat',
  'lon',
  'accuracy',
  'altitude',
  'speed',
  'heading',
  'battery',
  'kind',
  'major',
  'minor',
  'rssi',
  'tx_power',
  'uuid',
  'namespace',
  'instance',
  'id',
  'ref',
])
const PING_SLOTS = Uint8Array.of(
  TYPE,
  AT,
  AGE,
  LAT,
  LON,
  ACCURACY,
  ALTITUDE,
  SPEED,
  HEADING,
  BATTERY,
  KIND,
  MAJOR,
  MINOR,
  RSSI,
  TX_POWER,
  UUID,
  NAMESPACE,
  INSTANCE,
  ID,
  REF,
)
const BYTES_FROM = 15
const TYPES = new KeyTable(TYPE_WORDS)
const KINDS = new KeyTable(KIND_WORDS)

export class MsgpackReader {
  readonly #scanner = new MsgpackScanner()
  readonly #fields: PingFields
  readonly #head: HeadFields
  readonly #taker: PingTaker
  readonly #maxPings: number
  #pingsAt = 0
  /** What `sent` was when the list of pings was read. */
  #pingsSent = ABSENT

  constructor(options: ReaderOptions) {
    this.#fields = options.fields
    this.#head = options.head
    this.#taker = options.taker
    this.#maxPings = options.maxPings
  }

  /** Fills head and pings. Null, or the fault in the body's structure. */
  read(body: Uint8Array): RequestReason | null {
    const scanner = this.#scanner
    const head = this.#head
    scanner.open(body)
    this.#fields.text = body
    head.clear()
    const entries = scanner.map()
    if (entries < 0) scanner.fail('malformed_body')
    for (let i = 0; i < entries && scanner.fault === null; i++) this.#entry()
    if (scanner.pos !== scanner.end) scanner.fail('malformed_body')
    if (scanner.fault !== null) return scanner.fault
    // `sent` stood behind the pings (or was repeated with another value): now that it is known, read them once more.
    if (head.hasPings && head.sent > 0 && this.#pingsSent !== head.sent) {
      scanner.pos = this.#pingsAt
      this.#pings()
    }
    return null
  }

  #entry(): void {
    const scanner = this.#scanner
    const head = this.#head
    switch (scanner.key(HEAD_KEYS, 2)) {
      case 0:
        head.version = scanner.number(2)
        break
      case 1:
        head.deviceForm = scanner.text(2)
        head.deviceStart = scanner.start
        head.deviceLength = scanner.length
        break
      case 2:
        head.sent = scanner.number(2)
        break
      case 3:
        this.#consent()
        break
      case 4:
        head.minor = scanner.flag(2)
        break
      case 5:
        head.batchForm = scanner.text(2)
        head.batchStart = scanner.start
        head.batchLength = scanner.length
        break
      case 6:
        this.#pings()
        break
      case 7:
        head.birthYear = scanner.number(2)
        break
      default:
        scanner.skip(2)
    }
  }

  #consent(): void {
    const scanner = this.#scanner
    const head = this.#head
    head.consent = NO
    head.consentMinor = NO
    head.analytics = UNSAID
    head.marketing = UNSAID
    head.consentBirthYear = ABSENT
    const entries = scanner.map()
    if (entries < 0) {
      head.consent = scanner.flag(2)
      return
    }
    for (let i = 0; i < entries && scanner.fault === null; i++) {
      switch (scanner.key(CONSENT_KEYS, 3)) {
        case 0:
          head.consent = scanner.flag(3)
          break
        case 1:
          head.consentMinor = scanner.flag(3)
          break
        case 2:
          head.analytics = this.#purpose()
          break
        case 3:
          head.marketing = this.#purpose()
          break
        case 4:
          head.consentBirthYear = scanner.number(3)
          break
        default:
          scanner.skip(3)
      }
    }
  }

  /** A purpose that is nil is not named. */
  #purpose(): number {
    const scanner = this.#scanner
    const isNil = scanner.pos < scanner.end && scanner.bytes[scanner.pos] === NIL
    const flag = scanner.flag(3)
    return isNil ? UNSAID : flag
  }

  #pings(): void {
    const scanner = this.#scanner
    const head = this.#head
    this.#pingsAt = scanner.pos
    this.#pingsSent = head.sent
    const count = scanner.array(this.#maxPings, 'too_many_pings')
    head.hasPings = count >= 0
    if (count < 0) {
      scanner.skip(PINGS_DEPTH)
      return
    }
    this.#taker.takeList(count, head.sent)
    for (let i = 0; i < count; i++) {
      this.#ping()
      if (scanner.fault !== null) return
      this.#taker.takePing(i)
    }
  }

  #ping(): void {
    const scanner = this.#scanner
    const fields = this.#fields
    const items = scanner.array(LIMITS.containerItems, 'malformed_body')
    if (items >= 0) {
      fields.clearPacked(items)
      this.#packed(items)
      return
    }
    fields.clear()
    const entries = scanner.map()
    if (entries < 0) {
      scanner.skip(PING_DEPTH)
      fields.numbers[TYPE] = WRONG
      return
    }
    for (let i = 0; i < entries && scanner.fault === null; i++) this.#field()
  }

  #field(): void {
    const scanner = this.#scanner
    const { numbers } = this.#fields
    const key = scanner.key(PING_KEYS, PING_DEPTH + 1)
    if (key < 0) {
      scanner.skip(PING_DEPTH + 1)
      return
    }
    const slot = PING_SLOTS[key] as number
    if (key >= BYTES_FROM) this.#bytes(slot)
    else if (slot === TYPE) numbers[TYPE] = scanner.word(TYPES, PING_DEPTH + 1)
    else if (slot === KIND) numbers[KIND] = scanner.word(KINDS, PING_DEPTH + 1)
    else numbers[slot] = scanner.number(PING_DEPTH + 1)
  }

  #packed(items: number): void {
    const scanner = this.#scanner
    const { numbers } = this.#fields
    if (items === 0) return
    const type = scanner.number(PING_DEPTH + 1)
    numbers[TYPE] = type
    let known = 1
    if (type === LOCATION) {
      known = Math.min(items, PACKED_LOCATION.length)
      scanner.numbers(PACKED_LOCATION, 1, known, numbers, PING_DEPTH + 1)
    } else if (type === BEACON) {
      known = Math.min(items, PACKED_BEACON.length)
      scanner.numbers(PACKED_BEACON, 1, Math.min(known, PACKED_ID), numbers, PING_DEPTH + 1)
      if (known > PACKED_ID) {
        this.#bytes(ID)
        scanner.numbers(PACKED_BEACON, PACKED_ID + 1, known, numbers, PING_DEPTH + 1)
      }
    }
    for (let i = known; i < items && scanner.fault === null; i++) scanner.skip(PING_DEPTH + 1)
  }

  #bytes(slot: number): void {
    const scanner = this.#scanner
    const fields = this.#fields
    fields.forms[slot] = scanner.text(PING_DEPTH + 1)
    fields.starts[slot] = scanner.start
    fields.lengths[slot] = scanner.length
  }
}
