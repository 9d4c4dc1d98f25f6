// Bounds of one fence. FENCE_FAULTS repeats the numbers in its lines; a test keeps the two in step.

/** Lengths are in bytes of UTF-8. */
export const FENCE_LIMITS = {
  idBytes: 128,
  tenantBytes: 64,
  nameBytes: 256,
  tags: 64,
  tagBytes: 64,
  campaigns: 256,
  campaignBytes: 128,
  dwellS: 604_800,
  exitMarginM: 10_000,
  minAccuracyM: 100_000,
  exitAfterS: 86_400,
  radiusM: 1_000_000,
  vertices: 100_000,
  /** Of one feature's JSON; a hundred thousand vertices take some 4 MB. */
  featureBytes: 67_108_864,
  /** Brackets open at once in a text. */
  depth: 256,
} as const
