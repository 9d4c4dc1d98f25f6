// What people do at the public door: choose, see what is held, have it erased. An SDK key is in every phone of its tenant, so that alone it
// only withdraws; everything else needs the word of the tenant's backend that it is the person signed in on that device.
import { type Clock, LIMITS, REQUEST_REASONS, type RequestReason, StoreError } from '@fencepost/model'
import {
  type Choice,
  choose,
  type Identities,
  type Identity,
  isMinor,
  type PrivacyState,
  type Purposes,
  verifySubject,
  withdraw,
} from '@fencepost/policy'
import { consentOf, heldInRecord } from '@fencepost/privacy'
import { type BodyBudget, type Cors, type Exchange, type HttpServer, retryAfter } from '@fencepost/server'
import { encodeError } from '@fencepost/wire'
import type { TenantView } from '../feed/feed-view.ts'
import type { SdkKeys } from '../keys.ts'
import { privacyOf, type Subjects } from '../presence/subjects.ts'
import type { RateLimit } from '../rate-limit.ts'
import type { PrivacyCounters } from './counters.ts'
import type { Erasures } from './erasures.ts'

export interface PrivacyDoorParts {
  readonly keys: SdkKeys
  readonly rateLimit: RateLimit
  readonly cors: Cors | null
  /** Shared with the bodies of pings. */
  readonly budget: BodyBudget
  readonly closed: () => 'not_ready' | 'stopping' | null
  readonly identities: Identities
  readonly tenant: (tenant: string) => TenantView
  /** Secret of a tenant by its number. */
  readonly subjectSecret: (tenant: string, number: number) => string
  readonly subjects: Subjects
  readonly erasures: Erasures
  readonly counters: PrivacyCounters
  readonly clock: Clock
}

/** What was read at the headers; the exchange forgets them then. */
interface Person {
  readonly exchange: Exchange
  readonly tenant: string
  readonly origin: string
  /** As it was given: '' = not. */
  readonly device: string
  readonly word: string
}

interface Reply {
  readonly status: number
  readonly json: unknown
}

const MAX_BODY_BYTES = 8192
const BODY_TIMEOUT_MS = 9000
const RETRY_AFTER_S = 2
const MAX_TEXT_VERSION_BYTES = 64

class Refused extends Error {
  readonly reason: RequestReason
  constructor(reason: RequestReason) {
    super(reason)
    this.reason = reason
  }
}

/** Registers `/v1/consent` and `/v1/me`. */
export function addPrivacyDoor(server: HttpServer, parts: PrivacyDoorParts): void {
  const { keys, rateLimit, cors, counters, clock, subjects } = parts

  function come(exchange: Exchange, work: (person: Person) => void): void {
    exchange.onAborted(() => {})
    const person: Person = {
      exchange,
      tenant: '',
      origin: cors === null ? '' : exchange.header('origin'),
      device: exchange.header('x-fencepost-device'),
      word: exchange.header('x-fencepost-subject'),
    }
    if (cors?.refuses(person.origin)) return refuse(person, 'forbidden')
    const key = keys.find(exchange.header('authorization'))
    if (key === null) return refuse(person, 'unauthorized')
    key.isUsed = true
    const closed = parts.closed()
    if (closed !== null) return refuse(person, closed)
    const waitS = rateLimit.take(key.number)
    if (waitS > 0) return refuse(person, 'rate_limited', waitS)
    work({ ...person, tenant: key.tenant })
  }

  function answer(person: Person, work: () => Promise<Reply>): void {
    work().then(
      ({ status, json }) => {
        const { exchange, origin } = person
        exchange.answer(status, 'application/json', JSON.stringify(json), cors === null ? [] : cors.headers(origin))
      },
      (error: unknown) => {
        if (error instanceof Refused) refuse(person, error.reason)
        else if (error instanceof StoreError)
          refuse(person, error.code === 'stopped' ? 'stopping' : 'store_unavailable')
        else refuse(person, 'internal')
      },
    )
  }

  function refuse({ exchange, origin }: Person, reason: RequestReason, afterS = RETRY_AFTER_S): void {
    counters.refused++
    const { status, retryable } = REQUEST_REASONS[reason]
    const headers = [
      ...(cors === null ? [] : cors.headers(origin)),
      ...(retryable ? [['retry-after', retryAfter(afterS, 0.5, Math.random)] as const] : []),
    ]
    exchange.answer(status, 'application/json', encodeError('json', reason), headers)
  }

  function identityOf(tenant: string, device: Uint8Array): Identity {
    return parts.identities.of(tenant, device, 0, device.length)
  }

  /** Has the tenant's backend given its word for this device? Nothing is looked up for whoever has none. */
  function hasWord({ tenant, word }: Person, device: Uint8Array): boolean {
    const secrets = parts.tenant(tenant).subjectSecrets.map((number) => parts.subjectSecret(tenant, number))
    return verifySubject(word, { secrets, device, nowMs: clock() })
  }

  /** The person signed in on the device that the headers name. */
  function signedIn(person: Person): Identity {
    const device = deviceBytes(percentDecoded(person.device))
    if (!hasWord(person, device)) throw new Refused('subject_refused')
    return identityOf(person.tenant, device)
  }

  async function putConsent(person: Person, body: Uint8Array): Promise<Reply> {
    const { tenant } = person
    const now = clock()
    const { device: named, ...said } = consentBodyOf(body)
    const device = deviceBytes(named ?? percentDecoded(person.device))
    const signed = person.word !== '' && hasWord(person, device)
    const { choice, minor, birthYear } = said
    const names = Object.values(choice.purposes)
    // A word that is no longer good must not keep anybody from withdrawing, and gives nothing.
    if (person.word !== '' && !signed && names.includes(true)) throw new Refused('subject_refused')
    const saysMinor = minor === true || (birthYear !== null && isMinor(birthYear, parts.tenant(tenant).ageLimit, now))
    if (!signed && !saysMinor && !names.includes(false)) throw new Refused('subject_refused')
    const of = { ...identityOf(tenant, device), tenant }
    if (saysMinor) {
      if (await parts.erasures.askForMinor(of)) counters.minors++
      return { status: 200, json: { received: now } }
    }
    const isNoMinor = minor === false || birthYear !== null
    const change = (before: PrivacyState): PrivacyState =>
      signed ? choose(before, { ...choice, isNoMinor }, 'person', now) : withdraw(before, choice, 'sdk', now)
    const { privacy } = await subjects.choose(of, (record) => change(privacyOf(record)))
    if (signed) counters.chosen++
    else counters.withdrawn++
    // What was chosen before is told to nobody but the person.
    return { status: 200, json: { received: now, ...(signed ? { consent: consentOf(privacy) } : {}) } }
  }

  server.route('put', '/v1/consent', (exchange) =>
    come(exchange, (person) => {
      const declared = exchange.contentLength()
      if (declared > MAX_BODY_BYTES) return refuse(person, 'body_too_large')
      const reservation = parts.budget.reserve(declared < 0 ? MAX_BODY_BYTES : declared)
      if (reservation === null) return refuse(person, 'overloaded')
      exchange.readBody(
        { declared, maxBytes: MAX_BODY_BYTES, timeoutMs: BODY_TIMEOUT_MS, reservation },
        (body) => {
          const copy = body.slice()
          reservation.release()
          answer(person, () => putConsent(person, copy))
        },
        (failure) => {
          if (failure !== 'aborted') refuse(person, failure === 'shed' ? 'overloaded' : failure)
        },
      )
    }),
  )
  server.route('get', '/v1/consent', (exchange) =>
    come(exchange, (person) =>
      answer(person, async () => {
        const record = await subjects.record(signedIn(person).subject)
        counters.shown++
        return { status: 200, json: { received: clock(), consent: consentOf(record?.privacy ?? null) } }
      }),
    ),
  )
  server.route('get', '/v1/me', (exchange) =>
    come(exchange, (person) =>
      answer(person, async () => {
        const record = await subjects.record(signedIn(person).subject)
        counters.shown++
        return { status: 200, json: { received: clock(), ...heldInRecord(record) } }
      }),
    ),
  )
  server.route('delete', '/v1/me', (exchange) =>
    come(exchange, (person) =>
      answer(person, async () => {
        const { subject } = signedIn(person)
        const request = await parts.erasures.ask({ subject, tenant: person.tenant }, 'person')
        counters.erasures++
        return { status: 202, json: { received: clock(), request } }
      }),
    ),
  )
  if (cors !== null)
    for (const path of ['/v1/consent', '/v1/me']) server.route('options', path, (exchange) => cors.preflight(exchange))
}

function percentDecoded(header: string): string {
  try {
    return decodeURIComponent(header)
  } catch {
    throw new Refused('bad_device')
  }
}

function deviceBytes(device: unknown): Uint8Array {
  if (typeof device !== 'string' || /\p{Surrogate}/u.test(device)) throw new Refused('bad_device')
  const bytes = new TextEncoder().encode(device)
  if (bytes.length === 0 || bytes.length > LIMITS.deviceBytes) throw new Refused('bad_device')
  return bytes
}

interface ConsentBody {
  readonly device: unknown
  readonly choice: Choice
  readonly minor: boolean | null
  readonly birthYear: number | null
}

/** `{device?, consent: true | false | {location, analytics?, marketing?, minor?, birth_year?, at?, text_version?}}` */
function consentBodyOf(body: Uint8Array): ConsentBody {
  let root: unknown
  try {
    root = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new Refused('malformed_body')
  }
  if (typeof root !== 'object' || root === null || Array.isArray(root)) throw new Refused('malformed_body')
  const { device, consent } = root as Record<string, unknown>
  const map = typeof consent === 'boolean' ? { location: consent } : consent
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw new Refused('bad_consent')
  const said = map as Record<string, unknown>
  const purposes: Purposes = {
    location: flagOf(said['location']),
    analytics: flagOf(said['analytics']),
    marketing: flagOf(said['marketing']),
  }
  const minor = flagOf(said['minor'])
  const birthYear = integerOf(said['birth_year'], 1800, 9999)
  const textVersion = said['text_version'] ?? null
  if (
    textVersion !== null &&
    (typeof textVersion !== 'string' || Buffer.byteLength(textVersion) > MAX_TEXT_VERSION_BYTES)
  )
    throw new Refused('bad_consent')
  const chosenAt = integerOf(said['at'], 0, 8.64e15)
  return { device, choice: { purposes, chosenAt, textVersion }, minor, birthYear }
}

function flagOf(value: unknown): boolean | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'boolean') throw new Refused('bad_consent')
  return value
}

function integerOf(value: unknown, min: number, max: number): number | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw new Refused('bad_consent')
  return value
}
