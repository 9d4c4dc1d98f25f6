// Promises that may never settle, and what to do about them.

/** What `within` gives when time is up. */
export const LATE = Symbol('late')

/** The promise's result, or LATE after `ms`. A rejection that comes later is swallowed. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined
  promise.catch(() => {})
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
