// Reads JSON byte by byte without building anything: is it JSON so far, and where does a value begin and end? Takes a text in any
// pieces, keeps a bit for each open bracket and nothing of the text, and refuses what JSON.parse refuses.

/** What `scan` stopped for. */
export const MORE = 0
/** The first byte of a value, or of a key, was taken: it is the one before the offset returned. */
export const BEGIN = 1
/** A value or a key ends before the offset returned. */
export const END = 2
/** The byte at the offset returned cannot stand there. */
export const FAULT = 3
/** The byte at the offset returned opens one bracket too many. */
export const TOO_DEEP = 4

// What may come next.
const VALUE = 0
const FIRST_ITEM = 1
const FIRST_KEY = 2
const KEY = 3
const COLON = 4
const COMMA = 5
const DONE = 6
const STRING = 7
const ESCAPE = 8
const HEX = 9
const LITERAL = 10
// Inside a number: what stands before.
const MINUS = 11
const ZERO = 12
const INTEGER = 13
const POINT = 14
const FRACTION = 15
const EXPONENT = 16
const SIGN = 17
const POWER = 18

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA_MARK = 0x2c
const COLON_MARK = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const HYPHEN = 0x2d
const PLUS = 0x2b
const POINT_MARK = 0x2e
const EXPONENT_MARK = 0x65
const DIGIT_0 = 0x30
const HEX_ESCAPE = 0x75
const ESCAPES = new TextEncoder().encode('"\\/bfnrtu')
const LITERALS: ReadonlyMap<number, Uint8Array> = new Map(
  ['true', 'false', 'null'].map((word) => [word.charCodeAt(0), new TextEncoder().encode(word)]),
)
const NO_LITERAL = new Uint8Array(0)

export class JsonScanner {
  /** Why the last `scan` returned. */
  event = MORE
  /** At BEGIN and END: how many brackets the value or key stands in. */
  level = 0
  /** At BEGIN and END: is it a key? */
  isKey = false
  /** BEGIN and END are told of values and keys that stand in at most so many brackets; the rest is read over. */
  watch = 0
  readonly #maxDepth: number
  /** What the open brackets are, outermost first: 1 = an object. */
  readonly #isObject: Uint8Array
  #depth = 0
  #state = VALUE
  #literal: Uint8Array = NO_LITERAL
  /** Bytes of the literal, or hex digits of the escape, that are behind. */
  #count = 0

  /** @param maxDepth brackets that may be open at once */
  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth
    this.#isObject = new Uint8Array(maxDepth)
  }

  /** Makes ready for another text. */
  reset(): void {
    this.isKey = false
    this.#depth = 0
    this.#state = VALUE
  }

  /**
   * Reads on from `from` to the end of `bytes` or to what is worth telling, whichever is first; `event` says which. Returns the
   * offset to go on from. After FAULT or TOO_DEEP nothing more can be read.
   */
  scan(bytes: Uint8Array, from: number): number {
    const end = bytes.length
    let at = from
    this.event = MORE
    while (at < end) {
      const byte = bytes[at] as number
      const state = this.#state
      switch (state) {
        case STRING:
          at = endOfPlain(bytes, at)
          if (at === end) return end
          if (bytes[at] === BACKSLASH) this.#state = ESCAPE
          else if (bytes[at] !== QUOTE) return this.#fault(at)
          else if (this.#ended(this.isKey ? COLON : COMMA)) return at + 1
          at++
          break
        case ESCAPE:
          if (!ESCAPES.includes(byte)) return this.#fault(at)
          this.#state = byte === HEX_ESCAPE ? HEX : STRING
          this.#count = 0
          at++
          break
        case HEX:
          if (!isHex(byte)) return this.#fault(at)
          if (++this.#count === 4) this.#state = STRING
          at++
          break
        case LITERAL:
          if (byte !== this.#literal[this.#count]) return this.#fault(at)
          at++
          if (++this.#count === this.#literal.length && this.#ended(COMMA)) return at
          break
        case INTEGER:
        case FRACTION:
        case POWER:
          at = endOfDigits(bytes, at)
          if (at === end) return end
          this.#state = afterDigits(state, bytes[at] as number)
          if (this.#state !== state) at++
          else if (this.#ended(COMMA)) return at
          break
        case ZERO:
          this.#state = afterDigits(INTEGER, byte)
          if (this.#state !== INTEGER) at++
          else if (this.#ended(COMMA)) return at
          break
        case MINUS:
        case POINT:
        case EXPONENT:
        case SIGN:
          this.#state = beforeDigits(state, byte)
          if (this.#state === state) return this.#fault(at)
          at++
          break
        default:
          if (!isSpace(byte)) {
            this.#takeMark(byte)
            if (this.event >= FAULT) return at
            if (this.event !== MORE) return at + 1
          }
          at++
      }
    }
    return end
  }

  #fault(at: number): number {
    this.event = FAULT
    return at
  }

  /** A value or key is complete. True if that is to be told. */
  #ended(next: typeof COMMA | typeof COLON): boolean {
    this.#state = this.#depth === 0 ? DONE : next
    return this.#tell(END, this.#depth)
  }

  #tell(event: typeof BEGIN | typeof END, level: number): boolean {
    if (level > this.watch) return false
    this.event = event
    this.level = level
    return true
  }

  /** One byte between values: a bracket, a comma, a colon, or the first of a value or key. */
  #takeMark(byte: number): void {
    const state = this.#state
    if (state === COMMA && byte === COMMA_MARK) this.#state = this.#isObject[this.#depth - 1] === 1 ? KEY : VALUE
    else if (state === COLON && byte === COLON_MARK) this.#state = VALUE
    else if ((state === COMMA || state === FIRST_KEY) && byte === CLOSE_OBJECT) this.#close(1)
    else if ((state === COMMA || state === FIRST_ITEM) && byte === CLOSE_ARRAY) this.#close(0)
    else if ((state === KEY || state === FIRST_KEY) && byte === QUOTE) this.#beginKey()
    else if (state === VALUE || state === FIRST_ITEM) this.#begin(byte)
    else this.event = FAULT
  }

  #beginKey(): void {
    this.isKey = true
    this.#state = STRING
    this.#tell(BEGIN, this.#depth)
  }

  #begin(byte: number): void {
    const level = this.#depth
    if (byte === QUOTE) this.#state = STRING
    else if (byte === HYPHEN) this.#state = MINUS
    else if (byte === DIGIT_0) this.#state = ZERO
    else if (isDigit(byte)) this.#state = INTEGER
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) this.#open(byte)
    else this.#beginLiteral(byte)
    this.isKey = false
    if (this.event === MORE) this.#tell(BEGIN, level)
  }

  #beginLiteral(byte: number): void {
    const literal = LITERALS.get(byte)
    if (literal === undefined) {
      this.event = FAULT
      return
    }
    this.#literal = literal
    this.#count = 1
    this.#state = LITERAL
  }

  #open(byte: number): void {
    if (this.#depth === this.#maxDepth) {
      this.event = TOO_DEEP
      return
    }
    this.#isObject[this.#depth++] = byte === OPEN_OBJECT ? 1 : 0
    this.#state = byte === OPEN_OBJECT ? FIRST_KEY : FIRST_ITEM
  }

  #close(kind: number): void {
    if (this.#isObject[this.#depth - 1] !== kind) {
      this.event = FAULT
      return
    }
    this.#depth--
    this.isKey = false
    this.#ended(COMMA)
  }
}

/** Where the run of bytes that stand for themselves in a string ends. */
function endOfPlain(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length) {
    const byte = bytes[at] as number
    if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) break
    at++
  }
  return at
}

function endOfDigits(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && isDigit(bytes[at] as number)) at++
  return at
}

function isDigit(byte: number): boolean {
  return byte >= DIGIT_0 && byte <= 0x39
}

function isHex(byte: number): boolean {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}

/** The state after a byte behind the digits of a number; the same state where the number is over. */
function afterDigits(state: number, byte: number): number {
  if (byte === POINT_MARK && state === INTEGER) return POINT
  return (byte | 0x20) === EXPONENT_MARK && state !== POWER ? EXPONENT : state
}

/** The state after a byte where a number must go on; the same state where it does not. */
function beforeDigits(state: number, byte: number): number {
  if (state === EXPONENT && (byte === PLUS || byte === HYPHEN)) return SIGN
  if (!isDigit(byte)) return state
  if (state === MINUS) return byte === DIGIT_0 ? ZERO : INTEGER
  return state === POINT ? FRACTION : POWER
}

/** RFC 8259 section 2 knows four. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
