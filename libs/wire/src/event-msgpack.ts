// Match events as msgpack: the same keys in the same order as in JSON. Ids and beacon ids are hex strings here too; degrees
// and metres are doubles, everything else that is a number is an integer.
import {
  type Batch,
  BEACON_KINDS,
  EDDYSTONE_UID,
  EVENT_ID_BYTES,
  type FenceFacts,
  IBEACON,
  LIMITS,
  LOCATION,
  UNKNOWN,
} from '@fencepost/model'
import { ByteWriter } from './byte-writer.ts'
import { type Coordinates, type EventWriter, HEAD_BYTES, hundredths, TAIL_BYTES } from './event-writer.ts'
import { writeHex, writeUuid } from './hex.ts'
import {
  textValue,
  writeArray,
  writeFloat,
  writeInteger,
  writeMap,
  writeText,
  writeTextHead,
} from './msgpack-writer.ts'
import { TYPE_WORDS } from './words.ts'

/** v, id, tenant, device, at, observed, received, type, fences and index are in every event. */
const FIXED_KEYS = 10

const V_AND_ID = concat(textValue('v'), Uint8Array.of(1), textValue('id'), Uint8Array.of(0xd9, EVENT_ID_BYTES * 2))
const TENANT = textValue('tenant')
const DEVICE = textValue('device')
const AT = textValue('at')
const RECEIVED = textValue('received')
const TYPES = TYPE_WORDS.map((word) => concat(textValue('type'), textValue(word)))
const OBSERVED = textValue('observed')
const ACCURACY = textValue('accuracy')
const LAT = textValue('lat')
const LON = textValue('lon')
const BEACON_KEY = textValue('beacon')
const KIND_PAIRS = BEACON_KINDS.map((kind) => concat(textValue('kind'), textValue(kind)))
const UUID = textValue('uuid')
const MAJOR = textValue('major')
const MINOR = textValue('minor')
const NAMESPACE = textValue('namespace')
const INSTANCE = textValue('instance')
const ID = textValue('id')
const RSSI = textValue('rssi')
const FENCES = textValue('fences')
const BATCH = textValue('batch')
const INDEX = textValue('index')
const REF = textValue('ref')

export class MsgpackEvents implements EventWriter {
  readonly separator = new Uint8Array(0)
  readonly #coordinates: Coordinates
  readonly #head = new ByteWriter(256)
  readonly #received = new ByteWriter(9)
  /** From behind the id to the value of `at`. */
  #shared: Uint8Array = this.separator

  constructor(coordinates: Coordinates) {
    this.#coordinates = coordinates
  }

  startBatch(tenant: string, pseudonym: string, receivedMs: number): void {
    const head = this.#head
    head.length = 0
    append(head, TENANT)
    append(head, textValue(tenant))
    append(head, DEVICE)
    append(head, textValue(pseudonym))
    append(head, AT)
    this.#shared = head.take()
    this.#received.length = 0
    writeInteger(this.#received, receivedMs)
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
    out.raw(RECEIVED)
    out.copy(this.#received.bytes, 0, this.#received.length)
    out.raw(TYPES[type] as Uint8Array)
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

  fence(fence: FenceFacts, campaigns: readonly string[]): Uint8Array {
    const version = new ByteWriter(9)
    writeInteger(version, fence.version)
    const count = new ByteWriter(5)
    writeArray(count, campaigns.length)
    return concat(
      Uint8Array.of(0x83),
      textValue('id'),
      textValue(fence.id),
      textValue('version'),
      version.take(),
      textValue('campaigns'),
      count.take(),
      ...campaigns.map(textValue),
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
    writeTextHead(out, 36)
    writeUuid(out, id, at)
    out.raw(MAJOR)
    writeInteger(out, ((id[at + 16] as number) << 8) | (id[at + 17] as number))
    out.raw(MINOR)
    writeInteger(out, ((id[at + 18] as number) << 8) | (id[at + 19] as number))
  } else if (kind === EDDYSTONE_UID) {
    out.raw(NAMESPACE)
    writeTextHead(out, 20)
    writeHex(out, id, at, 10)
    out.raw(INSTANCE)
    writeTextHead(out, 12)
    writeHex(out, id, at + 10, 6)
  } else {
    out.raw(ID)
    writeTextHead(out, 40)
    writeHex(out, id, at, 20)
  }
  if (hasRssi) {
    out.raw(RSSI)
    writeInteger(out, rssi)
  }
}

function append(out: ByteWriter, part: Uint8Array): void {
  out.reserve(part.length)
  out.raw(part)
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}
