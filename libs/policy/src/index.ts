export { applyConsent } from './consent.ts'
export { GenerationCache } from './generation-cache.ts'
export {
  createIdentities,
  type Identities,
  type Identity,
  type IdentityOptions,
  MIN_KEY_BYTES,
  parseKey,
  pseudonymKeyId,
} from './identity.ts'
