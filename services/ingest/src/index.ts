export { answerJson, type Guard } from './admin.ts'
export { createNode, type FencepostNode, type NodeFeed, type NodeMoment, type NodeParts } from './app.ts'
export {
  type KafkaConfig,
  kafkaSettings,
  type NodeConfig,
  nodeSettings,
  type RedisConfig,
  redisSettings,
} from './config.ts'
export { Counters } from './counters.ts'
export type { FenceEdit } from './fence-edit.ts'
export { type InvalidFences, loadFenceFile } from './fence-file.ts'
export { InFlight } from './in-flight.ts'
export { readIndexFile, writeIndexFile } from './index-file.ts'
export { createPipeline, type Outcome, type Pipeline, type PipelineMoment, type PipelineParts } from './pipeline.ts'
export { PresenceCounters } from './presence/counters.ts'
export { createMoments, type PresenceSource } from './presence/source.ts'
export { createSubjects, type Moment, type SubjectBatch, type Subjects } from './presence/subjects.ts'
export type { Privacy } from './privacy/half.ts'
export { type HeldEvents, pseudonymOfKey } from './privacy/hands.ts'
