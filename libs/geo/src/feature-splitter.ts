// A GeoJSON text in chunks to its features, one by one: the text is never held whole, and whatever its size no more than one
// feature is. Takes a FeatureCollection, a Feature, or Features in lines or behind record separators (RFC 8142).
import { Capture } from './capture.ts'
import { FenceError, type FenceFault } from './faults.ts'
import { BEGIN, END, FAULT, isSpace, JsonScanner, TOO_DEEP } from './json-scanner.ts'
import { FENCE_LIMITS } from './limits.ts'

/** Where the features go. Positions count from 0 and leave out none. */
export interface FeatureSink {
  /** Any JSON value that stands where a feature should. */
  feature(value: unknown, position: number): void
  /** One that has more than `FENCE_LIMITS.featureBytes` was read over. */
  oversized(position: number): void
}

export interface FeatureSplitter {
  /**
   * Reads a chunk, which may be cut anywhere and is free for other use afterwards.
   *
   * @throws FenceError `not_json`, `too_deep` or `bad_collection`, with the place; nothing more can be read then
   */
  push(chunk: Uint8Array): void
  /**
   * The text is complete.
   *
   * @throws FenceError `truncated` or `bad_collection`, with the place
   */
  finish(): void
  /** Features found so far. */
  readonly features: number
}

export interface SplitterOptions {
  /** Bytes of one feature; more only for tests. */
  readonly maxFeatureBytes?: number
  /** Brackets open at once. */
  readonly maxDepth?: number
}

/** `"FeatureCollection"` with every letter escaped has 104 bytes; no longer key or type is of interest. */
const WORD_BYTES = 128
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf)
const RECORD_SEPARATOR = 0x1e
const LINE_FEED = 0x0a
const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b
const QUOTE = 0x22

/** Brackets round a member of the first value, and round an item of its `features`. */
const IN_FIRST = 1
const IN_FEATURES = 2

/**
 * Splits what is pushed into it. Takes and refuses what `JSON.parse` would, but for a byte order mark, which may stand before
 * everything; two members `features` in one collection and `features` in a Feature, which RFC 7946 section 7.1 forbids; and what is beyond
 * the limits. Members of a collection may come in any order, and those that mean nothing here may have any size. Which values are features is
 * told before the end of the text is known to be good: whoever takes them must be ready to forget them.
 */
export function createFeatureSplitter(sink: FeatureSink, options: SplitterOptions = {}): FeatureSplitter {
  return new Splitter(sink, options)
}

class Splitter implements FeatureSplitter {
  features = 0
  readonly #sink: FeatureSink
  readonly #scanner: JsonScanner
  /** The feature at hand, or the first value as long as it may be one. */
  readonly #record: Capture
  /** A key or the type of the first value. */
  readonly #word = new Capture(WORD_BYTES)
  /** Bytes of the chunks before the one at hand. */
  #behind = 0
  #markBytes = 0
  /** No value is open. */
  #between = true
  /** A line feed or record separator stands behind the last value. */
  #separated = false
  /** What the first value is; it decides what the text is. */
  #first: 'none' | 'open' | 'Feature' | 'FeatureCollection' = 'none'
  #key = ''
  #type = ''
  /** Has the first value a member `features`, and is that an array? */
  #list: 'none' | 'array' | 'other' = 'none'

  constructor(sink: FeatureSink, options: SplitterOptions) {
    const { maxFeatureBytes = FENCE_LIMITS.featureBytes, maxDepth = FENCE_LIMITS.depth } = options
    this.#sink = sink
    this.#scanner = new JsonScanner(maxDepth)
    this.#record = new Capture(maxFeatureBytes)
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let at = 0
    while (at < bytes.length) at = this.#between ? this.#skip(bytes, at) : this.#read(bytes, at)
    this.#record.carry(bytes)
    this.#word.carry(bytes)
    this.#behind += bytes.length
  }

  finish(): void {
    if (!this.#between || this.#first === 'none') throw this.#fault('truncated', 0)
  }

  /** Reads what stands between values, to the first byte of the next. */
  #skip(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (this.#markBytes === this.#behind + at && byte === BYTE_ORDER_MARK[this.#markBytes]) {
        this.#markBytes++
        continue
      }
      if (this.#markBytes % BYTE_ORDER_MARK.length !== 0) throw this.#fault('not_json', at)
      if (byte === LINE_FEED || byte === RECORD_SEPARATOR) this.#separated = true
      else if (!isSpace(byte)) {
        this.#beginText(at)
        return at
      }
    }
    return bytes.length
  }

  #beginText(at: number): void {
    const scanner = this.#scanner
    if (this.#first === 'none') {
      this.#first = 'open'
      scanner.watch = IN_FIRST
    } else {
      if (this.#first === 'FeatureCollection' || !this.#separated) throw this.#fault('not_json', at)
      scanner.reset()
      scanner.watch = 0
    }
    this.#between = false
  }

  #read(bytes: Buffer, from: number): number {
    const scanner = this.#scanner
    const at = scanner.scan(bytes, from)
    switch (scanner.event) {
      case BEGIN:
        this.#begin(bytes, at - 1)
        break
      case END:
        this.#end(bytes, at)
        break
      case FAULT:
        throw this.#fault('not_json', at)
      case TOO_DEEP:
        throw this.#fault('too_deep', at)
    }
    return at
  }

  #begin(bytes: Buffer, at: number): void {
    const { level, isKey } = this.#scanner
    if (level !== IN_FIRST) {
      if (this.#first === 'open' && level === 0 && bytes[at] !== OPEN_OBJECT) throw this.#fault('bad_collection', at)
      this.#record.begin(at)
    } else if (isKey) this.#word.begin(at)
    else if (this.#key === 'type') {
      this.#type = ''
      if (bytes[at] === QUOTE) this.#word.begin(at)
    } else if (this.#key === 'features') this.#beginFeatures(bytes, at)
  }

  #beginFeatures(bytes: Buffer, at: number): void {
    if (this.#list !== 'none') throw this.#fault('bad_collection', at, 'a second member "features"')
    this.#list = bytes[at] === OPEN_ARRAY ? 'array' : 'other'
    if (this.#list === 'other') return
    this.#record.drop()
    this.#scanner.watch = IN_FEATURES
  }

  #end(bytes: Buffer, at: number): void {
    const { level, isKey } = this.#scanner
    if (level === 0) this.#endText(bytes, at)
    else if (level === IN_FEATURES) this.#emit(bytes, at)
    else if (isKey) this.#key = wordOf(this.#word.end(bytes, at))
    else if (this.#key === 'type' && this.#word.isOpen) this.#type = wordOf(this.#word.end(bytes, at))
    else if (this.#key === 'features') this.#scanner.watch = IN_FIRST
  }

  #endText(bytes: Buffer, at: number): void {
    if (this.#first !== 'open') this.#emit(bytes, at)
    else {
      if (this.#type === 'FeatureCollection' && this.#list === 'array') this.#first = this.#type
      else if (this.#type === 'Feature' && this.#list !== 'array') {
        this.#first = this.#type
        this.#emit(bytes, at)
      } else throw this.#fault('bad_collection', at, this.#type === 'Feature' ? 'a Feature with "features"' : undefined)
    }
    this.#between = true
    this.#separated = false
  }

  #emit(bytes: Buffer, at: number): void {
    const text = this.#record.end(bytes, at)
    const position = this.features++
    if (text === null) this.#sink.oversized(position)
    else this.#sink.feature(JSON.parse(text), position)
  }

  #fault(code: FenceFault, at: number, detail?: string): FenceError {
    const place = `${this.#feature()}byte ${this.#behind + at}`
    return new FenceError(code, detail === undefined ? { place } : { place, detail })
  }

  /** Which feature a fault is in, as far as that can be told. */
  #feature(): string {
    const isOpen = this.#first === 'open' ? this.#scanner.watch === IN_FEATURES : !this.#between
    if (isOpen && this.#record.isOpen) return `feature ${this.features}, `
    return this.features > 0 ? `after feature ${this.features - 1}, ` : ''
  }
}

/** A key or type as JSON has it. What is too long is none that matters. */
function wordOf(text: string | null): string {
  return text === null ? '' : (JSON.parse(text) as string)
}
