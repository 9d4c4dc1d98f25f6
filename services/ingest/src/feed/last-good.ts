// The last good of the feed on disk, which a start without the feed begins with: a load of all of it, and the steps taken since, one a line.
import { createReadStream } from 'node:fs'
import { appendFile, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Doc, DocChange, FeedHead, Logger } from '@fencepost/model'
import { isOurs, isUsable } from './usable.ts'

export interface LastGoodOptions {
  /** Fences of the load, one feature a line. `.head` and `.steps` lie beside it. */
  readonly fencesPath: string
  /** Of this node: others may keep theirs in the same place. */
  readonly name: string
  readonly withFences: boolean
  readonly logger: Logger
  /** Steps kept beside a load. Default 10,000. */
  readonly maxSteps?: number
}

/** Everything of the feed that a node uses. */
export interface Kept {
  readonly head: FeedHead
  /** Campaigns and keys. */
  readonly docs: readonly DocChange[]
  /** File of the fences, or null where there are none. */
  readonly fencesPath: string | null
}

/** A load on its way to the disk: what was kept before stays until `keep`. */
export interface Writing {
  add(docs: readonly Doc[]): Promise<void>
  /** Nothing more comes. Returns the file of the fences so far, or null where there are none. */
  end(): Promise<string | null>
  keep(head: FeedHead): Promise<Kept>
  drop(): Promise<void>
}

export interface LastGood {
  /** Where it is; null: there is none. */
  place(): Promise<FeedHead | null>
  /** Rejects where there is none. */
  read(): Promise<Kept>
  write(): Promise<Writing>
  /** Keeps a step that was made from `prev`. False: there are too many, and all of it is to be written anew. */
  addStep(prev: string, head: FeedHead, docs: readonly DocChange[]): Promise<boolean>
}

const MAX_STEP_BYTES = 64 * 1024 * 1024

/** Lines that are written in one go. */
const LINES = 1000

/** What lies in `.head`. */
interface Good {
  readonly head: FeedHead
  readonly docs: readonly DocChange[]
  readonly hasFences: boolean
}

/** A line of `.steps`. */
interface Line {
  readonly prev: string
  readonly head: FeedHead
  readonly docs: readonly DocChange[]
}

export function createLastGood(options: LastGoodOptions): LastGood {
  const { fencesPath, name, withFences, logger, maxSteps = 10_000 } = options
  const goodPath = `${fencesPath}.head`
  const stepsPath = `${fencesPath}.steps`
  const own = (path: string): string => `${path}.${name}`
  let steps = 0
  let bytes = 0

  async function readGood(): Promise<Good> {
    return JSON.parse(await readFile(goodPath, 'utf8')) as Good
  }

  async function keepGood(good: Good): Promise<void> {
    await writeFile(own(goodPath), JSON.stringify(good), { mode: 0o600 })
    await rename(own(goodPath), goodPath)
    await rm(stepsPath, { force: true })
    steps = 0
    bytes = 0
  }

  /** What the steps since have changed, the latest of each document, and where they lead. */
  async function readSteps(from: FeedHead): Promise<{ head: FeedHead; changed: Map<string, DocChange> }> {
    const changed = new Map<string, DocChange>()
    let head = from
    for (const text of (await readFile(stepsPath, 'utf8').catch(() => '')).split('\n')) {
      const line = lineOf(text)
      // One of before the load, of another node's, or behind one that was lost: it was not made from what is here.
      if (line === null || line.head.epoch !== head.epoch || line.prev !== head.hash) continue
      for (const doc of line.docs) changed.set(nameOf(doc), doc)
      head = line.head
    }
    return { head, changed }
  }

  /** Fences as they were loaded, but for those that steps have changed. */
  async function mergeFences(hasFences: boolean, changes: readonly DocChange[]): Promise<boolean> {
    const names = new Set(changes.map(nameOf))
    const file = await open(own(fencesPath), 'w', 0o600)
    let written = 0
    try {
      let lines: string[] = []
      const flush = async (): Promise<void> => {
        if (lines.length > 0) await file.appendFile(`${lines.join('\n')}\n`)
        written += lines.length
        lines = []
      }
      if (hasFences)
        for await (const line of createInterface({ input: createReadStream(fencesPath) })) {
          if (names.has(nameOfFence(line))) continue
          if (lines.push(line) === LINES) await flush()
        }
      for (const { body } of changes) if (body !== null) lines.push(oneLine(body))
      await flush()
    } finally {
      await file.close()
    }
    await rename(own(fencesPath), fencesPath)
    return written > 0
  }

  return {
    async place() {
      const good = await readGood().catch(() => null)
      return good === null ? null : (await readSteps(good.head)).head
    },

    async read() {
      let { head, docs, hasFences } = await readGood()
      const since = await readSteps(head)
      if (since.head.seq !== head.seq) {
        head = since.head
        const changes = [...since.changed.values()]
        const fences = changes.filter(({ kind }) => kind === 'fence')
        if (fences.length > 0) hasFences = await mergeFences(hasFences, fences)
        const side = new Map(
          [...docs, ...changes.filter(({ kind }) => kind !== 'fence')].map((doc) => [nameOf(doc), doc]),
        )
        docs = [...side.values()].filter(({ body }) => body !== null)
        await keepGood({ head, docs, hasFences })
      }
      return { head, docs, fencesPath: hasFences ? fencesPath : null }
    },

    async write() {
      const side: DocChange[] = []
      const file = withFences ? await open(own(fencesPath), 'w', 0o600) : null
      let written = 0
      return {
        async add(docs) {
          const fences: string[] = []
          for (const doc of docs.filter(isOurs)) {
            const { kind, tenant, id, body } = doc
            if (!isUsable(doc)) logger.error({ kind, id }, 'a document of the feed cannot be used and is left out')
            else if (kind === 'fence') fences.push(oneLine(body), '\n')
            else side.push({ kind, tenant, id, body })
          }
          written += fences.length
          if (fences.length > 0) await file?.appendFile(fences.join(''))
        },
        async end() {
          await file?.close()
          return withFences && written > 0 ? own(fencesPath) : null
        },
        async keep(head) {
          const hasFences = withFences && written > 0
          if (withFences) await rename(own(fencesPath), fencesPath)
          await keepGood({ head, docs: side, hasFences }).catch((error: unknown) => {
            logger.warn({ error: String(error) }, 'the last good of the feed is not kept')
          })
          return { head, docs: side, fencesPath: hasFences ? fencesPath : null }
        },
        async drop() {
          await file?.close().catch(() => {}) // closed already
          await rm(own(fencesPath), { force: true })
        },
      }
    },

    async addStep(prev, head, docs) {
      const line: Line = { prev, head, docs }
      // The line before may have been cut short by a kill.
      const text = `\n${JSON.stringify(line)}`
      steps++
      bytes += text.length
      if (steps > maxSteps || bytes > MAX_STEP_BYTES) return false
      await appendFile(stepsPath, text, { mode: 0o600 }).catch((error: unknown) => {
        logger.warn({ error: String(error) }, 'a step of the feed is not kept for a start without it')
      })
      return true
    },
  }
}

/** Null for a line that was not written to its end. */
function lineOf(text: string): Line | null {
  try {
    return JSON.parse(text) as Line
  } catch {
    return null
  }
}

function nameOf({ kind, tenant, id }: DocChange): string {
  return JSON.stringify([kind, tenant, id])
}

/** JSON holds a line end between its values only. */
function oneLine(body: string): string {
  return body.replace(/[\r\n]/g, ' ')
}

/** Control writes id and tenant into every feature. */
function nameOfFence(line: string): string {
  const { id, properties } = JSON.parse(line) as { id?: string; properties?: { tenant?: string } | null }
  return JSON.stringify(['fence', properties?.tenant, id])
}
