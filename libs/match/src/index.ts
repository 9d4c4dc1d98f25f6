export { createFenceIndex, openFenceIndex } from './fence-index.ts'
export { buffersOf, type PackedFences, packFences } from './packed-fences.ts'
