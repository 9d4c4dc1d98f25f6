export {
  type AustinDay,
  type AustinPing,
  austinDay,
  austinDays,
  austinFences,
  type ExpectedTransition,
  expectedTransitions,
} from './austin.ts'
export { type Certificate, makeCertificate } from './certificate.ts'
export { type LogLine, type ServiceOptions, ServiceProcess, startService } from './child.ts'
export {
  type MatchEvent,
  type ReadEvent,
  readEvents,
  readTransitions,
  type TransitionEvent,
} from './events-reader.ts'
export { type HttpAnswer, HttpConnection } from './http-client.ts'
export { KafkaBroker, KafkaCluster, type KafkaOptions, startKafka } from './kafka.ts'
export { findKafkaLauncher, kafkaVersion } from './kafka-launcher.ts'
export { countBrokers, waitForBrokers } from './kafka-probe.ts'
export { ALL_WELL, type ConsumedEvent, type Evidence, Ledger, type SentPing, type Verdict } from './ledger.ts'
export { laws, type Metrics, readMetrics, total } from './metrics-reader.ts'
export {
  type OracleExpectation,
  type OracleGroup,
  type OraclePoint,
  type OracleSet,
  oracleGroups,
} from './oracle-cases.ts'
export { type OracleOptions, type OracleReport, runOracle } from './oracle-run.ts'
export { FLEET_FENCES, Fleet, type FleetOptions, type FleetTally } from './phones.ts'
export { freePorts } from './ports.ts'
export {
  type ProcessEnd,
  type ProcessOptions,
  runToEnd,
  startProcess,
  succeeds,
  WatchedProcess,
} from './process.ts'
export { RedisServer, startRedis } from './redis.ts'
export {
  type AntimeridianRow,
  airportFences,
  antimeridianRows,
  type CircleRow,
  type CsvRow,
  circleRows,
  type FeatureCollection,
  type GeoFeature,
  isComparable,
  type LayerName,
  layerFences,
  NO_SHARED_DATA,
  NYC_LAYERS,
  type OracleAnswer,
  type OracleRow,
  oracleRows,
  readCsv,
  readLayer,
  readShared,
  sharedData,
  stopFences,
} from './shared-data.ts'
export {
  findStrace,
  parseStrace,
  type StraceOptions,
  type SystemCall,
  straceAttach,
  straceRun,
  type Trace,
} from './strace.ts'
export { removeFolder, tempFolder } from './temp.ts'
