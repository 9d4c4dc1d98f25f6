// What hostile clients send: a seeded generator of requests that no SDK would make, each with the outcomes that are right for it.

import type { RequestReason } from '@fencepost/model'
import { seededRandom } from '@fencepost/testbed/random'
import { type Draft, hostileKinds, type Kind } from './hostile-kinds.ts'

/**
 * How a request may end. A reason of the table; `ok`; `parser`: refused by the HTTP parser, which answers 400, 431 or 505 without
 * a body of ours and closes; `closed`: no answer at all.
 */
export type Outcome = RequestReason | 'ok' | 'parser' | 'closed'

export interface Hostile {
  readonly kind: string
  /** What goes over the wire; more than one piece goes out slowly. */
  readonly pieces: readonly Buffer[]
  readonly allowed: readonly Outcome[]
  /** How many answers it must get; 1 unless requests are pipelined. */
  readonly answers: number
  /** `leave`: the client goes away after the last byte. `stay`: it may have to wait for seconds, so it gets a connection of its own. */
  readonly manner: 'ask' | 'leave' | 'stay'
  /** Bytes are missing or left over: nothing else can be asked on this connection. */
  readonly spoils: boolean
  /** Pings that a 200 has to say it accepted, where that is known. */
  readonly accepted?: number
  /** `batch` of a batch that makes an event if it is taken. */
  readonly hit?: string
}

/** Decided before anybody is asked for a key. */
const BEFORE_KEY: readonly Outcome[] = ['not_found', 'method_not_allowed', 'parser', 'closed']

export interface HostileOptions {
  readonly seed: number
  /** Key of the requests; an unknown one makes `unauthorized` the right outcome of all that gets as far as the key. */
  readonly key: string
  readonly known: boolean
  /** Begins every `batch` id, so that those of several generators differ. */
  readonly name: string
  /** A place in no fence, and one in a fence, in degrees. */
  readonly nowhere: Place
  readonly trap: Place
}

export interface Place {
  readonly lat: number
  readonly lon: number
}

export interface HostileRequests {
  /** Names of all kinds. */
  readonly kinds: readonly string[]
  /** The next request; one that stays only where there is room for it. */
  next(stayAllowed: boolean): Hostile
}

/** Makes requests one after another; the same seed gives the same ones, but for the time in them. */
export function hostileRequests(options: HostileOptions): HostileRequests {
  const random = seededRandom(options.seed)
  const kinds = hostileKinds(options, random)
  let all = 0
  const ends = kinds.map(([, weight]) => {
    all += weight
    return all
  })
  return { kinds: kinds.map(([name]) => name), next }

  function next(stayAllowed: boolean): Hostile {
    for (;;) {
      const at = random() * all
      const kind = kinds.findIndex((_, i) => at < (ends[i] as number))
      const [name, , make] = kinds[kind] as Kind
      const draft = make()
      if (draft.manner === 'stay' && !stayAllowed) continue
      return finish(name, draft)
    }
  }

  function finish(kind: string, draft: Draft): Hostile {
    const { answers = 1, manner = 'ask', share, pieces = 1, accepted, hit: hitBatch } = draft
    const whole = draft.raw === true ? Buffer.from(draft.bytes as string) : wire(draft)
    const bytes = share === undefined ? whole : whole.subarray(0, Math.floor(whole.length * share))
    const sent = Buffer.concat(new Array<Buffer>(answers).fill(bytes))
    return {
      kind,
      pieces: cut(sent, pieces, draft.fromFirstByte === true ? 0 : sent.indexOf('\r\n\r\n') + 4),
      allowed: options.known ? withCrowd(draft.allowed, sent) : forStrangers(draft.allowed),
      answers,
      manner,
      spoils: draft.spoils === true || share !== undefined,
      ...(accepted === undefined ? {} : { accepted }),
      ...(hitBatch === undefined ? {} : { hit: hitBatch }),
    }
  }

  function wire({ bytes = '', json, method = 'POST', path = '/v1/pings', headers }: Draft): Buffer {
    const body = Buffer.from(bytes as string)
    const all: Record<string, string> = {
      host: 'fencepost',
      authorization: `Bearer ${options.key}`,
      'content-type': json === true ? 'application/json' : 'application/msgpack',
      'content-length': String(body.length),
      ...headers,
    }
    const lines = Object.entries(all)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}: ${value}\r\n`)
    return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'), body])
  }
}

/** Above that a body shares its memory with other large ones, and so does a body of unknown length: stalled ones may have it all. */
const LARGE_BODY = 16_384

function withCrowd(allowed: readonly Outcome[], sent: Buffer): readonly Outcome[] {
  const large = sent.length > LARGE_BODY || sent.includes('transfer-encoding: chunked')
  return large && !allowed.includes('overloaded') ? [...allowed, 'overloaded'] : allowed
}

/** What the same request may earn without a key that is known. */
function forStrangers(allowed: readonly Outcome[]): readonly Outcome[] {
  const same = allowed.filter((outcome) => BEFORE_KEY.includes(outcome))
  return same.length === allowed.length ? same : [...same, 'unauthorized']
}

/** That many pieces, everything before `from` in the first of them. */
function cut(bytes: Buffer, pieces: number, from: number): Buffer[] {
  if (pieces === 1) return [bytes]
  const size = Math.max(1, Math.ceil((bytes.length - from) / pieces))
  const all = [bytes.subarray(0, from + size)]
  for (let at = from + size; at < bytes.length; at += size) all.push(bytes.subarray(at, at + size))
  return all
}
