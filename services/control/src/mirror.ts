// A durable copy of the feed beside control: what brings the customers' fences back when the store they are shared in was lost or set back.
import { readFile, rename, writeFile } from 'node:fs/promises'
import { type FeedHead, type FenceFeed, isNextStep, type Logger, StoreError } from '@fencepost/model'
import { createFilling } from './filling.ts'
import { lacksCopy, readLineage } from './lineage.ts'

export interface Mirror {
  /** Resolves when the copy is of the shared feed, or after some seconds without. */
  start(): Promise<void>
  /**
   * The shared feed, for whoever writes: a step is refused as unavailable while the feed is in an epoch that the copy has not seen, or behind
   * the copy, because what was lost must be filled in before anything new is written.
   */
  readonly guarded: FenceFeed
  stop(): Promise<void>
  state(): { readonly epoch: string; readonly seq: number; readonly problem: string | null }
}

export interface MirrorParts {
  /** What nodes follow. */
  readonly shared: FenceFeed
  /** The copy. */
  readonly local: FenceFeed
  /** Where it is written down how far the copy has come. */
  readonly placePath: string
  readonly logger: Logger
  readonly clock: () => number
}

const LOOK_MS = 500
/**
 * A store that is empty, beside a copy that is empty too, may be filled by another control node yet; and nodes that had more say so by then.
 */
const OTHERS_MS = 2500
const START_MS = 8000
const STEPS = 200

/**
 * Copies step by step. An empty store, or one that has gone back, is filled anew from the copy, in one step. Of several that do so at once one
 * gets through, whatever its copy: those that had more bring that in afterwards.
 */
export function createMirror({ shared, local, placePath, logger, clock }: MirrorParts): Mirror {
  let place: FeedHead | null = null
  let problem: string | null = null
  let again = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let emptyEpoch = ''
  let emptySince = 0
  let unwatch: () => void = () => {}
  const filling = createFilling({ shared, local, clock })

  async function follow(): Promise<void> {
    place ??= await readPlace()
    const head = await shared.head()
    if (place !== null && place.epoch === head.epoch && place.seq <= head.seq) {
      if (place.seq < head.seq || place.hash !== head.hash) await copySteps(place, head)
      return
    }
    const isFilled = (await local.head()).seq > 0
    if (isFilled && place !== null && place.epoch === head.epoch) return setBack(place, head)
    if (head.seq > 0) return join(head, isFilled)
    if (isFilled) return seed(head)
    // Nothing here and nothing there: the beginning, or somebody else has what is missing.
    if (isFresh(head.epoch)) return
    const had = (await shared.reports()).find(({ epoch, seq }) => epoch !== head.epoch && seq > 0)
    if (had !== undefined) throw new Error('the shared feed was emptied, and the copy here is empty too')
    await keep(head)
  }

  /** Has this epoch been empty for too short a time to take it as what is? */
  function isFresh(epoch: string): boolean {
    if (emptyEpoch !== epoch) {
      emptyEpoch = epoch
      emptySince = clock()
    }
    return clock() - emptySince < OTHERS_MS
  }

  async function copySteps(from: FeedHead, head: FeedHead): Promise<void> {
    const steps = (await shared.steps(from.seq, STEPS)) ?? []
    if (steps.length === 0) return copyAll()
    let at = from
    for (const step of steps) {
      if (!isNextStep(step, at) || 'stage' in step.action) return copyAll()
      await filling.append(step.action, step.audit)
      at = { epoch: head.epoch, seq: step.seq, hash: step.hash }
      await keep(at)
    }
  }

  async function copyAll(): Promise<void> {
    await keep(await filling.copyAll())
  }

  /** Another epoch, in which there is something already: what the copy has and it lacks is brought in, then all of it is copied. */
  async function join(head: FeedHead, isFilled: boolean): Promise<void> {
    const lineage = isFilled ? await readLineage(shared, head) : null
    if (lineage !== null && lacksCopy(lineage, place, clock())) {
      if (!(await filling.bringForward(head, lineage, place))) return look()
      logger.warn({ epoch: head.epoch }, 'the shared feed has got what only the copy had')
    }
    await copyAll()
  }

  /** What is shared becomes the copy, in the first step of an epoch. */
  async function seed(empty: FeedHead): Promise<void> {
    const seeded = await filling.seed(empty, place)
    if (seeded === null) return look() // somebody was faster
    await keep(seeded.head)
    logger.warn({ epoch: empty.epoch, documents: seeded.docs }, 'the shared feed was empty and is filled anew')
  }

  /** It has less than it had: an older dump was restored. A new epoch, with all that the copy has. */
  async function setBack(had: FeedHead, head: FeedHead): Promise<void> {
    logger.warn({ epoch: head.epoch, seq: head.seq, had: had.seq }, 'the shared feed has gone back')
    await shared.clear(head)
    const next = await shared.head()
    if (next.seq === 0) await seed(next)
    else look() // somebody was faster
  }

  async function keep(head: FeedHead): Promise<void> {
    await writeFile(`${placePath}.new`, JSON.stringify(head), { mode: 0o600 })
    await rename(`${placePath}.new`, placePath)
    place = head
  }

  async function readPlace(): Promise<FeedHead | null> {
    try {
      return JSON.parse(await readFile(placePath, 'utf8')) as FeedHead
    } catch {
      return null
    }
  }

  /** Called while it looks, it looks once more afterwards. */
  function look(): void {
    again = true
    running ??= lookAll().finally(() => {
      running = null
    })
  }

  async function lookAll(): Promise<void> {
    while (again) {
      again = false
      try {
        await follow()
        if (problem !== null) logger.info({}, 'the shared feed is copied again')
        problem = null
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        if (problem === null) logger.error({ error: text }, 'the shared feed cannot be copied')
        problem = text
        return
      }
    }
  }

  /** Is what the shared feed had come to all that the copy knows of? */
  function isCopied({ epoch, seq, hash }: FeedHead): boolean {
    if (place === null || place.epoch !== epoch) return false
    return seq > place.seq || (seq === place.seq && hash === place.hash)
  }

  return {
    guarded: new Proxy(shared, {
      get(target, name: keyof FenceFeed) {
        const own = target[name] as (...of: unknown[]) => unknown
        if (name !== 'append') return own.bind(target)
        return (expected: FeedHead, step: unknown) => {
          if (isCopied(expected)) return own.call(target, expected, step)
          look()
          return Promise.reject(new StoreError('unavailable', 'the feed is not what was copied of it'))
        }
      },
    }),
    async start() {
      unwatch = shared.watch(look)
      timer = setInterval(look, LOOK_MS)
      timer.unref()
      const until = clock() + START_MS
      do {
        look()
        await running
        const head = await shared.head().catch(() => null)
        if (place !== null && problem === null && head?.epoch === place.epoch) return
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS / 5))
      } while (clock() < until && shared.healthy())
    },
    async stop() {
      unwatch()
      clearInterval(timer)
      await running
    },
    state: () => ({ epoch: place?.epoch ?? '', seq: place?.seq ?? 0, problem }),
  }
}
