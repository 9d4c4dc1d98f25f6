// Follows the feed: loads all of it, then step by step, each only if it was made from what is here. Whatever does not fit ends in a load
// of all of it, beside what is in force; whatever fails leaves in force what was.

import { type PackedFences, packFences } from '@fencepost/match'
import {
  type Clock,
  type DocChange,
  type FeedHead,
  type FeedStep,
  type FenceFeed,
  isNextStep,
  type Logger,
} from '@fencepost/model'
import type { FenceEdit } from '../fence-edit.ts'
import type { FeedUpdate } from './feed-view.ts'
import { createLastGood, type Kept } from './last-good.ts'
import { isOurs, isUsable } from './usable.ts'

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
  /** Reads and indexes such a file where no request waits for it, with so much of the time. */
  readonly loadFile: (path: string, cpuPercent: number) => Promise<PackedFences>
  /** How much, once there is something in force. */
  readonly buildCpuPercent: number
  readonly publishIndex: (packed: PackedFences) => void
  readonly applyFences: (changes: readonly FenceEdit[]) => Promise<void>
  readonly publishView: (update: FeedUpdate) => void
  /** Since when the oldest batch has been under way, epoch ms, or null: none is. */
  readonly inFlightSince: () => number | null
  /** Ids of SDK keys that have let somebody in since this was last asked. */
  readonly takeUsedKeys: () => readonly string[]
  /** What it states and finds of how long data are kept, for control to show; null = nothing. */
  readonly retention: () => unknown
}

/** A load of all of it. */
interface Loaded {
  readonly packed: PackedFences | null
  readonly update: FeedUpdate
}

/** The feed has less than there was: what is left of a store that was emptied or set back, until somebody fills it in or writes to it. */
class FeedHasLess extends Error {
  constructor({ seq }: FeedHead) {
    super(`the feed ${seq === 0 ? 'is empty' : 'went back'}, and is not filled in yet`)
  }
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
  const lastGood = createLastGood(parts)
  let head: FeedHead | null = null
  /** How the feed was found when it had less than what is in force. */
  let less: FeedHead | null = null
  let problem: string | null = null
  let stopped = false
  let running: Promise<void> | null = null
  let again = false
  let failures = 0
  let unwatch: () => void = () => {}
  let timer: NodeJS.Timeout | undefined
  let retryAt = 0
  /** SDK keys whose use of `notedOn` is known to the feed, and those that it is to be told of. */
  const noted = new Set<string>()
  const toNote = new Set<string>()
  let notedOn = ''

  /** @param had what a feed that has less must not take the place of */
  async function load(had: FeedHead | null): Promise<Loaded> {
    const writing = await lastGood.write()
    try {
      const next = await feed.snapshot(writing.add)
      if (hasLess(next, had)) throw new FeedHasLess(next)
      const packed = await packedFrom(await writing.end())
      return { packed, update: updateOf(await writing.keep(next)) }
    } catch (error) {
      await writing.drop()
      throw error
    }
  }

  async function loadLastGood(): Promise<Loaded> {
    const kept = await lastGood.read()
    return { packed: await packedFrom(kept.fencesPath), update: updateOf(kept) }
  }

  async function packedFrom(path: string | null): Promise<PackedFences | null> {
    if (!withFences) return null
    if (path === null) return packFences([])
    return parts.loadFile(path, head === null ? 100 : parts.buildCpuPercent)
  }

  /** What is put in force with the fences of that load. */
  function updateOf({ head: next, docs }: Kept): FeedUpdate {
    head = next
    return { isWhole: true, docs, place: { epoch: next.epoch, seq: next.seq } }
  }

  async function loadAtStart(): Promise<Loaded> {
    try {
      return await load(await lastGood.place())
    } catch (error) {
      problem = textOf(error)
      try {
        const loaded = await loadLastGood()
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
  async function reload(why: string, had: FeedHead | null = head): Promise<void> {
    logger.info({ reason: why }, 'the feed is loaded anew')
    const { packed, update } = await load(had)
    if (packed !== null) parts.publishIndex(packed)
    parts.publishView(update)
  }

  async function follow(): Promise<void> {
    const now = await feed.head()
    if (hasLess(now, head)) {
      if (less?.epoch !== now.epoch) less = now
      if (less.hash === now.hash) throw new FeedHasLess(now)
      // Somebody has written to it as it is.
      less = null
      return reload('the feed went back', now)
    }
    less = null
    if (head === null || head.epoch !== now.epoch) return reload('another epoch')
    if (now.seq === head.seq && now.hash !== head.hash) return reload('another step of this number')
    while (head.seq < now.seq && !stopped) {
      const steps: FeedStep[] | null = await feed.steps(head.seq, STEPS)
      if (steps === null || steps.length === 0) return reload('steps are missing')
      for (const step of steps) {
        if (!isNextStep(step, head)) return reload('a step that was not made from what is here')
        if ('stage' in step.action) return reload('an import')
        if (!(await take(step))) return reload('many steps since the last load')
      }
    }
  }

  /** False: it is in force, but there are too many steps to be kept on disk one by one. */
  async function take(step: FeedStep): Promise<boolean> {
    const { epoch, hash: prev } = head as FeedHead
    const docs = 'docs' in step.action ? step.action.docs.filter(isOurs).flatMap(usable) : []
    const changes = withFences ? docs.flatMap(fenceEdit) : []
    if (changes.length > 0) await parts.applyFences(changes)
    const side = docs.filter(({ kind }) => kind !== 'fence')
    parts.publishView({ isWhole: false, docs: side, place: { epoch, seq: step.seq } })
    head = { epoch, seq: step.seq, hash: step.hash }
    return lastGood.addStep(prev, head, withFences ? docs : side)
  }

  /** What cannot be used must not stop what is behind it; what was in force of it goes, as it is no longer what was asked for. */
  function usable(doc: DocChange): DocChange[] {
    if (isUsable(doc)) return [doc]
    logger.error({ kind: doc.kind, id: doc.id }, 'a document of the feed cannot be used and is left out')
    // Without its rules a tenant would have the usual ones, which may permit more.
    return doc.kind === 'tenant' ? [] : [{ ...doc, body: null }]
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
        // Whoever fills it anew is heard of, and asking costs nothing.
        if (!(error instanceof FeedHasLess))
          retryAt = parts.clock() + Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** failures++)
        break
      }
    }
    await report()
  }

  /** To the day: what was noted once is not noted again before another day. */
  async function noteUse(): Promise<void> {
    const day = new Date(parts.clock()).toISOString().slice(0, 10)
    if (day !== notedOn) noted.clear()
    notedOn = day
    for (const key of parts.takeUsedKeys()) if (!noted.has(key)) toNote.add(key)
    if (toNote.size === 0) return
    const keys = [...toNote]
    await feed.noteUse(keys, day).then(
      () => {
        for (const key of keys) {
          noted.add(key)
          toNote.delete(key)
        }
      },
      () => {},
    )
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
    await noteUse()
  }

  return {
    async load() {
      const { packed, update } = await loadAtStart()
      parts.publishView(update)
      return packed ?? packFences([])
    },
    start() {
      unwatch = feed.watch(() => {
        retryAt = 0 // whoever was told by the store need not wait until it may be back
        look()
      })
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

/** Is this the beginning of an epoch, or an earlier place of the same one, and was there more before? */
function hasLess(now: FeedHead, had: FeedHead | null): boolean {
  return had !== null && now.seq < had.seq && (now.seq === 0 || now.epoch === had.epoch)
}

function fenceEdit({ kind, tenant, id, body }: DocChange): FenceEdit[] {
  if (kind !== 'fence') return []
  return [body === null ? { remove: { id, tenant } } : { feature: body, id, tenant }]
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
