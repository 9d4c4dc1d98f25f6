// CPU time of a server: asked of a child of ours, or read from /proc for a process that somebody else started.
import { readFileSync } from 'node:fs'
import type { Child } from './child.ts'

/** CPU time that a process has used so far, all its threads, in microseconds. */
export type CpuMeter = () => Promise<number>

/** Meter of a child that was started with the probe. */
export function probedCpu(child: Child): CpuMeter {
  return async () => Number((await child.ask({ kind: 'cpu' }, 'cpu')).us)
}

/** The same child's resident memory in bytes. */
export function probedRss(child: Child): () => Promise<number> {
  return async () => Number((await child.ask({ kind: 'cpu' }, 'cpu'))['rss'])
}

/** Ticks a second of /proc/<pid>/stat: USER_HZ, 100 on every Linux that Node runs on. */
const USER_HZ = 100

/** Meter of any process on a Linux machine, in steps of 10 ms. */
export function procCpu(pid: number): CpuMeter {
  return async () => (cpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')) * 1e6) / USER_HZ
}

/**
 * utime + stime of a line of /proc/<pid>/stat (proc(5)), in ticks.
 *
 * @throws RangeError when it is none
 */
export function cpuTicks(stat: string): number {
  // The command stands in brackets and may hold spaces and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  if (!Number.isFinite(ticks)) throw new RangeError('not a line of /proc/<pid>/stat')
  return ticks
}
