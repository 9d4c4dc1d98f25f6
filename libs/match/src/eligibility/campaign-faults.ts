// Everything that can be wrong with a campaign: one row per fault. Messages carry the line and the place, never the value.

/** What a campaign can be refused for, with the line that its owner reads. */
export const CAMPAIGN_FAULTS = {
  bad_campaign: 'expected a JSON object',
  unknown_field: 'this field is not known',
  bad_id: 'an id is a string of 1..128 bytes of UTF-8, the same as in the address',
  bad_tenant: 'a tenant is a string of 1..64 bytes of UTF-8, the same as in the address',
  bad_name: 'a name is a string of 1..256 bytes of UTF-8, or absent',
  bad_version: 'version is the number that reading gave, or absent; it is not taken over',
  bad_fences: 'fences is a list of at most 1000 ids, each a string of 1..128 bytes of UTF-8',
  bad_tags: 'tags is a list of at most 64 strings of 1..64 bytes of UTF-8',
  bad_instant:
    'an instant is a whole number of epoch ms, 0..253402300799999, or an RFC 3339 date-time with its offset from UTC',
  end_before_begin: 'the end must be after the beginning',
  bad_days: 'days is a list of 1..7 of mon, tue, wed, thu, fri, sat and sun, or absent for every day',
  bad_slots: 'slots is a list of 1..24 objects {from, to}, or absent for the whole day',
  bad_slot_time: 'a time of day is HH:MM, from 00:00 to 23:59, or 24:00 as the end of a slot',
  empty_slot: 'a slot may not end when it begins; the whole day is 00:00 to 24:00',
  bad_time_zone: 'time_zone is an IANA name with an area and a place, as Europe/Paris, or UTC; at most 64 bytes',
  unknown_time_zone: 'this time zone is not known here',
  missing_time_zone: 'days and slots need a time_zone',
  bad_triggers: 'triggers is an object {enter, dwell_s, exit}, or absent for enter and exit',
  bad_dwell: 'dwell_s is a list of at most 8 whole numbers of seconds, 1..604800',
  no_trigger: 'at least one trigger is needed',
  bad_cap: 'a cap is an object {max, window_s}, or absent',
  bad_cap_max: 'max is a whole number, 1..100',
  bad_cap_window: 'window_s is a whole number of seconds, 1..2678400',
  not_boolean: 'expected true or false',
} as const

export type CampaignFault = keyof typeof CAMPAIGN_FAULTS

/** One thing that is wrong, and where. */
export interface CampaignProblem {
  readonly code: CampaignFault
  /** JSON pointer (RFC 6901) into what was read; empty for the whole. */
  readonly place: string
  readonly message: string
}

/** Problems that are told at once. */
export const MAX_CAMPAIGN_PROBLEMS = 20

/** Collects the problems of one campaign; beyond the limit it only remembers that there were some. */
export class ProblemList {
  readonly problems: CampaignProblem[] = []

  add(code: CampaignFault, place: string): void {
    if (this.problems.length < MAX_CAMPAIGN_PROBLEMS) {
      this.problems.push({ code, place, message: CAMPAIGN_FAULTS[code] })
    }
  }
}
