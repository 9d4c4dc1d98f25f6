// The thread behind fence-keeper.ts: knows what has changed since the base, makes the delta of it, and has a new base built when that
// is worth it.
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { type CompactionJob, type FenceChange, LiveFences } from '@fencepost/match'
import type { BuilderData } from './fence-builder-thread.ts'
import { changeOf, type FenceEdit } from './fence-edit.ts'
import type { KeeperData, KeeperOrder, KeeperReply } from './fence-keeper.ts'

const { buildCpuPercent } = workerData as KeeperData
/** After a build that failed so many changes more are awaited before another is tried. */
const PATIENCE = 4096

let live: LiveFences | null = null
let generation = -1
/** The part of a step that has come. */
let step: FenceChange[] = []
let made = 0
let folded = 0
let packsNext = false
let foldsNext = false
/** Is the base one that the main thread has not seen? */
let isNewBase = false
let builder: Worker | null = null
let triesFrom = 0

parentPort?.on('message', (order: KeeperOrder) => {
  if ('base' in order) begin(order.generation, order.base)
  else if (order.generation === generation) take(order.changes, order.stepEnd, order.fold)
})

function begin(next: number, base: SharedArrayBuffer): void {
  generation = next
  live = new LiveFences(base)
  step = []
  made = 0
  folded = 0
  triesFrom = 0
  foldsNext = false
  isNewBase = false
  void builder?.terminate()
  builder = null
}

function take(changes: readonly FenceEdit[], stepEnd: number | null, fold: boolean): void {
  for (const change of changes) step.push(changeOf(change, (unusable) => tell({ unusable })))
  if (stepEnd === null) return
  live?.apply(step)
  step = []
  made = stepEnd
  foldsNext ||= fold
  // Once for all steps that are here already.
  if (!packsNext) setImmediate(pack)
  packsNext = true
}

function pack(): void {
  packsNext = false
  if (live === null) return
  try {
    const { base, delta } = live.packed()
    tell({ generation, base: isNewBase ? base : null, delta, made, folded })
    isNewBase = false
  } catch (error) {
    tell({ generation, failed: `changes of fences that cannot be indexed: ${messageOf(error)}` })
    return
  }
  const wants = live.wantsCompaction() && live.changed >= triesFrom
  if (builder !== null || !(wants || foldsNext)) return
  foldsNext = false
  build(live, live.beginCompaction(), made)
}

/** Changes that come meanwhile are not lost: they stay changes to the new base. */
function build(fences: LiveFences, job: CompactionJob, upTo: number): void {
  const thread = new Worker(new URL('./fence-builder-thread.js', import.meta.url), {
    workerData: { job, cpuPercent: buildCpuPercent } satisfies BuilderData,
    execArgv: [],
  })
  builder = thread
  thread.once('message', (image: SharedArrayBuffer) => {
    if (builder !== thread) return
    builder = null
    fences.finishCompaction(image)
    folded = upTo
    isNewBase = true
    pack()
  })
  const fail = (reason: string): void => {
    if (builder !== thread) return
    builder = null
    fences.dropCompaction()
    triesFrom = fences.changed + PATIENCE
    tell({ problem: reason })
  }
  thread.once('error', (error) => fail(error.message))
  thread.once('exit', (code) => fail(`the thread that builds the index ended with code ${code}`))
}

function tell(reply: KeeperReply): void {
  parentPort?.postMessage(reply)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
