// What the process itself uses, read only when somebody scrapes. prom-client's own set keeps a 10 ms timer running for its
// event loop lag, which is 4 ms of CPU a second in an idle node: more than everything else together.
import { readdirSync } from 'node:fs'
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { Metrics } from './metrics.ts'

/** Adds CPU, memory, open files, start time and how busy the event loop was since the last scrape. */
export function addProcessMetrics(metrics: Metrics): void {
  metrics.counter('fencepost_process_cpu_user_seconds_total', 'CPU in user mode', () => process.cpuUsage().user / 1e6)
  metrics.counter(
    'fencepost_process_cpu_system_seconds_total',
    'CPU in the kernel',
    () => process.cpuUsage().system / 1e6,
  )
  metrics.gauge('fencepost_process_resident_memory_bytes', 'resident memory', () => process.memoryUsage.rss())
  metrics.gauge('fencepost_process_heap_used_bytes', 'JavaScript heap in use', () => process.memoryUsage().heapUsed)
  metrics.gauge('fencepost_process_external_memory_bytes', 'buffers outside the JavaScript heap', () => {
    const { external, arrayBuffers } = process.memoryUsage()
    return external + arrayBuffers
  })
  metrics.gauge('fencepost_process_open_fds', 'open files and sockets; 0 where the system does not say', openFiles)
  const startedS = performance.timeOrigin / 1000
  metrics.gauge('fencepost_process_start_time_seconds', 'when the process started', () => startedS)
  let last: EventLoopUtilization = performance.eventLoopUtilization()
  metrics.gauge(
    'fencepost_event_loop_busy_ratio',
    'share of the time since the last scrape that the event loop was busy',
    () => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, last)
      last = now
      return utilization
    },
  )
}

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}
