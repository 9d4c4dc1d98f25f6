// Match events as msgpack: the same keys in the same order as in JSON. Ids and beacon ids are hex strings here too; degrees
// and metres are doubles, everything else that is a number is an integer.
import {
  type Batch,
  BEACON_KINDS,
  EDDYSTONE_UID,
  EVENT_ID_BYTES,
  type Fence,
  IBEACON,
  LIMITS,
  LOCATION,
  UNKNOWN,
} from '@fencepost/model'
import { ByteWriter, utf8 } from './byte-writer.ts'
import { type Coordinates, type EventWriter, HEAD_BYTES, hundredths, TAIL_BYTES } from './event-writer.ts'
import { writeHex, writeUuid } from './hex.ts'
import { writeArray, writeFloat, writeInteger, writeMap, writeText } from './msgpack-writer.ts'
import { TYPE_WORDS } from './words.ts'

/** v, id, tenant, device, at, observed, received, type, fences and index are in every event. */
const FIXED_KEYS = 10

const V_AND_ID = concat(text('v'), Uint8Array.of(1), text('id'), Uint8Array.of(0xd9, EVENT_ID_BYTES * 2))
const OBSERVED = text('observed')
const ACCURACY = text('accuracy')
const LAT = text('lat')
const LON = text('lon')
const BEACON_KEY = text('beacon')
const KIND_PAIRS = BEACON_KINDS.map((kind) => concat(text('kind'), text(kind)))
const UUID = text('uuid')
const MAJOR = text('major')
const MINOR = text('minor')
const NAMESPACE = text('namespace')
const INSTANCE = text('instance')
const ID = text('id')
const RSSI = text('rssi')
const FENCES = text('fences')
const BATCH = text('batch')
const INDEX = text('index')
const REF = text('ref')

export class MsgpackEvents implements EventWriter {
  readonly separator = new Uint8Array(0)
  readonly #coordinates: Coordinates
  #shared: Uint8Array = this.separator
  #receivedAndType: readonly Uint8Array[] = []

  constructor(coordinates: Coordinates) {
    this.#coordinates = coordinates
  }

  startBatch(tenant: string, pseudonym: string, receivedMs: number): void {
    this.#shared = concat(text('tenant'), text(tenant), text('device'), text(pseudonym), text('at'))
    const received = new ByteWriter(9)
    writeInteger(received, receivedMs)
    this.#receivedAndType = TYPE_WORDS.map((word) =>
      concat(text('received'), received.take(), text('type'), text(word)),
    )
  }

  writeHead(out: ByteWriter, batch: Batch, i: number, ids: Uint8Array, idOffset: number, fences: number): void {
    const { columns } = batch
    const type = columns.type[i] as number
    const isLocation = type === LOCATION
    const hasAccuracy = isLocation && columns.accuracyDm[i] !== UNKNOWN
    const hasCoordinates = isLocation && this.#coordinates !== 'none'
    let keys = FIXED_KEYS
    if (hasAccuracy) keys++
    if (hasCoordinates) keys += 2
    if (!isLocation) keys++
    if (batch.batchIdLength > 0) keys++
    if (columns.refLength[i] !== 0) keys++

    out.reserve(HEAD_BYTES + this.#shared.length)
    writeMap(out, keys)
    out.raw(V_AND_ID)
    writeHex(out, ids, idOffset, EVENT_ID_BYTES)
    out.raw(this.#shared)
    writeInteger(out, columns.at[i] as number)
    out.raw(OBSERVED)
    writeInteger(out, columns.observed[i] as number)
    out.raw(this.#receivedAndType[type] as Uint8Array)
    if (hasAccuracy) {
      out.raw(ACCURACY)
      writeFloat(out, (columns.accuracyDm[i] as number) / 10)
    }
    if (hasCoordinates) {
      const isExact = this.#coordinates === 'exact'
      const latE7 = columns.latE7[i] as number
      const lonE7 = columns.lonE7[i] as number
      out.raw(LAT)
      writeFloat(out, isExact ? latE7 / 1e7 : hundredths(latE7) / 100)
      out.raw(LON)
      writeFloat(out, isExact ? lonE7 / 1e7 : hundredths(lonE7) / 100)
    }
    if (!isLocation) writeBeacon(out, batch, i)
    out.raw(FENCES)
    writeArray(out, fences)
  }

  fence(fence: Fence): Uint8Array {
    const version = new ByteWriter(9)
    writeInteger(version, fence.version)
    const count = new ByteWriter(5)
    writeArray(count, fence.campaigns.length)
    return concat(
      Uint8Array.of(0x83),
      text('id'),
      text(fence.id),
      text('version'),
      version.take(),
      text('campaigns'),
      count.take(),
      ...fence.campaigns.map(text),
    )
  }

  writeTail(out: ByteWriter, batch: Batch, i: number): void {
    const { columns } = batch
    out.reserve(TAIL_BYTES)
    if (batch.batchIdLength > 0) {
      out.raw(BATCH)
      writeText(out, batch.text, batch.batchIdStart, batch.batchIdLength)
    }
    out.raw(INDEX)
    writeInteger(out, i)
    const refLength = columns.refLength[i] as number
    if (refLength > 0) {
      out.raw(REF)
      writeText(out, batch.text, columns.refStart[i] as number, refLength)
    }
  }
}

function writeBeacon(out: ByteWriter, batch: Batch, i: number): void {
  const { columns } = batch
  const kind = columns.beaconKind[i] as number
  const id = columns.beaconId
  const at = i * LIMITS.beaconIdBytes
  const rssi = columns.rssi[i] as number
  const hasRssi = rssi !== UNKNOWN
  const parts = kind === IBEACON ? 3 : kind === EDDYSTONE_UID ? 2 : 1
  out.raw(BEACON_KEY)
  writeMap(out, 1 + parts + (hasRssi ? 1 : 0))
  out.raw(KIND_PAIRS[kind] as Uint8Array)
  if (kind === IBEACON) {
    out.raw(UUID)
    hexHead(out, 36)
    writeUuid(out, id, at)
    out.raw(MAJOR)
    writeInteger(out, ((id[at + 16] as number) << 8) | (id[at + 17] as number))
    out.raw(MINOR)
    writeInteger(out, ((id[at + 18] as number) << 8) | (id[at + 19] as number))
  } else if (kind === EDDYSTONE_UID) {
    out.raw(NAMESPACE)
    hexHead(out, 20)
    writeHex(out, id, at, 10)
    out.raw(INSTANCE)
    hexHead(out, 12)
    writeHex(out, id, at + 10, 6)
  } else {
    out.raw(ID)
    hexHead(out, 40)
    writeHex(out, id, at, 20)
  }
  if (hasRssi) {
    out.raw(RSSI)
    writeInteger(out, rssi)
  }
}

/** The head of a string of hex digits that is written behind it. */
function hexHead(out: ByteWriter, length: number): void {
  if (length < 32) out.byte(0xa0 | length)
  else {
    out.byte(0xd9)
    out.byte(length)
  }
}

function text(word: string): Uint8Array {
  const bytes = utf8(word)
  const out = new ByteWriter(bytes.length + 5)
  writeText(out, bytes, 0, bytes.length)
  return out.take()
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}
