// An index as one block of memory: a header that says where its sections lie, then the sections. It is shared between threads as it is,
// and written to a file as it is.
import { crc32 } from 'node:zlib'

/** Changes whenever a section is laid out anew: a file of another version is not read. */
const FORMAT_VERSION = 4
/** “FNCEPOST” as two words, lowest byte first; a machine of the other byte order reads something else. */
const MAGIC = [0x45434e46, 0x54534f50] as const
const HEADER_BYTES = 4096
/** Words of the header. */
const AT_VERSION = 2
const AT_SECTIONS = 3
const AT_CHECKSUM = 4
const AT_STAMP_BYTES = 5
/** Total bytes, then begin and length of each section in bytes, as doubles from here on. */
const AT_TOTAL = 64
const MAX_SECTIONS = 64
const AT_STAMP = 2048
/** What its owner says of where an index is from: as long as the header has room. */
const MAX_STAMP_BYTES = HEADER_BYTES - AT_STAMP
/** Sections begin where a line of the processor's cache does. */
const ALIGNMENT = 64

/** What goes into a section: its length, and the function that writes it. */
export interface SectionSource {
  readonly bytes: number
  write(target: Uint8Array): void
}

/** The stretch of memory that one section is. */
export interface Section {
  readonly buffer: SharedArrayBuffer
  readonly byteOffset: number
  readonly byteLength: number
}

/** A block that holds the sections in their order. */
export function makeImage(sources: readonly SectionSource[]): SharedArrayBuffer {
  if (sources.length > MAX_SECTIONS) throw new RangeError(`an index has at most ${MAX_SECTIONS} sections`)
  const starts: number[] = []
  let end = HEADER_BYTES
  for (const { bytes } of sources) {
    starts.push(end)
    end += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
  }
  const image = new SharedArrayBuffer(end)
  const words = new Uint32Array(image, 0, HEADER_BYTES / 4)
  words.set(MAGIC)
  words[AT_VERSION] = FORMAT_VERSION
  words[AT_SECTIONS] = sources.length
  const places = new Float64Array(image, AT_TOTAL, 1 + 2 * MAX_SECTIONS)
  places[0] = end
  sources.forEach(({ bytes, write }, i) => {
    places[1 + 2 * i] = starts[i]
    places[2 + 2 * i] = bytes
    write(new Uint8Array(image, starts[i], bytes))
  })
  return image
}

/** The sections of an image that `makeImage` made or `checkImage` has passed. */
export function sectionsOf(image: SharedArrayBuffer): readonly Section[] {
  const count = new Uint32Array(image, 0, HEADER_BYTES / 4)[AT_SECTIONS]
  const places = new Float64Array(image, AT_TOTAL, 1 + 2 * MAX_SECTIONS)
  return Array.from({ length: count }, (_, i) => ({
    buffer: image,
    byteOffset: places[1 + 2 * i],
    byteLength: places[2 + 2 * i],
  }))
}

/**
 * Makes an image ready for a file: notes in its header where it is from, and its checksum.
 *
 * @throws RangeError for a stamp of more than 2,048 bytes
 */
export function sealImage(image: SharedArrayBuffer, stamp: string): void {
  const bytes = Buffer.from(stamp)
  if (bytes.length > MAX_STAMP_BYTES) throw new RangeError(`a stamp has at most ${MAX_STAMP_BYTES} bytes`)
  const words = new Uint32Array(image, 0, HEADER_BYTES / 4)
  const room = new Uint8Array(image, AT_STAMP, MAX_STAMP_BYTES)
  room.fill(0)
  room.set(bytes)
  words[AT_STAMP_BYTES] = bytes.length
  words[AT_CHECKSUM] = checksumOf(image)
}

/** What `sealImage` was told; empty before. */
export function stampOf(image: SharedArrayBuffer): string {
  const length = new Uint32Array(image, 0, HEADER_BYTES / 4)[AT_STAMP_BYTES]
  return Buffer.from(new Uint8Array(image, AT_STAMP, Math.min(length, MAX_STAMP_BYTES)).slice()).toString()
}

/**
 * Is the block an image that this version sealed, whole and unchanged? Null, or what is wrong with it. To be asked of everything that was
 * read from a file.
 */
export function faultOfImage(image: SharedArrayBuffer): string | null {
  if (image.byteLength < HEADER_BYTES) return `has ${image.byteLength} bytes, fewer than its header`
  const words = new Uint32Array(image, 0, HEADER_BYTES / 4)
  if (words[0] !== MAGIC[0] || words[1] !== MAGIC[1]) return 'is not a fence index of this byte order'
  if (words[AT_VERSION] !== FORMAT_VERSION) return `has format ${words[AT_VERSION]}, expected ${FORMAT_VERSION}`
  const total = new Float64Array(image, AT_TOTAL, 1)[0]
  if (total !== image.byteLength) return `has ${image.byteLength} bytes, expected ${total}`
  const checksum = checksumOf(image)
  return checksum === words[AT_CHECKSUM] ? null : `has checksum ${checksum}, expected ${words[AT_CHECKSUM]}`
}

/** Over all of it but the checksum itself. */
function checksumOf(image: SharedArrayBuffer): number {
  const before = new Uint8Array(image, 0, 4 * AT_CHECKSUM)
  const after = new Uint8Array(image, 4 * AT_CHECKSUM + 4)
  return crc32(after, crc32(before))
}

/** A section that is a copy of an array. */
export function arraySource(
  array: Uint8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float64Array,
): SectionSource {
  return {
    bytes: array.byteLength,
    write(target) {
      target.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    },
  }
}

export function bytesOf({ buffer, byteOffset, byteLength }: Section): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

export function doublesOf({ buffer, byteOffset, byteLength }: Section): Float64Array {
  return new Float64Array(buffer, byteOffset, byteLength / 8)
}

export function wordsOf({ buffer, byteOffset, byteLength }: Section): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength / 4)
}
