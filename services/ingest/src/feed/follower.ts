// Follows the feed: loads all of it, then step by step, each only if it was made from what is here. Whatever does not fit ends in a load
// of all of it, beside what is in force; whatever fails leaves in force what was.

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { normaliseFeature } from '@fencepost/geo'
import { type FenceChange, type PackedFences, packFences } from '@fencepost/match'
import {
  type Clock,
  type Doc,
  type DocChange,
  type FeedHead,
  type FeedStep,
  type FenceFeed,
  type Logger,
  stepHash,
} from '@fencepost/model'
import { type FeedUpdate, VIEW_KINDS } from './feed-view.ts'

export interface FollowerParts {
  readonly feed: FenceFeed
  readonly logger: Logger
  readonly clock: Clock
  /** What this node is called among the others. */
  readonly name: string
  /** Whether fences are taken from the feed, too. */
  readonly withFences: boolean
  /** Where the last good load is kept, its fences one feature a line: what a start without the feed begins with. */
  readonly fencesPath: string
  /** Reads and indexes such a file where no request waits for it. */
  readonly loadFile: (path: string) => Promise<PackedFences>
  readonly publishIndex: (packed: PackedFences) => void
  readonly applyFences: (changes: readonly FenceChange[]) => Promise<void>
  readonly publishView: (update: FeedUpdate) => void
  /** Since when the oldest batch has been under way, epoch ms, or null: none is. */
  readonly inFlightSince: () => number | null
  /** What it states and finds of how long data are kept, for control to show; null = nothing. */
  readonly retention: () => unknown
}

/** A load of all of it. */
interface Loaded {
  readonly packed: PackedFences | null
  readonly update: FeedUpdate
}

/** What is kept beside the fences of the last good load. */
interface Good {
  readonly head: FeedHead
  readonly docs: readonly DocChange[]
  /** Lines of fences; 0 = none. */
  readonly fences: number
}

export interface Follower {
  /** All of the feed as it is now, or the last good of it where it cannot be read; what comes later is followed once `start` was called. */
  load(): Promise<PackedFences>
  start(): void
  stop(): Promise<void>
  /** Where this node is, and why it is not further. */
  state(): { readonly epoch: string; readonly seq: number; readonly problem: string | null }
}

const STEPS = 200
/** How often it looks when nobody told it to, and says how far it is. */
const LOOK_MS = 1000
/** After a failure it waits so long, twice as long each time, up to a bound. */
const PAUSE_MS = 100
const MAX_PAUSE_MS = 5000

export function createFollower(parts: FollowerParts): Follower {
  const { feed, logger, withFences } = parts
  const goodPath = `${parts.fencesPath}.head`
  let head: FeedHead | null = null
  let problem: string | null = null
  let stopped = false
  let running: Promise<void> | null = null
  let again = false
  let failures = 0
  let unwatch: () => void = () => {}
  let timer: NodeJS.Timeout | undefined
  let retryAt = 0

  async function load(): Promise<Loaded> {
    const side: DocChange[] = []
    // A name of its own: other nodes may keep theirs in the same place.
    const writing = `${parts.fencesPath}.${parts.name}`
    const out = withFences ? createWriteStream(writing, { mode: 0o600 }) : null
    // A stream that breaks says so when it is written to or closed.
    out?.on('error', () => {})
    let written = 0
    const next = await feed.snapshot(async (docs) => {
      const fences: string[] = []
      for (const doc of docs) {
        if (doc.kind === 'fence') fences.push(doc.body, '\n')
        else if (VIEW_KINDS.has(doc.kind)) side.push(nameAndBody(doc))
      }
      written += fences.length
      if (out !== null && fences.length > 0 && !out.write(fences.join(''))) await once(out, 'drain')
    })
    let packed: PackedFences | null = null
    if (out !== null) {
      out.end()
      await once(out, 'close')
      packed = written === 0 ? packFences([]) : await parts.loadFile(writing)
      await rename(writing, parts.fencesPath)
    }
    head = next
    const good: Good = { head: next, docs: side, fences: written }
    await writeFile(goodPath, JSON.stringify(good), { mode: 0o600 }).catch((error: unknown) => {
      logger.warn({ error: textOf(error) }, 'the last good of the feed is not kept')
    })
    return { packed, update: { isWhole: true, docs: side, place: { epoch: next.epoch, seq: next.seq } } }
  }

  /** What was good last, for a start without the feed. Rejects where there is none. */
  async function loadGood(): Promise<Loaded> {
    const good = JSON.parse(await readFile(goodPath, 'utf8')) as Good
    const { epoch, seq } = good.head
    let packed: PackedFences | null = null
    if (withFences) packed = good.fences === 0 ? packFences([]) : await parts.loadFile(parts.fencesPath)
    head = good.head
    return { packed, update: { isWhole: true, docs: good.docs, place: { epoch, seq } } }
  }

  async function loadAtStart(): Promise<Loaded> {
    try {
      return await load()
    } catch (error) {
      problem = textOf(error)
      try {
        const loaded = await loadGood()
        logger.warn({ error: problem, ...head }, 'the feed cannot be read: the last good of it is in force')
        return loaded
      } catch {
        // Fences of a file are enough to serve; without any there is nothing to serve.
        if (withFences) throw error
        logger.warn(
          { error: problem },
          'the feed cannot be read: there are no campaigns and keys but those of the settings',
        )
        return { packed: null, update: { isWhole: true, docs: [], place: { epoch: '', seq: 0 } } }
      }
    }
  }

  /** Everything anew, in force in one step. */
  async function reload(why: string): Promise<void> {
    logger.info({ reason: why }, 'the feed is loaded anew')
    const { packed, update } = await load()
    if (packed !== null) parts.publishIndex(packed)
    parts.publishView(update)
  }

  async function follow(): Promise<void> {
    const now = await feed.head()
    if (head === null || head.epoch !== now.epoch) return reload('another epoch')
    if (now.seq < head.seq || (now.seq === head.seq && now.hash !== head.hash)) return reload('the feed went back')
    while (head.seq < now.seq && !stopped) {
      const steps: FeedStep[] | null = await feed.steps(head.seq, STEPS)
      if (steps === null || steps.length === 0) return reload('steps are missing')
      for (const step of steps) {
        if (!fits(step, head)) return reload('a step that was not made from what is here')
        if ('stage' in step.action) return reload('an import')
        await take(step)
      }
    }
  }

  async function take(step: FeedStep): Promise<void> {
    const { epoch } = head as FeedHead
    const docs = 'docs' in step.action ? step.action.docs : []
    const changes = withFences ? docs.flatMap(fenceChange) : []
    if (changes.length > 0) await parts.applyFences(changes)
    const side = docs.filter(({ kind }) => VIEW_KINDS.has(kind))
    parts.publishView({ isWhole: false, docs: side, place: { epoch, seq: step.seq } })
    head = { epoch, seq: step.seq, hash: step.hash }
  }

  function fenceChange({ kind, tenant, id, body }: DocChange): FenceChange[] {
    if (kind !== 'fence') return []
    if (body === null) return [{ remove: { id, tenant } }]
    try {
      const fence = normaliseFeature(JSON.parse(body), { position: 0, repair: false })
      return [{ put: { ...fence, id, tenant } }]
    } catch (error) {
      // One that cannot be used must not stop those behind it; what was in force of it goes, as it is no longer what was asked for.
      logger.error({ fence: id, error: textOf(error) }, 'a fence of the feed cannot be used and is left out')
      return [{ remove: { id, tenant } }]
    }
  }

  function look(): void {
    again = true
    if (running !== null || stopped || parts.clock() < retryAt) return
    running = run().finally(() => {
      running = null
    })
  }

  async function run(): Promise<void> {
    while (again && !stopped) {
      again = false
      try {
        await follow()
        if (problem !== null) logger.info({}, 'the feed is followed again')
        problem = null
        failures = 0
      } catch (error) {
        if (problem === null)
          logger.error({ error: textOf(error) }, 'the feed cannot be followed; what is in force stays')
        problem = textOf(error)
        retryAt = parts.clock() + Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** failures++)
        return
      }
    }
    await report()
  }

  async function report(): Promise<void> {
    if (head === null) return
    const { epoch, seq } = head
    const report = {
      node: parts.name,
      epoch,
      seq,
      at: parts.clock(),
      problem,
      inFlightSince: parts.inFlightSince(),
      retention: parts.retention(),
    }
    await feed.report(report).catch(() => {})
  }

  return {
    async load() {
      const { packed, update } = await loadAtStart()
      parts.publishView(update)
      return packed ?? packFences([])
    },
    start() {
      unwatch = feed.watch(look)
      timer = setInterval(look, LOOK_MS)
      timer.unref()
      look()
    },
    async stop() {
      stopped = true
      unwatch()
      clearInterval(timer)
      await running
    },
    state: () => ({ epoch: head?.epoch ?? '', seq: head?.seq ?? 0, problem }),
  }
}

/** Was the step made from this head, and is it whole? */
function fits(step: FeedStep, head: FeedHead): boolean {
  const { seq, prev, hash, action, audit } = step
  return seq === head.seq + 1 && prev === head.hash && hash === stepHash(prev, action, audit)
}

function nameAndBody({ kind, tenant, id, body }: Doc): DocChange {
  return { kind, tenant, id, body }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
