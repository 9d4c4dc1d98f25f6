// What the event encoder asks of an encoding: an event is a head, its fences, a tail.
import type { Batch, FenceFacts } from '@fencepost/model'
import type { ByteWriter } from './byte-writer.ts'

/**
 * How coordinates leave in events: not at all, to two decimals (about a kilometre), or to seven. Accuracy and beacons leave in
 * every mode.
 */
export type Coordinates = 'none' | 'coarse' | 'exact'

export interface EventWriter {
  /** Stands between two fences. */
  readonly separator: Uint8Array
  /** What the events of a batch share. */
  startBatch(tenant: string, pseudonym: string, receivedMs: number): void
  /** Everything before the first fence. The id lies at `idOffset` of `ids`. */
  writeHead(out: ByteWriter, batch: Batch, i: number, ids: Uint8Array, idOffset: number, fences: number): void
  /** One item of `fences`, with the ids of its campaigns; kept for the next hit. */
  fence(fence: FenceFacts, campaigns: readonly string[]): Uint8Array
  /** Everything behind the last fence. */
  writeTail(out: ByteWriter, batch: Batch, i: number): void
}

/** Room for the head besides the tenant and the pseudonym, and for the tail: two strings of 64 bytes, each byte an escape. */
export const HEAD_BYTES = 512
export const TAIL_BYTES = 1024

/** Hundredths of a degree, half away from the south and west. Never -0. */
export function hundredths(e7: number): number {
  return Math.round(e7 / 1e5) | 0
}
