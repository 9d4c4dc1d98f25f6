// Time zones as spans of constant offset, found through Intl once and kept: a look-up in the same span is two comparisons.

/** The largest instant that a Date or Intl takes, epoch ms (ECMA-262, Time Values). */
export const MAX_INSTANT_MS = 8.64e15
const DAY_MS = 86_400_000
/** Spans are found for so long at once: 64 samples, about 50 µs. */
const BLOCK_MS = 64 * DAY_MS
/** Two changes within a day that cancel each other would be missed. The closest in the tz database are four days apart. */
const STEP_MS = DAY_MS
/** 64 days each: eleven years for one zone. */
export const MAX_BLOCKS = 64
/** The tz database has about 600 names; Intl takes them in any case of letters, so the bound is ours. About 30 kB each. */
export const MAX_ZONES = 1_024

/** Names with an area and a place, and UTC. What has neither, as EST or IST, means different things to different people. */
export const TIME_ZONE_NAME =
  /^(?:UTC|(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)\/[A-Za-z0-9_+/-]+)$/

interface Block {
  /** First instant of each span, epoch ms, ascending. */
  readonly starts: Float64Array
  readonly offsets: Float64Array
  readonly end: number
}

/** One time zone. After `seek(at)`: `from <= at < until`, and all through it local time = instant + `offsetMs`. */
export class Zone {
  from = 0
  until = 0
  offsetMs = 0
  readonly name: string
  readonly #format: Intl.DateTimeFormat
  readonly #blocks = new Map<number, Block>()

  /** Throws a RangeError for a name that Intl does not know. */
  constructor(name: string) {
    this.name = name
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
  }

  /** Blocks of spans that are kept. */
  get blocks(): number {
    return this.#blocks.size
  }

  /** Moves to the span of an instant within ±MAX_INSTANT_MS. */
  seek(at: number): void {
    if (at >= this.from && at < this.until) return
    const block = this.#blockOf(Math.floor(at / BLOCK_MS))
    const { starts, offsets } = block
    let span = starts.length - 1
    while (span > 0 && (starts[span] as number) > at) span--
    this.from = starts[span] as number
    this.until = span + 1 < starts.length ? (starts[span + 1] as number) : block.end
    this.offsetMs = offsets[span] as number
  }

  #blockOf(index: number): Block {
    const known = this.#blocks.get(index)
    if (known !== undefined) return known
    if (this.#blocks.size >= MAX_BLOCKS) this.#blocks.clear()
    const block = this.#readBlock(index)
    this.#blocks.set(index, block)
    return block
  }

  #readBlock(index: number): Block {
    const end = (index + 1) * BLOCK_MS
    let at = index * BLOCK_MS
    let offset = this.#offsetAt(at)
    const starts = [at]
    const offsets = [offset]
    while (at < end) {
      const next = Math.min(at + STEP_MS, end)
      if (this.#offsetAt(next) === offset) {
        at = next
        continue
      }
      at = this.#changeBetween(at, next, offset)
      if (at === end) break
      offset = this.#offsetAt(at)
      starts.push(at)
      offsets.push(offset)
    }
    return { starts: Float64Array.from(starts), offsets: Float64Array.from(offsets), end }
  }

  /** The first instant after `low` with another offset. Zones change at whole seconds, and so are both ends. */
  #changeBetween(low: number, high: number, offset: number): number {
    let before = low
    let after = high
    while (after - before > 1000) {
      const middle = before + Math.floor((after - before) / 2000) * 1000
      if (this.#offsetAt(middle) === offset) before = middle
      else after = middle
    }
    return after
  }

  #offsetAt(at: number): number {
    const text = this.#format.format(Math.max(-MAX_INSTANT_MS, Math.min(MAX_INSTANT_MS, at)))
    return readOffset(text.slice(text.lastIndexOf('GMT') + 3))
  }
}

/** `+05:45`, `-00:16:08`, or nothing at all, in milliseconds. */
function readOffset(text: string): number {
  if (text === '') return 0
  const seconds =
    Number(text.slice(1, 3)) * 3600 + Number(text.slice(4, 6)) * 60 + (text.length > 6 ? Number(text.slice(7, 9)) : 0)
  return (text.startsWith('+') ? seconds : -seconds) * 1000
}

const zones = new Map<string, Zone>()

/** The zone of that name, shared by all who ask, or null where the name is not one that a campaign may use. */
export function zoneOf(name: string): Zone | null {
  const known = zones.get(name)
  if (known !== undefined) return known
  if (!TIME_ZONE_NAME.test(name)) return null
  try {
    const zone = new Zone(name)
    if (zones.size >= MAX_ZONES) zones.clear()
    zones.set(name, zone)
    return zone
  } catch {
    return null // Intl refuses the name
  }
}
