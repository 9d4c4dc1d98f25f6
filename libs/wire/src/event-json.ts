// Match events as JSON.
import {
  type Batch,
  BEACON,
  BEACON_ID_BYTES,
  BEACON_KINDS,
  EDDYSTONE_UID,
  EVENT_ID_BYTES,
  type FenceFacts,
  IBEACON,
  LIMITS,
  LOCATION,
  UNKNOWN,
} from '@fencepost/model'
import { type ByteWriter, utf8 } from './byte-writer.ts'
import { type Coordinates, type EventWriter, HEAD_BYTES, hundredths, TAIL_BYTES } from './event-writer.ts'
import { writeHex, writeUuid } from './hex.ts'
import { writeDecimal, writeInteger, writeText } from './json-writer.ts'
import { TYPE_WORDS } from './words.ts'

const ID = utf8('{"v":1,"id":"')
const TYPES = TYPE_WORDS.map((word) => utf8(`,"type":"${word}"`))
const OBSERVED = utf8(',"observed":')
const ACCURACY = utf8(',"accuracy":')
const LAT = utf8(',"lat":')
const LON = utf8(',"lon":')
const BEACON_HEADS = BEACON_KINDS.map((kind, i) =>
  utf8(`,"beacon":{"kind":"${kind}",${['"uuid":"', '"namespace":"', '"id":"'][i]}`),
)
const MAJOR = utf8('","major":')
const MINOR = utf8(',"minor":')
const INSTANCE = utf8('","instance":"')
const RSSI = utf8(',"rssi":')
const FENCES = utf8(',"fences":[')
const BATCH = utf8('],"batch":')
const INDEX = utf8(',"index":')
const INDEX_ONLY = utf8('],"index":')
const REF = utf8(',"ref":')
const COMMA = utf8(',')
const QUOTE = 0x22
const END = 0x7d

export class JsonEvents implements EventWriter {
  readonly separator = COMMA
  readonly #coordinates: Coordinates
  /** From behind the id to the value of `at`. */
  #shared: Uint8Array = COMMA
  #received: Uint8Array = COMMA

  constructor(coordinates: Coordinates) {
    this.#coordinates = coordinates
  }

  startBatch(tenant: string, pseudonym: string, receivedMs: number): void {
    this.#shared = utf8(`","tenant":${JSON.stringify(tenant)},"device":${JSON.stringify(pseudonym)},"at":`)
    this.#received = utf8(`,"received":${receivedMs}`)
  }

  writeHead(out: ByteWriter, batch: Batch, i: number, ids: Uint8Array, idOffset: number): void {
    const { columns } = batch
    const type = columns.type[i] as number
    out.reserve(HEAD_BYTES + this.#shared.length)
    out.raw(ID)
    writeHex(out, ids, idOffset, EVENT_ID_BYTES)
    out.raw(this.#shared)
    writeInteger(out, columns.at[i] as number)
    out.raw(OBSERVED)
    writeInteger(out, columns.observed[i] as number)
    out.raw(this.#received)
    out.raw(TYPES[type] as Uint8Array)
    if (type === LOCATION) this.#writeLocation(out, batch, i)
    else if (type === BEACON) writeBeacon(out, batch, i)
    out.raw(FENCES)
  }

  fence({ id, version }: FenceFacts, campaigns: readonly string[]): Uint8Array {
    return utf8(JSON.stringify({ id, version, campaigns }))
  }

  writeTail(out: ByteWriter, batch: Batch, i: number): void {
    const { columns, text } = batch
    out.reserve(TAIL_BYTES)
    if (batch.batchIdLength > 0) {
      out.raw(BATCH)
      writeText(out, text, batch.batchIdStart, batch.batchIdLength)
      out.raw(INDEX)
    } else out.raw(INDEX_ONLY)
    writeInteger(out, i)
    const refLength = columns.refLength[i] as number
    if (refLength > 0) {
      out.raw(REF)
      writeText(out, text, columns.refStart[i] as number, refLength)
    }
    out.byte(END)
  }

  #writeLocation(out: ByteWriter, batch: Batch, i: number): void {
    const { columns } = batch
    const accuracyDm = columns.accuracyDm[i] as number
    if (accuracyDm !== UNKNOWN) {
      out.raw(ACCURACY)
      writeDecimal(out, accuracyDm, 1)
    }
    if (this.#coordinates === 'none') return
    const isExact = this.#coordinates === 'exact'
    const latE7 = columns.latE7[i] as number
    const lonE7 = columns.lonE7[i] as number
    out.raw(LAT)
    if (isExact) writeDecimal(out, latE7, 7)
    else writeDecimal(out, hundredths(latE7), 2)
    out.raw(LON)
    if (isExact) writeDecimal(out, lonE7, 7)
    else writeDecimal(out, hundredths(lonE7), 2)
  }
}

function writeBeacon(out: ByteWriter, batch: Batch, i: number): void {
  const { columns } = batch
  const kind = columns.beaconKind[i] as number
  const id = columns.beaconId
  const at = i * LIMITS.beaconIdBytes
  out.raw(BEACON_HEADS[kind] as Uint8Array)
  if (kind === IBEACON) {
    writeUuid(out, id, at)
    out.raw(MAJOR)
    writeInteger(out, ((id[at + 16] as number) << 8) | (id[at + 17] as number))
    out.raw(MINOR)
    writeInteger(out, ((id[at + 18] as number) << 8) | (id[at + 19] as number))
  } else {
    if (kind === EDDYSTONE_UID) {
      writeHex(out, id, at, 10)
      out.raw(INSTANCE)
      writeHex(out, id, at + 10, 6)
    } else writeHex(out, id, at, BEACON_ID_BYTES[kind] as number)
    out.byte(QUOTE)
  }
  const rssi = columns.rssi[i] as number
  if (rssi !== UNKNOWN) {
    out.raw(RSSI)
    writeInteger(out, rssi)
  }
  out.byte(END)
}
