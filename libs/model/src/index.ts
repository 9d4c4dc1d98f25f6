export { type Campaign, type Cap, DAYS, type Day, type Slot, type Triggers } from './campaigns.ts'
export {
  ALTBEACON,
  Batch,
  BEACON,
  BEACON_ID_BYTES,
  BEACON_KINDS,
  type BeaconKind,
  EDDYSTONE_UID,
  IBEACON,
  LOCATION,
  PingColumns,
  UNKNOWN,
} from './columns.ts'
export type {
  BeaconShape,
  Border,
  CircleShape,
  Fence,
  FenceFacts,
  Polygon,
  PolygonShape,
  Shape,
} from './fences.ts'
export { Histogram, LATENCY_BUCKETS_S } from './histogram.ts'
export { DEFAULT_LIMITS, LIMITS } from './limits.ts'
export {
  BatchHits,
  type Clock,
  type EventSink,
  type FenceIndex,
  type Logger,
  type MatchStep,
  PRESENCE_BUCKETS,
  type PresenceStore,
  presenceBucket,
  type RecordToStore,
  SinkError,
  SlotList,
  StoreError,
  silentLogger,
  VERSION_LENGTH,
  type VersionedRecord,
  type WriteOutcome,
} from './ports.ts'
export {
  PING_REASON_CODES,
  PING_REASONS,
  type PingReason,
  pingReasonCode,
  REASONS,
  REQUEST_REASONS,
  type Reason,
  type RequestReason,
} from './reasons.ts'
export {
  type ContentType,
  EVENT_ID_BYTES,
  EVENT_SOURCE,
  EVENT_TYPES,
  RECORD_OVERHEAD_BYTES,
  type RecordBatch,
  recordBatchBytes,
  recordHeaders,
  recordId,
  recordValue,
  type StoredRecord,
  TOPICS,
  type Topic,
} from './records.ts'
export type { ExitReason, Transition, TransitionKind } from './transitions.ts'
