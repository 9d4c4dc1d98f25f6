// `make bench-privacy`: what keeping the promises costs on the ping path: the whole of it in one process, beside the same without asking
// what may be told.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Counters, createMoments, createPipeline, createSubjects, InFlight, type Outcome } from '@fencepost/ingest'
import { createFenceIndex } from '@fencepost/match'
import { BatchHits, type EventSink, type Fence, type PresenceStore, type VersionedRecord } from '@fencepost/model'
import { createIdentities, NO_CHOICE, PING_POLICY, type PingPolicy } from '@fencepost/policy'
import { PRESENCE_DEFAULTS } from '@fencepost/presence'
import { createDecoder, createEventEncoder } from '@fencepost/wire'
import { type Arm, type Case, type CaseResult, measure } from './measure.ts'
import { DECODER_OPTIONS, FENCE_SEED, FENCES, packedBody, placesWithHits, RECEIVED, TENANT } from './micro/setup.ts'
import { endProgress, progress, renderTable, writeJson } from './report.ts'
import { syntheticFences } from './synthetic.ts'

const USAGE = `make bench-privacy ARGS="…"    (node bench/dist/privacy.js …)

CPU of the whole ping path in one process, records in memory: without asking what may be told; as it is; as it is with stored
choices; and with one fence in ten sensitive, none of them near. Arms take turns, must do the same work, and are
compared round by round: the mean ratio with its 95 % interval.

  --rounds <n>     rounds a case, at least 30 (40)
  --seconds <n>    time for one case (20)
  --json <file>    where the result goes (bench/out/privacy.json)
  --help
`

const BODIES = 64
const MIB = 1024 * 1024

const nullSink: EventSink = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  hasRoom: () => true,
  publish: () => Promise.resolve(),
  healthy: () => true,
}

const ALL = { refused: null, matches: true, transitions: true } as const
/** Looks at consent to location and at nothing else. */
const NOTHING_ASKED: PingPolicy = {
  ofBatch: (batch) => (batch.consent && !batch.minor ? ALL : PING_POLICY.ofBatch(batch, RULES, RECEIVED)),
  ofRecord: (permission) => permission,
}
const RULES = { consentExplicit: false, ageLimit: 13 }

/** Records as a store would keep them, without its cost: what is measured beside them weighs most. */
function memoryStore(): PresenceStore {
  const records = new Map<string, VersionedRecord>()
  const nameOf = (subject: Uint8Array): string => Buffer.from(subject).toString('latin1')
  return {
    start: async () => {},
    stop: async () => {},
    healthy: () => true,
    compact: async () => {},
    due: async () => [],
    scan: async () => ({ subjects: [], next: null }),
    read: async (subject) => records.get(nameOf(subject)) ?? null,
    async write(subject, expected, next) {
      const current = records.get(nameOf(subject)) ?? null
      if ((current?.version ?? null) !== expected) return { current }
      records.set(nameOf(subject), next)
      return null
    },
  }
}

interface ArmOptions {
  readonly name: string
  readonly bodies: readonly Uint8Array[]
  readonly fences: readonly Fence[]
  readonly policy: PingPolicy
  readonly presence: boolean
  readonly choices: boolean
}

async function armOf({ name, bodies, fences, policy, presence, choices }: ArmOptions): Promise<Arm> {
  const counters = new Counters()
  const index = createFenceIndex(fences)
  const identities = createIdentities({ rootKey: Buffer.alloc(32, 1), pseudonymKey: Buffer.alloc(32, 2) })
  const moment = createMoments(() => index)
  const subjects = createSubjects({
    store: memoryStore(),
    sink: nullSink,
    identities,
    settings: PRESENCE_DEFAULTS,
    contentType: 'application/json',
    keepsPresence: true,
    cacheSize: 10_000,
    choicesKeptMs: 1e12,
    counters: counters.presence,
    moment,
    reached: async () => true,
    clock: () => RECEIVED,
    policy,
  })
  if (choices)
    for (let i = 0; i < BODIES; i++) {
      const device = Buffer.from(deviceOf(i))
      const { subject } = identities.of(TENANT, device, 0, device.length)
      const purposes = { location: true, analytics: true, marketing: true }
      await subjects.choose({ subject, tenant: TENANT }, () => ({ ...NO_CHOICE, purposes }))
    }
  const pipeline = createPipeline({
    decoder: createDecoder(DECODER_OPTIONS),
    moment,
    subjects: presence ? subjects : null,
    onMinor: null,
    inFlight: new InFlight(),
    policy,
    hits: new BatchHits(DECODER_OPTIONS.maxPings),
    identities,
    encoder: createEventEncoder({
      coordinates: 'coarse',
      contentType: 'application/json',
      maxEventBytes: MIB,
      maxBatchBytes: 16 * MIB,
    }),
    sink: nullSink,
    counters,
    clock: () => RECEIVED,
  })
  return {
    name,
    async pass() {
      const before = counters.accepted + counters.matched * 1e6
      const waiting: (Outcome | Promise<Outcome>)[] = []
      for (const body of bodies) waiting.push(pipeline.take(body, 'msgpack', TENANT))
      await Promise.all(waiting)
      return counters.accepted + counters.matched * 1e6 - before
    },
  }
}

function deviceOf(i: number): string {
  return `bench-device-${i}`
}

async function caseOf(name: string, pings: number, hits: 0 | 1, presence: boolean): Promise<Case> {
  const places = placesWithHits(BODIES * pings, hits, 61 + hits, pings)
  const bodies = Array.from({ length: BODIES }, (_, i) =>
    packedBody(places.slice(i * pings, (i + 1) * pings), deviceOf(i)),
  )
  const fences = syntheticFences({ count: FENCES, seed: FENCE_SEED })
  // Far from every place: below the southern edge of them all.
  const quiet = fences.slice(0, FENCES / 10).map((fence, i): Fence => {
    const shape = { kind: 'circle', lon: (i % 360) - 180, lat: -80, radiusM: 50 } as const
    return { ...fence, id: `quiet-${i}`, tags: ['sensitive'], shape }
  })
  const shared = { bodies, fences, presence, choices: false }
  const arms = [
    await armOf({ ...shared, name: 'nothing asked', policy: NOTHING_ASKED }),
    await armOf({ ...shared, name: 'as it is', policy: PING_POLICY }),
    ...(presence ? [await armOf({ ...shared, name: 'stored choices', policy: PING_POLICY, choices: true })] : []),
    await armOf({ ...shared, name: 'sensitive places', policy: PING_POLICY, fences: [...fences, ...quiet] }),
  ]
  return { name, unit: 'ping', operations: BODIES * pings, arms: arms as unknown as Case['arms'] }
}

/** Mean of the rounds' ratios, and how far it may be off: 1.96 standard errors of their logarithms. */
function intervalOf(ratios: readonly number[]): readonly [low: number, mean: number, high: number] {
  const logs = ratios.map(Math.log)
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1)
  const half = 1.96 * Math.sqrt(variance / logs.length)
  return [Math.exp(mean - half), Math.exp(mean), Math.exp(mean + half)]
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '20' },
    json: { type: 'string', default: join(fileURLToPath(new URL('../out', import.meta.url)), 'privacy.json') },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
if (!(Number.isInteger(rounds) && rounds >= 30 && rounds <= 10_000) || !(seconds > 0 && seconds <= 3600)) {
  console.error(`--rounds must be 30..10000, got "${values.rounds}"; --seconds 0..3600, got "${values.seconds}"`)
  process.exit(2)
}

const results: CaseResult[] = []
for (const [name, pings, hits, presence] of [
  ['1 ping, no hit, presence', 1, 0, true],
  ['1 ping, a hit, presence', 1, 1, true],
  ['20 pings, no hit, presence', 20, 0, true],
  ['20 pings, a hit each, presence', 20, 1, true],
  ['20 pings, no hit, matches only', 20, 0, false],
  ['20 pings, a hit each, matches only', 20, 1, false],
] as const) {
  progress(`[${results.length + 1} of 6] ${name}`)
  results.push(await measure(await caseOf(name, pings, hits, presence), { seconds, rounds }))
}
endProgress()
const rows = results.flatMap(({ name, arms: [base, ...others] }) =>
  others.map((arm) => {
    const ratios = arm.cpuNsByRound.map(
      (cpu, round) => cpu / ((base as (typeof others)[0]).cpuNsByRound[round] as number),
    )
    const [low, mean, high] = intervalOf(ratios)
    return [name, arm.name, arm.cpuNs.median.toFixed(0), `${mean.toFixed(3)} (${low.toFixed(3)}..${high.toFixed(3)})`]
  }),
)
console.log(renderTable(['batch', 'arm', 'CPU a ping, ns', 'times as much, 95 %'], rows))
console.log(`\n${rounds} rounds a case, arms in turns there and back; equal checksums`)
writeJson(values.json, results)
console.log(`JSON: ${values.json}`)
