// All of the shared feed into the copy, and all of the copy into the shared feed: in a stage, so that each is one step.
import { createHash, randomBytes } from 'node:crypto'
import {
  type AuditEntry,
  type Doc,
  type DocChange,
  type FeedAction,
  type FeedHead,
  type FeedOrigin,
  type FenceFeed,
  stepAfter,
} from '@fencepost/model'
import { type Lineage, nameText } from './lineage.ts'

export interface FillingParts {
  /** What nodes follow. */
  readonly shared: FenceFeed
  /** The copy. */
  readonly local: FenceFeed
  readonly clock: () => number
}

export interface Filling {
  /** The copy becomes what is shared. Returns what it is a copy of. */
  copyAll(): Promise<FeedHead>
  /** What is shared becomes the copy, in the first step of an epoch. Null: somebody was faster. */
  seed(empty: FeedHead, from: FeedOrigin | null): Promise<{ readonly head: FeedHead; readonly docs: number } | null>
  /**
   * Puts into the shared feed what the copy has and it lacks or has older, but for what was written there by others than those who filled
   * it. False: somebody was faster.
   *
   * @param at where `lineage` was read
   */
  bringForward(at: FeedHead, lineage: Lineage, from: FeedOrigin | null): Promise<boolean>
  /** One step of the copy. */
  append(action: FeedAction, entry: AuditEntry): Promise<void>
}

/** Documents of one piece of a stage. */
const PAGE = 500
/** Written by somebody else: it stays as it is. */
const TOUCHED = ''

export function createFilling({ shared, local, clock }: FillingParts): Filling {
  const audit = (what: string): AuditEntry => ({ at: clock(), who: 'control', what, tenant: '' })

  async function append(action: FeedAction, entry: AuditEntry): Promise<void> {
    const head = await local.head()
    const lost = await local.append(head, stepAfter(head, action, entry))
    if (lost !== null) throw new Error('somebody else writes to the copy')
  }

  async function stageAll(stage: string, docs: readonly DocChange[]): Promise<void> {
    for (let at = 0; at < docs.length; at += PAGE) await shared.stage(stage, docs.slice(at, at + PAGE).map(change))
  }

  return {
    append,

    async copyAll() {
      const stage = stageName()
      const seen = new Set<string>()
      const head = await shared.snapshot(async (docs) => {
        for (const doc of docs) seen.add(nameText(doc))
        await local.stage(stage, docs.map(change))
      })
      const gone: DocChange[] = []
      await local.snapshot((docs) => {
        gone.push(...docs.filter((doc) => !seen.has(nameText(doc))).map(removal))
      })
      await local.stage(stage, gone)
      await append({ stage }, audit('copied from the shared feed'))
      return head
    },

    async seed(empty, from) {
      const stage = stageName()
      let docs = 0
      await local.snapshot(async (page) => {
        docs += page.length
        await stageAll(stage, page)
      })
      const step = stepAfter(empty, fillingAction(stage, from), audit('filled anew from the copy of control'))
      if ((await shared.append(empty, step)) !== null) {
        await shared.unstage(stage)
        return null
      }
      return { head: { epoch: empty.epoch, seq: step.seq, hash: step.hash }, docs }
    },

    async bringForward(at, { filled, gone }, from) {
      const there = new Map<string, string>()
      const head = await shared.snapshot((docs) => {
        for (const doc of docs) there.set(nameText(doc), filled.has(doc.seq) ? digest(doc) : TOUCHED)
      })
      if (head.hash !== at.hash) return false
      const stage = stageName()
      let changes = 0
      const add = async (docs: readonly DocChange[]): Promise<void> => {
        changes += docs.length
        await stageAll(stage, docs)
      }
      await local.snapshot(async (page) => {
        const missing = page.filter((doc) => {
          const name = nameText(doc)
          const known = there.get(name)
          there.delete(name)
          return known === undefined ? !gone.has(name) : known !== TOUCHED && known !== digest(doc)
        })
        await add(missing)
      })
      const left = [...there].filter(([, known]) => known !== TOUCHED).map(([name]) => removalOf(name))
      await add(left)
      if (changes === 0) return true
      const step = stepAfter(head, fillingAction(stage, from), audit('brought forward from the copy of control'))
      if ((await shared.append(head, step)) === null) return true
      await shared.unstage(stage)
      return false
    },
  }
}

function stageName(): string {
  return randomBytes(6).toString('base64url')
}

function fillingAction(stage: string, from: FeedOrigin | null): FeedAction {
  return from === null ? { stage } : { stage, from: { epoch: from.epoch, seq: from.seq } }
}

function digest({ body }: Doc): string {
  return createHash('sha256').update(body).digest('base64')
}

function change({ kind, tenant, id, body }: DocChange): DocChange {
  return { kind, tenant, id, body }
}

function removal({ kind, tenant, id }: Doc): DocChange {
  return { kind, tenant, id, body: null }
}

function removalOf(name: string): DocChange {
  const [kind, tenant, id] = JSON.parse(name) as [DocChange['kind'], string, string]
  return { kind, tenant, id, body: null }
}
