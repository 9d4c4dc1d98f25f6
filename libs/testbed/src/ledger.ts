// The books of a test that breaks things: what was sent and what was acknowledged, and what the events that came out of it say
// about the guarantees.
import type { MatchEvent } from './events-reader.ts'

/** One ping as its phone saw it. `observed` names it: no two pings of a test share one. */
export interface SentPing {
  readonly device: string
  readonly observed: number
  readonly lat: number
  readonly lon: number
  readonly ref?: string
  /** Ids of the fences it is in, sorted; none: no event may ever come of it. */
  readonly fences: readonly string[]
}

/** One event as a consumer has it. Events of one partition (or of the journal) in their order. */
export interface ConsumedEvent {
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly value: MatchEvent
}

/** What broke which guarantee: every list is empty where all is well. Each entry says what was wrong, the first hundred of each. */
export interface Verdict {
  /** Acknowledged and in a fence, but without an event. */
  readonly lost: readonly string[]
  /** Events of no ping that was sent, or that say something else than the ping did. */
  readonly invented: readonly string[]
  /** Copies that do not agree; pings with two ids; ids of two pings. */
  readonly disagreeing: readonly string[]
  /** First copies that precede one of a batch that was acknowledged before theirs was sent. */
  readonly misordered: readonly string[]
}

/** How much the verdict rests on. */
export interface Evidence {
  readonly sentPings: number
  readonly acknowledgedHits: number
  readonly events: number
  /** Events whose ping had one already. */
  readonly copies: number
}

interface Entry {
  readonly ping: SentPing
  /** The moments (a count of what happened) of its first sending and of its first acknowledgement. */
  readonly sent: number
  acknowledged: number
}

const KEPT = 100

export class Ledger {
  readonly #tenant: string
  readonly #entries = new Map<number, Entry>()
  #moment = 0

  constructor(tenant: string) {
    this.#tenant = tenant
  }

  /** To be called before the bytes leave, in every attempt. */
  sending(pings: readonly SentPing[]): void {
    const sent = ++this.#moment
    for (const ping of pings)
      if (!this.#entries.has(ping.observed))
        this.#entries.set(ping.observed, { ping, sent, acknowledged: Number.POSITIVE_INFINITY })
  }

  /** To be called once a 200 is there. */
  acknowledged(pings: readonly SentPing[]): void {
    const moment = ++this.#moment
    for (const { observed } of pings) {
      const entry = this.#entries.get(observed) as Entry
      entry.acknowledged = Math.min(entry.acknowledged, moment)
    }
  }

  /** Holds events against the books. */
  judge(events: readonly ConsumedEvent[]): { verdict: Verdict; evidence: Evidence } {
    const lost: string[] = []
    const invented: string[] = []
    const disagreeing: string[] = []
    const misordered: string[] = []
    const firsts = new Map<number, string>()
    const ofId = new Map<string, number>()
    const keyOf = new Map<string, string>()
    const deviceOf = new Map<string, string>()
    const latestSent = new Map<string, number>()

    for (const { key, headers, value } of events) {
      const { id, observed } = value
      const entry = this.#entries.get(observed)
      const wrong = entry === undefined ? 'no such ping was sent' : this.#untrue(entry.ping, key, headers, value)
      if (entry === undefined || wrong !== null) {
        invented.push(`event ${id}: ${wrong}`)
        continue
      }
      const { device } = entry.ping
      if ((keyOf.get(device) ?? key) !== key) invented.push(`event ${id}: a second pseudonym for its phone`)
      if ((deviceOf.get(key) ?? device) !== device) invented.push(`event ${id}: two phones with one pseudonym`)
      keyOf.set(device, key)
      deviceOf.set(key, device)

      if ((ofId.get(id) ?? observed) !== observed) disagreeing.push(`id ${id} is of two pings`)
      ofId.set(id, observed)
      const kept = lasting(value)
      const first = firsts.get(observed)
      if (first !== undefined) {
        if (first !== kept) disagreeing.push(`a copy says ${kept}, the first ${first}`)
        continue
      }
      firsts.set(observed, kept)
      // Some ping of this phone came out before and was first sent after this one's acknowledgement.
      const latest = latestSent.get(device) ?? 0
      if (latest > entry.acknowledged) misordered.push(`event ${id}: what was sent after its 200 precedes it`)
      latestSent.set(device, Math.max(latest, entry.sent))
    }

    let acknowledgedHits = 0
    for (const { ping, acknowledged } of this.#entries.values()) {
      if (acknowledged === Number.POSITIVE_INFINITY || ping.fences.length === 0) continue
      acknowledgedHits++
      if (!firsts.has(ping.observed)) lost.push(`ping observed at ${ping.observed} of ${ping.device}`)
    }
    return {
      verdict: {
        lost: lost.slice(0, KEPT),
        invented: invented.slice(0, KEPT),
        disagreeing: disagreeing.slice(0, KEPT),
        misordered: misordered.slice(0, KEPT),
      },
      evidence: {
        sentPings: this.#entries.size,
        acknowledgedHits,
        events: events.length,
        copies: events.length - firsts.size,
      },
    }
  }

  /** What of an event is not as its ping was, or null. */
  #untrue(ping: SentPing, key: string, headers: Readonly<Record<string, string>>, value: MatchEvent): string | null {
    const is = (what: string, got: unknown, expected: unknown): string | null =>
      got === expected ? null : `${what} is ${got}, not ${expected}`
    return (
      is('tenant', value.tenant, this.#tenant) ??
      is('header tenant', headers['tenant'], this.#tenant) ??
      is('header ce_id', headers['ce_id'], value.id) ??
      is('device', value.device, key) ??
      is('type', value.type, 'location') ??
      is('lat', value.lat, ping.lat) ??
      is('lon', value.lon, ping.lon) ??
      is('ref', value.ref, ping.ref) ??
      is('fences', value.fences.map((fence) => fence.id).join(' '), ping.fences.join(' '))
    )
  }
}

/** An empty verdict, to compare with. */
export const ALL_WELL: Verdict = { lost: [], invented: [], disagreeing: [], misordered: [] }

/** What copies of one id must agree in: all but at, received, batch, index and the fences' versions and campaigns. */
function lasting({ at: _at, received: _received, batch: _batch, index: _index, fences, ...rest }: MatchEvent): string {
  return JSON.stringify({ ...rest, fences: fences.map((fence) => fence.id) })
}
