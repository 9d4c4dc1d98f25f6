// The only file of the bench that knows how libs/match is packed and opened: everything else sees a FenceIndex and its sizes.
import { buffersOf, openFenceIndex, type PackedFences, packFences } from '@fencepost/match'
import type { Fence, FenceIndex } from '@fencepost/model'

export interface EngineBuild {
  readonly index: FenceIndex
  readonly sizes: EngineSizes
  /** Time of packing and opening; that of making the fences is not in it. */
  readonly cpuMs: number
  readonly wallMs: number
}

export interface EngineSizes {
  readonly geometryBytes: number
  readonly indexBytes: number
  /** Ids, versions, campaigns … */
  readonly factsBytes: number
  readonly totalBytes: number
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
  const packed = timed(() => packer.finish())
  const index = timed(() => openFenceIndex(packed))
  return { index, sizes: sizesOf(packed), cpuMs, wallMs }
}

function createPacker(): { add(fence: Fence): void; finish(): PackedFences } {
  const fences: Fence[] = []
  return { add: (fence) => fences.push(fence), finish: () => packFences(fences) }
}

function sizesOf(packed: PackedFences): EngineSizes {
  const { polygons, circles, facts } = packed
  const bytes = (arrays: readonly ArrayBufferView[]): number => arrays.reduce((sum, array) => sum + array.byteLength, 0)
  const geometryBytes = bytes([polygons.xy, polygons.firstRing, polygons.firstVertex, polygons.poles, circles])
  const factsBytes = bytes([facts.json, facts.first])
  const totalBytes = buffersOf(packed).reduce((sum, buffer) => sum + buffer.byteLength, 0)
  return { geometryBytes, factsBytes, indexBytes: totalBytes - geometryBytes - factsBytes, totalBytes }
}
