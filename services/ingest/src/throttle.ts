// Work that may take its time, beside requests that may not: it rests in between, for as long as leaves them their share.
import { performance } from 'node:perf_hooks'

/** Long enough that a rest is not all overhead, short beside the time of a request that has to wait for it. */
const SLICE_MS = 1

/**
 * Returns a function to be called again and again while working, which now and then blocks the thread: of the time from its first call on
 * only `percent` is spent working. A lower priority alone is not enough: many kernels let whoever runs finish a slice of milliseconds before a
 * request gets the core, and a host makes a container or a virtual machine pause that never does so itself.
 */
export function createThrottle(
  percent: number,
  now: () => number = () => performance.now(),
  rest: (ms: number) => void = sleep,
): () => void {
  if (percent >= 100) return () => {}
  let began = now()
  return () => {
    const worked = now() - began
    if (worked < SLICE_MS) return
    rest(worked * (100 / percent - 1))
    began = now()
  }
}

const never = new Int32Array(new SharedArrayBuffer(4))

function sleep(ms: number): void {
  Atomics.wait(never, 0, 0, ms)
}
