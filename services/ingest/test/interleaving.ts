// Nodes, one store and one sink in which every answer comes when a seed says so, may be lost on the way, and may find its asker dead.
import { CampaignBook } from '@fencepost/match/eligibility'
import type {
  EventSink,
  FenceFacts,
  PresenceStore,
  RecordBatch,
  RecordToStore,
  VersionedRecord,
  WriteOutcome,
} from '@fencepost/model'
import { SinkError, StoreError } from '@fencepost/model'
import { createIdentities, DEFAULT_RULES, type Identity } from '@fencepost/policy'
import { decodeRecord, PRESENCE_DEFAULTS } from '@fencepost/presence'
import { decodeEvent } from '@fencepost/wire'
import { PresenceCounters } from '../src/presence/counters.ts'
import { createSubjects, type Subjects } from '../src/presence/subjects.ts'

const FENCES = ['a', 'b', 'c']
const identities = createIdentities({ rootKey: Buffer.alloc(32, 1), pseudonymKey: Buffer.alloc(32, 2) })
const device = Buffer.from('phone')
export const IDENTITY: Identity = identities.of('acme', device, 0, device.length)

/** Numbers from a seed: mulberry32. */
export function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % sides
  }
}

export interface WorldOptions {
  readonly roll: (sides: number) => number
  /** One operation in so many is lost, before or after it is done; 0 = none is. */
  readonly faults: number
}

/** One life of a node; what it asked for and has no answer to dies with it. */
interface Life {
  alive: boolean
}

interface Step {
  readonly life: Life
  readonly run: () => void
}

export interface Told {
  readonly id: string
  readonly kind: string
  readonly fence: string
  readonly visit: number
}

export class World {
  /** Every event that came into the sink, in order, copies included. */
  readonly published: Told[] = []
  /** Every transition that a record was written with, in order. */
  readonly history: Told[] = []
  now = 1_000_000
  readonly #roll: WorldOptions['roll']
  #faults: number
  #steps: Step[] = []
  #stored: (VersionedRecord & { dueMs: number | null }) | null = null

  constructor({ roll, faults }: WorldOptions) {
    this.#roll = roll
    this.#faults = faults
  }

  /** No more faults. */
  heal(): void {
    this.#faults = 0
  }

  /** A node, which `kill` ends. */
  node(): { readonly subjects: Subjects; kill(): void } {
    const life: Life = { alive: true }
    const book = new CampaignBook()
    const facts = new Map(FENCES.map((id) => [id, factsOf(id)]))
    const rules = {
      fence: (id: string) => facts.get(id) ?? null,
      campaigns: (fence: FenceFacts) => book.of('acme', fence),
      nameGone: () => {
        throw new Error('no fence goes away here')
      },
    }
    const moment = { feed: { epoch: 'e', seq: 1 }, rules: () => rules }
    const subjects = createSubjects({
      store: this.#storeFor(life),
      sink: this.#sinkFor(life),
      identities,
      settings: PRESENCE_DEFAULTS,
      contentType: 'application/json',
      cacheSize: 10,
      keepsPresence: true,
      choicesKeptMs: 1e12,
      counters: new PresenceCounters(),
      moment: () => moment,
      reached: async () => false,
      clock: () => this.now,
    })
    return {
      subjects: { ...subjects, take: (batch) => subjects.take(batch, moment) },
      kill() {
        life.alive = false
      },
    }
  }

  /** Does one of the things that are under way; false = there is none. */
  async turn(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve)) // until all who can go on have done so
    this.#steps = this.#steps.filter(({ life }) => life.alive)
    if (this.#steps.length === 0) return false
    const [step] = this.#steps.splice(this.#roll(this.#steps.length), 1)
    step?.run()
    return true
  }

  #later<T>(life: Life, work: () => T, lost: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const fault = this.#faults > 0 && this.#roll(this.#faults) === 0
      // Lost on its way there: it was never done.
      if (fault && this.#roll(2) === 0) {
        this.#steps.push({ life, run: () => reject(lost()) })
        return
      }
      // The work is one step and its answer another: somebody may be between them, or the asker dead.
      const run = (): void => {
        const answer = work()
        this.#steps.push({ life, run: () => (fault ? reject(lost()) : resolve(answer)) })
      }
      this.#steps.push({ life: { alive: true }, run })
    })
  }

  #storeFor(life: Life): PresenceStore {
    const lost = (): Error => new StoreError('unavailable', 'lost')
    return {
      start: async () => {},
      stop: async () => {},
      healthy: () => true,
      read: () => this.#later(life, () => this.#stored, lost),
      write: (_subject, expected, next) => this.#later(life, () => this.#write(expected, next), lost),
      compact: async () => {},
      scan: async () => ({ subjects: [], next: null }),
      due: () => this.#later(life, () => (this.#isDue() ? [IDENTITY.subject] : []), lost),
    }
  }

  #isDue(): boolean {
    const due = this.#stored?.dueMs ?? null
    return due !== null && due <= this.now
  }

  #write(expected: string | null, next: RecordToStore): WriteOutcome {
    if ((this.#stored?.version ?? null) !== expected) return { current: this.#stored }
    this.#stored = next
    const { pending } = decodeRecord(next.bytes)
    if (pending !== null) this.history.push(...toldIn(pending))
    return null
  }

  #sinkFor(life: Life): EventSink {
    return {
      start: async () => {},
      stop: async () => {},
      healthy: () => true,
      hasRoom: () => true,
      publish: (batch) =>
        this.#later(
          life,
          () => {
            if (batch.topic === 'transitions') this.published.push(...toldIn(batch))
          },
          () => new SinkError('deadline', 'lost'),
        ),
    }
  }
}

function factsOf(id: string): FenceFacts {
  return { id, version: 1, tenant: null, name: null, tags: [], campaigns: [], dwellS: 7 }
}

function toldIn({ values, ends, count }: RecordBatch): Told[] {
  return Array.from({ length: count }, (_, i) => {
    const value = values.subarray(i === 0 ? 0 : ends[i - 1], ends[i])
    const event = decodeEvent(value, 'application/json') as Omit<Told, 'fence'> & { fence: { id: string } }
    return { id: event.id, kind: event.kind, fence: event.fence.id, visit: event.visit }
  })
}

/** Observed seconds and fences of each ping of a batch. */
export type Pings = readonly (readonly [seconds: number, fences: readonly string[]])[]

export function batchOf(pings: Pings, now: number) {
  return {
    received: now,
    sent: now,
    tenant: 'acme',
    identity: IDENTITY,
    matches: null,
    permission: { refused: null, matches: true, transitions: true },
    tenantRules: DEFAULT_RULES,
    observations: pings.map(([seconds, fences]) => ({
      observed: seconds * 1000,
      at: seconds * 1000,
      beacon: false,
      accuracyM: null,
      tie: [0, 0],
      hits: fences.map(factsOf),
      distanceM: () => Number.POSITIVE_INFINITY,
    })),
  }
}

/** A walk of one device, cut into batches. */
export function walkOf(roll: (sides: number) => number, batches: number): Pings[] {
  let seconds = 0
  return Array.from({ length: batches }, () =>
    Array.from({ length: 1 + roll(3) }, () => {
      seconds += 1 + roll(10)
      return [seconds, FENCES.filter(() => roll(2) === 0)] as const
    }),
  )
}

/** The first copy of each. */
export function firstCopies(told: readonly Told[]): Told[] {
  const seen = new Set<string>()
  return told.filter(({ id }) => !seen.has(id) && seen.add(id))
}
