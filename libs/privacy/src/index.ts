export { createRequestBook, type KnownRequest, newRequestId, REQUESTS_PREFIX, type RequestBook } from './book.ts'
export { consentOf, EXPORT_FORMAT, EXPORT_SCHEMA, heldInRecord } from './document.ts'
export { createHoldings, type Holdings, type HoldingsParts, MAX_EVENTS, type Whom } from './holdings.ts'
export { MAX_LOOKED_AT, type OldestKept, oldestKept } from './oldest.ts'
export { readRegister } from './register.ts'
export {
  decodeRequest,
  encodeRequest,
  LEGAL_DEADLINE_MS,
  newRequest,
  type PrivacyRequest,
  type Proof,
  REQUEST_TYPES,
  type RequestType,
  STEPS,
  type Step,
} from './request.ts'
export { createRunner, type Hands, type Runner, type RunnerCounters } from './runner.ts'
