// What is kept of a person's choices, beside and independent of where they are. Immutable values; every change leaves its evidence.
import type { Purposes } from './consent.ts'

export type SuppressionReason = 'erased' | 'minor'

/** What an erasure found in the record that it emptied: kept with the suppression, as it can be counted only once. */
export interface FoundInRecord {
  readonly visits: number
  readonly caps: number
  /** Transitions that were decided and perhaps not published. */
  readonly pending: number
  /** Changes of consent. */
  readonly choices: number
}

export interface Suppression {
  /** Epoch ms. */
  readonly since: number
  readonly why: SuppressionReason
  /** The request that it is for. */
  readonly request: string
  readonly found: FoundInRecord
}

/** Whose word a change was: an SDK key alone, the person as signed in, or staff with the role for it. */
export type Speaker = 'sdk' | 'person' | 'admin'

/** One change of consent. */
export interface Evidence {
  /** Epoch ms by the server's clock. */
  readonly at: number
  readonly by: Speaker
  readonly purposes: Purposes
  /** When the person chose, by the client's clock, epoch ms; null = not said. */
  readonly chosenAt: number | null
  /** Version of the text that they were shown; null = not said. */
  readonly textVersion: string | null
}

export interface PrivacyState {
  readonly purposes: Purposes
  readonly suppressed: Suppression | null
  /** The person has objected to marketing: only they themselves can give it again, by name. */
  readonly objected: boolean
  /** Processing is restricted: what is held stays, and nothing is done with it. */
  readonly restricted: boolean
  /** Oldest first, at most MAX_EVIDENCE: the first stays, of the others the latest. */
  readonly evidence: readonly Evidence[]
}

export const MAX_EVIDENCE = 64

export const NO_PURPOSES: Purposes = { location: null, analytics: null, marketing: null }

export const NO_CHOICE: PrivacyState = {
  purposes: NO_PURPOSES,
  suppressed: null,
  objected: false,
  restricted: false,
  evidence: [],
}

/** A choice as it is made. */
export interface Choice {
  readonly purposes: Purposes
  readonly chosenAt: number | null
  readonly textVersion: string | null
}

/** What only withdraws: each purpose that is named false is, those named true are as they were. */
export function withdraw(state: PrivacyState, choice: Choice, by: Speaker, now: number): PrivacyState {
  const { purposes } = state
  const less: Purposes = {
    location: choice.purposes.location === false ? false : purposes.location,
    analytics: choice.purposes.analytics === false ? false : purposes.analytics,
    marketing: choice.purposes.marketing === false ? false : purposes.marketing,
  }
  return chosen({ ...state, purposes: less }, choice, by, now)
}

/**
 * What was chosen takes the place of what was before; purposes that are not named follow location, but for marketing that was objected to. It ends the suppression that an
 * erasure left, and that of a minor where the speaker says that the person is none.
 */
export function choose(
  state: PrivacyState,
  choice: Choice & { readonly isNoMinor: boolean },
  by: Speaker,
  now: number,
): PrivacyState {
  const { suppressed } = state
  const gives = choice.purposes.location === true
  const lifts = suppressed !== null && gives && (suppressed.why === 'erased' || choice.isNoMinor)
  const { isNoMinor: _, ...rest } = choice
  const objected = state.objected && choice.purposes.marketing !== true
  const purposes: Purposes = { ...choice.purposes, marketing: objected ? false : choice.purposes.marketing }
  return chosen({ ...state, suppressed: lifts ? null : suppressed, objected, purposes }, rest, by, now)
}

function chosen(state: PrivacyState, choice: Choice, by: Speaker, now: number): PrivacyState {
  const entry: Evidence = { at: now, by, ...choice }
  const [first, ...others] = state.evidence
  const evidence =
    first === undefined ? [entry] : [first, ...(others.length >= MAX_EVIDENCE - 1 ? others.slice(1) : others), entry]
  return { ...state, evidence }
}

/** Nothing is left but the suppression. One that is there already stays, with what it found. */
export function suppress(state: PrivacyState, suppressed: Suppression): PrivacyState {
  const { suppressed: before } = state
  // A suppressed record holds nothing, so that what the first erasure found is all there was; and a minor's stays that.
  const stays = before !== null && (before.why === 'minor' || suppressed.why === 'erased')
  return { ...NO_CHOICE, suppressed: stays ? before : suppressed }
}

/** An objection to marketing, or its end, which leaves the purpose to location again. */
export function objectToMarketing(state: PrivacyState, lifted: boolean, by: Speaker, now: number): PrivacyState {
  const purposes: Purposes = { ...state.purposes, marketing: lifted ? null : false }
  return chosen({ ...state, objected: !lifted, purposes }, { purposes, chosenAt: null, textVersion: null }, by, now)
}

/** Does it still mean anything once it is forgotten where the device is? */
export function isOfUse({ purposes, suppressed, objected, restricted, evidence }: PrivacyState): boolean {
  return (
    suppressed !== null ||
    objected ||
    restricted ||
    evidence.length > 0 ||
    purposes.location !== null ||
    purposes.analytics !== null ||
    purposes.marketing !== null
  )
}

/** May presence be kept at all? What could not be told is not kept either. */
export function mayKeepPresence({ purposes, suppressed }: PrivacyState): boolean {
  return suppressed === null && purposes.location !== false && purposes.marketing !== false
}

export type PackedPrivacy = readonly [
  purposes: PackedPurposes,
  suppressed: readonly [number, SuppressionReason, string, number, number, number, number] | null,
  restricted: boolean,
  objected: boolean,
  evidence: readonly (readonly [number, Speaker, PackedPurposes, number | null, string | null])[],
]
type PackedPurposes = readonly [boolean | null, boolean | null, boolean | null]

/** As plain arrays, for the record's codec. */
export function packPrivacy({ purposes, suppressed, objected, restricted, evidence }: PrivacyState): PackedPrivacy {
  return [
    packPurposes(purposes),
    suppressed === null ? null : packSuppression(suppressed),
    restricted,
    objected,
    evidence.map(({ at, by, purposes: said, chosenAt, textVersion }) => [
      at,
      by,
      packPurposes(said),
      chosenAt,
      textVersion,
    ]),
  ]
}

export function unpackPrivacy([purposes, suppressed, restricted, objected, evidence]: PackedPrivacy): PrivacyState {
  return {
    purposes: unpackPurposes(purposes),
    suppressed: suppressed === null ? null : unpackSuppression(suppressed),
    restricted,
    objected,
    evidence: evidence.map(([at, by, said, chosenAt, textVersion]) => ({
      at,
      by,
      purposes: unpackPurposes(said),
      chosenAt,
      textVersion,
    })),
  }
}

function packSuppression({ since, why, request, found }: Suppression): NonNullable<PackedPrivacy[1]> {
  return [since, why, request, found.visits, found.caps, found.pending, found.choices]
}

function unpackSuppression([since, why, request, visits, caps, pending, choices]: NonNullable<
  PackedPrivacy[1]
>): Suppression {
  return { since, why, request, found: { visits, caps, pending, choices } }
}

function packPurposes({ location, analytics, marketing }: Purposes): PackedPurposes {
  return [location, analytics, marketing]
}

function unpackPurposes([location, analytics, marketing]: PackedPurposes): Purposes {
  return { location, analytics, marketing }
}
