// What the node shows at /metrics. Names are an API: a rename goes into the changelog.
import { PING_REASON_CODES } from '@fencepost/model'
import type { Metrics } from '@fencepost/runtime'
import type { PresenceCounters } from './presence/counters.ts'
import type { PrivacyCounters } from './privacy/counters.ts'
import type { ServingCounts } from './serving-counts.ts'

/** What is measured beside the counters. */
export interface Measured {
  readonly counts: ServingCounts
  readonly threads: number
  /** Is presence on? */
  readonly presence: boolean
  readonly fences: () => number
  readonly fencesLoadedAt: () => number
  readonly sinkHealthy: () => boolean
}

export function addNodeMetrics(metrics: Metrics, measured: Measured): void {
  const { counts } = measured
  const { counters, http } = counts
  if (measured.presence) addPresenceMetrics(metrics, counters.presence)
  if (measured.presence) addPrivacyMetrics(metrics, counters.privacy)
  metrics.counter('fencepost_requests_total', 'POST /v1/pings requests', () => counters.requests)
  metrics.counter('fencepost_requests_answered_total', 'requests answered 200', () => counters.answered)
  metrics.counter('fencepost_requests_aborted_total', 'requests whose client left first', () => counters.aborted)
  metrics.counterByLabel('fencepost_requests_refused_total', 'requests refused as a whole', 'reason', () =>
    Object.entries(counters.refused),
  )
  metrics.counter('fencepost_pings_decoded_total', 'pings of every decoded batch', () => counters.decoded)
  metrics.counter(
    'fencepost_pings_accepted_total',
    'pings accepted, and durable where they made an event',
    () => counters.accepted,
  )
  metrics.counterByLabel('fencepost_pings_rejected_total', 'pings refused one by one', 'reason', () =>
    PING_REASON_CODES.map((reason, code): [string, number] => [reason, counters.rejected[code] as number]).slice(1),
  )
  metrics.counter(
    'fencepost_pings_failed_total',
    'pings of batches that were decoded and then answered 503',
    () => counters.failed,
  )
  metrics.counter('fencepost_pings_matched_total', 'accepted pings in at least one fence', () => counters.matched)
  metrics.counter('fencepost_body_bytes_total', 'bytes of decoded bodies, inflated', () => counters.bodyBytes)
  metrics.gauge('fencepost_pings_pending', 'pings waiting for the sink', () => counters.pending)
  metrics.gauge('fencepost_body_memory_bytes', 'memory promised to bodies being received', () => counts.bodyMemoryBytes)
  metrics.gauge('fencepost_threads', 'threads that serve, as configured', () => measured.threads)
  metrics.gauge('fencepost_fences', 'fences in force', measured.fences)
  metrics.gauge('fencepost_fences_loaded_timestamp_seconds', 'when the fences in force were loaded', () =>
    Math.floor(measured.fencesLoadedAt() / 1000),
  )
  metrics.gauge('fencepost_sink_healthy', '1 while the sink is connected', () => (measured.sinkHealthy() ? 1 : 0))
  metrics.gauge('fencepost_http_connections', 'open connections of the public port', () => http.connections)
  metrics.gauge('fencepost_http_open_requests', 'requests that are not answered yet', () => http.open)
  metrics.counterByLabel('fencepost_http_events_total', 'what happened on the public port, by kind', 'kind', () => [
    ['connections_accepted', http.connectionsAccepted],
    ['connections_refused', http.connectionsRefused],
    ['requests', http.requests],
    ['aborted', http.aborted],
    ['body_timeouts', http.bodyTimeouts],
    ['bodies_shed', http.bodiesShed],
    ['not_found', http.notFound],
    ['method_not_allowed', http.methodNotAllowed],
    ['faults', http.faults],
  ])
  metrics.histogram('fencepost_request_seconds', 'from the headers to the answer', counters.requestSeconds)
  metrics.histogram(
    'fencepost_admit_seconds',
    'decode, validate, match and encode of one batch; one in 16 is timed',
    counters.admitSeconds,
  )
  metrics.histogram('fencepost_publish_seconds', 'from publish to durable', counters.publishSeconds)
}

function addPrivacyMetrics(metrics: Metrics, privacy: PrivacyCounters): void {
  metrics.counterByLabel('fencepost_privacy_door_total', 'what people did at the public door, by kind', 'kind', () => [
    ['withdrawn', privacy.withdrawn],
    ['chosen', privacy.chosen],
    ['shown', privacy.shown],
    ['erasure_asked', privacy.erasures],
    ['refused', privacy.refused],
  ])
  metrics.counter(
    'fencepost_privacy_minors_total',
    'devices said to be a minor’s that were not known as one: each is erased',
    () => privacy.minors,
  )
}

function addPresenceMetrics(metrics: Metrics, presence: PresenceCounters): void {
  metrics.counterByLabel('fencepost_transitions_total', 'transitions decided, by kind', 'kind', () =>
    Object.entries(presence.transitions),
  )
  metrics.counter(
    'fencepost_presence_late_total',
    'pings that moved no presence: late, repeated, or not the first location of their instant',
    () => presence.late,
  )
  metrics.counter(
    'fencepost_presence_crowded_total',
    'visits not opened because the device has 1,024 open',
    () => presence.crowded,
  )
  metrics.counterByLabel('fencepost_presence_store_total', 'operations on records, by kind', 'operation', () => [
    ['read', presence.reads],
    ['write', presence.writes],
    ['conflict', presence.conflicts],
  ])
  metrics.counter(
    'fencepost_presence_repeated_total',
    'times that transitions left unpublished by somebody were published',
    () => presence.repeated,
  )
  metrics.counter('fencepost_presence_swept_total', 'transitions made by the sweep', () => presence.swept)
  metrics.counter(
    'fencepost_presence_sweeps_failed_total',
    'sweeps of a due-list that failed',
    () => presence.sweepsFailed,
  )
}
