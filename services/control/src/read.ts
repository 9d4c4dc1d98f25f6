// What requests carry, narrowed or refused.
import { Problem } from './problem.ts'

export const TENANT = /^[\w.-]{1,64}$/
/** Ids of campaigns, keys and tokens. */
export const NAME = /^[\w.:-]{1,128}$/

export function tenantOf(params: Readonly<Record<string, string>>): string {
  const tenant = params['tenant'] as string
  if (!TENANT.test(tenant)) throw new Problem('invalid', 'a tenant has 1..64 letters, digits, "_", "." or "-"')
  return tenant
}

/** Of a fence: any text of 1..128 bytes without control characters. */
export function fenceIdOf(params: Readonly<Record<string, string>>): string {
  const id = params['id'] as string
  if (id === '' || Buffer.byteLength(id) > 128 || /\p{Cc}|\p{Surrogate}/u.test(id))
    throw new Problem('invalid', 'an id is 1..128 bytes of UTF-8 without control characters')
  return id
}

export function nameOf(params: Readonly<Record<string, string>>): string {
  const id = params['id'] as string
  if (!NAME.test(id)) throw new Problem('invalid', 'an id has 1..128 letters, digits, "_", ".", ":" or "-"')
  return id
}

export function objectOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new Problem('bad_body', 'the body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem('bad_body', 'the body must be one JSON object')
  return value as Record<string, unknown>
}

/** An optional body: nothing at all is an empty object. */
export function objectOrNothing(body: Uint8Array): Readonly<Record<string, unknown>> {
  return body.length === 0 ? {} : objectOf(body)
}

export function limitOf(text: string | undefined, otherwise: number, max: number): number {
  if (text === undefined || text === '') return otherwise
  if (!/^\d{1,6}$/.test(text) || Number(text) < 1 || Number(text) > max)
    throw new Problem('bad_query', `limit must be 1..${max}`)
  return Number(text)
}

export function numberOf(name: string, text: string | undefined, otherwise: number, max: number): number {
  if (text === undefined || text === '') return otherwise
  if (!/^\d{1,15}$/.test(text) || Number(text) > max) throw new Problem('bad_query', `${name} must be 0..${max}`)
  return Number(text)
}

export function oneOf<T extends string>(name: string, text: string | undefined, choices: readonly [T, ...T[]]): T {
  if (text === undefined || text === '') return choices[0]
  const choice = choices.find((one) => one === text)
  if (choice === undefined) throw new Problem('bad_query', `${name} must be one of ${choices.join(', ')}`)
  return choice
}

/** The tag of a document: the step that it was last changed by. */
export function etagOf(seq: number): string {
  return `"${seq}"`
}

/**
 * Does what is there fit what the request expects of it?
 *
 * @throws Problem `precondition_failed`
 */
export function checkPrecondition(
  request: { readonly ifMatch: string; readonly ifNoneMatch: string },
  seq: number | null,
): void {
  const { ifMatch, ifNoneMatch } = request
  const tags = (header: string): string[] => header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  const has = (header: string): boolean => seq !== null && (header.trim() === '*' || tags(header).includes(etagOf(seq)))
  if (ifMatch !== '' && !has(ifMatch)) throw new Problem('precondition_failed')
  if (ifNoneMatch !== '' && has(ifNoneMatch)) throw new Problem('precondition_failed')
}
