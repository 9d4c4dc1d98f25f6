export { createFenceIndex } from './fence-index.ts'
