// The table of what may be told, through the whole of the ping's path: pipeline, records in LMDB, and what comes to the sink.
import { join } from 'node:path'
import { createLmdbPresenceStore } from '@fencepost/embedded'
import { createFenceIndex } from '@fencepost/match'
import { BatchHits, type Fence, type PresenceStore, silentLogger } from '@fencepost/model'
import { createIdentities, DEFAULT_RULES, NO_CHOICE, type PrivacyState } from '@fencepost/policy'
import { PRESENCE_DEFAULTS } from '@fencepost/presence'
import { createRequestBook, type RequestBook } from '@fencepost/privacy'
import { removeFolder, tempFolder } from '@fencepost/testbed'
import { createDecoder, createEventEncoder } from '@fencepost/wire'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CASES, type PermissionCase, purposesOf } from '../../../libs/policy/test/permission-cases.ts'
import { Counters } from '../src/counters.ts'
import { InFlight } from '../src/in-flight.ts'
import { createPipeline, type Pipeline } from '../src/pipeline.ts'
import { createMoments } from '../src/presence/source.ts'
import { createSubjects, type Subjects } from '../src/presence/subjects.ts'
import { createErasures } from '../src/privacy/erasures.ts'
import { circle, type HeldSink, heldSink, lawOfPings } from './node-kit.ts'

const CLINIC: Fence = { ...circle('clinic', 20, 50, 100, 'another-tenant'), tags: ['sensitive:health'] }
const FENCES = [circle('market', 10, 50, 100), circle('square', 20, 50, 100), CLINIC]
const FOUND = { visits: 0, caps: 0, pending: 0, choices: 0 }
const REASONS: Readonly<Record<string, string>> = {
  no: 'no_consent',
  min: 'minor',
  res: 'restricted',
  sen: 'sensitive_place',
}

let folder = ''
let records: PresenceStore
let requests: PresenceStore
let book: RequestBook
let subjects: Subjects
let sink: HeldSink
let pipelines: Record<'following' | 'explicit', Pipeline>
const counters = new Counters()
const identities = createIdentities({ rootKey: Buffer.alloc(32, 1), pseudonymKey: Buffer.alloc(32, 2) })
const identityOf = (device: string) => identities.of('acme', Buffer.from(device), 0, device.length)

beforeAll(async () => {
  folder = tempFolder('permissions')
  records = createLmdbPresenceStore({ dir: join(folder, 'records') }, { logger: silentLogger })
  requests = createLmdbPresenceStore({ dir: join(folder, 'requests') }, { logger: silentLogger })
  await records.start()
  await requests.start()
  sink = heldSink()
  const index = createFenceIndex(FENCES)
  const moments = createMoments(() => index)
  subjects = createSubjects({
    store: records,
    sink,
    identities,
    settings: PRESENCE_DEFAULTS,
    contentType: 'application/json',
    keepsPresence: true,
    cacheSize: 1000,
    choicesKeptMs: 1e12,
    counters: counters.presence,
    moment: moments,
    reached: async () => true,
    clock: Date.now,
  })
  book = createRequestBook(requests, 1e12)
  const erasures = createErasures({ subjects, book, clock: Date.now })
  const pipelineWith = (consentExplicit: boolean): Pipeline =>
    createPipeline({
      decoder: createDecoder({ maxPings: 10, maxAgeMs: 1e9, maxFutureMs: 1e6 }),
      moment: () => ({ ...moments(), tenantRules: () => ({ consentExplicit, ageLimit: 13 }) }),
      subjects,
      onMinor: async ({ identity, tenant }) => {
        await erasures.askForMinor({ subject: identity.subject, tenant })
      },
      inFlight: new InFlight(),
      hits: new BatchHits(10),
      identities,
      encoder: createEventEncoder({
        coordinates: 'exact',
        contentType: 'application/json',
        maxEventBytes: 65_536,
        maxBatchBytes: 1_000_000,
      }),
      sink,
      counters,
      clock: Date.now,
    })
  pipelines = { following: pipelineWith(false), explicit: pipelineWith(true) }
})
afterAll(async () => {
  await records.stop(1000)
  await requests.stop(1000)
  removeFolder(folder)
})

function chosen(stored: string): PrivacyState {
  if (stored === 'erased' || stored === 'minor')
    return { ...NO_CHOICE, suppressed: { since: 1, why: stored, request: 'r_1', found: FOUND } }
  return { ...NO_CHOICE, purposes: purposesOf(stored), restricted: stored.includes('restricted') }
}

function consentOf(batch: string): unknown {
  if (batch === 'minor') return { location: true, minor: true }
  if (batch === '-') return false
  const { location, analytics, marketing } = purposesOf(batch)
  return { location, ...(analytics === null ? {} : { analytics }), ...(marketing === null ? {} : { marketing }) }
}

async function outcomeOf({ stored, batch, explicit, sensitive }: PermissionCase, device: string): Promise<string> {
  const { subject } = identityOf(device)
  if (stored !== 'none') await subjects.choose({ subject, tenant: 'acme' }, () => chosen(stored))
  const before = sink.batches.length
  const ping = { type: 'location', age: 1000, lat: 50, lon: sensitive ? 20 : 10 }
  const body = { v: 1, device, sent: Date.now(), consent: consentOf(batch), pings: [ping] }
  const pipeline = explicit ? pipelines.explicit : pipelines.following
  const answer = await pipeline.take(Buffer.from(JSON.stringify(body)), 'json', 'acme')
  const { accepted, matched, rejected } = JSON.parse(Buffer.from(answer as Uint8Array).toString()) as {
    accepted: number
    matched: number
    rejected: [number, string][]
  }
  const topics = sink.batches.slice(before).map(({ topic }) => topic)
  const told = `${topics.includes('matches') ? 'M' : '.'}${topics.includes('transitions') ? 'T' : '.'}`
  const reason = rejected[0]?.[1]
  if (reason === undefined) {
    expect({ accepted, matched }).toEqual({ accepted: 1, matched: told.startsWith('M') ? 1 : 0 })
    return told
  }
  expect({ accepted, matched, told }).toEqual({ accepted: 0, matched: 0, told: '..' })
  return Object.keys(REASONS).find((short) => REASONS[short] === reason) ?? reason
}

describe('what is published', () => {
  it.each(CASES.map((one, i) => ({ ...one, i })))(
    'chosen $stored, batch $batch, explicit $explicit, sensitive $sensitive: $outcome',
    async (one) => {
      const device = `phone-${one.i}`
      expect(await outcomeOf(one, device)).toBe(one.outcome)
      const record = await subjects.record(identityOf(device).subject)
      // Where nobody may be told, it is not kept where the device is.
      if (/^(\.\.|M\.|no|min|sen)$/.test(one.outcome)) expect(record?.state.visits ?? []).toEqual([])
      if (one.batch === 'minor') expect(record?.privacy?.suppressed?.why).toBe('minor')
    },
  )

  it('keeps the law of pings whatever was decided', () => {
    const { decoded, outcomes } = lawOfPings(counters)
    expect(decoded).toBe(CASES.length)
    expect(outcomes).toBe(decoded)
  })

  it('a minor’s device is erased by one request, however often it is said to be one', async () => {
    const ask = { stored: 'none', batch: 'minor', explicit: false, sensitive: false, outcome: 'min' } as const
    const before = (await book.list(10_000)).length
    for (let i = 0; i < 5; i++) expect(await outcomeOf(ask, 'child')).toBe('min')
    const made = (await book.list(10_000)).slice(before)
    expect(made).toHaveLength(1)
    expect(made[0]).toMatchObject({ type: 'erase', origin: 'minor', step: 'suppressing', pseudonym: null })
  })
})

describe('what one node left unpublished', () => {
  it('is not told by it once consent was withdrawn at another', async () => {
    const failing = heldSink()
    const index = createFenceIndex(FENCES)
    const node = createSubjects({
      store: records,
      sink: failing,
      identities,
      settings: PRESENCE_DEFAULTS,
      contentType: 'application/json',
      keepsPresence: true,
      cacheSize: 10,
      choicesKeptMs: 1e12,
      counters: new Counters().presence,
      moment: createMoments(() => index),
      reached: async () => true,
      clock: Date.now,
    })
    const identity = identityOf('stale')
    const now = Date.now()
    const batch = (observed: number) => ({
      tenant: 'acme',
      identity,
      received: observed,
      sent: observed,
      matches: null,
      permission: { refused: null, matches: true, transitions: true },
      tenantRules: DEFAULT_RULES,
      observations: [
        {
          observed,
          at: observed,
          beacon: false,
          accuracyM: null,
          tie: [0, 0],
          hits: [FENCES[0] as Fence],
          distanceM: () => 0,
        },
      ],
    })
    const moment = createMoments(() => index)()
    failing.mode = 'io'
    await expect(node.take(batch(now - 2000), moment)).rejects.toThrow()
    const decided = failing.batches.length
    failing.mode = 'durable'
    // Elsewhere: this node's copy of the record is stale from now on.
    const { subject } = identity
    await subjects.choose({ subject, tenant: 'acme' }, () => chosen('-L'))
    expect(await node.take(batch(now - 1000), moment)).toBe('no_consent')
    expect(failing.batches).toHaveLength(decided)
    expect((await node.record(subject))?.pending).toBeNull()
  })
})
