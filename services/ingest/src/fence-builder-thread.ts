// The thread behind fence-keeper-thread.ts: a base and what has changed in, a new base out, in memory that threads share.
import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { buildBase, type CompactionJob } from '@fencepost/match'
import { createThrottle } from './throttle.ts'

export interface BuilderData {
  readonly job: CompactionJob
  readonly cpuPercent: number
}

// Threads that serve go first where cores are few. On Linux, and only there, a priority is that of the thread which sets it.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
const { job, cpuPercent } = workerData as BuilderData
parentPort?.postMessage(buildBase(job, { onProgress: createThrottle(cpuPercent) }))
