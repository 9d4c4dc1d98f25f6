// A frequency cap over two nodes that share a Redis: what one has used up, the other knows.
import { CampaignBook, nameCampaignsOfGone } from '@fencepost/match/eligibility'
import {
  type Campaign,
  type EventSink,
  type FenceFacts,
  type RecordBatch,
  recordValue,
  silentLogger,
} from '@fencepost/model'
import { createIdentities, DEFAULT_RULES } from '@fencepost/policy'
import { PRESENCE_DEFAULTS } from '@fencepost/presence'
import { createRedisPresenceStore } from '@fencepost/redis'
import { needs } from '@fencepost/testbed/needs'
import { expect, it, onTestFinished } from 'vitest'
import { PresenceCounters } from '../src/presence/counters.ts'
import { createSubjects, type Subjects } from '../src/presence/subjects.ts'
import { dice, IDENTITY } from './interleaving.ts'

const MAX = 3
const WINDOW_S = 600
const FENCE: FenceFacts = { id: 'market', version: 1, tenant: null, name: null, tags: [], campaigns: [], dwellS: null }
const CAMPAIGN: Campaign = {
  id: 'capped',
  tenant: 'acme',
  version: 1,
  name: null,
  fences: ['market'],
  tags: [],
  begin: null,
  end: null,
  days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
  slots: [{ fromMin: 0, toMin: 1440 }],
  timeZone: 'UTC',
  triggers: { enter: true, dwellS: [], exit: false },
  cap: { max: MAX, windowS: WINDOW_S },
  paused: false,
}

needs('redis', 'a cap over two nodes', (address) => {
  it.each([1, 2, 3])(
    'is kept, whichever node a batch comes to, seed %i',
    async (seed) => {
      const roll = dice(seed)
      /** Observed times of the enters that were told, first copies. */
      const told = new Map<string, number>()
      const nodes = await Promise.all(
        [0, 1].map(() => nodeOn(`redis://${address}`, `caps-${process.pid}-${seed}`, told)),
      )
      let observed = 1_800_000_000_000
      let enters = 0
      for (let i = 0; i < 120; i++) {
        observed += 1000 * (1 + roll(60))
        const isInside = i % 2 === 0
        if (isInside) enters++
        const batch = {
          received: observed,
          sent: observed,
          tenant: 'acme',
          identity: IDENTITY,
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
              hits: isInside ? [FENCE] : [],
              distanceM: () => 0,
            },
          ],
        }
        await nodes[roll(2)]?.(batch)
        // An answer that was lost: the same batch, at any node.
        if (roll(4) === 0) await nodes[roll(2)]?.(batch)
      }
      const times = [...told.values()].sort((a, b) => a - b)
      expect(times.length).toBeGreaterThan(MAX)
      expect(times.length).toBeLessThan(enters)
      for (let i = MAX; i < times.length; i++)
        expect((times[i] as number) - (times[i - MAX] as number)).toBeGreaterThanOrEqual(WINDOW_S * 1000)
    },
    60_000,
  )
})

/** A node of its own with a connection of its own; what it publishes goes to `told`. */
async function nodeOn(url: string, prefix: string, told: Map<string, number>) {
  const store = createRedisPresenceStore({ url, prefix }, { logger: silentLogger })
  await store.start()
  onTestFinished(() => store.stop(1000))
  const book = new CampaignBook()
  book.put(CAMPAIGN)
  const rules = {
    fence: (id: string) => (id === FENCE.id ? FENCE : null),
    campaigns: (fence: FenceFacts) => book.of('acme', fence),
    nameGone: (
      ...of: Parameters<typeof nameCampaignsOfGone> extends [unknown, unknown, ...infer Rest] ? Rest : never
    ) => nameCampaignsOfGone(book, 'acme', ...of),
  }
  const moment = { feed: { epoch: 'e', seq: 1 }, rules: () => rules }
  const sink: EventSink = {
    start: async () => {},
    stop: async () => {},
    healthy: () => true,
    hasRoom: () => true,
    async publish(batch: RecordBatch) {
      for (let i = 0; i < batch.count; i++) {
        const event = JSON.parse(Buffer.from(recordValue(batch, i)).toString()) as {
          id: string
          observed: number
          campaigns: string[]
        }
        if (event.campaigns.includes('capped') && !told.has(event.id)) told.set(event.id, event.observed)
      }
    },
  }
  const subjects: Subjects = createSubjects({
    store,
    sink,
    identities: createIdentities({ rootKey: Buffer.alloc(32, 1), pseudonymKey: Buffer.alloc(32, 2) }),
    settings: PRESENCE_DEFAULTS,
    contentType: 'application/json',
    cacheSize: 10,
    keepsPresence: true,
    choicesKeptMs: 1e12,
    counters: new PresenceCounters(),
    moment: () => moment,
    reached: async () => false,
    clock: () => 1_800_000_000_000,
  })
  return (batch: Parameters<Subjects['take']>[0]) => subjects.take(batch, moment)
}
