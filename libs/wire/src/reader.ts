// What a reader of bodies is given: the slots it fills, and whom it tells when a ping's are full.
import type { HeadFields, PingFields } from './fields.ts'

export interface ReaderOptions {
  readonly head: HeadFields
  readonly fields: PingFields
  readonly taker: PingTaker
  readonly maxPings: number
}

export interface PingTaker {
  /** A list of `count` pings follows; it replaces whatever was taken before. `sent` as known by now. */
  takeList(count: number, sent: number): void
  /** The slots hold ping i. */
  takePing(i: number): void
}
