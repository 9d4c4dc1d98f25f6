// Carries requests out, step by step. Whatever was done before a crash may be done again: a step ends by writing the next one down, and what
// can be counted only once is kept where it was counted. Requests that are at the same step go through it together, so that a
// thousand erasures read the journal once and compact the files once.
import { type Clock, type Logger, StoreError } from '@fencepost/model'
import type { FoundInRecord } from '@fencepost/policy'
import type { KnownRequest, RequestBook } from './book.ts'
import { type PrivacyRequest, STEPS, type Step, stepOf } from './request.ts'

/** What the world does for a request. Everything may be asked again, and rejects when it cannot be done now. */
export interface Hands {
  /** The subject of a pseudonym, or null: nobody who has a record has it. Looks at every record. */
  find(pseudonym: string): Promise<Uint8Array | null>
  /** Every pseudonym that the subject has or had. */
  pseudonymsOf(subject: Uint8Array): readonly string[]
  /** Empties the record; resolves with what this request found in it, however often it is asked. */
  suppress(request: PrivacyRequest, subject: Uint8Array): Promise<FoundInRecord>
  /** Makes an objection or a restriction, or ends it. */
  apply(request: PrivacyRequest, subject: Uint8Array): Promise<void>
  /** Has everything that was admitted anywhere before `since` been published or given up? */
  delivered(since: number): Promise<boolean>
  /** Where events are kept by this process; null = they are not. */
  readonly journal: {
    count(pseudonyms: ReadonlySet<string>): Promise<Map<string, number>>
    erase(pseudonyms: ReadonlySet<string>): Promise<void>
  } | null
  /** Resolves when what was removed or overwritten is in no file of the stores any more. */
  compact(): Promise<void>
  /** Tells consumers whom to forget. */
  announce(request: PrivacyRequest, whom: { subject: Uint8Array | null; pseudonyms: readonly string[] }): Promise<void>
}

export interface RunnerParts {
  readonly book: RequestBook
  readonly hands: Hands
  readonly clock: Clock
  readonly logger: Logger
  /** Others may run the same requests: a step that is begun is theirs only after so long. 0 = there are no others. */
  readonly leaseMs: number
}

export interface Runner {
  start(): void
  /** Resolves when what is under way has ended. */
  stop(): Promise<void>
  /** Looks at once whether something is due. */
  wake(): void
  readonly counters: Readonly<RunnerCounters>
}

export interface RunnerCounters {
  finished: number
  failures: number
}

const LOOK_MS = 250
/** Requests that are taken up in one go. */
const AT_ONCE = 64
/** A step that failed is tried again after so long, twice as long each time up to the other. */
const RETRY_MS = 500
const MAX_RETRY_MS = 30_000

export function createRunner(parts: RunnerParts): Runner {
  const { book, hands, clock, logger } = parts
  const counters: RunnerCounters = { finished: 0, failures: 0 }
  const failed = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let stopped = false
  let failing = false

  async function round(): Promise<void> {
    for (let moved = true; moved && !stopped; ) {
      const due = await book.due(clock(), AT_ONCE)
      moved = false
      for (const step of STEPS) {
        const group = due.filter(({ request }) => request.step === step)
        if (group.length > 0) moved = (await doStep(step, await leased(group))) || moved
      }
    }
  }

  /** Those that nobody else has taken up meanwhile. */
  async function leased(group: readonly KnownRequest[]): Promise<KnownRequest[]> {
    if (parts.leaseMs === 0) return [...group]
    const taken = await Promise.all(group.map((known) => book.move(known, known.request, clock() + parts.leaseMs)))
    return taken.filter((known) => known !== null)
  }

  /** Has anything come a step further? */
  async function doStep(step: Step, group: readonly KnownRequest[]): Promise<boolean> {
    if (group.length === 0) return false
    try {
      const nexts = await STEP_WORK[step](group.map(({ request }) => request))
      let moved = false
      await Promise.all(
        group.map(async (known, i) => {
          const next = nexts[i] ?? null
          if (next === null) {
            await book.move(known, known.request, clock() + LOOK_MS)
            return
          }
          const isOver = next.step === 'over'
          const done = isOver ? { ...next, finished: clock() } : next
          if ((await book.move(known, { ...done, problem: null }, isOver ? null : clock())) === null) return
          failed.delete(next.id)
          moved = true
          if (!isOver) return
          counters.finished++
          logger.info({ request: next.id, type: next.type }, 'a request about privacy is done')
        }),
      )
      return moved
    } catch (error) {
      counters.failures++
      const problem = error instanceof Error ? error.message : String(error)
      await Promise.all(
        group.map(async (known) => {
          const times = failed.get(known.request.id) ?? 0
          failed.set(known.request.id, times + 1)
          const retryAt = clock() + Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** times)
          await book.move(known, { ...known.request, problem: `${step}: ${problem}` }, retryAt)
        }),
      )
      logger.warn(
        { step, requests: group.length, error: problem },
        'a request about privacy could not go on; it is tried again',
      )
      return false
    }
  }

  /** Each request after its step, or null: it is not over yet. */
  const STEP_WORK: Readonly<Record<Step, (requests: PrivacyRequest[]) => Promise<(PrivacyRequest | null)[]>>> = {
    finding: (requests) =>
      Promise.all(
        requests.map(async (request) => {
          const subject = await hands.find(request.pseudonym as string)
          const step = subject === null && request.type !== 'erase' ? 'over' : stepOf(request.type)
          return { ...request, subject: subject === null ? null : textOf(subject), step }
        }),
      ),
    applying: (requests) =>
      Promise.all(
        requests.map(async (request) => {
          if (request.subject !== null) await hands.apply(request, bytesOf(request.subject))
          return { ...request, step: 'over' as const }
        }),
      ),
    suppressing: (requests) =>
      Promise.all(
        requests.map(async (request) => {
          const record = request.subject === null ? NOTHING : await hands.suppress(request, bytesOf(request.subject))
          return { ...request, step: 'waiting' as const, suppressedAt: clock(), proof: { ...request.proof, record } }
        }),
      ),
    waiting: (requests) =>
      Promise.all(
        requests.map(async (request) =>
          (await hands.delivered(request.suppressedAt as number)) ? { ...request, step: 'counting' as const } : null,
        ),
      ),
    async counting(requests) {
      if (hands.journal === null)
        return requests.map((request) => ({
          ...request,
          step: 'deleting' as const,
          proof: { ...request.proof, journal: null },
        }))
      const counts = await hands.journal.count(namesOfAll(requests))
      return requests.map((request) => {
        const events = sumOf(counts, namesOf(request))
        return { ...request, step: 'deleting' as const, proof: { ...request.proof, journal: { events, left: events } } }
      })
    },
    async deleting(requests) {
      await forgetNames(requests)
      if (hands.journal === null) return requests.map((request) => ({ ...request, step: 'compacting' as const }))
      const names = namesOfAll(requests)
      await hands.journal.erase(names)
      const counts = await hands.journal.count(names)
      return requests.map((request) => {
        const { events } = request.proof.journal ?? { events: 0 }
        const left = sumOf(counts, namesOf(request))
        // Whatever came in between: it is deleted again until there is nothing.
        if (left > 0) return null
        return { ...request, step: 'compacting' as const, proof: { ...request.proof, journal: { events, left } } }
      })
    },
    async compacting(requests) {
      await hands.compact()
      const proven = (request: PrivacyRequest) => ({ ...request.proof, compactedAt: clock() })
      return requests.map((request) => ({ ...request, step: 'announcing' as const, proof: proven(request) }))
    },
    async announcing(requests) {
      await Promise.all(
        requests.map((request) =>
          hands.announce(request, {
            subject: request.subject === null ? null : bytesOf(request.subject),
            pseudonyms: namesOf(request),
          }),
        ),
      )
      return requests.map((request) => ({
        ...request,
        step: 'over' as const,
        pseudonym: null,
        proof: { ...request.proof, announcedAt: clock() },
      }))
    },
    over: async (requests) => requests.map(() => null),
  }

  function namesOf({ subject, pseudonym }: PrivacyRequest): readonly string[] {
    if (subject !== null) return hands.pseudonymsOf(bytesOf(subject))
    return pseudonym === null ? [] : [pseudonym]
  }

  function namesOfAll(requests: readonly PrivacyRequest[]): ReadonlySet<string> {
    return new Set(requests.flatMap((request) => namesOf(request)))
  }

  /** Other requests must not go on naming who is erased. */
  async function forgetNames(erasures: readonly PrivacyRequest[]): Promise<void> {
    const names = namesOfAll(erasures)
    for (const { id, pseudonym } of await book.list(MAX_LISTED)) {
      if (pseudonym === null || !names.has(pseudonym) || erasures.some((one) => one.id === id)) continue
      const known = await book.get(id)
      if (known !== null)
        await book.move(known, { ...known.request, pseudonym: null }, known.request.finished === null ? clock() : null)
    }
  }

  function look(): void {
    if (running !== null || stopped) return
    running = round()
      .then(
        () => {
          if (failing) logger.info({}, 'requests about privacy are carried out again')
          failing = false
        },
        (error: unknown) => {
          if (!failing) logger.warn({ error: reasonOf(error) }, 'requests about privacy cannot be read; they wait')
          failing = true
        },
      )
      .finally(() => {
        running = null
      })
  }

  return {
    start() {
      timer ??= setInterval(look, LOOK_MS)
      timer.unref()
      look()
    },
    async stop() {
      stopped = true
      clearInterval(timer)
      await running
    },
    wake: look,
    counters,
  }
}

const MAX_LISTED = 100_000
const NOTHING: FoundInRecord = { visits: 0, caps: 0, pending: 0, choices: 0 }

function sumOf(counts: ReadonlyMap<string, number>, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0)
}

function reasonOf(error: unknown): string {
  return error instanceof StoreError ? error.code : error instanceof Error ? error.message : String(error)
}

function textOf(subject: Uint8Array): string {
  return Buffer.from(subject).toString('base64url')
}

function bytesOf(subject: string): Uint8Array {
  return new Uint8Array(Buffer.from(subject, 'base64url'))
}
