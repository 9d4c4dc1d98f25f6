// What presence counts, in plain integers that are copied when somebody asks.
import type { TransitionKind } from '@fencepost/model'

export class PresenceCounters {
  readonly transitions: Record<TransitionKind, number> = { enter: 0, dwell: 0, exit: 0 }
  /** Pings that moved no presence: late, repeated, or not the first location of their instant. */
  late = 0
  /** Visits not opened because the device has so many open. */
  crowded = 0
  reads = 0
  writes = 0
  /** Compare-and-sets that were lost to another writer. */
  conflicts = 0
  /** Pending transitions that were found and published. */
  repeated = 0
  /** Transitions that a sweep made. */
  swept = 0
  /** Sweeps of a bucket that failed. */
  sweepsFailed = 0
}
