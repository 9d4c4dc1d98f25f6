// A durable copy of the feed beside control: what brings the customers' fences back when the store they are shared in was lost or set back.
import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { type Doc, type FeedHead, type FenceFeed, type Logger, StoreError, stepAfter } from '@fencepost/model'

export interface Mirror {
  /** Resolves when the copy is of the shared feed, or after some seconds without. */
  start(): Promise<void>
  /**
   * The shared feed, for whoever writes: a step is refused as unavailable while the feed is in an epoch that the copy has not seen, because an
   * empty store must be filled before anything new is written to it.
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
/** A store that is empty, beside a copy that is empty too, may be filled by another control node yet. */
const OTHERS_MS = 1500
const START_MS = 8000
const STEPS = 200
/** Documents of one piece of a stage. */
const PAGE = 500

/** Copies step by step. An empty store, or one that has gone back, is filled anew from the copy, in one step. */
export function createMirror({ shared, local, placePath, logger, clock }: MirrorParts): Mirror {
  let place: FeedHead | null = null
  let problem: string | null = null
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let emptyEpoch = ''
  let emptySince = 0
  let unwatch: () => void = () => {}

  async function follow(): Promise<void> {
    place ??= await readPlace()
    const head = await shared.head()
    if (place !== null && place.epoch === head.epoch && place.seq <= head.seq) {
      if (place.seq < head.seq || place.hash !== head.hash) await copySteps(place, head)
      return
    }
    // Another epoch: somebody else has filled it already, or it is empty and ours to fill.
    const mine = await local.head()
    if (head.seq === 0 && mine.seq > 0) await seed(head)
    else if (head.seq === 0 && isFresh(head.epoch)) return
    else if (place !== null && place.epoch === head.epoch) await setBack(head)
    else await copyAll()
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
    const steps = await shared.steps(from.seq, STEPS)
    const [first] = steps ?? []
    if (first === undefined || first.prev !== from.hash) return copyAll()
    for (const step of steps ?? []) {
      if ('stage' in step.action) return copyAll()
      await append(local, step.action, step.audit)
      await keep({ epoch: head.epoch, seq: step.seq, hash: step.hash })
    }
  }

  /** The copy becomes what is shared. */
  async function copyAll(): Promise<void> {
    const stage = randomBytes(6).toString('base64url')
    const seen = new Set<string>()
    const head = await shared.snapshot(async (docs) => {
      for (const { kind, tenant, id } of docs) seen.add(JSON.stringify([kind, tenant, id]))
      await local.stage(stage, docs.map(nameAndBody))
    })
    const gone: Doc[] = []
    await local.snapshot((docs) => {
      gone.push(...docs.filter(({ kind, tenant, id }) => !seen.has(JSON.stringify([kind, tenant, id]))))
    })
    await local.stage(
      stage,
      gone.map(({ kind, tenant, id }) => ({ kind, tenant, id, body: null })),
    )
    await append(local, { stage }, audit('copied from the shared feed'))
    await keep(head)
  }

  /** What is shared becomes the copy, in one step of a new epoch. Of several that do it at once one gets through. */
  async function seed(empty: FeedHead): Promise<void> {
    const stage = randomBytes(6).toString('base64url')
    let docs = 0
    await local.snapshot(async (page) => {
      docs += page.length
      for (let at = 0; at < page.length; at += PAGE)
        await shared.stage(stage, page.slice(at, at + PAGE).map(nameAndBody))
    })
    const step = stepAfter(empty, { stage }, audit('filled anew from the copy of control'))
    const lost = await shared.append(empty, step)
    if (lost !== null) {
      await shared.unstage(stage)
      return // somebody was faster: the next look copies what they have made
    }
    await keep({ epoch: empty.epoch, seq: step.seq, hash: step.hash })
    logger.warn({ epoch: empty.epoch, documents: docs }, 'the shared feed was empty and is filled anew')
  }

  /** It has less than it had: an older dump was restored. A new epoch, with all that the copy has. */
  async function setBack(head: FeedHead): Promise<void> {
    logger.warn({ epoch: head.epoch, seq: head.seq, had: place?.seq }, 'the shared feed has gone back')
    await shared.clear(head)
    await seed(await shared.head())
  }

  async function append(
    feed: FenceFeed,
    ...[action, entry]: [Parameters<typeof stepAfter>[1], Parameters<typeof stepAfter>[2]]
  ) {
    const head = await feed.head()
    const lost = await feed.append(head, stepAfter(head, action, entry))
    if (lost !== null) throw new Error('somebody else writes to the copy')
  }

  function audit(what: string) {
    return { at: clock(), who: 'control', what, tenant: '' }
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

  function look(): void {
    running ??= follow()
      .then(
        () => {
          if (problem !== null) logger.info({}, 'the shared feed is copied again')
          problem = null
        },
        (error: unknown) => {
          const text = error instanceof Error ? error.message : String(error)
          if (problem === null) logger.error({ error: text }, 'the shared feed cannot be copied')
          problem = text
        },
      )
      .finally(() => {
        running = null
      })
  }

  return {
    guarded: new Proxy(shared, {
      get(target, name: keyof FenceFeed) {
        const own = target[name] as (...of: unknown[]) => unknown
        if (name !== 'append') return own.bind(target)
        return (expected: FeedHead, step: unknown) => {
          if (expected.epoch === place?.epoch) return own.call(target, expected, step)
          look()
          return Promise.reject(new StoreError('unavailable', 'the feed is in an epoch that is not copied yet'))
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

function nameAndBody({ kind, tenant, id, body }: Doc): Pick<Doc, 'kind' | 'tenant' | 'id' | 'body'> {
  return { kind, tenant, id, body }
}
