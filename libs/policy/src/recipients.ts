// Who else is given personal data: the register that is disclosed to whoever asks (Cal. Civ. Code 1798.83).
import { CATEGORIES, type Category } from './inventory.ts'

export interface RecipientEntry {
  readonly id: string
  readonly name: string
  readonly address: string
  readonly categories: readonly Category[]
  readonly purpose: string
  /** Day from which on it is given data, as YYYY-MM-DD. */
  readonly since: string
}

const MAX_TEXT = 500

/**
 * Reads one entry.
 *
 * @throws RangeError naming what is wrong with it
 */
export function readRecipient(id: string, raw: Readonly<Record<string, unknown>>): RecipientEntry {
  const text = (name: string): string => {
    const value = raw[name]
    if (typeof value !== 'string' || value.trim() === '' || value.length > MAX_TEXT || /\p{Cc}/u.test(value))
      throw new RangeError(`${name} must be text of 1..${MAX_TEXT} characters`)
    return value
  }
  const { categories } = raw
  if (!Array.isArray(categories) || categories.length === 0 || !categories.every((one) => one in CATEGORIES))
    throw new RangeError(`categories must be a list of ${Object.keys(CATEGORIES).join(', ')}`)
  const since = text('since')
  if (!/^\d{4}-\d{2}-\d{2}$/.test(since) || Number.isNaN(Date.parse(since)))
    throw new RangeError('since must be a day as YYYY-MM-DD')
  return {
    id,
    name: text('name'),
    address: text('address'),
    categories: [...new Set(categories as Category[])],
    purpose: text('purpose'),
    since,
  }
}

/**
 * Reads the register of a settings file: a JSON list of entries, each with an `id`.
 *
 * @throws RangeError naming the entry and what is wrong with it
 */
export function readRecipients(json: string): readonly RecipientEntry[] {
  let list: unknown
  try {
    list = JSON.parse(json)
  } catch {
    throw new RangeError('the register of recipients is not JSON')
  }
  if (!Array.isArray(list)) throw new RangeError('the register of recipients must be a list')
  return list.map((raw, i) => {
    const id = (raw as Record<string, unknown> | null)?.['id']
    if (typeof id !== 'string' || !/^[\w.:-]{1,128}$/.test(id))
      throw new RangeError(`recipient ${i + 1}: id must have 1..128 letters, digits, "_", ".", ":" or "-"`)
    try {
      return readRecipient(id, raw as Record<string, unknown>)
    } catch (error) {
      throw new RangeError(`recipient ${i + 1}: ${(error as Error).message}`, { cause: error })
    }
  })
}

/** The report: who was given which categories, what for, since when. */
export function disclosureOf(recipients: readonly RecipientEntry[]): unknown {
  return {
    recipients: recipients.map(({ name, address, categories, purpose, since }) => ({
      name,
      address,
      categories: categories.map((category) => ({ category, means: CATEGORIES[category] })),
      purpose,
      since,
    })),
    note:
      recipients.length === 0
        ? 'Personal data are given to nobody outside the operator.'
        : 'Nobody else outside the operator is given personal data.',
  }
}
