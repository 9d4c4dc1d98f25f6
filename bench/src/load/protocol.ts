// What the load driver and its client process say to each other over IPC.

/** One run against one server: warm-up, then a window that counts. */
export interface Run {
  readonly kind: 'run'
  readonly host: string
  readonly port: number
  readonly key: string
  readonly connections: number
  /** Requests a second over all connections; 0 = flat out. */
  readonly ratePerS: number
  readonly warmUpMs: number
  readonly windowMs: number
}

/** The bodies that all runs send from now on, in turn. */
export interface Bodies {
  readonly kind: 'bodies'
  readonly bodies: readonly Uint8Array[]
}

/** What the window saw. Latencies in ms, from the moment a request fell due. */
export interface RunResult {
  readonly requests: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  /** Of the whole run, warm-up included: answers other than 2xx, connections that broke, answers that never came. */
  readonly non2xx: number
  readonly errors: number
  readonly timeouts: number
  /** Bytes of all answers in the window, heads included. */
  readonly answerBytes: number
  /** CPU of the client in the window over the wall's time: near 1 it was the client that was measured. */
  readonly clientLoad: number
}
