// The only file of the bench that knows how libs/match is packed and opened: everything else sees a FenceIndex and its sizes.
import { createPacker, openFenceIndex, type PackedFences, type PackedSizes, packedSizes } from '@fencepost/match'
import type { Fence, FenceIndex } from '@fencepost/model'

export interface EngineBuild {
  readonly index: FenceIndex
  readonly sizes: PackedSizes
  /** Time of packing and opening; that of making the fences is not in it. */
  readonly cpuMs: number
  readonly wallMs: number
}

/** Fences that are made before the clock runs, so that a million are never there at once. */
const CHUNK = 10_000

export function buildEngine(fences: Iterable<Fence>): EngineBuild {
  const packer = createPacker()
  let cpuMs = 0
  let wallMs = 0
  const timed = <T>(work: () => T): T => {
    const wall = performance.now()
    const cpu = process.cpuUsage()
    const result = work()
    const { user, system } = process.cpuUsage(cpu)
    cpuMs += (user + system) / 1000
    wallMs += performance.now() - wall
    return result
  }
  let chunk: Fence[] = []
  const addChunk = (): void => {
    for (const fence of chunk) packer.add(fence)
  }
  for (const fence of fences) {
    chunk.push(fence)
    if (chunk.length < CHUNK) continue
    timed(addChunk)
    chunk = []
  }
  timed(addChunk)
  const packed: PackedFences = timed(() => ({ base: packer.finish(), delta: null }))
  const index = timed(() => openFenceIndex(packed))
  return { index, sizes: packedSizes(packed), cpuMs, wallMs }
}
