// Reads a JSON body into the slots of fields.ts, the plain way: JSON.parse, then a walk. Strings that matter are copied as
// UTF-8 into a buffer of the reader's own, so that what comes after knows bytes only.
import { isUtf8 } from 'node:buffer'
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
  NEITHER,
  NO,
  NONE,
  OTHER,
  PACKED_BEACON,
  PACKED_ID,
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
  WRONG,
  YES,
} from './fields.ts'
import { fits, fitsText, fitsUnlessText, isTooDeep } from './json-limits.ts'
import type { PingTaker, ReaderOptions } from './reader.ts'
import { KIND_WORDS, TYPE_WORDS } from './words.ts'

const NUMBER_KEYS: ReadonlyMap<string, number> = new Map([
  ['at', AT],
  ['age', AGE],
  ['lat', LAT],
  ['lon', LON],
  ['accuracy', ACCURACY],
  ['altitude', ALTITUDE],
  ['speed', SPEED],
  ['heading', HEADING],
  ['battery', BATTERY],
  ['major', MAJOR],
  ['minor', MINOR],
  ['rssi', RSSI],
  ['tx_power', TX_POWER],
])
const BYTE_KEYS: ReadonlyMap<string, number> = new Map([
  ['uuid', UUID],
  ['namespace', NAMESPACE],
  ['instance', INSTANCE],
  ['id', ID],
  ['ref', REF],
])
/** No string that is read may be longer than this, so a longer one need not be copied to be refused. */
const LONGEST_READ = Math.max(LIMITS.deviceBytes, LIMITS.batchIdBytes, LIMITS.refBytes)
const LONE_SURROGATE = /\p{Surrogate}/u

export class JsonReader {
  #text: Buffer = Buffer.alloc(0)
  #used = 0
  /** Where the string that was copied last lies. */
  #start = 0
  #length = 0
  readonly #fields: PingFields
  readonly #head: HeadFields
  readonly #taker: PingTaker
  readonly #maxPings: number

  constructor(options: ReaderOptions) {
    this.#fields = options.fields
    this.#head = options.head
    this.#taker = options.taker
    this.#maxPings = options.maxPings
  }

  /** What `read` left its strings in. */
  get text(): Uint8Array {
    return this.#text
  }

  /** Fills head and pings. Null, or the fault in the body's structure. */
  read(body: Uint8Array): RequestReason | null {
    if (isTooDeep(body)) return 'too_deep'
    const root = parse(body)
    if (!isMap(root)) return 'malformed_body'
    const { pings } = root
    if (Array.isArray(pings) && pings.length > this.#maxPings) return 'too_many_pings'
    // Written out, a string is never longer than it was in the body.
    if (this.#text.length < body.length) this.#text = Buffer.allocUnsafeSlow(body.length)
    this.#used = 0
    this.#fields.text = this.#text
    if (!this.#readHead(root)) return 'malformed_body'
    if (!Array.isArray(pings)) return null
    this.#taker.takeList(pings.length, this.#head.sent)
    for (let i = 0; i < pings.length; i++) {
      if (!this.#readPing(pings[i])) return 'malformed_body'
      this.#taker.takePing(i)
    }
    return null
  }

  #readHead(root: Readonly<Record<string, unknown>>): boolean {
    const head = this.#head
    head.clear()
    const keys = Object.keys(root)
    if (keys.length > LIMITS.containerItems) return false
    for (const key of keys) {
      const value = root[key]
      switch (key) {
        case 'v':
          head.version = numberOf(value)
          break
        case 'device':
          head.deviceForm = this.#copy(value)
          head.deviceStart = this.#start
          head.deviceLength = this.#length
          break
        case 'sent':
          head.sent = numberOf(value)
          break
        case 'consent':
          this.#readConsent(isMap(value) ? value : { location: value })
          break
        case 'birth_year':
          head.birthYear = numberOf(value)
          break
        case 'minor':
          head.minor = flagOf(value)
          break
        case 'batch':
          head.batchForm = this.#copy(value)
          head.batchStart = this.#start
          head.batchLength = this.#length
          break
        case 'pings':
          head.hasPings = Array.isArray(value)
          break
        default:
          if (!fitsText(key)) return false
      }
      const fitting =
        key === 'device' || key === 'batch' ? fitsUnlessText(value) : (key === 'pings' && head.hasPings) || fits(value) // the pings have limits of their own
      if (!fitting) return false
    }
    return true
  }

  #readConsent(consent: Readonly<Record<string, unknown>>): void {
    const head = this.#head
    head.consent = flagOf(consent['location'])
    head.consentMinor = flagOf(consent['minor'])
    head.analytics = purposeOf(consent['analytics'])
    head.marketing = purposeOf(consent['marketing'])
    head.consentBirthYear = numberOf(consent['birth_year'])
  }

  #readPing(ping: unknown): boolean {
    const fields = this.#fields
    if (Array.isArray(ping)) return this.#readPacked(ping)
    fields.clear()
    if (isMap(ping)) return this.#readNamed(ping)
    fields.numbers[TYPE] = WRONG
    return fits(ping)
  }

  #readNamed(ping: Readonly<Record<string, unknown>>): boolean {
    const { numbers } = this.#fields
    const keys = Object.keys(ping)
    if (keys.length > LIMITS.containerItems) return false
    for (const key of keys) {
      const value = ping[key]
      const numberSlot = NUMBER_KEYS.get(key)
      const byteSlot = BYTE_KEYS.get(key)
      if (numberSlot !== undefined) numbers[numberSlot] = numberOf(value)
      else if (byteSlot !== undefined) this.#readBytes(byteSlot, value)
      else if (key === 'type') numbers[TYPE] = wordOf(TYPE_WORDS, value)
      else if (key === 'kind') numbers[KIND] = wordOf(KIND_WORDS, value)
      else if (!fitsText(key)) return false
      const hasOwnLimit = byteSlot !== undefined || key === 'type' || key === 'kind'
      if (!(hasOwnLimit ? fitsUnlessText(value) : fits(value))) return false
    }
    return true
  }

  #readPacked(items: readonly unknown[]): boolean {
    const fields = this.#fields
    fields.clearPacked(items.length)
    if (items.length > LIMITS.containerItems) return false
    const type = items.length > 0 ? numberOf(items[0]) : ABSENT
    fields.numbers[TYPE] = type
    const slots = type === LOCATION ? PACKED_LOCATION : type === BEACON ? PACKED_BEACON : NO_SLOTS
    for (let i = 0; i < items.length; i++) {
      const value = items[i]
      const isId = type === BEACON && i === PACKED_ID
      if (isId) this.#readBytes(ID, value)
      else if (i < slots.length) fields.numbers[slots[i] as number] = numberOf(value)
      if (!(isId ? fitsUnlessText(value) : fits(value))) return false
    }
    return true
  }

  #readBytes(slot: number, value: unknown): void {
    const fields = this.#fields
    fields.forms[slot] = this.#copy(value)
    fields.starts[slot] = this.#start
    fields.lengths[slot] = this.#length
  }

  /** Copies a string into the text buffer; `#start` and `#length` then say where. Returns what it is. */
  #copy(value: unknown): number {
    if (value === undefined || value === null) return NONE
    if (typeof value !== 'string' || LONE_SURROGATE.test(value)) return OTHER
    this.#start = this.#used
    // Bytes of UTF-8 are never fewer than UTF-16 units: this length alone has it refused.
    this.#length = value.length > LONGEST_READ ? value.length : this.#text.write(value, this.#used, 'utf8')
    if (value.length <= LONGEST_READ) this.#used += this.#length
    return TEXT
  }
}

const NO_SLOTS = new Uint8Array(0)

function parse(body: Uint8Array): unknown {
  if (!isUtf8(body)) return undefined
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  } catch {
    return undefined
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) ? value : WRONG
  return value === undefined || value === null ? ABSENT : WRONG
}

function flagOf(value: unknown): number {
  if (value === true) return YES
  return value === false || value === undefined || value === null ? NO : NEITHER
}

function purposeOf(value: unknown): number {
  return value === undefined || value === null ? UNSAID : flagOf(value)
}

function wordOf(words: readonly string[], value: unknown): number {
  if (value === undefined || value === null) return ABSENT
  const number = typeof value === 'string' ? words.indexOf(value) : -1
  return number < 0 ? WRONG : number
}
