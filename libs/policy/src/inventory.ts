// Every field about a person that comes in, is kept or goes out: what it is, what for, on what ground, where it lies, how long, who gets it
// (GDPR, article 30). A test holds it against the protocol, the events and the stored records: a field that is not here fails it.

export const CATEGORIES = {
  identifier: 'tells one device from another',
  location: 'precise location',
  movement: 'which places a device was at, and when',
  sensor: 'readings of the phone beside its location',
  device: 'the app and the phone',
  choice: 'what a person agreed to, objected to or asked for',
  age: 'whether a person is a minor',
  technical: 'how the data were sent, nothing about the person',
} as const
export type Category = keyof typeof CATEGORIES

export const PURPOSE_TEXTS = {
  matching: 'find out which places of a campaign a device is at',
  analytics: 'count visits to places',
  marketing: 'tell a campaign that somebody came, stayed or left',
  delivery: 'get each event to where it belongs once and in order',
  choices: 'do as the person chose, and be able to show it',
  protection: 'keep minors out',
} as const
export type PurposeName = keyof typeof PURPOSE_TEXTS

export const BASES = {
  consent: 'consent (GDPR, article 6(1)(a))',
  duty: 'legal duty (GDPR, article 6(1)(c))',
  interest: 'legitimate interest in a service that works (GDPR, article 6(1)(f))',
} as const
export type Basis = keyof typeof BASES

/** Where data lie, each with a row of the retention table. `memory`: only while a request is answered. */
export const PLACES = ['memory', 'records', 'requests', 'matches', 'transitions', 'erasures'] as const
export type Place = (typeof PLACES)[number]

/** Who is given it beside the operator: consumers of a topic, the person, nobody. */
export type Recipient = 'analytics consumers' | 'campaign engines' | 'consumers' | 'the person' | 'nobody'

export interface InventoryEntry {
  /** Where the field is seen: `ping` (comes in), `match`, `transition`, `erasure` (go out), `record`, `request` (are kept), `header`. */
  readonly part: string
  readonly fields: readonly string[]
  readonly category: Category
  readonly purpose: PurposeName
  readonly basis: Basis
  readonly places: readonly Place[]
  readonly recipients: readonly Recipient[]
}

const entry = (
  part: string,
  fields: string,
  category: Category,
  purpose: PurposeName,
  basis: Basis,
  places: readonly Place[],
  recipients: readonly Recipient[] = ['nobody'],
): InventoryEntry => ({ part, fields: fields.split(' '), category, purpose, basis, places, recipients })

const MEMORY: readonly Place[] = ['memory']
const RECORDS: readonly Place[] = ['records']
const REQUESTS: readonly Place[] = ['requests']
const MATCHES: readonly Place[] = ['matches']
const TRANSITIONS: readonly Place[] = ['records', 'transitions']
const ERASURES: readonly Place[] = ['erasures']
const ANALYTICS: readonly Recipient[] = ['analytics consumers']
const ENGINES: readonly Recipient[] = ['campaign engines']
const CONSUMERS: readonly Recipient[] = ['consumers']

export const INVENTORY: readonly InventoryEntry[] = [
  entry('ping', 'device', 'identifier', 'matching', 'consent', MEMORY),
  entry('ping', 'v sent batch type', 'technical', 'delivery', 'consent', MEMORY),
  entry('ping', 'consent location analytics marketing', 'choice', 'choices', 'duty', MEMORY),
  entry('ping', 'minor birth_year', 'age', 'protection', 'duty', MEMORY),
  entry('ping', 'pings at age lat lon', 'location', 'matching', 'consent', MEMORY),
  entry('ping', 'kind uuid major namespace instance id rssi tx_power', 'location', 'matching', 'consent', MEMORY),
  entry('ping', 'accuracy', 'location', 'matching', 'consent', MEMORY),
  entry('ping', 'altitude speed heading battery', 'sensor', 'matching', 'consent', MEMORY),
  entry('ping', 'ref', 'technical', 'delivery', 'consent', MEMORY),
  entry('header', 'origin content-type content-encoding', 'technical', 'delivery', 'interest', MEMORY),
  entry('header', 'authorization x-fencepost-subject', 'technical', 'choices', 'interest', MEMORY),
  entry('header', 'x-fencepost-device', 'identifier', 'choices', 'duty', MEMORY),

  entry('match', 'v id tenant index batch ref received', 'technical', 'delivery', 'consent', MATCHES, ANALYTICS),
  entry('match', 'device', 'identifier', 'analytics', 'consent', MATCHES, ANALYTICS),
  entry('match', 'at observed type fences', 'movement', 'analytics', 'consent', MATCHES, ANALYTICS),
  entry('match', 'lat lon accuracy beacon', 'location', 'analytics', 'consent', MATCHES, ANALYTICS),

  entry('transition', 'v id tenant received', 'technical', 'delivery', 'consent', TRANSITIONS, ENGINES),
  entry('transition', 'device', 'identifier', 'marketing', 'consent', TRANSITIONS, ENGINES),
  entry(
    'transition',
    'at observed kind reason fence campaigns visit dwell_s since duration_ms',
    'movement',
    'marketing',
    'consent',
    TRANSITIONS,
    ENGINES,
  ),

  entry('erasure', 'v id tenant request', 'technical', 'choices', 'duty', ERASURES, CONSUMERS),
  entry('erasure', 'device', 'identifier', 'choices', 'duty', ERASURES, CONSUMERS),
  entry('erasure', 'at', 'choice', 'choices', 'duty', ERASURES, CONSUMERS),

  entry('record', 'subject', 'identifier', 'matching', 'consent', RECORDS),
  entry('record', 'tenant feed epoch seq version beacon', 'technical', 'delivery', 'consent', RECORDS),
  entry('record', 'state last lastAt lastVisit', 'movement', 'marketing', 'consent', RECORDS, ['the person']),
  entry(
    'record',
    'visits fence visit entered enteredAt seen seenAt outside dwelled campaigns named free',
    'movement',
    'marketing',
    'consent',
    RECORDS,
    ['the person'],
  ),
  entry('record', 'caps campaign windowS times', 'movement', 'marketing', 'consent', RECORDS, ['the person']),
  entry('record', 'forgotten tags received skew', 'technical', 'delivery', 'consent', RECORDS, ['the person']),
  entry('record', 'pending values', 'movement', 'delivery', 'consent', RECORDS),
  entry('record', 'key', 'identifier', 'delivery', 'consent', RECORDS),
  entry('record', 'topic contentType count ends ids', 'technical', 'delivery', 'consent', RECORDS),
  entry(
    'record',
    'privacy purposes location analytics marketing suppressed since why request found choices objected restricted evidence at by chosenAt textVersion',
    'choice',
    'choices',
    'duty',
    RECORDS,
    ['the person'],
  ),

  entry('request', 'id step suppressedAt problem lift', 'technical', 'choices', 'duty', REQUESTS),
  entry('request', 'subject pseudonym tenant', 'identifier', 'choices', 'duty', REQUESTS),
  entry('request', 'type origin who created deadline finished proof', 'choice', 'choices', 'duty', REQUESTS),
]

/** Fields of a part, in the order of the inventory. */
export function inventoried(part: string): readonly string[] {
  return INVENTORY.filter((one) => one.part === part).flatMap(({ fields }) => fields)
}

/** The inventory for machines. */
export function inventoryJson(): unknown {
  return {
    categories: CATEGORIES,
    purposes: PURPOSE_TEXTS,
    bases: BASES,
    entries: INVENTORY.map(({ part, fields, category, purpose, basis, places, recipients }) => ({
      part,
      fields,
      category,
      purpose,
      basis,
      places,
      recipients,
    })),
  }
}

/** The inventory as a page of Markdown. */
export function inventoryMarkdown(): string {
  const rows = INVENTORY.map(
    ({ part, fields, category, purpose, basis, places, recipients }) =>
      `| ${part} | ${fields.map((field) => `\`${field}\``).join(' ')} | ${category} | ${purpose} | ${basis} | ${places.join(', ')} | ${recipients.join(', ')} |`,
  )
  const list = (of: Readonly<Record<string, string>>): string[] =>
    Object.entries(of).map(([name, text]) => `- **${name}**: ${text}`)
  return [
    '# What is known of a person, where, and what for',
    '',
    'Made from `libs/policy/src/inventory.ts`; a test holds that against the protocol, the events and the stored records.',
    'How long each place keeps what it has: `GET /v1/privacy/retention`.',
    '',
    '| part | fields | category | purpose | basis | places | recipients |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
    '## Categories',
    '',
    ...list(CATEGORIES),
    '',
    '## Purposes',
    '',
    ...list(PURPOSE_TEXTS),
    '',
    '## Grounds',
    '',
    ...list(BASES),
    '',
  ].join('\n')
}
