export { type Box, circleBox, polygonBox } from './box.ts'
export { type FenceLoad, type LoadOptions, loadFences } from './collection.ts'
export { FENCE_FAULTS, FenceError, type FenceFault, type FenceProblem, faultMessage } from './faults.ts'
export { type NormaliseOptions, normaliseFeature } from './feature.ts'
export {
  createFeatureSplitter,
  type FeatureSink,
  type FeatureSplitter,
  type SplitterOptions,
} from './feature-splitter.ts'
export {
  createFenceLoader,
  type FenceLoader,
  type FenceLoaderOptions,
  type FenceProblems,
} from './fence-loader.ts'
export {
  type ChordBounds,
  chordBounds,
  createCircleTest,
  EQUATORIAL_RADIUS_M,
  geodesicDistanceM,
  POLAR_RADIUS_M,
  toEcefInto,
} from './geodesic.ts'
export { FENCE_LIMITS } from './limits.ts'
export { side } from './orientation.ts'
export { fenceVersion } from './version.ts'
