export {
  DEFAULT_RULES,
  isGiven,
  isMinor,
  type Permission,
  PING_POLICY,
  type PingPolicy,
  PURPOSES,
  type Purpose,
  type Purposes,
  permitted,
  permittedByBatch,
  type Refusal,
  refuseAll,
  type TenantRules,
} from './consent.ts'
export { GenerationCache } from './generation-cache.ts'
export {
  createIdentities,
  type Identities,
  type Identity,
  type IdentityOptions,
  MIN_KEY_BYTES,
  parseKey,
  parseKeys,
  pseudonymKeyId,
} from './identity.ts'
export {
  BASES,
  CATEGORIES,
  type Category,
  INVENTORY,
  type InventoryEntry,
  inventoried,
  inventoryJson,
  inventoryMarkdown,
  PLACES,
  type Place,
} from './inventory.ts'
export { type PageFacts, privacyPage } from './page.ts'
export {
  type Choice,
  choose,
  type Evidence,
  type FoundInRecord,
  isOfUse,
  MAX_EVIDENCE,
  mayKeepPresence,
  NO_CHOICE,
  NO_PURPOSES,
  objectToMarketing,
  type PackedPrivacy,
  type PrivacyState,
  packPrivacy,
  type Speaker,
  type Suppression,
  type SuppressionReason,
  suppress,
  unpackPrivacy,
  withdraw,
} from './privacy-state.ts'
export { disclosureOf, type RecipientEntry, readRecipient, readRecipients } from './recipients.ts'
export { type RetentionRow, type RetentionSettings, retentionTable, spanText } from './retention.ts'
export { MAX_SUBJECT_HEADER_MS, signSubject, subjectSecret, verifySubject } from './subject-header.ts'
