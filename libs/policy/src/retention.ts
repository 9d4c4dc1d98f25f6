// How long each place keeps what it has: one table, made from the settings, stated to people and compared with what is.
import type { Place } from './inventory.ts'

export interface RetentionRow {
  readonly place: Exclude<Place, 'memory'>
  /** What it is called where it lies: a store, or the topic's name. */
  readonly name: string
  /** Seconds. */
  readonly seconds: number
  /** The setting that says so. */
  readonly setting: string
  /** How it is kept. */
  readonly by: 'sweep' | 'key expiry' | 'topic setting'
}

export interface RetentionSettings {
  readonly presenceTtlS: number
  readonly choiceRetentionS: number
  readonly requestRetentionS: number
  /** Of the journal, or of the topics. */
  readonly eventsS: number
  readonly topics: Readonly<Record<'matches' | 'transitions' | 'erasures', string>>
  readonly inKafka: boolean
  readonly inRedis: boolean
}

/** Records keep where a device was for twice the time of silence, and what was chosen for much longer. */
export function retentionTable(settings: RetentionSettings): readonly RetentionRow[] {
  const { inKafka, inRedis, eventsS, topics } = settings
  const stores = inRedis ? ('key expiry' as const) : ('sweep' as const)
  const events = (place: 'matches' | 'transitions' | 'erasures'): RetentionRow => ({
    place,
    name: inKafka ? topics[place] : 'journal',
    seconds: eventsS,
    setting: inKafka ? 'FENCEPOST_KAFKA_RETENTION_S' : 'FENCEPOST_JOURNAL_RETENTION_S',
    by: inKafka ? 'topic setting' : 'sweep',
  })
  return [
    {
      place: 'records',
      name: 'presence',
      seconds: 2 * settings.presenceTtlS,
      setting: 'FENCEPOST_PRESENCE_TTL_S, twice',
      by: stores,
    },
    {
      place: 'records',
      name: 'choices',
      seconds: settings.choiceRetentionS,
      setting: 'FENCEPOST_CHOICE_RETENTION_S',
      by: stores,
    },
    {
      place: 'requests',
      name: 'requests',
      seconds: settings.requestRetentionS,
      setting: 'FENCEPOST_REQUEST_RETENTION_S',
      by: stores,
    },
    events('matches'),
    events('transitions'),
    events('erasures'),
  ]
}

/** Seconds as people say them. */
export function spanText(seconds: number): string {
  for (const [size, name] of [
    [365 * 86_400, 'year'],
    [86_400, 'day'],
    [3600, 'hour'],
    [60, 'minute'],
  ] as const) {
    const count = seconds / size
    if (count >= 1) return `${Number.isInteger(count) ? count : count.toFixed(1)} ${name}${count === 1 ? '' : 's'}`
  }
  return `${seconds} seconds`
}
