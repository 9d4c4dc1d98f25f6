// Many fences in one request: read in a thread of their own, staged in pieces, in force by one small step.
import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { DocChange, FenceFeed } from '@fencepost/model'
import { mustBeWritable } from './fences.ts'
import { Problem } from './problem.ts'
import { oneOf, tenantOf } from './read.ts'
import type { Answer, Request, Route } from './routes.ts'
import type { Writer } from './writer.ts'

/** 100,000 fences of 32 vertices take some 80 MB. */
export const MAX_IMPORT_BYTES = 256 * 1024 * 1024
const BODY_TIMEOUT_MS = 300_000
/** Rows that the answer names, some 20 MB of them; the rest is counted. */
const NAMED_FAULTS = 100_000
const HEAP_MB = 2048
/** So few fences are a step like any other, which nodes take as single changes; more are staged, and nodes make a new index of all. */
const SMALL = { fences: 1000, bytes: 1024 * 1024 } as const

export interface ImportOrder {
  readonly text: Uint8Array
  readonly tenant: string
}

/** One row that was not taken. */
export interface ImportFault {
  /** Position of the feature, from 0. */
  readonly row: number
  readonly id: string | null
  readonly code: string
  readonly message: string
  readonly place?: string
}

export type ImportMessage =
  | { readonly kept: readonly { readonly id: string; readonly body: string }[] }
  | { readonly fault: ImportFault }
  | { readonly end: { readonly rows: number } }
  | { readonly broken: string }

interface Reading {
  readonly rows: number
  readonly kept: number
  readonly faults: readonly ImportFault[]
  readonly faultCount: number
}

export function importRoute({ feed, writer, writable }: { feed: FenceFeed; writer: Writer; writable: boolean }): Route {
  let isBusy = false

  /** Reads all of it; `take` gets what may be kept. */
  function read(
    order: ImportOrder,
    take: (docs: readonly { id: string; body: string }[]) => Promise<void>,
  ): Promise<Reading> {
    const worker = new Worker(new URL('./import-thread.js', import.meta.url), {
      workerData: order,
      transferList: [order.text.buffer as ArrayBuffer],
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    const faults: ImportFault[] = []
    let faultCount = 0
    let kept = 0
    let written: Promise<void> = Promise.resolve()
    let isRead = false
    return new Promise<Reading>((resolve, reject) => {
      worker.on('message', (message: ImportMessage) => {
        if ('kept' in message) {
          kept += message.kept.length
          written = written.then(() => take(message.kept))
          written.catch(reject)
        } else if ('fault' in message) {
          faultCount++
          if (faults.length < NAMED_FAULTS) faults.push(message.fault)
        } else if ('broken' in message) reject(new Problem('bad_body', message.broken))
        else {
          isRead = true
          written.then(() => resolve({ rows: message.end.rows, kept, faults, faultCount }), reject)
        }
      })
      worker.on('error', reject)
      worker.once('exit', () => {
        if (!isRead) reject(new Problem('bad_body', 'the body needs more memory to be read than there is for it'))
      })
    }).finally(() => void worker.terminate())
  }

  async function run({ params, query, body, principal }: Request): Promise<Answer> {
    const tenant = tenantOf(params)
    const mode = oneOf('mode', query['mode'], ['all', 'best'])
    const dryRun = ['true', '1'].includes(oneOf('dry_run', query['dry_run'], ['false', 'true', '0', '1']))
    mustBeWritable(writable)
    const stage = randomBytes(6).toString('base64url')
    let staged: Promise<void> | null = null
    const held: DocChange[] = []
    let bytes = 0
    try {
      const reading = await read({ text: body, tenant }, async (docs) => {
        if (dryRun) return
        held.push(...docs.map(({ id, body }): DocChange => ({ kind: 'fence', tenant, id, body })))
        bytes += docs.reduce((sum, { body }) => sum + body.length, 0)
        if (staged === null && held.length <= SMALL.fences && bytes <= SMALL.bytes) return
        staged = feed.stage(stage, held.splice(0))
        await staged
      })
      const { rows, kept, faults, faultCount } = reading
      const report = { rows, valid: kept, invalid: faultCount, errors: faults, more_errors: faultCount - faults.length }
      if (mode === 'all' && faultCount > 0)
        throw new Problem('invalid', `${faultCount} of ${rows} rows are not valid; nothing was imported`, {
          ...report,
          imported: 0,
        })
      if (dryRun || kept === 0)
        return { status: 200, json: { ...report, imported: 0, dry_run: dryRun, seq: (await feed.head()).seq } }
      const seq = await writer.write(principal, { what: `import ${kept} fences`, tenant }, () =>
        staged === null ? held : { stage },
      )
      staged = null
      return { status: 200, json: { ...report, imported: kept, dry_run: false, seq } }
    } finally {
      // What is under way is written first, and then forgotten with the rest.
      const last: Promise<void> | null = staged
      if (last !== null) void forget(feed, stage, last)
    }
  }

  return {
    method: 'post',
    path: '/v1/tenants/:tenant/fences:import',
    role: 'editor',
    summary: 'Adds or replaces many fences at once: a FeatureCollection, or Features in lines',
    query: {
      mode: 'all (default): all or nothing; best: those that are valid',
      dry_run: 'true: check them and change nothing',
    },
    body: { type: 'application/geo+json', maxBytes: MAX_IMPORT_BYTES, timeoutMs: BODY_TIMEOUT_MS },
    answers: [200],
    problems: [
      'bad_query',
      'bad_body',
      'invalid',
      'busy',
      'forbidden',
      'fences_from_file',
      'body_too_large',
      'unavailable',
    ],
    async handle(request) {
      if (isBusy) throw new Problem('busy')
      isBusy = true
      try {
        return await run(request)
      } finally {
        isBusy = false
      }
    },
  }
}

async function forget(feed: FenceFeed, stage: string, last: Promise<void>): Promise<void> {
  await last.catch(() => {})
  // Should that fail, nobody will ever take it.
  await feed.unstage(stage).catch(() => {})
}
