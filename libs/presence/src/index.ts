export { advance } from './advance.ts'
export { type DeviceRecord, decodeRecord, encodeRecord, type FeedPlace } from './record.ts'
export {
  type Advance,
  NOWHERE,
  type Observation,
  PRESENCE_DEFAULTS,
  type PresenceBatch,
  type PresenceRules,
  type PresenceSettings,
  type PresenceState,
  type TransitionIds,
  type Visit,
} from './state.ts'
export { dueAt, SETTLE_MS, sweep } from './sweep.ts'
export type { MoveParts } from './visits.ts'
