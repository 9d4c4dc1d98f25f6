export { CampaignBook, FenceCampaigns, type RunningCampaign } from './campaign-book.ts'
export {
  type CampaignAddress,
  type CampaignReading,
  campaignJson,
  campaignVersion,
  readCampaign,
} from './campaign-door.ts'
export { CAMPAIGN_FAULTS, type CampaignFault, type CampaignProblem, MAX_CAMPAIGN_PROBLEMS } from './campaign-faults.ts'
export { CAMPAIGN_LIMITS, CAMPAIGNS_PER_FENCE } from './campaign-limits.ts'
export {
  type CampaignExplanation,
  explainCampaign,
  type LocalTime,
  SCHEDULE_RULES,
  type ScheduleRule,
} from './explain.ts'
export {
  type CapAnswer,
  type CapCount,
  type CapRequest,
  type CapState,
  capsMatterUntil,
  capTag,
  MAX_COUNTED_CAMPAIGNS,
  MAX_COUNTED_TIMES,
  NO_CAPS,
  shiftCaps,
  takeCap,
} from './frequency-cap.ts'
export {
  dwellThresholds,
  type Naming,
  nameCampaigns,
  nameCampaignsOfGone,
  type TransitionFacts,
  UNSEEN,
  VERDICTS,
  type Verdict,
  type VisitCampaigns,
} from './named-campaigns.ts'
export { Schedule } from './schedule.ts'
export { Zone, zoneOf } from './zones.ts'
