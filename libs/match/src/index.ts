export { BaseIndex } from './base-index.ts'
export {
  createFenceIndex,
  openFenceIndex,
  type PackedFences,
  type PackedSizes,
  packedSizes,
  packFences,
} from './fence-index.ts'
export { faultOfImage, sealImage, stampOf } from './image.ts'
export { buildBase, type CompactionJob, type FenceChange, LiveFences } from './live-fences.ts'
export { type PackedDelta, packDelta } from './packed-delta.ts'
export { createPacker, type Packer, type PackerOptions } from './packer.ts'
