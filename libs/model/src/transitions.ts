// What happens between a device and a fence: made by libs/presence, published by libs/wire.

export type TransitionKind = 'enter' | 'dwell' | 'exit'

/** Why a visit ended other than by a ping outside. */
export type ExitReason = 'silent' | 'fence_removed' | 'fence_expired'

export interface Transition {
  readonly kind: TransitionKind
  readonly reason: ExitReason | null
  /** Id and version of the fence. */
  readonly fence: string
  readonly version: number
  /** Ids of the campaigns that it names. */
  readonly campaigns: readonly string[]
  /** Number of the visit. */
  readonly visit: number
  /** Epoch ms by the server's clock, and by the phone's. */
  readonly at: number
  readonly observed: number
  /** Of a dwell: after how many seconds. */
  readonly dwellS: number | null
  /** Of a dwell and an exit: observed time of the enter. */
  readonly since: number | null
  /** EVENT_ID_BYTES. */
  readonly id: Uint8Array
}
