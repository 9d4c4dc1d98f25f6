// Bounds of one campaign. CAMPAIGN_FAULTS and the schema repeat the numbers; tests keep the three in step.

/** Lengths are in bytes of UTF-8. */
export const CAMPAIGN_LIMITS = {
  idBytes: 128,
  tenantBytes: 64,
  nameBytes: 256,
  fences: 1_000, // beyond that a tag says it better
  fenceIdBytes: 128,
  tags: 64,
  tagBytes: 64,
  slots: 24,
  dwells: 8,
  dwellS: 604_800,
  capMax: 100, // a device's record keeps up to two entries for each
  capWindowS: 2_678_400, // 31 days; a record must outlive the window
  timeZoneBytes: 64,
  instantMs: 253_402_300_799_999, // the end of the year 9999, the last that RFC 3339 can write
} as const

/** Campaigns that one fence names at most; further ones, by id, are left out and counted. */
export const CAMPAIGNS_PER_FENCE = 256
