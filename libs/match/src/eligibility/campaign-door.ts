// One JSON object to one campaign: the door that everything ugly stops at. It tells all that is wrong, each with its place.
import { createHash } from 'node:crypto'
import { type Campaign, type Cap, DAYS, type Day, type Slot, type Triggers } from '@fencepost/model'
import { type CampaignFault, type CampaignProblem, ProblemList } from './campaign-faults.ts'
import { CAMPAIGN_LIMITS } from './campaign-limits.ts'
import { TIME_ZONE_NAME, zoneOf } from './zones.ts'

export interface CampaignAddress {
  /** From the route. Where given, a `tenant` in the object must be the same. */
  readonly tenant?: string
  /** From the route. Where given, an `id` in the object must be the same. */
  readonly id?: string
}

/** Either a campaign or what is wrong with it. */
export type CampaignReading =
  | { readonly campaign: Campaign; readonly problems: readonly [] }
  | { readonly campaign: null; readonly problems: readonly CampaignProblem[] }

const FIELDS = [
  'id',
  'tenant',
  'version',
  'name',
  'fences',
  'tags',
  'begin',
  'end',
  'days',
  'slots',
  'time_zone',
  'triggers',
  'cap',
  'paused',
]

/**
 * Reads `{id, tenant, name?, fences?, tags?, begin?, end?, days?, slots?, time_zone?, triggers?, cap?, paused?}`; null is absent.
 * Lists are sets: repeats go, the order is ours. A field that is not known is refused, as it may be one misspelt.
 */
export function readCampaign(raw: unknown, address: CampaignAddress = {}): CampaignReading {
  const faults = new ProblemList()
  if (!isObject(raw)) {
    faults.add('bad_campaign', '')
    return { campaign: null, problems: faults.problems }
  }
  refuseUnknown(raw, FIELDS, '', faults)
  const { idBytes, tenantBytes, fences, fenceIdBytes, tags, tagBytes } = CAMPAIGN_LIMITS
  const begin = readInstant(raw['begin'], '/begin', faults)
  const end = readInstant(raw['end'], '/end', faults)
  if (begin !== null && end !== null && end <= begin) faults.add('end_before_begin', '/end')
  const content = {
    id: readName(raw['id'], address.id, idBytes, 'bad_id', '/id', faults),
    tenant: readName(raw['tenant'], address.tenant, tenantBytes, 'bad_tenant', '/tenant', faults),
    fences: readTexts(raw['fences'], fences, fenceIdBytes, 'bad_fences', '/fences', faults),
    tags: readTexts(raw['tags'], tags, tagBytes, 'bad_tags', '/tags', faults),
    begin,
    end,
    days: readDays(raw['days'], faults),
    slots: readSlots(raw['slots'], faults),
    timeZone: readTimeZone(raw, faults),
    triggers: readTriggers(raw['triggers'], faults),
    cap: readCap(raw['cap'], faults),
    paused: readFlag(raw['paused'], false, '/paused', faults),
  }
  const name = readLabel(raw['name'], faults)
  checkVersion(raw['version'], faults)
  if (faults.problems.length > 0) return { campaign: null, problems: faults.problems }
  return { campaign: { ...content, name, version: campaignVersion(content) }, problems: [] }
}

/**
 * The first 32 bits of SHA-256 over everything but the name, written one way only: every node gives the same content the same
 * number without asking anybody.
 */
export function campaignVersion(campaign: Omit<Campaign, 'version' | 'name'>): number {
  const { id, tenant, fences, tags, begin, end, days, slots, timeZone, triggers, cap, paused } = campaign
  const text = JSON.stringify([
    1,
    [id, tenant, fences, tags, begin, end, days],
    slots.map(({ fromMin, toMin }) => [fromMin, toMin]),
    [timeZone, triggers.enter, triggers.dwellS, triggers.exit],
    [cap === null ? null : [cap.max, cap.windowS], paused],
  ])
  return createHash('sha256').update(text).digest().readUInt32BE(0)
}

/** The object that `readCampaign` reads this campaign from, every default written out. */
export function campaignJson(campaign: Campaign): Readonly<Record<string, unknown>> {
  const { id, tenant, version, name, fences, tags, begin, end, days, slots, timeZone, triggers, cap, paused } = campaign
  return {
    id,
    tenant,
    version,
    name,
    fences,
    tags,
    begin,
    end,
    days,
    slots: slots.map(({ fromMin, toMin }) => ({ from: slotTime(fromMin), to: slotTime(toMin) })),
    time_zone: timeZone,
    triggers: { enter: triggers.enter, dwell_s: triggers.dwellS, exit: triggers.exit },
    cap: cap === null ? null : { max: cap.max, window_s: cap.windowS },
    paused,
  }
}

/** Minutes from midnight as `HH:MM`. */
export function slotTime(minutes: number): string {
  const hours = Math.floor(minutes / 60)
  return `${String(hours).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

type Json = Readonly<Record<string, unknown>>

function refuseUnknown(object: Json, known: readonly string[], place: string, faults: ProblemList): void {
  for (const key of Object.keys(object)) {
    if (!known.includes(key)) faults.add('unknown_field', `${place}/${pointerStep(key)}`)
  }
}

/** Escaped as RFC 6901 wants it, and cut: a place is for reading. */
function pointerStep(key: string): string {
  return key
    .slice(0, 64)
    .replaceAll(/\p{Surrogate}/gu, '\ufffd')
    .replaceAll('~', '~0')
    .replaceAll('/', '~1')
}

/** The id or the tenant: given by the route, by the object, or by both alike. */
function readName(
  value: unknown,
  given: string | undefined,
  maxBytes: number,
  code: CampaignFault,
  place: string,
  faults: ProblemList,
): string {
  const name = value ?? given
  if (isText(name, maxBytes) && (given === undefined || given === name)) return name
  faults.add(code, place)
  return ''
}

function readLabel(value: unknown, faults: ProblemList): string | null {
  if (value === undefined || value === null) return null
  if (isText(value, CAMPAIGN_LIMITS.nameBytes)) return value
  faults.add('bad_name', '/name')
  return null
}

/** Only so that what `campaignJson` wrote can be sent back: the version is made from the content. */
function checkVersion(value: unknown, faults: ProblemList): void {
  if (value === undefined || value === null) return
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0xffff_ffff) {
    faults.add('bad_version', '/version')
  }
}

function readTexts(
  value: unknown,
  maxItems: number,
  maxBytes: number,
  code: CampaignFault,
  place: string,
  faults: ProblemList,
): readonly string[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.length > maxItems) {
    faults.add(code, place)
    return []
  }
  value.forEach((item: unknown, i) => {
    if (!isText(item, maxBytes)) faults.add(code, `${place}/${i}`)
  })
  return [...new Set(value as string[])].sort()
}

/** RFC 3339 with its offset: without one nobody knows which instant is meant. The leap second is not taken. */
const DATE_TIME =
  /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

function readInstant(value: unknown, place: string, faults: ProblemList): number | null {
  if (value === undefined || value === null) return null
  const instant = typeof value === 'string' ? parseInstant(value) : value
  if (Number.isInteger(instant) && (instant as number) >= 0 && (instant as number) <= CAMPAIGN_LIMITS.instantMs) {
    return (instant as number) + 0 // no negative zero
  }
  faults.add('bad_instant', place)
  return null
}

/** Date.parse rolls 30 February over into March: the day is held against what came of it. */
function parseInstant(text: string): number {
  const date = DATE_TIME.exec(text)?.[1]
  if (date === undefined) return Number.NaN
  const midnight = Date.parse(date)
  const real = Number.isFinite(midnight) && new Date(midnight).toISOString().startsWith(date)
  return real ? Date.parse(text) : Number.NaN
}

function readDays(value: unknown, faults: ProblemList): readonly Day[] {
  if (value === undefined || value === null) return DAYS
  if (!Array.isArray(value) || value.length === 0 || value.length > DAYS.length) {
    faults.add('bad_days', '/days')
    return DAYS
  }
  value.forEach((day: unknown, i) => {
    if (!DAYS.includes(day as Day)) faults.add('bad_days', `/days/${i}`)
  })
  return DAYS.filter((day) => value.includes(day))
}

const WHOLE_DAY: Slot = { fromMin: 0, toMin: 1440 }

function readSlots(value: unknown, faults: ProblemList): readonly Slot[] {
  if (value === undefined || value === null) return [WHOLE_DAY]
  if (!Array.isArray(value) || value.length === 0 || value.length > CAMPAIGN_LIMITS.slots) {
    faults.add('bad_slots', '/slots')
    return [WHOLE_DAY]
  }
  const slots = value.map((slot: unknown, i) => readSlot(slot, `/slots/${i}`, faults))
  slots.sort((a, b) => a.fromMin - b.fromMin || a.toMin - b.toMin)
  return slots.filter(({ fromMin, toMin }, i) => fromMin !== slots[i - 1]?.fromMin || toMin !== slots[i - 1]?.toMin)
}

function readSlot(value: unknown, place: string, faults: ProblemList): Slot {
  if (!isObject(value)) {
    faults.add('bad_slots', place)
    return WHOLE_DAY
  }
  refuseUnknown(value, ['from', 'to'], place, faults)
  const fromMin = readTime(value['from'], 1439)
  const toMin = readTime(value['to'], 1440)
  if (fromMin === null) faults.add('bad_slot_time', `${place}/from`)
  if (toMin === null) faults.add('bad_slot_time', `${place}/to`)
  if (fromMin === null || toMin === null) return WHOLE_DAY
  if (fromMin === toMin) faults.add('empty_slot', place)
  // 00:00 ends a slot at the midnight after it began, which is 24:00 of its own day.
  return { fromMin, toMin: toMin === 0 ? 1440 : toMin }
}

function readTime(value: unknown, max: number): number | null {
  const parts = typeof value === 'string' ? /^(\d{2}):([0-5]\d)$/.exec(value) : null
  const minutes = parts === null ? Number.NaN : Number(parts[1]) * 60 + Number(parts[2])
  return minutes <= max ? minutes : null
}

function readTimeZone(object: Json, faults: ProblemList): string {
  const value = object['time_zone'] ?? null
  if (value === null) {
    const needed = (object['days'] ?? null) !== null || (object['slots'] ?? null) !== null
    if (needed) faults.add('missing_time_zone', '/time_zone')
    return 'UTC'
  }
  const named = typeof value === 'string' && value.length <= CAMPAIGN_LIMITS.timeZoneBytes && TIME_ZONE_NAME.test(value)
  if (!named) faults.add('bad_time_zone', '/time_zone')
  else if (zoneOf(value) === null) faults.add('unknown_time_zone', '/time_zone')
  else return value
  return 'UTC'
}

function readTriggers(value: unknown, faults: ProblemList): Triggers {
  const absent: Triggers = { enter: true, dwellS: [], exit: true }
  if (value === undefined || value === null) return absent
  if (!isObject(value)) {
    faults.add('bad_triggers', '/triggers')
    return absent
  }
  refuseUnknown(value, ['enter', 'dwell_s', 'exit'], '/triggers', faults)
  const known = faults.problems.length
  const triggers = {
    enter: readFlag(value['enter'], false, '/triggers/enter', faults),
    dwellS: readDwells(value['dwell_s'], faults),
    exit: readFlag(value['exit'], false, '/triggers/exit', faults),
  }
  const none = !triggers.enter && triggers.dwellS.length === 0 && !triggers.exit
  if (none && faults.problems.length === known) faults.add('no_trigger', '/triggers')
  return triggers
}

function readDwells(value: unknown, faults: ProblemList): readonly number[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.length > CAMPAIGN_LIMITS.dwells) {
    faults.add('bad_dwell', '/triggers/dwell_s')
    return []
  }
  value.forEach((seconds: unknown, i) => {
    if (!isWhole(seconds, CAMPAIGN_LIMITS.dwellS)) faults.add('bad_dwell', `/triggers/dwell_s/${i}`)
  })
  return [...new Set(value as number[])].sort((a, b) => a - b)
}

function readCap(value: unknown, faults: ProblemList): Cap | null {
  if (value === undefined || value === null) return null
  if (!isObject(value)) {
    faults.add('bad_cap', '/cap')
    return null
  }
  refuseUnknown(value, ['max', 'window_s'], '/cap', faults)
  const { max, window_s: windowS } = value
  const counts = isWhole(max, CAMPAIGN_LIMITS.capMax)
  const lasts = isWhole(windowS, CAMPAIGN_LIMITS.capWindowS)
  if (!counts) faults.add('bad_cap_max', '/cap/max')
  if (!lasts) faults.add('bad_cap_window', '/cap/window_s')
  return counts && lasts ? { max, windowS } : null
}

function readFlag(value: unknown, absent: boolean, place: string, faults: ProblemList): boolean {
  if (value === undefined || value === null) return absent
  if (typeof value === 'boolean') return value
  faults.add('not_boolean', place)
  return absent
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max
}

/** Well-formed text of 1..maxBytes bytes of UTF-8. */
function isText(value: unknown, maxBytes: number): value is string {
  if (typeof value !== 'string' || value === '' || value.length > maxBytes) return false
  return Buffer.byteLength(value) <= maxBytes && !/\p{Surrogate}/u.test(value)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
